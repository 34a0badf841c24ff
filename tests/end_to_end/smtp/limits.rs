//! Servers that send too much, or too slowly.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use lookalike::smtp::{Behaviour, Delays};

use crate::asking::{built, run};
use crate::exchange::{DELAYS, Exchange};

/// The exit code of a command and the most memory that it, or a process that it waited for, had.
fn peak_memory(command: &mut Command) -> (Option<i32>, i64) {
    // SAFETY: the closure does nothing. That there is one makes the standard library fork rather
    // than `posix_spawn`, after which the memory of this process would be counted.
    unsafe { command.pre_exec(|| Ok(())) };
    let child = command.stdout(Stdio::null()).spawn().unwrap();
    let pid = i32::try_from(child.id()).unwrap();
    let mut status = 0;
    // SAFETY: a zeroed rusage is a valid one, and both pointers are to live values.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(pid, &raw mut status, 0, &raw mut usage), pid);
        usage
    };
    (ExitStatus::from_raw(status).code(), usage.ru_maxrss * 1024)
}

#[test]
fn a_reply_of_100_mb_takes_less_than_16_mib() {
    let exchange = Exchange::with(25, Behaviour::BannerEndless);
    for port in ["25/plain", "25"] {
        let mut command = Command::new(built("check_exchange_smtp"));
        command.args(["-H", &exchange.address.to_string(), "-p", port, "-t", "60"]);
        let (code, peak) = peak_memory(&mut command);
        assert_eq!(code, Some(2), "{port}");
        println!("{port}: {peak} bytes");
        assert!(peak < 16 * 1024 * 1024, "{port}: {peak} bytes");
    }
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
