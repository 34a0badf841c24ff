//! Asking about a server, and the table that is printed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::servers::Running;

/// The sets of options that every server is checked with.
pub(crate) const OPTIONS: [&str; 6] = [
    "",
    "--tls",
    "--nla",
    "--nla --expect-name EX1",
    "--require tls",
    "--require nla",
];

const CHECK_TCP: &str = "/usr/lib/nagios/plugins/check_tcp";

/// What was said of one server.
pub(crate) struct Row {
    pub(crate) server: String,
    /// Our verdicts, by set of options.
    pub(crate) verdicts: Vec<Value>,
    /// check_tcp's words without and with its TLS.
    pub(crate) check_tcp: [String; 2],
}

pub(crate) fn row(server: &Running) -> Row {
    Row {
        server: server.name.clone(),
        verdicts: OPTIONS
            .iter()
            .map(|options| server.asked(|| verdict(server, options)))
            .collect(),
        check_tcp: [&[][..], &["-S"]].map(|options| server.asked(|| check_tcp(server, options))),
    }
}

fn verdict(server: &Running, options: &str) -> Value {
    let [ip, port] = [
        server.address.ip().to_string(),
        server.address.port().to_string(),
    ];
    let output = Command::new(built("check_x224"))
        .args(["-m", "json", "-H", &ip, "-p", &port])
        .args(options.split_whitespace())
        .args(["-t", server.patience()])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn check_tcp(server: &Running, options: &[&str]) -> String {
    let [ip, port] = [
        server.address.ip().to_string(),
        server.address.port().to_string(),
    ];
    let output = Command::new(CHECK_TCP)
        .args(["-t", server.patience(), "-H", &ip, "-p", &port])
        .args(options)
        .output()
        .expect("check_tcp is installed: tests/end_to_end/install-servers");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default();
    let words = line.split('|').next().unwrap_or_default();
    let words = words.split(" - ").next().unwrap_or_default().trim();
    match output.status.code() {
        Some(code) if words.is_empty() => format!("{code}, without a word"),
        Some(code) => format!("{code}, {words}"),
        None => "died by a signal".to_owned(),
    }
}

/// Where the built programs lie: beside the directory of this test program.
fn built(program: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().and_then(Path::parent).unwrap().join(program);
    assert!(path.exists(), "{} is not built", path.display());
    path
}

/// Prints the table past the test harness, which would keep the words of a test that passes.
pub(crate) fn print(rows: &[Row]) {
    let mut text = String::from("\n| server |");
    for options in OPTIONS {
        let shown = if options.is_empty() {
            "no option"
        } else {
            options
        };
        let _ = write!(text, " {shown} |");
    }
    let _ = writeln!(
        text,
        " check_tcp | check_tcp -S |\n{}",
        "|---".repeat(9) + "|"
    );
    for row in rows {
        let _ = write!(text, "| {} |", row.server);
        for verdict in &row.verdicts {
            let _ = write!(
                text,
                " {} {} |",
                word(verdict, "condition"),
                word(verdict, "kind")
            );
        }
        let _ = writeln!(text, " {} |", row.check_tcp.join(" | "));
    }
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn word<'a>(verdict: &'a Value, key: &str) -> &'a str {
    verdict[key].as_str().unwrap_or("?")
}
