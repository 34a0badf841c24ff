//! The outcomes: everything that can happen to a check, each with what hosts must be told.

use std::process::Command;

use lookalike::rdp::Behaviour;
use shared::verdict::Condition::{Degraded, Failed, Healthy, Maintenance, Unknown};

use super::cast::{
    Cast, against, against_silence, ask, ask_after, ask_by_name, break_after, broken_pipe,
    full_pipe, terminated, unread,
};
use super::expected::Expected::{self, All, States, Terminated, Text, Unheard};
use crate::host::{Mode, Said, check, run};

type Play = fn(&Cast, &Mode, &str) -> Said;

/// One row of the table.
pub(super) struct Outcome {
    pub(super) name: &'static str,
    /// The option that decides how deep the check goes: none, or `--tls`; what is asked, of DNS.
    pub(super) depth: &'static str,
    pub(super) expected: Expected,
    pub(super) play: Play,
}

impl Outcome {
    pub(super) fn play(&self, cast: &Cast, mode: &Mode) -> Said {
        (self.play)(cast, mode, self.depth)
    }
}

const PLAIN: &[&str] = &[""];
const TLS: &[&str] = &["--tls"];
const BOTH: &[&str] = &["", "--tls"];

/// Every row, those that wait for a deadline first.
pub(super) fn outcomes() -> Vec<Outcome> {
    let rows = [
        waiting(),
        super::dns::rows(),
        server(),
        caller(),
        output(),
        machine(),
        broken(),
        second(),
    ];
    rows.into_iter().flatten().collect()
}

pub(super) fn row(
    name: &'static str,
    depths: &'static [&'static str],
    expected: Expected,
    play: Play,
) -> impl Iterator<Item = Outcome> {
    depths.iter().map(move |depth| Outcome {
        name,
        depth,
        expected,
        play,
    })
}

/// What takes as long as it may.
fn waiting() -> Vec<Outcome> {
    let mut rows = Vec::new();
    rows.extend(row(
        "never answers",
        BOTH,
        All(Failed),
        |cast, mode, depth| against_silence(&cast.released, mode, depth),
    ));
    rows.extend(row(
        "never answers, `-t 3600` (10 where the mode allows more)",
        BOTH,
        All(Failed),
        |cast, mode, depth| {
            let time = if mode.has_states() {
                "-t 10"
            } else {
                "-t 3600"
            };
            against_silence(&cast.released, mode, &format!("{depth} {time}"))
        },
    ));
    rows.extend(row(
        "answers one byte a second",
        BOTH,
        All(Failed),
        |cast, mode, depth| against(Behaviour::Drips, &cast.released, mode, depth),
    ));
    rows.extend(row(
        "never answers the TLS handshake",
        TLS,
        All(Failed),
        |cast, mode, depth| against(Behaviour::TlsHangs, &cast.released, mode, depth),
    ));
    rows.extend(row(
        "answers the TLS handshake byte by byte",
        TLS,
        All(Failed),
        |cast, mode, depth| against(Behaviour::TlsDrips, &cast.released, mode, depth),
    ));
    rows.extend(row(
        "the check hangs by a defect",
        BOTH,
        All(Unknown),
        |cast, mode, depth| break_after(":", cast, "hang", mode, depth),
    ));
    rows.extend(row(
        "the check hangs, and its host ignores signals",
        BOTH,
        All(Unknown),
        |cast, mode, depth| {
            break_after(
                "trap '' ALRM CHLD PIPE XCPU ABRT",
                cast,
                "hang",
                mode,
                depth,
            )
        },
    ));
    rows
}

/// What the server does.
fn server() -> Vec<Outcome> {
    let mut rows = Vec::new();
    rows.extend(row("healthy", BOTH, All(Healthy), |cast, mode, depth| {
        ask(&cast.released, cast.healthy, mode, depth)
    }));
    rows.extend(row(
        "healthy, slower than `-w`",
        BOTH,
        States(Degraded, Healthy),
        |cast, mode, depth| ask(&cast.released, cast.healthy, mode, &format!("{depth} -w 0")),
    ));
    rows.extend(row(
        "healthy, slower than `-c`",
        BOTH,
        States(Failed, Healthy),
        |cast, mode, depth| ask(&cast.released, cast.healthy, mode, &format!("{depth} -c 0")),
    ));
    rows.extend(row(
        "healthy, slower than `-c`, `--enforce time`",
        BOTH,
        All(Failed),
        |cast, mode, depth| {
            ask(
                &cast.released,
                cast.healthy,
                mode,
                &format!("{depth} -c 0 --enforce time"),
            )
        },
    ));
    rows.extend(row(
        "degraded (no TLS)",
        BOTH,
        All(Degraded),
        |cast, mode, depth| ask(&cast.released, cast.standard_security, mode, depth),
    ));
    rows.extend(row(
        "maintenance (a stand-in check)",
        BOTH,
        All(Maintenance),
        |cast, mode, depth| break_after(":", cast, "not", mode, depth),
    ));
    rows.extend(row(
        "failed (connection refused)",
        BOTH,
        All(Failed),
        |cast, mode, depth| ask(&cast.released, cast.closed, mode, depth),
    ));
    rows.extend(row(
        "never answers, `-t 1`",
        BOTH,
        All(Failed),
        |cast, mode, depth| against_silence(&cast.released, mode, &format!("{depth} -t 1")),
    ));
    rows.extend(row(
        "never answers, `-t 1:unknown`",
        BOTH,
        All(Unknown),
        |cast, mode, depth| against_silence(&cast.released, mode, &format!("{depth} -t 1:unknown")),
    ));
    rows
}

/// What the caller does.
fn caller() -> Vec<Outcome> {
    let mut rows = Vec::new();
    rows.extend(row(
        "unknown (the name does not resolve)",
        BOTH,
        All(Unknown),
        |cast, mode, depth| ask_by_name(&cast.released, "no such name", mode, depth),
    ));
    rows.extend(row(
        "unknown, `--on-unknown ok`",
        BOTH,
        States(Unknown, Healthy),
        |cast, mode, depth| {
            let options = format!("{depth} --on-unknown ok");
            ask_by_name(&cast.released, "no such name", mode, &options)
        },
    ));
    rows.extend(row(
        "bad option",
        BOTH,
        All(Unknown),
        |cast, mode, depth| {
            ask(
                &cast.released,
                cast.healthy,
                mode,
                &format!("{depth} --nonsense"),
            )
        },
    ));
    rows.extend(row(
        "bad option, `--on-unknown ok`",
        BOTH,
        All(Unknown),
        |cast, mode, depth| {
            let options = format!("{depth} --on-unknown ok --nonsense");
            ask(&cast.released, cast.healthy, mode, &options)
        },
    ));
    rows.extend(row("bad value", BOTH, All(Unknown), |cast, mode, depth| {
        ask(
            &cast.released,
            cast.healthy,
            mode,
            &format!("{depth} -w 10s"),
        )
    }));
    rows.extend(row(
        "no server given",
        BOTH,
        All(Unknown),
        |cast, mode, depth| {
            let mut command = Command::new(&cast.released);
            run(command
                .args(["-m", mode.name])
                .args(depth.split_whitespace()))
        },
    ));
    rows.extend(row("`--help`", PLAIN, Text, |cast, mode, _| {
        ask(&cast.released, cast.closed, mode, "--help")
    }));
    rows.extend(row("`--version`", PLAIN, Text, |cast, mode, _| {
        ask(&cast.released, cast.closed, mode, "--version")
    }));
    rows.extend(row(
        "SIGTERM in the middle",
        BOTH,
        Terminated,
        |cast, mode, depth| terminated(&cast.released, mode, depth),
    ));
    rows
}

/// Where the answer cannot be heard; the server is healthy.
fn output() -> Vec<Outcome> {
    let mut rows = Vec::new();
    rows.extend(row("stdout closed", BOTH, Unheard, |cast, mode, depth| {
        ask_after(
            ":",
            &cast.released,
            cast.healthy,
            mode,
            &format!("{depth} >&-"),
        )
    }));
    rows.extend(row(
        "stdout full (`/dev/full`)",
        BOTH,
        Unheard,
        |cast, mode, depth| {
            ask_after(
                ":",
                &cast.released,
                cast.healthy,
                mode,
                &format!("{depth} >/dev/full"),
            )
        },
    ));
    rows.extend(row(
        "stdout a pipe whose reader has gone",
        BOTH,
        Unheard,
        |cast, mode, depth| {
            let mut command = check(&cast.released, cast.healthy, &["-m", mode.name]);
            unread(command.args(depth.split_whitespace()), broken_pipe)
        },
    ));
    rows.extend(row(
        "stdout a full pipe that nobody reads",
        BOTH,
        Unheard,
        |cast, mode, depth| {
            let mut command = check(&cast.released, cast.healthy, &["-m", mode.name]);
            unread(command.args(depth.split_whitespace()), full_pipe)
        },
    ));
    rows.extend(row(
        "stdout a file, `ulimit -f 0`",
        BOTH,
        Unheard,
        |cast, mode, depth| {
            let redirected = format!("{depth} >'{}'", cast.file(mode, depth).display());
            ask_after(
                "ulimit -f 0",
                &cast.released,
                cast.healthy,
                mode,
                &redirected,
            )
        },
    ));
    rows.extend(row(
        "stdin and stderr closed",
        BOTH,
        All(Healthy),
        |cast, mode, depth| {
            ask_after(
                ":",
                &cast.released,
                cast.healthy,
                mode,
                &format!("{depth} <&- 2>&-"),
            )
        },
    ));
    rows
}

/// What this machine runs short of; the server is healthy.
fn machine() -> Vec<Outcome> {
    let mut rows = Vec::new();
    rows.extend(row(
        "no descriptor free (`ulimit -n 3`)",
        BOTH,
        All(Unknown),
        |cast, mode, depth| ask_after("ulimit -n 3", &cast.released, cast.healthy, mode, depth),
    ));
    rows.extend(row(
        "8 MiB of memory (`ulimit -v 8192`)",
        PLAIN,
        All(Healthy),
        |cast, mode, depth| ask_after("ulimit -v 8192", &cast.released, cast.healthy, mode, depth),
    ));
    rows.extend(row(
        "8 MiB of memory (`ulimit -v 8192`)",
        TLS,
        All(Unknown),
        |cast, mode, depth| ask_after("ulimit -v 8192", &cast.released, cast.healthy, mode, depth),
    ));
    rows.extend(row(
        "1 s of CPU time (`ulimit -t 1`)",
        BOTH,
        All(Healthy),
        |cast, mode, depth| ask_after("ulimit -t 1", &cast.released, cast.healthy, mode, depth),
    ));
    rows.extend(row(
        "no process more (`RLIMIT_NPROC 1`)",
        PLAIN,
        All(Healthy),
        without_processes,
    ));
    rows.extend(row(
        "no process more (`RLIMIT_NPROC 1`)",
        TLS,
        All(Unknown),
        without_processes,
    ));
    rows.extend(row("no `/proc`", PLAIN, All(Healthy), without_proc));
    rows.extend(row("no `/proc`", TLS, All(Unknown), without_proc));
    rows
}

/// As a user other than root, whom that limit does not bind.
fn without_processes(cast: &Cast, mode: &Mode, depth: &str) -> Said {
    let (ip, port) = (
        cast.healthy.ip().to_string(),
        cast.healthy.port().to_string(),
    );
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "prlimit",
            "--nproc=1",
        ])
        .arg(&cast.public)
        .args(["-H", &ip, "-p", &port, "-m", mode.name])
        .args(depth.split_whitespace());
    run(&mut command)
}

/// In a mount namespace of its own.
fn without_proc(cast: &Cast, mode: &Mode, depth: &str) -> Said {
    let (ip, port) = (cast.healthy.ip(), cast.healthy.port());
    let program = cast.released.display();
    let text = format!(
        "mount -t tmpfs none /proc && exec '{program}' -H {ip} -p {port} -m {} {depth}",
        mode.name
    );
    run(Command::new("unshare").args(["-m", "sh", "-c", &text]))
}

/// A check that breaks by a defect: a stand-in, in the first program or in the second.
fn broken() -> Vec<Outcome> {
    let mut rows = Vec::new();
    rows.extend(row(
        "the check panics",
        BOTH,
        All(Unknown),
        |cast, mode, depth| break_after(":", cast, "panic", mode, depth),
    ));
    rows.extend(row(
        "a thread of the check panics",
        BOTH,
        All(Unknown),
        |cast, mode, depth| break_after(":", cast, "panic-in-a-thread", mode, depth),
    ));
    rows.extend(row(
        "the check aborts",
        BOTH,
        All(Unknown),
        |cast, mode, depth| break_after("ulimit -c 0", cast, "abort", mode, depth),
    ));
    rows.extend(row(
        "the check uses its stack up",
        BOTH,
        All(Unknown),
        |cast, mode, depth| break_after("ulimit -c 0", cast, "stack", mode, depth),
    ));
    rows.extend(row(
        "the check uses its memory up",
        BOTH,
        All(Unknown),
        |cast, mode, depth| break_after("ulimit -v 65536", cast, "memory", mode, depth),
    ));
    rows.extend(row(
        "the check uses its CPU time up, `-t 3`",
        BOTH,
        All(Unknown),
        |cast, mode, depth| {
            break_after(
                "ulimit -St 1; renice -n 5 $$ >/dev/null",
                cast,
                "spin",
                mode,
                &format!("{depth} -t 3"),
            )
        },
    ));
    rows
}

/// What becomes of the second program, which carries out `--tls`; the server is healthy.
fn second() -> Vec<Outcome> {
    let mut rows = Vec::new();
    rows.extend(row(
        "second program missing",
        TLS,
        All(Unknown),
        |cast, mode, depth| {
            ask(
                &cast.beside(mode, "missing", None),
                cast.healthy,
                mode,
                depth,
            )
        },
    ));
    rows.extend(row(
        "second program cannot be loaded",
        TLS,
        All(Unknown),
        |cast, mode, depth| {
            let text = "echo 'libssl.so.3: cannot open shared object file' >&2; exit 127";
            ask(
                &cast.beside(mode, "loader", Some(text)),
                cast.healthy,
                mode,
                depth,
            )
        },
    ));
    rows.extend(row(
        "second program dies by a signal",
        TLS,
        All(Unknown),
        |cast, mode, depth| {
            ask(
                &cast.beside(mode, "dies", Some("kill -KILL $$")),
                cast.healthy,
                mode,
                depth,
            )
        },
    ));
    rows.extend(row(
        "second program prints garbage",
        TLS,
        All(Unknown),
        |cast, mode, depth| {
            ask(
                &cast.beside(mode, "garbage", Some("echo OK")),
                cast.healthy,
                mode,
                depth,
            )
        },
    ));
    rows.extend(row(
        "second program never stops printing",
        TLS,
        All(Unknown),
        |cast, mode, depth| {
            let text = "exec cat /dev/zero";
            ask(
                &cast.beside(mode, "endless", Some(text)),
                cast.healthy,
                mode,
                depth,
            )
        },
    ));
    rows.extend(row(
        "second program hangs, `-t 1`",
        TLS,
        All(Unknown),
        |cast, mode, depth| {
            let hangs = cast.beside(mode, "hangs", Some("exec sleep 60"));
            ask(&hangs, cast.healthy, mode, &format!("{depth} -t 1"))
        },
    ));
    rows.extend(row(
        "SIGCHLD ignored by the host",
        TLS,
        All(Healthy),
        |cast, mode, depth| ask_after("trap '' CHLD", &cast.released, cast.healthy, mode, depth),
    ));
    rows
}
