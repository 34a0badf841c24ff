//! Asking our check in this process, the built program, and `check_smtp`.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use plugins::smtp::{NamedPort, Options, Ports};
use serde_json::Value;
use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::{Condition, Kind, Verdict};

const CHECK_SMTP: &str = "/usr/lib/nagios/plugins/check_smtp";

/// Options for these ports.
pub(crate) fn ports(names: &[&str]) -> Options {
    let named: Vec<NamedPort> = names.iter().map(|name| name.parse().unwrap()).collect();
    Options {
        ports: Ports::new(&named).unwrap(),
        ..Options::default()
    }
}

/// Our verdict, by a check in this process, as the director runs it.
pub(crate) fn in_process(server: IpAddr, options: &Options, budget: Duration) -> Verdict {
    let target = Target {
        name: server.to_string(),
        address: SocketAddr::new(server, 0),
        source: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(plugins_tls::smtp::check(
        &target,
        options,
        Deadline::after(budget),
    ))
}

#[track_caller]
pub(crate) fn assert_found(verdict: &Verdict, expected: (Condition, Kind), words: &str) {
    let found = (verdict.condition, verdict.kind);
    assert_eq!(found, expected, "{}", verdict.summary);
    assert!(
        verdict.summary.contains(words),
        "no '{words}' in: {}",
        verdict.summary
    );
}

/// A run of the built program.
pub(crate) fn run(server: IpAddr, options: &[&str]) -> Output {
    let mut command = Command::new(built("check_exchange_smtp"));
    command.args(["-H", &server.to_string()]).args(options);
    command.output().unwrap()
}

/// The verdict of the built program, as JSON.
pub(crate) fn by_program(server: IpAddr, options: &[&str]) -> Value {
    let output = run(server, &[&["-m", "json"], options].concat());
    assert!(output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// `check_smtp`'s exit code and words.
pub(crate) fn check_smtp(server: IpAddr, port: u16, options: &[&str]) -> String {
    let output = Command::new(CHECK_SMTP)
        .args(["-H", &server.to_string(), "-p", &port.to_string()])
        .args(options)
        .output()
        .expect("check_smtp is installed: tests/end_to_end/install-servers");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default();
    let words = line.split('|').next().unwrap_or_default();
    let words = words.split(" - ").next().unwrap_or_default().trim();
    let words: String = words.chars().filter(char::is_ascii).take(60).collect();
    match output.status.code() {
        Some(code) if words.is_empty() => format!("{code}, without a word"),
        Some(code) => format!("{code}, {words}"),
        None => "died by a signal".to_owned(),
    }
}

/// Where the built programs lie: beside the directory of this test program.
pub(crate) fn built(program: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().and_then(Path::parent).unwrap().join(program);
    assert!(path.exists(), "{} is not built", path.display());
    path
}
