//! The program itself, as its hosts run it: bytes on stdout and exit codes.
#![allow(clippy::unwrap_used, reason = "a test program")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use shared::verdict::Kind;

const CHECK: &str = env!("CARGO_BIN_EXE_check_x224");

/// A Connection Confirm with RDP_NEG_RSP for TLS.
const CONFIRM: [u8; 19] = [
    3, 0, 0, 0x13, 0x0e, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 1, 8, 0, 1, 0, 0, 0,
];

/// Exit codes by mode: healthy, failed, and the failing answer for everything of our own.
const MODES: [(&str, i32, i32, i32); 6] = [
    ("nagios", 0, 2, 3),
    ("json", 0, 2, 3),
    ("nanny", 0, 0, 0),
    ("keepalived", 0, 1, 1),
    ("keepalived-weight", 3, 1, 1),
    ("ldirectord", 0, 1, 1),
];

/// A server that answers every client with `reply`.
fn server(reply: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut request = [0; 19];
            let answered = client
                .read_exact(&mut request)
                .and_then(|()| client.write_all(reply));
            // A client that has gone already wants nothing more.
            let _ = answered.and_then(|()| client.read(&mut request));
        }
    });
    address
}

/// A port that nothing listens on.
fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A server that accepts and says nothing, for as long as the listener lives.
fn silent() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn check(address: SocketAddr, arguments: &[&str]) -> Output {
    Command::new(CHECK)
        .args([
            "-H",
            &address.ip().to_string(),
            "-p",
            &address.port().to_string(),
        ])
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs `prepare; exec check ...` in a shell: limits and closed descriptors are set that way.
fn check_after(prepare: &str, redirect: &str, address: SocketAddr, mode: &str) -> Output {
    let (ip, port) = (address.ip(), address.port());
    let script = format!("{prepare}; exec '{CHECK}' -H {ip} -p {port} -m {mode} {redirect}");
    Command::new("sh").args(["-c", &script]).output().unwrap()
}

#[track_caller]
fn assert_said(output: &Output, mode: &str, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{mode}: {output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "",
        "{mode}: stderr stays empty"
    );
}

#[track_caller]
fn assert_failing(output: &Output, mode: &str, code: i32) {
    assert_said(output, mode, code);
    if mode == "nanny" {
        assert_eq!(output.stdout, b"FAIL\n");
    }
}

#[test]
fn nanny_gets_ok_for_a_server_that_answers_and_fail_for_any_other() {
    let healthy = check(server(&CONFIRM), &["-m", "nanny"]);
    assert_said(&healthy, "nanny", 0);
    assert_eq!(healthy.stdout, b"OK\n");
    let refusing = check(closed_port(), &["-m", "nanny"]);
    assert_failing(&refusing, "nanny", 0);
    let hung = silent();
    let hanging = check(hung.local_addr().unwrap(), &["-m", "nanny", "-t", "0.3"]);
    assert_failing(&hanging, "nanny", 0);
}

#[test]
fn the_name_called_by_chooses_the_host() {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("check_x224.nanny");
    std::os::unix::fs::symlink(CHECK, &name).unwrap();
    let output = Command::new(&name).arg("--nonsense").output().unwrap();
    assert_failing(&output, "nanny", 0);
}

#[test]
fn every_mode_has_its_code_for_a_healthy_and_for_a_failed_server() {
    let (healthy, failed) = (server(&CONFIRM), closed_port());
    for (mode, up, down, _) in MODES {
        assert_said(&check(healthy, &["-m", mode]), mode, up);
        assert_said(&check(failed, &["-m", mode]), mode, down);
    }
}

#[test]
fn bad_arguments_end_in_the_failing_answer_of_every_mode() {
    for (mode, _, _, failing) in MODES {
        for arguments in [
            &["-m", mode][..],
            &["-m", mode, "--nonsense"],
            &["--nonsense", "-vm", mode],
            &["-H", "rs1", "-w", "10s", &format!("-m{mode}")],
            &["-H", "rs1", "-p", "0", "-m", mode],
            &["-H", "no such name", "-m", mode],
            &["-H", "rs1", "--host-mode", mode, "--host-mode", mode],
        ] {
            let output = Command::new(CHECK).args(arguments).output().unwrap();
            assert_failing(&output, mode, failing);
        }
    }
}

#[test]
fn ldirectord_passes_four_words() {
    let up = server(&CONFIRM);
    let run = |address: SocketAddr| {
        let words = [
            "-m",
            "ldirectord",
            "80",
            "0",
            "127.0.0.1",
            &address.port().to_string(),
        ];
        Command::new(CHECK).args(words).output().unwrap()
    };
    assert_said(&run(up), "ldirectord", 0);
    assert_said(&run(closed_port()), "ldirectord", 1);
}

#[test]
fn help_and_version_are_shown_to_those_who_can_read_them() {
    for option in ["-h", "--help", "-V", "--version"] {
        let output = Command::new(CHECK).arg(option).output().unwrap();
        assert_said(&output, "nagios", 0);
        assert!(String::from_utf8_lossy(&output.stdout).contains("check_x224"));
        let output = Command::new(CHECK)
            .args([option, "-m", "nanny"])
            .output()
            .unwrap();
        assert_failing(&output, "nanny", 0);
    }
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
fn every_option_is_in_both_helps_and_every_host_has_its_example() {
    let (short, long) = (said_to("-h"), said_to("--help"));
    let command = <plugins::x224::Arguments as clap::CommandFactory>::command();
    for option in command.get_arguments() {
        let letter = option.get_short().map(|letter| format!("-{letter}"));
        let word = option.get_long().map(|word| format!("--{word}"));
        let word = word.expect("every option has a long form");
        assert!(
            long.contains(&format!(" {word}")),
            "{word} is not in the help"
        );
        let spellings = [Some(word), letter].into_iter().flatten();
        let named = |spelling: &String| {
            short.contains(&format!("{spelling} "))
                || short.contains(&format!("{spelling}]"))
                || short.contains(&format!("{spelling}["))
                || short.contains(&format!("{spelling}."))
        };
        assert!(
            spellings.clone().any(|spelling| named(&spelling)),
            "{spellings:?} is not in the usage:\n{short}"
        );
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
fn every_kind_that_is_the_checks_own_fault_is_in_the_help() {
    let long = said_to("--help");
    for kind in [
        Kind::Usage,
        Kind::Resolve,
        Kind::Resources,
        Kind::OwnStall,
        Kind::Internal,
    ] {
        assert!(
            long.contains(&format!("    {} ", kind.name())),
            "no {}",
            kind.name()
        );
    }
}

/// What a human reads who asks for help.
fn said_to(option: &str) -> String {
    let output = Command::new(CHECK).arg(option).output().unwrap();
    assert_said(&output, "nagios", 0);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn no_free_descriptor_ends_in_the_failing_answer_of_every_mode() {
    let healthy = server(&CONFIRM);
    for (mode, _, _, failing) in MODES {
        let output = check_after("ulimit -n 3", "", healthy, mode);
        assert_failing(&output, mode, failing);
    }
}

#[test]
fn an_answer_that_nobody_can_read_never_claims_health_to_those_who_read() {
    let healthy = server(&CONFIRM);
    for redirect in [">/dev/full", ">&-"] {
        for (mode, up, _, failing) in MODES {
            let output = check_after(":", redirect, healthy, mode);
            // Where nothing is written nothing is lost, and the exit code is the answer.
            let reads = matches!(mode, "nagios" | "json" | "nanny");
            assert_said(&output, mode, if reads { failing } else { up });
        }
    }
}

#[test]
fn memory_that_is_used_up_ends_in_the_failing_answer_of_every_mode() {
    let healthy = server(&CONFIRM);
    // Below this the kernel or the C library give up before the first line of ours runs.
    let starts = (1_000..200_000)
        .step_by(100)
        .find(|kilobytes| {
            let script = format!("ulimit -v {kilobytes}; exec '{CHECK}' -V");
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            output.status.success()
        })
        .expect("it starts with some amount of memory");
    // With that and no more, the thread that looks a name up has no room for its stack.
    let limit = format!("ulimit -v {}", starts + 600);
    for (mode, up, _, failing) in MODES {
        assert_said(&check_after(&limit, "", healthy, mode), mode, up);
        let by_name = format!("{limit}; exec '{CHECK}' -H localhost -m {mode}");
        let output = Command::new("sh").args(["-c", &by_name]).output().unwrap();
        assert_failing(&output, mode, failing);
    }
}

#[test]
fn a_server_that_hangs_is_given_up_in_time_and_the_state_can_be_chosen() {
    let hung = silent();
    let address = hung.local_addr().unwrap();
    for (timeout, code) in [("0.3", 2), ("0.3:unknown", 3), ("0.3:1", 1)] {
        let started = Instant::now();
        let output = check(address, &["-t", timeout]);
        assert_said(&output, "nagios", code);
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "{:?}",
            started.elapsed()
        );
        assert!(String::from_utf8_lossy(&output.stdout).contains("timeout"));
    }
    let refused = check(address, &["-t", "0.3:unknown", "-m", "keepalived"]);
    assert_said(&refused, "keepalived", 1);
}

#[test]
fn a_check_that_was_stopped_past_its_time_blames_itself_unless_the_answer_came() {
    let hung = silent();
    let (mute, code) = (hung.local_addr().unwrap(), 3);
    let output = stopped_and_continued(mute, || {});
    assert_said(&output, "nagios", code);
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("not scheduled"),
        "{output:?}"
    );

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let output = stopped_and_continued(address, || {
        let (mut client, _) = listener.accept().unwrap();
        client.write_all(&CONFIRM).unwrap();
        std::mem::forget(client);
    });
    assert_said(&output, "nagios", 0);
}

/// Runs a check with half a second of time, stops it once it waits, lets `meanwhile` happen and
/// continues it long after its time.
fn stopped_and_continued(address: SocketAddr, meanwhile: impl FnOnce()) -> Output {
    let child = Command::new(CHECK)
        .args([
            "-H",
            "127.0.0.1",
            "-p",
            &address.port().to_string(),
            "-t",
            "0.5",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let signal = |name: &str| {
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    };
    std::thread::sleep(Duration::from_millis(200));
    signal("-STOP");
    meanwhile();
    std::thread::sleep(Duration::from_millis(1500));
    signal("-CONT");
    child.wait_with_output().unwrap()
}
