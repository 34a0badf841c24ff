//! Our verdicts for a monitoring core that does not ask for them itself: passive results in the
//! external command file of Nagios, or of Icinga with its feature `command`.
//!
//! A FIFO whose reader is gone, or is slow, must not hold the director up: a thread writes, each
//! attempt is bounded, and of each check only the newest result waits.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shared::host_mode::{HostMode, Wishes};
use shared::text;
use shared::verdict::Verdict;
use tokio::sync::mpsc::Sender;

use crate::host::{HostEvent, Problem};
use crate::operate::journal::Event;

/// A write of so much to a FIFO is one piece to its reader (`PIPE_BUF` of Linux).
const ONE_PIECE: usize = 4096;

/// How often a batch is tried, and how far apart.
const ATTEMPTS: u32 = 3;
const APART: Duration = Duration::from_secs(1);

/// Host and service, as the core knows them.
type About = (String, String);

/// The way to a command file. Dropping it ends its thread with what it is writing.
#[derive(Debug)]
pub struct CommandFile {
    waiting: Arc<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    results: Mutex<Results>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Results {
    newest: BTreeMap<About, String>,
    ended: bool,
}

impl CommandFile {
    /// Starts to write to that file what will be given. What is wrong with it is told by `events`.
    ///
    /// # Errors
    /// The operating system gave no thread.
    pub fn start(path: PathBuf, events: Sender<HostEvent>) -> io::Result<Self> {
        let waiting = Arc::new(Waiting::default());
        let work = Arc::clone(&waiting);
        thread::Builder::new()
            .name("command-file".to_owned())
            .spawn(move || follow(&path, &work, &events))?;
        Ok(Self { waiting })
    }

    /// Gives a server's newest result of a check; one that was not yet written is replaced.
    pub fn give(&self, server: &str, check: &str, verdict: &Verdict) {
        let line = line(server, check, verdict, SystemTime::now());
        let about = (server.to_owned(), check.to_owned());
        self.waiting.lock().newest.insert(about, line);
        self.waiting.changed.notify_one();
    }
}

impl Drop for CommandFile {
    fn drop(&mut self) {
        self.waiting.lock().ended = true;
        self.waiting.changed.notify_one();
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Results> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch, waited for; `None` at the end.
    fn take(&self) -> Option<Vec<String>> {
        let mut results = self.lock();
        while results.newest.is_empty() {
            if results.ended {
                return None;
            }
            results = self
                .changed
                .wait(results)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::take(&mut results.newest).into_values().collect())
    }
}

fn follow(path: &Path, waiting: &Waiting, events: &Sender<HostEvent>) {
    let mut noted = None;
    while let Some(lines) = waiting.take() {
        let words = write_bounded(path, &lines)
            .err()
            .map(|error| words(path, &error));
        if words != noted {
            noted.clone_from(&words);
            let _ = events.blocking_send(told(path, words));
        }
    }
}

fn told(path: &Path, words: Option<String>) -> HostEvent {
    let thing = format!("command file {}", path.display());
    let (event, reason) = match &words {
        Some(words) => (Event::StepFailed, words.clone()),
        None => (Event::Repaired, format!("{thing}: results are taken again")),
    };
    HostEvent {
        event,
        reason,
        problem: Problem { thing, words },
    }
}

fn words(path: &Path, error: &io::Error) -> String {
    let why = match error.raw_os_error() {
        Some(libc::ENXIO) => "nobody reads it; does the monitoring core run?".to_owned(),
        Some(libc::ENOENT) => "is not there; does the monitoring core run?".to_owned(),
        Some(libc::EAGAIN) => "is full; its reader does not read".to_owned(),
        _ => error.to_string(),
    };
    format!(
        "results are not taken by {}: {why} They are dropped after {ATTEMPTS} attempts; no weight \
         depends on it",
        path.display()
    )
}

fn write_bounded(path: &Path, lines: &[String]) -> io::Result<()> {
    let mut left = lines;
    let mut last = Ok(());
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            thread::sleep(APART);
        }
        match write(path, &mut left) {
            Ok(()) => return Ok(()),
            error => last = error,
        }
    }
    last
}

/// Writes line by line, each in one piece; what is `left` was not written.
fn write(path: &Path, left: &mut &[String]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.file_type().is_fifo() {
        return Err(io::Error::other("it is not a FIFO"));
    }
    while let Some((line, rest)) = left.split_first() {
        file.write_all(line.as_bytes())?;
        *left = rest;
    }
    Ok(())
}

/// `PROCESS_SERVICE_CHECK_RESULT` (Nagios Core, external commands).
fn line(server: &str, check: &str, verdict: &Verdict, now: SystemTime) -> String {
    let answer = HostMode::Nagios.answer(verdict, &Wishes::default());
    let said = String::from_utf8_lossy(&answer.stdout);
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let line = format!(
        "[{seconds}] PROCESS_SERVICE_CHECK_RESULT;{};{};{};{}",
        text::one_line(server),
        text::one_line(check),
        answer.code,
        said.lines().next().unwrap_or_default()
    );
    format!("{}\n", text::cut(&line, ONE_PIECE - 1))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use shared::verdict::{Condition, Finding, Kind};
    use tokio::sync::mpsc;

    use super::*;

    fn verdict(summary: &str) -> Verdict {
        let finding = Finding::new(Condition::Failed, Kind::Silent, summary);
        Verdict::new("x224", "10.0.1.1", Some(3389), finding)
    }

    #[test]
    fn a_result_is_one_line_with_four_fields_and_the_status_line() {
        let at = UNIX_EPOCH + Duration::from_secs(1_000);
        let line = line("ex1", "rdp;2", &verdict("no\nanswer"), at);
        assert!(
            line.starts_with("[1000] PROCESS_SERVICE_CHECK_RESULT;ex1;rdp,2;2;X224 CRITICAL: ")
        );
        assert_eq!(line.matches('\n').count(), 1);
        assert!(super::line("ex1", "rdp", &verdict(&"x".repeat(9000)), at).len() <= ONE_PIECE);
    }

    #[test]
    fn the_newest_result_reaches_a_reader() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nagios.cmd");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let reader = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let (tell, _told) = mpsc::channel(4);
        let file = CommandFile::start(path, tell).unwrap();
        file.give("ex1", "rdp", &verdict("as the test says"));
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).unwrap();
        assert!(line.contains(";ex1;rdp;2;"), "{line}");
    }

    #[test]
    fn a_command_file_that_vanishes_is_named_and_written_once_it_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nagios.cmd");
        let core = || {
            mkfifo(&path, Mode::S_IRWXU).unwrap();
            let mut options = std::fs::OpenOptions::new();
            options.read(true).write(true).open(&path).unwrap()
        };
        let before = core();
        let (tell, mut told) = mpsc::channel(4);
        let file = CommandFile::start(path.clone(), tell).unwrap();
        file.give("ex1", "rdp", &verdict("the first"));
        let mut line = String::new();
        BufReader::new(before).read_line(&mut line).unwrap();
        std::fs::remove_file(&path).unwrap();
        file.give("ex1", "rdp", &verdict("lost"));
        let event = told.blocking_recv().unwrap();
        assert!(event.reason.contains("is not there"), "{}", event.reason);
        let after = core();
        file.give("ex1", "rdp", &verdict("the next"));
        assert_eq!(told.blocking_recv().unwrap().problem.words, None);
        let mut line = String::new();
        BufReader::new(after).read_line(&mut line).unwrap();
        assert!(line.contains("the next"), "{line}");
    }

    #[test]
    fn a_command_file_without_a_reader_is_named_after_bounded_attempts_and_told_when_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nagios.cmd");
        mkfifo(&path, Mode::S_IRWXU).unwrap();
        let (tell, mut told) = mpsc::channel(4);
        let file = CommandFile::start(path.clone(), tell).unwrap();
        file.give("ex1", "rdp", &verdict("as the test says"));
        let event = told.blocking_recv().unwrap();
        assert_eq!(event.event, Event::StepFailed);
        assert!(event.reason.contains("nobody reads it"), "{}", event.reason);
        let _reader = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        file.give("ex1", "rdp", &verdict("as the test says"));
        assert_eq!(told.blocking_recv().unwrap().problem.words, None);
    }
}
