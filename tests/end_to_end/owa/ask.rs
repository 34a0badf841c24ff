//! Starting the look-alike and asking about it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use lookalike::certificate::Wish;
use lookalike::iis::{Iis, Page, Site};
use serde_json::Value;

/// The name that clients use, and the real server's own.
pub(crate) const HOST: &str = "mail.exch.test";
pub(crate) const SERVER: &str = "ex1.exch.test";

/// Seconds for what answers at all: as many as a loaded machine may need.
pub(crate) const PATIENT: &str = "60";
/// Seconds for what never ends: time for a handshake on a loaded machine, and no more.
pub(crate) const SHORT: &str = "3";

pub(crate) fn iis() -> Iis {
    let certificate = Wish::of(HOST).issue().unwrap();
    Iis::listen(SocketAddr::from(([127, 0, 0, 1], 0)), SERVER, certificate).unwrap()
}

/// A look-alike whose virtual directories all do this.
pub(crate) fn everywhere(page: Page) -> Iis {
    site(Site::Everywhere(page))
}

pub(crate) fn site(site: Site) -> Iis {
    let iis = iis();
    iis.behave(site);
    iis
}

/// Where the built programs lie: beside the directory of this test program.
pub(crate) fn built(program: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let directory = own.parent().and_then(std::path::Path::parent).unwrap();
    let path = directory.join(program);
    assert!(path.exists(), "{} is not built", path.display());
    path
}

/// The check on an address, with the name that clients use.
pub(crate) fn check(address: SocketAddr, words: &str) -> Command {
    check_for("json", address, words)
}

/// The same for a host.
pub(crate) fn check_for(mode: &str, address: SocketAddr, words: &str) -> Command {
    let mut command = Command::new(built("check_owa"));
    command
        .args(["-m", mode, "-H", &address.ip().to_string()])
        .args(["-p", &address.port().to_string(), "--sni", HOST])
        .args(words.split_whitespace());
    command
}

pub(crate) fn verdict(address: SocketAddr, words: &str) -> Value {
    let output = check(address, words).output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
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

/// Prints past the test harness, which would keep the words of a test that passes.
pub(crate) fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
