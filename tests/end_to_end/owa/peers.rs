//! The faults of the catalogue given to this check and to Debian's `check_http` and `check_curl`,
//! as one table.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Mutex;

use lookalike::iis::{Page, Site};

use crate::ask::{HOST, found, print, site, verdict};

const PLUGINS: &str = "/usr/lib/nagios/plugins";
/// For those that never end.
const SECONDS: &str = "5";

/// Rows of the catalogue, faults, and our verdicts.
const ROWS: [(&str, Site, &str); 30] = [
    ("healthy", Site::Serves, "healthy ok"),
    (
        "H1 closed without an answer",
        Site::Everywhere(Page::Offline),
        "maintenance offline",
    ),
    (
        "H1 reset without an answer",
        Site::Everywhere(Page::Resets),
        "failed tcp_reset",
    ),
    (
        "H2 503 of HTTP.sys",
        Site::Everywhere(Page::PoolDown),
        "failed http_status",
    ),
    (
        "H2 503 of the application",
        Site::Everywhere(Page::Unavailable),
        "failed http_status",
    ),
    (
        "H3 200, logon page",
        Site::Everywhere(Page::LogonPage),
        "failed content",
    ),
    (
        "H3 200, error page",
        Site::Everywhere(Page::ErrorPage),
        "failed content",
    ),
    (
        "H4 302 to errorFE.aspx",
        Site::Everywhere(Page::RedirectToError),
        "failed http_status",
    ),
    (
        "H4 302 to itself",
        Site::Everywhere(Page::RedirectLoop),
        "failed http_status",
    ),
    (
        "H4 302 to plain HTTP",
        Site::Everywhere(Page::RedirectToHttp),
        "failed http_status",
    ),
    (
        "H4 302 to another host",
        Site::Everywhere(Page::RedirectToHost),
        "failed http_status",
    ),
    (
        "H5 Content-Length too large",
        Site::Everywhere(Page::Truncated),
        "failed closed_early",
    ),
    (
        "H5 truncated chunks",
        Site::Everywhere(Page::TruncatedChunked),
        "failed closed_early",
    ),
    (
        "H6 head, a byte a second",
        Site::Everywhere(Page::DripsHead),
        "failed timeout",
    ),
    (
        "H6 body, a byte a second",
        Site::Everywhere(Page::DripsBody),
        "failed timeout",
    ),
    (
        "H6 endless body",
        Site::Everywhere(Page::EndlessBody),
        "failed content",
    ),
    (
        "H6 body of 100 MB",
        Site::Everywhere(Page::HugeBody),
        "failed content",
    ),
    (
        "H6 header of 10 MB",
        Site::Everywhere(Page::HugeHead),
        "failed malformed",
    ),
    (
        "H7 another server's page",
        Site::Everywhere(Page::WrongServer),
        "failed wrong_server",
    ),
    (
        "H8 401",
        Site::Everywhere(Page::PreAuthentication),
        "failed http_status",
    ),
    ("404", Site::Everywhere(Page::Missing), "failed http_status"),
    (
        "500",
        Site::Everywhere(Page::ServerError),
        "failed http_status",
    ),
    (
        "worker process hangs",
        Site::Everywhere(Page::Hangs),
        "failed silent",
    ),
    ("H11 TLS 1.0 only", Site::Tls10, "degraded insecure"),
    (
        "H11 expired certificate",
        Site::Expired,
        "degraded certificate",
    ),
    (
        "H11 unknown authority",
        Site::UnknownAuthority,
        "healthy ok",
    ),
    ("H11 SNI ignored", Site::OtherName, "degraded certificate"),
    (
        "plain HTTP on the port",
        Site::PlainHttp,
        "failed tls_failed",
    ),
    ("SSH on the port", Site::Ssh, "failed tls_failed"),
    (
        "H12 clock 10 min ahead",
        Site::Everywhere(Page::ClockAhead),
        "degraded skew",
    ),
];

struct Said {
    row: &'static str,
    ours: String,
    expected: &'static str,
    check_http: String,
    check_curl: String,
}

#[test]
fn every_row_of_the_catalogue_gets_its_verdict_whatever_others_say_of_it() {
    let said = Mutex::new(Vec::new());
    for (at, some) in ROWS.chunks(6).enumerate() {
        std::thread::scope(|scope| {
            for (within, row) in some.iter().enumerate() {
                let said = &said;
                scope.spawn(move || {
                    let answer = ask(row);
                    said.lock().unwrap().push((6 * at + within, answer));
                });
            }
        });
    }
    let mut said = said.into_inner().unwrap();
    said.sort_by_key(|(at, _)| *at);
    let mut table = String::from(
        "\n| catalogue | check_owa | check_http -S | check_curl -S |\n|---|---|---|---|\n",
    );
    for (_, said) in &said {
        let Said {
            row,
            ours,
            check_http,
            check_curl,
            ..
        } = said;
        let _ = writeln!(table, "| {row} | {ours} | {check_http} | {check_curl} |");
    }
    print(&table);
    let wrong: Vec<String> = said
        .iter()
        .filter(|(_, said)| said.ours != said.expected)
        .map(|(_, said)| format!("{}: {}, expected {}", said.row, said.ours, said.expected))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn ask((row, fault, expected): &(&'static str, Site, &'static str)) -> Said {
    let iis = site(*fault);
    let verdict = verdict(
        iis.address(),
        &format!("-t {SECONDS} --expect-server ex1 --http-host {HOST}"),
    );
    Said {
        row,
        ours: found(&verdict),
        expected,
        check_http: peer("check_http", iis.address()),
        check_curl: peer("check_curl", iis.address()),
    }
}

fn peer(program: &str, address: SocketAddr) -> String {
    let output = Command::new(format!("{PLUGINS}/{program}"))
        .args(["-S", "--sni", "-H", HOST, "-I", &address.ip().to_string()])
        .args([
            "-p",
            &address.port().to_string(),
            "-u",
            "/owa/healthcheck.htm",
        ])
        .args(["-t", SECONDS])
        .output()
        .expect("monitoring-plugins are installed: tests/end_to_end/install-servers");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default();
    let words = line.split('|').next().unwrap_or_default().trim();
    match output.status.code() {
        Some(code) => format!("{code}, {words}"),
        None => "died by a signal".to_owned(),
    }
}
