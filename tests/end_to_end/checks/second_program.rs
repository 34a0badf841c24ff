//! Whatever the second program does, the host gets its answer.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::host::{MODES, Mode, built, check, check_after, copy, run, script};
use crate::servers::{closed, healthy, silent};

/// A directory with the check in it and, as its second program, that script.
fn beside(text: &str) -> (TempDir, PathBuf) {
    let (directory, program) = alone();
    script(&directory.path().join("check_over_tls"), text);
    (directory, program)
}

/// A directory with the check in it and nothing else.
fn alone() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let program = copy("check_x224", directory.path(), "check_x224");
    (directory, program)
}

/// Every mode answers failing, in time, and those that speak say why.
#[track_caller]
fn assert_failing_everywhere(program: &Path, kind: &str, words: &str) {
    let server = closed();
    for mode in &MODES {
        let options = ["--tls", "-t", "1", "-m", mode.name];
        let said = run(&mut check(program, server, &options));
        said.assert_failing(mode);
        assert!(said.took < Duration::from_secs(3), "{:?}", said.took);
        if mode.name == "json" {
            let text = said.text();
            assert!(text.contains(&format!(r#""kind":"{kind}""#)), "{text}");
            assert!(text.contains(words), "no '{words}' in {text}");
        }
    }
}

#[test]
fn the_whole_verdict_comes_back_in_every_mode() {
    let (up, down) = (healthy(), closed());
    let program = built("check_x224");
    for mode in &MODES {
        for option in ["--tls", "--nla"] {
            let options = [option, "-m", mode.name];
            run(&mut check(&program, up, &options)).assert_healthy(mode);
            run(&mut check(&program, down, &options)).assert_failed(mode);
        }
    }
    let said = run(&mut check(&program, up, &["--nla", "-m", "json"])).text();
    for words in [r#""server_name":"EX1""#, r#""port":"#, r#""label":"nla""#] {
        assert!(said.contains(words), "no {words} in {said}");
    }
}

#[test]
fn a_server_that_hangs_is_given_up_in_time_in_every_mode() {
    let hung = silent();
    let program = built("check_x224");
    for mode in &MODES {
        let options = ["--tls", "-t", "0.5", "-m", mode.name];
        let said = run(&mut check(&program, hung.local_addr().unwrap(), &options));
        said.assert_failed(mode);
        assert!(said.took < Duration::from_secs(2), "{:?}", said.took);
    }
}

#[test]
fn one_that_is_missing_is_named_with_what_to_do() {
    let (_directory, program) = alone();
    assert_failing_everywhere(&program, "internal", "install governess whole");
}

#[test]
fn one_that_must_not_be_run_is_named() {
    let (directory, program) = beside("exit 0");
    let path = directory.path().join("check_over_tls");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    assert_failing_everywhere(&program, "resources", "permissions");
}

#[test]
fn one_that_cannot_be_loaded_is_told_with_the_loaders_words() {
    let (_directory, program) = beside("echo 'libssl.so.3: cannot open' >&2; exit 127");
    assert_failing_everywhere(&program, "resources", "libssl3");
}

#[test]
fn one_that_dies_by_a_signal_is_told() {
    let (_directory, program) = beside("kill -SEGV $$");
    assert_failing_everywhere(&program, "internal", "signal 11");
}

#[test]
fn one_that_prints_garbage_is_quoted() {
    for garbage in ["echo nonsense", "echo '{\"check\":1}'", "true"] {
        let (_directory, program) = beside(garbage);
        assert_failing_everywhere(&program, "internal", "no verdict");
    }
}

#[test]
fn one_that_never_stops_talking_is_ended() {
    let (_directory, program) = beside("exec cat /dev/zero");
    assert_failing_everywhere(&program, "internal", "more than a verdict");
}

#[test]
fn one_that_hangs_is_ended_at_the_deadline() {
    let (_directory, program) = beside("exec sleep 60");
    assert_failing_everywhere(&program, "internal", "hung");
    let (_directory, program) = beside("exec sleep 60 >/dev/null 2>&1");
    assert_failing_everywhere(&program, "internal", "no verdict");
}

#[test]
fn one_of_another_version_is_told() {
    let (directory, program) = alone();
    let real = built("check_over_tls");
    let text = format!("exec '{}' smtp 1000", real.display());
    script(&directory.path().join("check_over_tls"), &text);
    assert_failing_everywhere(&program, "internal", "another version");
}

#[test]
fn a_host_that_ignores_its_children_gets_its_answer_all_the_same() {
    let server = healthy();
    let program = built("check_x224");
    for mode in &MODES {
        let options = format!("--tls -m {}", mode.name);
        let ignoring = check_after("trap '' CHLD", &program, server, &options);
        run(&mut { ignoring }).assert_healthy(mode);
    }
}

#[test]
fn no_limit_of_descriptors_memory_or_processes_gives_anything_but_an_answer() {
    let server = healthy();
    let program = built("check_x224");
    let descriptors = (3..=14).map(|limit| format!("ulimit -n {limit}"));
    let memory = [4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 64];
    let memory = memory.map(|limit| format!("ulimit -v {}", limit * 1024));
    let mut verdicts = Vec::new();
    for limit in descriptors.chain(memory) {
        for mode in &MODES {
            let options = format!("--nla -m {}", mode.name);
            let said = run(&mut check_after(&limit, &program, server, &options));
            let healthy = said.output.status.code() == Some(mode.healthy)
                && (mode.name != "nanny" || said.output.stdout == b"OK\n");
            if healthy {
                said.assert_healthy(mode);
            } else {
                said.assert_failing(mode);
            }
            if mode.name == "nagios" {
                println!(
                    "{limit}: {}",
                    said.text().lines().next().unwrap_or_default()
                );
                verdicts.push(healthy);
            }
        }
    }
    assert!(
        verdicts.contains(&true) && verdicts.contains(&false),
        "limits on both sides of what is needed were tried"
    );
}

#[test]
fn a_limit_of_cpu_time_gives_an_answer() {
    let (_directory, program) = beside("while :; do :; done");
    let server = closed();
    for mode in &MODES {
        let options = format!("--tls -t 3 -m {}", mode.name);
        let limited = check_after("ulimit -t 1", &program, server, &options);
        run(&mut { limited }).assert_failing(mode);
    }
}

/// What the host sends at its own timeout.
#[test]
fn sigterm_ends_both_programs() {
    let hung = silent();
    let program = built("check_x224");
    let mode: &Mode = &MODES[0];
    let mut command = check(
        &program,
        hung.local_addr().unwrap(),
        &["--tls", "-m", mode.name],
    );
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let (mut connection, _) = hung.accept().unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let status = child.wait().unwrap();
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(status.signal(), Some(15));
    // Its end closes the connection; a second program that lives on would hold it open.
    connection
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    std::io::copy(&mut connection, &mut std::io::sink()).expect("the connection ends");
}

#[test]
fn it_tells_which_openssl_is_in_it() {
    let output = Command::new(built("check_over_tls"))
        .arg("--version")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("check_over_tls "), "{said}");
    assert!(said.contains(", OpenSSL "), "{said}");
}
