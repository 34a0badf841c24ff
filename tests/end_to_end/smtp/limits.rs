//! Servers that send too much, or too slowly.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use lookalike::smtp::{Behaviour, Delays};

use crate::asking::{built, run};
use crate::exchange::{DELAYS, Exchange};

const MOST: i64 = 16 * 1024 * 1024;

/// What the process that measures shall run: the options of the check.
const MEASURED: &str = "GOVERNESS_TEST_MEASURED";

#[test]
fn a_reply_of_100_mb_takes_less_than_16_mib() {
    let exchange = Exchange::with(25, Behaviour::BannerEndless);
    for port in ["25/plain", "25"] {
        let peak = peak_memory(&format!("-H {} -p {port} -t 60", exchange.address));
        assert!(peak < MOST, "{port}: {peak} bytes");
    }
}

#[test]
fn a_refused_connection_takes_less_than_16_mib() {
    if let Ok(options) = std::env::var(MEASURED) {
        return measure(&options);
    }
    let peak = peak_memory("-H 127.0.0.1 -p 1/plain");
    assert!(peak < MOST, "{peak} bytes");
}

/// The most memory that a check that fails has, in bytes. The kernel counts for a child what its
/// parent had before `exec`, and this process has much: a fresh one runs the test above and
/// measures.
fn peak_memory(options: &str) -> i64 {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("limits::a_refused_connection_takes_less_than_16_mib")
        .env(MEASURED, options)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let measured = text.split_once("peak ").and_then(|(_, behind)| {
        let number = behind.split_whitespace().next()?;
        number.parse().ok()
    });
    let peak = measured.unwrap_or_else(|| panic!("{text}"));
    println!("{options}: {peak} bytes");
    peak
}

#[allow(clippy::zombie_processes, reason = "wait4 waits for it")]
fn measure(options: &str) {
    let mut command = Command::new(built("check_exchange_smtp"));
    command.args(options.split(' ')).stdout(Stdio::null());
    // SAFETY: the closure does nothing. That there is one makes the standard library fork rather
    // than `posix_spawn`, after which all of this process would be counted.
    let child = unsafe { command.pre_exec(|| Ok(())) }.spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let mut status = 0;
    // SAFETY: a zeroed rusage is a valid one, and both pointers are to live values.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(pid, &raw mut status, 0, &raw mut usage), pid);
        usage
    };
    assert_eq!(ExitStatus::from_raw(status).code(), Some(2), "{options}");
    println!("peak {} bytes", usage.ru_maxrss * 1024);
}

#[test]
fn one_byte_a_second_ends_by_the_deadline() {
    let exchange = Exchange::start(Delays {
        drip: Duration::from_secs(1),
        ..DELAYS
    });
    exchange.on(25).behave(Behaviour::BannerDrip);
    let begun = Instant::now();
    let output = run(exchange.address, &["-p", "25", "-t", "4"]);
    let took = begun.elapsed();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("timeout: only"), "{text}");
    assert!(took < Duration::from_secs(6), "{took:?}");
}
