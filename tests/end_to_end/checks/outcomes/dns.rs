//! `check_ad_dns`: what differs from a check by TCP.

use std::path::Path;
use std::process::Command;

use shared::verdict::Condition::{Degraded, Failed, Healthy, Unknown};

use super::cast::Cast;
use super::expected::Expected::{All, States};
use super::outcome::{Outcome, row};
use crate::host::{Mode, Said, run};

/// The option by which the rows are known to be of this check.
pub(super) const CHECKED: &str = "-H ex1.exch.test";

const DNS: &[&str] = &[CHECKED];

/// Every row, those that wait for a deadline first.
pub(super) fn rows() -> Vec<Outcome> {
    let mut rows = Vec::new();
    rows.extend(row(
        "never answers",
        DNS,
        All(Failed),
        |cast, mode, options| ask(cast, mode, &format!("{options} -s {}", cast.silent_dns)),
    ));
    rows.extend(row(
        "never answers, `-t 1:unknown`",
        DNS,
        All(Unknown),
        |cast, mode, options| {
            ask(
                cast,
                mode,
                &format!("{options} -s {} -t 1:unknown", cast.silent_dns),
            )
        },
    ));
    rows.extend(row("healthy", DNS, All(Healthy), |cast, mode, options| {
        ask(cast, mode, &format!("{options} -s {}", cast.dns))
    }));
    rows.extend(row(
        "healthy, slower than `-c`",
        DNS,
        States(Failed, Healthy),
        |cast, mode, options| ask(cast, mode, &format!("{options} -s {} -c 0", cast.dns)),
    ));
    rows.extend(row(
        "degraded (TTL above `--max-ttl`)",
        DNS,
        All(Degraded),
        |cast, mode, options| {
            ask(
                cast,
                mode,
                &format!("{options} -s {} --max-ttl 60", cast.dns),
            )
        },
    ));
    rows.extend(row(
        "failed (a forbidden address)",
        DNS,
        All(Failed),
        |cast, mode, options| {
            ask(
                cast,
                mode,
                &format!("{options} -s {} --forbid 192.0.2.0/24", cast.dns),
            )
        },
    ));
    rows.extend(row(
        "unknown (the server has no such address)",
        DNS,
        All(Unknown),
        |cast, mode, options| ask(cast, mode, &format!("{options} -6 -s {}", cast.dns)),
    ));
    rows.extend(row(
        "bad option",
        DNS,
        All(Unknown),
        |cast, mode, options| ask(cast, mode, &format!("{options} -s {} --nonsense", cast.dns)),
    ));
    rows.extend(row(
        "no descriptor free (`ulimit -n 3`)",
        DNS,
        All(Unknown),
        |cast, mode, options| {
            ask_after(
                "ulimit -n 3",
                cast,
                mode,
                &format!("{options} -s {}", cast.dns),
            )
        },
    ));
    rows.extend(row(
        "8 MiB of memory (`ulimit -v 8192`)",
        DNS,
        All(Healthy),
        |cast, mode, options| {
            ask_after(
                "ulimit -v 8192",
                cast,
                mode,
                &format!("{options} -s {}", cast.dns),
            )
        },
    ));
    rows
}

/// `-t 1:unknown` means nothing to a host without states, and is refused there: unknown either way.
fn ask(cast: &Cast, mode: &Mode, options: &str) -> Said {
    let mut command = Command::new(program(cast));
    command
        .args(["-m", mode.name])
        .args(options.split_whitespace());
    run(&mut command)
}

fn ask_after(prepare: &str, cast: &Cast, mode: &Mode, options: &str) -> Said {
    let program = program(cast).display();
    let text = format!("{prepare}; exec '{program}' -m {} {options}", mode.name);
    run(Command::new("sh").args(["-c", &text]))
}

fn program(cast: &Cast) -> &Path {
    &cast.released_dns
}
