//! Options that do not stand on the command line.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::{MODES, built, check, run};
use crate::servers::{closed, healthy};

#[test]
fn an_ini_file_gives_options_and_the_command_line_wins() {
    let directory = tempfile::tempdir().unwrap();
    let ini = directory.path().join("plugins.ini");
    let server = healthy();
    let text = format!(
        "[check_x224]\nhostname={}\nport={}\n\n[rdp]\nH=203.0.113.1\nnla\nexpect-name=EX2\n",
        server.ip(),
        server.port()
    );
    std::fs::write(&ini, text).unwrap();
    let program = built("check_x224");
    let with = |ask: &str, more: &[&str]| {
        let ask = format!("--extra-opts={ask}@{}", ini.display());
        run(Command::new(&program).arg(ask).args(more))
    };
    for mode in &MODES {
        with("", &["-m", mode.name]).assert_healthy(mode);
        let named = ["--extra-opts", "-m", mode.name];
        let mut by_environment = Command::new(&program);
        run(by_environment.args(named).env("MP_CONFIG_FILE", &ini)).assert_healthy(mode);
        let (ip, port) = (server.ip().to_string(), server.port().to_string());
        let here = ["-H", &ip, "-p", &port, "-m", mode.name];
        with("rdp", &here).assert_failed(mode);
        with("rdp", &[&here[..], &["--expect-name", "EX1"]].concat()).assert_healthy(mode);
    }
}

#[test]
fn stdin_can_be_the_ini_file() {
    let server = healthy();
    for mode in &MODES {
        let mut command = check(
            &built("check_x224"),
            server,
            &["--extra-opts=@-", "-m", mode.name],
        );
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"[check_x224]\nrequire=nla\n").unwrap();
        drop(stdin);
        assert_eq!(child.wait().unwrap().code(), Some(mode.healthy));
    }
}

#[test]
fn a_file_that_is_missing_broken_or_never_ends_is_a_usage_error_in_every_mode() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let unfit = directory.path().join("unfit.ini");
    std::fs::write(&unfit, "tls\n[check_x224]\n").unwrap();
    let names_a_host = directory.path().join("host.ini");
    std::fs::write(
        &names_a_host,
        "[check_x224]\nhost-mode=json\nhostname=rs1\n",
    )
    .unwrap();
    for mode in &MODES {
        for file in ["/nonexistent", "/dev/zero", "/etc"].map(Path::new) {
            assert_refused(mode, file);
        }
        assert_refused(mode, &pipe);
        assert_refused(mode, &unfit);
    }
}

#[test]
fn a_file_cannot_name_the_host() {
    let directory = tempfile::tempdir().unwrap();
    let ini = directory.path().join("host.ini");
    std::fs::write(&ini, "[check_x224]\nhost-mode=nanny\n").unwrap();
    let ask = format!("--extra-opts=@{}", ini.display());
    let said = run(&mut check(&built("check_x224"), healthy(), &[&ask]));
    said.assert_failing(&MODES[0]);
    assert!(
        said.text().contains("host mode is named"),
        "{}",
        said.text()
    );
}

#[track_caller]
fn assert_refused(mode: &crate::host::Mode, file: &Path) {
    let ask = format!("--extra-opts=@{}", file.display());
    let options = [ask.as_str(), "-m", mode.name];
    let said = run(&mut check(&built("check_x224"), closed(), &options));
    said.assert_failing(mode);
    if mode.name == "json" {
        assert!(said.text().contains(r#""kind":"usage""#), "{}", said.text());
    }
}

/// ldirectord passes four words; the rest lies in a file named after the check. The folder is put
/// in place in a mount namespace of the check's own.
#[test]
fn ldirectord_finds_its_options_in_the_file_named_after_the_check() {
    let server = healthy();
    let directory = tempfile::tempdir().unwrap();
    for program in ["check_x224", "check_over_tls"] {
        std::fs::hard_link(built(program), directory.path().join(program))
            .or_else(|_| std::fs::copy(built(program), directory.path().join(program)).map(|_| ()))
            .unwrap();
    }
    let called = directory.path().join("rdp.ldirectord");
    std::os::unix::fs::symlink("check_x224", &called).unwrap();
    let ask = |arguments_file: &str| {
        let script = format!(
            "mount -t tmpfs none /etc && mkdir -p /etc/governess/args && \
             printf '%b' '{arguments_file}' >/etc/governess/args/rdp.ldirectord && \
             exec '{}' 192.168.1.35 3389 {} {}",
            called.display(),
            server.ip(),
            server.port()
        );
        let output = Command::new("unshare")
            .args(["-m", "sh", "-c", &script])
            .output()
            .unwrap();
        assert_eq!(output.stderr, b"", "{output:?}");
        output.status.code().unwrap()
    };
    assert_eq!(ask(""), 0);
    assert_eq!(ask("# EX1 alone\\n--nla\\n--expect-name EX1\\n"), 0);
    assert_eq!(ask("--nla\\n--expect-name=EX2\\n"), 1, "another server");
    assert_eq!(ask("--tls\\nnonsense\\n"), 1, "a bad file");
    assert_eq!(ask("--nonsense\\n"), 1, "a bad option");
}
