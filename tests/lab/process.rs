//! Programs that a scenario runs or keeps running.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Outcome;
use crate::namespace::Namespace;

/// Runs a program to its end; an exit status other than 0 is an error with what it said.
pub(crate) fn checked(command: &mut Command) -> Outcome<String> {
    fed(command, "")
}

/// The same, with this text as the program's standard input.
pub(crate) fn fed(command: &mut Command, input: &str) -> Outcome<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let args: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let complaint = String::from_utf8_lossy(&output.stderr);
    let said = format!("{} {}", complaint.trim(), said.trim());
    Err(format!(
        "{program} {}: {}: {}",
        args.join(" "),
        output.status,
        said.trim()
    )
    .into())
}

/// A program that runs in a namespace until it is killed, with its output in a file. Dropping it
/// kills it.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; its output is appended to `log`.
    pub(crate) fn start(place: &Namespace, command: &mut Command, log: &Path) -> Outcome<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let file = File::options().create(true).append(true).open(log)?;
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = place
            .within(|| command.spawn())?
            .map_err(|error| format!("cannot start {program}: {error}"))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Outcome {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?;
        Ok(())
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub(crate) fn kill(&mut self) -> Outcome {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
