//! The checks of mail and of the web parts: whatever breaks, the host gets its answer, as for RDP.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::host::{MODES, Said, built, copy, run, script};

/// Each with the options that make it ask over TLS.
const CHECKS: [(&str, &str); 2] = [("check_exchange_smtp", "-p 25"), ("check_owa", "-p 443")];

/// A run of a check on a server of that name, behind `prepare` in a shell.
fn ask(prepare: &str, program: &Path, server: &str, options: &str) -> Said {
    let program = program.display();
    let text = format!("{prepare}; exec '{program}' -H {server} {options}");
    run(Command::new("sh").args(["-c", &text]))
}

/// Every mode of every check answers failing, in time; the JSON contains those words.
#[track_caller]
fn assert_failing_everywhere(
    prepare: &str,
    program: impl Fn(&str) -> (TempDir, PathBuf),
    server: &str,
    words: &str,
) {
    for (check, options) in CHECKS {
        let (_directory, program) = program(check);
        for mode in &MODES {
            let options = format!("{options} -t 2 -m {}", mode.name);
            let said = ask(prepare, &program, server, &options);
            said.assert_failing(mode);
            if mode.name == "json" {
                let text = said.text();
                assert!(text.contains(words), "{check}: no '{words}' in {text}");
            }
        }
    }
}

/// The check with nothing beside it.
fn alone(check: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let program = copy(check, directory.path(), check);
    (directory, program)
}

/// The check and, as its second program, that script.
fn beside_script(check: &str, text: &str) -> (TempDir, PathBuf) {
    let (directory, program) = alone(check);
    script(&directory.path().join("check_over_tls"), text);
    (directory, program)
}

/// The check and, as its second program, one that breaks as the server's name says.
fn beside_breaking(check: &str) -> (TempDir, PathBuf) {
    let (directory, program) = alone(check);
    copy(
        "examples/check_that_breaks",
        directory.path(),
        "check_over_tls",
    );
    (directory, program)
}

/// The released check with the released second program.
fn released(check: &str) -> (TempDir, PathBuf) {
    (tempfile::tempdir().unwrap(), built(check))
}

#[test]
fn without_a_free_descriptor_there_is_an_answer() {
    assert_failing_everywhere("ulimit -n 3", released, "127.0.0.1", "open files");
}

#[test]
fn a_check_that_panics_aborts_or_hangs_is_answered_for() {
    for (way, words) in [
        ("panic", "injected"),
        ("panic-in-a-thread", "injected"),
        ("abort", "broke down"),
        ("hang", "hung"),
    ] {
        assert_failing_everywhere("ulimit -c 0", beside_breaking, way, words);
    }
}

#[test]
fn a_second_program_that_is_missing_dies_or_prints_garbage_is_named() {
    let anywhere = "127.0.0.1";
    assert_failing_everywhere(":", alone, anywhere, "install governess whole");
    for (text, words) in [
        ("kill -KILL $$", "signal 9"),
        ("echo OK", "no verdict"),
        ("exec sleep 60", "hung"),
    ] {
        let beside = |check: &str| beside_script(check, text);
        assert_failing_everywhere(":", beside, anywhere, words);
    }
}

#[test]
fn a_bad_option_is_answered_in_every_mode() {
    for (check, options) in CHECKS {
        for mode in &MODES {
            let options = format!("{options} --nonsense -m {}", mode.name);
            ask(":", &built(check), "127.0.0.1", &options).assert_failing(mode);
        }
    }
}
