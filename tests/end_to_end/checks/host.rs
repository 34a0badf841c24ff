//! Running a check as a host does, and what each host must be answered.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// What a mode answers: exit codes, by what is known of the server.
pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) healthy: i32,
    pub(crate) degraded: i32,
    pub(crate) maintenance: i32,
    pub(crate) failed: i32,
    /// The failing answer for everything of our own.
    pub(crate) failing: i32,
    /// Its own deadline.
    pub(crate) deadline: Duration,
}

const fn mode(name: &'static str, codes: [i32; 5], seconds: u64) -> Mode {
    Mode {
        name,
        healthy: codes[0],
        degraded: codes[1],
        maintenance: codes[2],
        failed: codes[3],
        failing: codes[4],
        deadline: Duration::from_secs(seconds),
    }
}

pub(crate) const MODES: [Mode; 6] = [
    mode("nagios", [0, 1, 1, 2, 3], 10),
    mode("json", [0, 1, 1, 2, 3], 10),
    mode("nanny", [0, 0, 0, 0, 0], 8),
    mode("keepalived", [0, 0, 1, 1, 1], 8),
    mode("keepalived-weight", [3, 3, 2, 1, 1], 8),
    mode("ldirectord", [0, 0, 1, 1, 1], 4),
];

impl Mode {
    /// Whether the host understands four states, and performance data, and advice.
    pub(crate) fn has_states(&self) -> bool {
        matches!(self.name, "nagios" | "json")
    }

    /// Whether the answer is read from stdout.
    pub(crate) fn reads(&self) -> bool {
        self.has_states() || self.name == "nanny"
    }
}

/// What a run said.
pub(crate) struct Said {
    pub(crate) output: Output,
    pub(crate) took: Duration,
}

impl Said {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// An exit code, silence on stderr, and what nanny must read with it.
    #[track_caller]
    pub(crate) fn assert(&self, mode: &Mode, code: i32, works: bool) {
        let Output {
            status,
            stdout,
            stderr,
        } = &self.output;
        let context = format!("{}: {:?}", mode.name, self.output);
        assert_eq!(status.signal(), None, "killed by a signal: {context}");
        assert_eq!(status.code(), Some(code), "{context}");
        assert!(stderr.is_empty(), "stderr stays empty: {context}");
        if mode.name == "nanny" {
            let word: &[u8] = if works { b"OK\n" } else { b"FAIL\n" };
            assert_eq!(stdout, word, "{context}");
        }
        // As much again as the alarm behind the deadline takes, for a machine under load.
        let patience = mode.deadline + Duration::from_millis(1500);
        assert!(self.took < patience, "took {:?}: {context}", self.took);
    }

    #[track_caller]
    pub(crate) fn assert_healthy(&self, mode: &Mode) {
        self.assert(mode, mode.healthy, true);
    }

    #[track_caller]
    pub(crate) fn assert_failed(&self, mode: &Mode) {
        self.assert(mode, mode.failed, false);
    }

    #[track_caller]
    pub(crate) fn assert_failing(&self, mode: &Mode) {
        self.assert(mode, mode.failing, false);
    }
}

/// Where the built programs lie: beside the directory of this test program. What is built for
/// tests alone lies in `examples/`.
pub(crate) fn built(program: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let directory = own.parent().and_then(Path::parent).unwrap();
    let path = directory.join(program);
    assert!(
        path.exists(),
        "{} is missing: cargo build --workspace --bins --examples (with --release for --release) \
         first",
        path.display()
    );
    path
}

/// Puts a copy of a built program into `directory`, under the name `called`.
pub(crate) fn copy(program: &str, directory: &Path, called: &str) -> PathBuf {
    let path = directory.join(called);
    // Copied by this process, it could still be open for writing in another thread's child when
    // it is started.
    let copied = Command::new("cp").args([&built(program), &path]).status();
    assert!(copied.unwrap().success());
    path
}

pub(crate) fn run(command: &mut Command) -> Said {
    let started = Instant::now();
    let output = command.output().unwrap();
    Said {
        output,
        took: started.elapsed(),
    }
}

/// `check_x224` on that server with those options.
pub(crate) fn check(program: &Path, server: SocketAddr, options: &[&str]) -> Command {
    let mut command = Command::new(program);
    let (ip, port) = (server.ip().to_string(), server.port().to_string());
    command.args(["-H", &ip, "-p", &port]).args(options);
    command
}

/// The same behind `prepare` in a shell: limits and closed descriptors are set that way.
pub(crate) fn check_after(
    prepare: &str,
    program: &Path,
    server: SocketAddr,
    options: &str,
) -> Command {
    let (ip, port) = (server.ip(), server.port());
    let program = program.display();
    let script = format!("{prepare}; exec '{program}' -H {ip} -p {port} {options}");
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    command
}

/// Writes an executable shell script, by another process for the reason given at [`copy`].
pub(crate) fn script(path: &Path, text: &str) {
    let write = "printf '#!/bin/sh\n%s\n' \"$1\" >\"$0\" && chmod 755 \"$0\"";
    let written = Command::new("sh")
        .args(["-c", write])
        .arg(path)
        .arg(text)
        .status();
    assert!(written.unwrap().success());
}
