//! The IPVS module against a real kernel, with `ipvsadm` as the witness in both directions.
//!
//! Runs as root in a guest whose table may be spoiled: `ipvs_kernel_tests [NAME…]`, `--list`, or
//! `--bench [ROUNDS]`. One line a case, then the count; exit 0 only if all passed. Nothing is
//! skipped: where IPVS or `ipvsadm` is missing, the run fails.

mod bench;
mod changes;
mod reading;
mod refusals;
mod samples;
mod tools;

use std::process::ExitCode;
use std::thread;

use nix::sched::{CloneFlags, unshare};

use tools::Outcome;

/// A case and its name, which reads as a sentence.
type Case = (&'static str, fn() -> Outcome);

/// In this order: the first needs a kernel that has not loaded the module yet, or unloads it.
fn cases() -> Vec<Case> {
    [refusals::CASES, reading::CASES, changes::CASES].concat()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(refusals::UNPRIVILEGED) => refusals::report_unprivileged(),
        Some("--list") => {
            for (name, _) in cases() {
                println!("{name}");
            }
            ExitCode::SUCCESS
        }
        Some("--bench") => run_bench(arguments.get(1)),
        _ => run_cases(&arguments),
    }
}

fn run_bench(rounds: Option<&String>) -> ExitCode {
    let rounds = match rounds.map(|text| text.parse()) {
        None => 300,
        Some(Ok(rounds)) if rounds > 0 => rounds,
        Some(_) => {
            eprintln!("ROUNDS must be a number above 0");
            return ExitCode::from(64);
        }
    };
    match in_own_namespace(move || bench::run(rounds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run_cases(wanted: &[String]) -> ExitCode {
    let chosen: Vec<Case> = cases()
        .into_iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|word| word == name))
        .collect();
    let mut failed = 0;
    for (name, case) in &chosen {
        match in_own_namespace(*case) {
            Ok(()) => println!("ok {name}"),
            Err(why) => {
                failed += 1;
                println!("not ok {name}: {why}");
            }
        }
    }
    println!(
        "{} passed, {failed} failed, 0 skipped",
        chosen.len() - failed
    );
    if failed == 0 && !chosen.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs in a thread with a network namespace, and so a table, of its own.
fn in_own_namespace(case: impl FnOnce() -> Outcome + Send + 'static) -> Outcome {
    let thread = thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|error| {
            format!("cannot make a network namespace: {error}; run this as root in a guest")
        })?;
        tools::run("ip", &["link", "set", "lo", "up"])?;
        case()
    });
    thread.join().unwrap_or_else(|panic| {
        let words = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(words.unwrap_or_else(|| "panic".to_owned()).into())
    })
}
