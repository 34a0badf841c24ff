//! The program itself: its help, and what it does without TLS.
#![allow(clippy::unwrap_used, reason = "a test program")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};

const CHECK: &str = env!("CARGO_BIN_EXE_check_exchange_smtp");

/// A server that takes mail from anybody, in plaintext.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let commands = BufReader::new(client.try_clone().unwrap()).lines();
            let mut say = |line: &str| client.write_all(line.as_bytes());
            let _ = say("220 mx.example.test ESMTP\r\n");
            // A client that has gone wants nothing more.
            for command in commands.map_while(Result::ok) {
                let answer = match command.split(' ').next() {
                    Some("EHLO") => "250-mx.example.test\r\n250 SIZE\r\n",
                    Some("QUIT") => "221 bye\r\n",
                    _ => "250 ok\r\n",
                };
                if say(answer).is_err() {
                    break;
                }
            }
        }
    });
    address
}

fn check(arguments: &[&str]) -> Output {
    Command::new(CHECK).args(arguments).output().unwrap()
}

fn said_to(option: &str) -> String {
    let output = check(&[option]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_port_that_is_plain_is_checked_without_the_second_program() {
    let directory = tempfile::tempdir().unwrap();
    let alone = directory.path().join("check_exchange_smtp");
    // By another process: in a thread's child the file could still be open for writing.
    let copied = Command::new("cp").arg(CHECK).arg(&alone).status().unwrap();
    assert!(copied.success());
    let port = format!("{}/plain", server().port());
    let output = Command::new(&alone)
        .args(["-H", "127.0.0.1", "-p", &port])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.starts_with("EXCHANGE_SMTP OK: SMTP at 127.0.0.1:"),
        "{text}"
    );
    assert!(text.contains(" | time="), "{text}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_port_over_tls_asks_for_the_second_program() {
    let directory = tempfile::tempdir().unwrap();
    let alone = directory.path().join("check_exchange_smtp");
    let copied = Command::new("cp").arg(CHECK).arg(&alone).status().unwrap();
    assert!(copied.success());
    let port = server().port().to_string();
    let output = Command::new(&alone)
        .args(["-H", "127.0.0.1", "-p", &port])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("install governess whole"), "{text}");
}

#[test]
fn a_name_that_does_not_resolve_is_unknown() {
    let output = check(&["-H", "no such name", "-p", "25/plain"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn the_short_help_fits_on_a_screen_and_the_long_one_in_its_columns() {
    let (short, long) = (said_to("-h"), said_to("--help"));
    assert!(short.lines().count() <= 23, "{short}");
    for line in short.lines().chain(long.lines()) {
        // keepalived wants its command in one line.
        let fits = line.chars().count() <= 80 || line.contains("misc_path");
        assert!(fits, "{line}");
    }
}

#[test]
fn every_option_is_in_the_usage_and_every_host_has_its_example() {
    let (short, long) = (said_to("-h"), said_to("--help"));
    for option in [
        "--ehlo NAME",
        "--sni NAME",
        "--certificate",
        "--proxy-protocol",
        "-p PORT",
    ] {
        assert!(short.contains(option), "no {option} in {short}");
    }
    for host in [
        "command_line",
        "send_program",
        "MISC_CHECK",
        "misc_dynamic",
        "checkcommand",
    ] {
        assert!(long.contains(host), "no example with {host}");
    }
}

#[test]
fn every_kind_that_a_mail_server_can_be_given_is_in_the_help() {
    let long = said_to("--help");
    for kind in [
        "tcp_refused",
        "tcp_timeout",
        "tcp_unreachable",
        "tcp_reset",
        "silent",
        "timeout",
        "closed_early",
        "not_the_protocol",
        "malformed",
        "refused_by_server",
        "capability_missing",
        "tls_failed",
        "starttls_injection",
        "maintenance",
        "limit",
        "back_pressure",
        "insecure",
        "certificate",
        "slow",
    ] {
        assert!(long.contains(kind), "no {kind}");
    }
}
