//! Runs a program of the system without a shell, within a time and an amount of output.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Where the tools are if `PATH` does not lead there, as in a user's shell.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// How often an exited program is looked for once it has closed its output.
const REAP_INTERVAL: Duration = Duration::from_millis(1);

/// What a program may use up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From start to exit.
    pub(super) time: Duration,
    /// Bytes of standard output, and as many of standard error.
    pub(super) output: usize,
}

/// What a program left behind.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// Why a program did not come to its end.
#[derive(Debug)]
pub(super) enum Failure {
    NotInstalled,
    NotStarted(io::Error),
    OutOfTime,
    TooMuchOutput,
}

/// Runs a program to its end. It never outlives the call.
pub(super) fn run(
    program: &str,
    arguments: &[&str],
    input: &str,
    limits: Limits,
) -> Result<Outcome, Failure> {
    let path = find(program).ok_or(Failure::NotInstalled)?;
    let child = Command::new(path)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Failure::NotStarted)?;
    let mut child = EndedOnDrop(child);
    let deadline = Instant::now() + limits.time;
    let (stdout, stderr) = talk(&mut child.0, input.as_bytes(), deadline, limits.output)?;
    Ok(Outcome {
        status: exit_status(&mut child.0, deadline)?,
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .chain(SYSTEM_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

struct EndedOnDrop(Child);

impl Drop for EndedOnDrop {
    fn drop(&mut self) {
        // Both do nothing to a child that has been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Feeds the program and reads what it says, at the same time, so that neither side blocks.
fn talk(
    child: &mut Child,
    input: &[u8],
    deadline: Instant,
    cap: usize,
) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let mut feed = Feed {
        pipe: pipe(child.stdin.take())?,
        rest: input,
    };
    let mut stdout = Said::by(child.stdout.take())?;
    let mut stderr = Said::by(child.stderr.take())?;
    loop {
        feed.push();
        stdout.pull(cap)?;
        stderr.pull(cap)?;
        if stdout.pipe.is_none() && stderr.pipe.is_none() {
            return Ok((stdout.bytes, stderr.bytes));
        }
        wait_for_any(&feed, [&stdout, &stderr], deadline)?;
    }
}

fn wait_for_any(feed: &Feed, said: [&Said; 2], deadline: Instant) -> Result<(), Failure> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Failure::OutOfTime);
    }
    let writable = feed.pipe.iter().map(|pipe| (pipe, PollFlags::POLLOUT));
    let readable = said.iter().filter_map(|said| said.pipe.as_ref());
    let mut awaited: Vec<PollFd> = writable
        .chain(readable.map(|pipe| (pipe, PollFlags::POLLIN)))
        .map(|(pipe, event)| PollFd::new(pipe.as_fd(), event))
        .collect();
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    match poll(&mut awaited, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Failure::NotStarted(errno.into())),
    }
}

struct Feed<'a> {
    pipe: Option<File>,
    rest: &'a [u8],
}

impl Feed<'_> {
    /// Writes what fits; closes the pipe after the last byte, or when nobody reads any more.
    fn push(&mut self) {
        while let Some(pipe) = &mut self.pipe {
            if self.rest.is_empty() {
                self.pipe = None;
                return;
            }
            match pipe.write(self.rest) {
                Ok(written) => self.rest = self.rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.pipe = None,
            }
        }
    }
}

struct Said {
    pipe: Option<File>,
    bytes: Vec<u8>,
}

impl Said {
    fn by(source: Option<impl Into<OwnedFd>>) -> Result<Self, Failure> {
        Ok(Self {
            pipe: pipe(source)?,
            bytes: Vec::new(),
        })
    }

    fn pull(&mut self, cap: usize) -> Result<(), Failure> {
        let mut chunk = [0; 16 * 1024];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut chunk) {
                Ok(0) => self.pipe = None,
                Ok(length) => self.bytes.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.pipe = None,
            }
            if self.bytes.len() > cap {
                return Err(Failure::TooMuchOutput);
            }
        }
        Ok(())
    }
}

fn pipe(source: Option<impl Into<OwnedFd>>) -> Result<Option<File>, Failure> {
    let Some(source) = source else {
        return Ok(None);
    };
    let pipe = File::from(source.into());
    let not_blocking = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
    fcntl(&pipe, not_blocking).map_err(|errno| Failure::NotStarted(errno.into()))?;
    Ok(Some(pipe))
}

/// A program that has closed its output is about to exit; there is nothing to wait on but time.
fn exit_status(child: &mut Child, deadline: Instant) -> Result<ExitStatus, Failure> {
    loop {
        if let Some(status) = child.try_wait().map_err(Failure::NotStarted)? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            return Err(Failure::OutOfTime);
        }
        std::thread::sleep(REAP_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        time: Duration::from_secs(10),
        output: 1 << 20,
    };

    #[test]
    fn input_reaches_the_program_and_its_words_come_back() {
        let script = "cat; echo complaint >&2; exit 3";
        let outcome = run("sh", &["-c", script], "a line\n", LIMITS).unwrap();
        assert_eq!(outcome.stdout, "a line\n");
        assert_eq!(outcome.stderr, "complaint\n");
        assert_eq!(outcome.status.code(), Some(3));
    }

    #[test]
    fn input_larger_than_a_pipe_neither_blocks_nor_is_cut() {
        let input = "0123456789abcdef".repeat(1 << 15);
        let outcome = run("cat", &[], &input, LIMITS).unwrap();
        assert_eq!(outcome.stdout, input);
    }

    #[test]
    fn a_program_that_does_not_read_its_input_is_not_waited_for_by_the_writer() {
        let input = "x".repeat(1 << 20);
        let outcome = run("true", &[], &input, LIMITS).unwrap();
        assert!(outcome.status.success());
    }

    #[test]
    fn a_program_that_hangs_is_ended_in_time() {
        let limits = Limits {
            time: Duration::from_millis(50),
            ..LIMITS
        };
        let began = Instant::now();
        let outcome = run("sleep", &["60"], "", limits);
        assert!(matches!(outcome, Err(Failure::OutOfTime)), "{outcome:?}");
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_program_that_says_too_much_is_ended() {
        let outcome = run("yes", &[], "", LIMITS);
        assert!(
            matches!(outcome, Err(Failure::TooMuchOutput)),
            "{outcome:?}"
        );
    }

    #[test]
    fn a_program_that_is_nowhere_is_told_from_one_that_fails() {
        let outcome = run("no-such-program-anywhere", &[], "", LIMITS);
        assert!(matches!(outcome, Err(Failure::NotInstalled)), "{outcome:?}");
    }
}
