//! Asking the built program.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::server::MAIL;

/// Seconds: as many as a loaded machine may need, in the modes that give as many.
const PATIENT: &str = "60";

/// Where the built programs lie: beside the directory of this test program.
fn built(program: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().and_then(Path::parent).unwrap().join(program);
    assert!(path.exists(), "{} is not built", path.display());
    path
}

/// A run with these words alone.
pub(crate) fn run(words: &str) -> Output {
    let mut command = Command::new(built("check_exchange"));
    command.args(words.split_whitespace()).output().unwrap()
}

/// The options by which a look-alike is checked in full health.
pub(crate) fn usual(words: &str) -> String {
    format!("-t {PATIENT} --smtp-port 25 --owa-sni {MAIL} {words}")
}

pub(crate) fn json(words: &str) -> Value {
    let output = run(&format!("-m json {words}"));
    assert!(output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// The verdict on one server.
pub(crate) fn whole(server: IpAddr, words: &str) -> Value {
    json(&usual(&format!("-H {server} {words}")))
}

/// The verdict on several.
pub(crate) fn pool(servers: &[IpAddr], words: &str) -> Value {
    let names: Vec<String> = servers.iter().map(IpAddr::to_string).collect();
    json(&usual(&format!("--pool {} {words}", names.join(" "))))
}

/// Condition and kind.
pub(crate) fn found(verdict: &Value) -> String {
    let word = |key: &str| verdict[key].as_str().unwrap_or("?").to_owned();
    format!("{} {}", word("condition"), word("kind"))
}

#[track_caller]
pub(crate) fn assert_found(verdict: &Value, expected: &str, text: &str) {
    assert_eq!(found(verdict), expected, "{verdict}");
    let words = verdict["summary"].as_str().unwrap_or_default();
    assert!(words.contains(text), "no '{text}' in: {words}");
}

/// A run of the program where no second one lies beside it.
pub(crate) fn run_alone(words: &str) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let alone = directory.path().join("check_exchange");
    // By another process: in a thread's child the file could still be open for writing.
    let mut copy = Command::new("cp");
    let copied = copy.arg(built("check_exchange")).arg(&alone).status();
    assert!(copied.unwrap().success());
    let output = Command::new(&alone)
        .args(words.split_whitespace())
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}
