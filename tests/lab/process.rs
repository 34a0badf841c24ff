//! Programs that a scenario runs or keeps running.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::{env, io};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::Outcome;
use crate::namespace::Namespace;

/// One of the project's own programs, which lie beside the lab's.
pub(crate) fn ours(name: &str) -> Outcome<Command> {
    let path = env::current_exe()?.with_file_name(name);
    if path.is_file() {
        return Ok(Command::new(path));
    }
    Err(format!("{} is not there; build the whole workspace", path.display()).into())
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Its exit code; none if it died of a signal.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// Runs a program to its end, however it ends.
pub(crate) fn to_the_end(command: &mut Command) -> io::Result<Ended> {
    let output = command.stdin(Stdio::null()).output()?;
    Ok(Ended {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

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
/// kills it, and the processes that it has started.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it, in a process group of its own; its output is appended to `log`.
    pub(crate) fn start(place: &Namespace, command: &mut Command, log: &Path) -> Outcome<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let file = File::options().create(true).append(true).open(log)?;
        command
            .process_group(0)
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

    /// Sends a signal to it and to the processes that it has started.
    pub(crate) fn signal_all(&self, signal: Signal) -> Outcome {
        killpg(Pid::from_raw(i32::try_from(self.child.id())?), signal)?;
        Ok(())
    }

    /// Sends a signal to it alone.
    pub(crate) fn signal(&self, signal: Signal) -> Outcome {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?;
        Ok(())
    }

    /// Kills it alone (SIGKILL) and waits for its end.
    pub(crate) fn kill(&mut self) -> Outcome {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Kills it and the processes that it has started, and waits for its own end.
    pub(crate) fn kill_all(&mut self) -> Outcome {
        self.signal_all(Signal::SIGKILL)?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it has ended by itself, or was killed.
    pub(crate) fn has_ended(&mut self) -> Outcome<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Fails if it has ended by itself, with what it said.
    pub(crate) fn still_runs(&mut self) -> Outcome {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                Err(format!("it ended ({status}): {}", said.trim()).into())
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill_all();
    }
}
