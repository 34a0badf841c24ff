//! The event journal: one JSON object a line in `events.jsonl`, and one line for a human on
//! standard error.

mod background;
pub(super) mod log;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

pub use log::Limits;

use background::Background;
use log::Log;

use super::alert::alerts;
use super::status::LatestEvent;
use super::timestamp::rfc3339;

/// What happened, by the names that outsiders rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The director runs.
    Started,
    /// A service was read from the table for the first time.
    Adopted,
    /// A check found something else than before.
    Verdict,
    /// A check found the same again, soon after the change: what a streak is made of. Not told on
    /// standard error.
    Reading,
    /// A server joined a service.
    ServerUp,
    /// A server left a service.
    ServerDown,
    /// A server said that it is in maintenance.
    ServerMaintenance,
    /// The table was changed.
    Step,
    /// The table could not be changed.
    StepFailed,
    /// Something that was missing or altered behind our back was put right.
    Repaired,
    /// The owner of the table has removed a destination; it is not put back.
    Vanished,
    /// The operator set a weight by hand.
    WishSet,
    /// The operator set the configured weight again.
    WishCleared,
    /// No server is known to work; some are kept all the same.
    FailOpen,
    /// Servers that work serve again.
    FailOpenEnded,
    /// No server accepts connections; the sorry server serves.
    SorryServer,
    /// The sorry server serves no longer.
    SorryServerEnded,
    /// A drain is done: no connections are left, or its deadline has come.
    Drained,
    /// Another configuration is carried out from now on.
    Reloaded,
    /// A check has not answered for too long.
    Stale,
    /// This director of a pair is fit to hold the addresses from now on, or unfit.
    Score,
    /// VRRP has another state here: this director holds the addresses from now on, or does not.
    Vrrp,
    /// A reload was refused; nothing changed.
    ReloadRefused,
    /// The director ended; the table stays.
    Stopped,
    /// Events could not be written; so many numbers are missing before this one.
    JournalLost,
}

impl Event {
    /// Its name in the journal.
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).ok();
        let name = name.as_ref().and_then(Value::as_str);
        name.unwrap_or("event").to_owned()
    }
}

/// One event with what it is about.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// What happened.
    pub event: Event,
    /// In which service.
    pub service: Option<&'a str>,
    /// To which server.
    pub server: Option<&'a str>,
    /// Why, in one line.
    pub reason: String,
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    ts: String,
    mono_us: u64,
    event: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<&'a str>,
    reason: &'a str,
    #[serde(flatten)]
    facts: Map<String, Value>,
}

/// Where lines go.
#[derive(Debug)]
enum Sink {
    Nowhere,
    Kept(Arc<Mutex<Vec<u8>>>),
    Here(Log),
    Background(Background),
}

/// Where events go.
#[derive(Debug)]
pub struct Journal {
    sink: Sink,
    seq: u64,
    /// Events in `noted`, and those of which a line in it says that they are lost.
    pending: u64,
    /// Lines for the file and for standard error that are noted and not yet written.
    noted: Vec<u8>,
    told: Vec<u8>,
    counts: BTreeMap<Event, u64>,
    latest: VecDeque<LatestEvent>,
    alerts: Option<mpsc::Sender<LatestEvent>>,
}

/// So many bytes of readings wait at most to be written.
const READINGS_MOST: usize = 64 * 1024;

/// So many of the latest events are kept for `status`.
const LATEST: usize = 20;

impl Journal {
    /// Opens the journal for appending; the numbers go on where the last run ended. Lines are
    /// written by whoever flushes.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (log, seq) = Log::open(path, Limits::default())?;
        Ok(Self::with(Sink::Here(log), seq))
    }

    /// Opens the journal as a director does: threads write, and the director never waits. What
    /// they cannot write in time is lost, counted and noted.
    ///
    /// # Errors
    /// The file cannot be opened or read, or no thread can be started.
    pub fn in_background(path: &Path, limits: Limits) -> io::Result<Self> {
        let (log, seq) = Log::open(path, limits)?;
        let background = Background::start(log)?;
        Ok(Self::with(Sink::Background(background), seq))
    }

    /// Hands what somebody should be told of to the mail. One that finds no room is not mailed.
    pub fn alert(&mut self, alerts: mpsc::Sender<LatestEvent>) {
        self.alerts = Some(alerts);
    }

    /// A journal that goes nowhere.
    pub fn nowhere() -> Self {
        Self::with(Sink::Nowhere, 0)
    }

    /// A journal whose lines are kept in memory, for whoever reads them there.
    pub fn kept() -> (Self, Arc<Mutex<Vec<u8>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        (Self::with(Sink::Kept(Arc::clone(&lines)), 0), lines)
    }

    fn with(sink: Sink, seq: u64) -> Self {
        Self {
            sink,
            seq,
            pending: 0,
            noted: Vec::new(),
            counts: BTreeMap::new(),
            latest: VecDeque::with_capacity(LATEST),
            alerts: None,
            told: Vec::new(),
        }
    }

    /// Notes one event; it is written with the next [`flush`](Self::flush).
    pub fn note(&mut self, entry: &Entry<'_>) {
        self.note_with(entry, Map::new());
    }

    /// Notes one event with further keys for programs.
    pub fn note_with(&mut self, entry: &Entry<'_>, facts: Map<String, Value>) {
        self.note_losses();
        self.add(entry, facts);
    }

    /// Says what became of the numbers that are missing.
    fn note_losses(&mut self) {
        let Sink::Background(background) = &self.sink else {
            return;
        };
        let lost = background.take_lost();
        if lost > 0 {
            let reason = format!(
                "{lost} events could not be written: the disk is full, refuses or was too slow"
            );
            self.pending += lost;
            self.add_lost(reason);
        }
    }

    fn add_lost(&mut self, reason: String) {
        let entry = Entry {
            event: Event::JournalLost,
            service: None,
            server: None,
            reason,
        };
        self.add(&entry, Map::new());
    }

    fn add(&mut self, entry: &Entry<'_>, facts: Map<String, Value>) {
        self.seq += 1;
        self.pending += 1;
        let line = Line {
            seq: self.seq,
            ts: rfc3339(SystemTime::now()),
            mono_us: monotonic_us(),
            event: entry.event,
            service: entry.service,
            server: entry.server,
            reason: &entry.reason,
            facts,
        };
        let length = self.noted.len();
        match serde_json::to_writer(&mut self.noted, &line) {
            Ok(()) => self.noted.push(b'\n'),
            Err(_) => self.noted.truncate(length),
        }
        if entry.event != Event::Reading {
            self.told.extend_from_slice(human(&line).as_bytes());
            self.keep(&line);
        }
    }

    fn keep(&mut self, line: &Line<'_>) {
        *self.counts.entry(line.event).or_default() += 1;
        if self.latest.len() == LATEST {
            self.latest.pop_front();
        }
        let event = LatestEvent {
            ts: line.ts.clone(),
            event: line.event.name(),
            service: line.service.map(str::to_owned),
            server: line.server.map(str::to_owned),
            reason: line.reason.to_owned(),
        };
        if let Some(alerts) = self.alerts.as_ref().filter(|_| alerts(line.event)) {
            let _ = alerts.try_send(event.clone());
        }
        self.latest.push_back(event);
    }

    /// How often each event happened in this run, by its name.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let counts = self.counts.iter();
        counts
            .map(|(event, count)| (event.name(), *count))
            .collect()
    }

    /// The latest events of this run, the newest last.
    pub fn latest(&self) -> Vec<LatestEvent> {
        self.latest.iter().cloned().collect()
    }

    /// Writes what was noted if some of it is news. Mere readings, of which there may be hundreds
    /// a second, wait for company or for the next [`flush`](Self::flush), so that they cost no
    /// writing each.
    pub fn flush_news(&mut self) {
        if !self.told.is_empty() || self.noted.len() >= READINGS_MOST {
            self.flush();
        }
    }

    /// Writes what was noted, once what followed from it is done: the kernel does not wait for
    /// the journal. A full disk costs the lines in the file, never the director.
    pub fn flush(&mut self) {
        if self.noted.is_empty() {
            return;
        }
        let (noted, told) = (
            std::mem::take(&mut self.noted),
            std::mem::take(&mut self.told),
        );
        let events = std::mem::take(&mut self.pending);
        match &mut self.sink {
            Sink::Nowhere => {}
            Sink::Kept(lines) => {
                if let Ok(mut lines) = lines.lock() {
                    lines.extend_from_slice(&noted);
                }
            }
            Sink::Here(log) => {
                let _ = log.append(&noted);
                let _ = io::stderr().write_all(&told);
            }
            Sink::Background(background) => {
                background.write(noted, events);
                if !told.is_empty() && background.tell(told) {
                    self.add_lost("nobody reads standard error; its lines are lost".to_owned());
                }
            }
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Microseconds of the system's monotonic clock: comparable across runs of one boot.
fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(Duration::from)
        .unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

fn human(line: &Line<'_>) -> String {
    let event = line.event.name();
    let about = match (line.service, line.server) {
        (Some(service), Some(server)) => format!(" {service}/{server}"),
        (Some(name), None) | (None, Some(name)) => format!(" {name}"),
        (None, None) => String::new(),
    };
    format!("{} {event}{about}: {}\n", line.ts, line.reason)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    fn note(journal: &mut Journal) {
        let reason = "as the test says".to_owned();
        journal.note(&Entry {
            event: Event::Stale,
            service: None,
            server: Some("ex1"),
            reason,
        });
    }

    fn numbers(path: &Path) -> Vec<u64> {
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.map(|line| line["seq"].as_u64().unwrap()).collect()
    }

    #[test]
    fn the_numbers_go_on_after_a_restart_and_after_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        note(&mut Journal::open(&path).unwrap());
        note(&mut Journal::open(&path).unwrap());
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"seq\":3,\"ts\":\"20").unwrap();
        note(&mut Journal::open(&path).unwrap());
        assert_eq!(numbers(&path), [1, 2, 3]);
    }

    #[test]
    fn readings_wait_for_news_and_come_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut journal = Journal::open(&path).unwrap();
        let of = |event| Entry {
            event,
            service: None,
            server: Some("ex1"),
            reason: "said".to_owned(),
        };
        journal.note(&of(Event::Reading));
        journal.flush_news();
        assert_eq!(numbers(&path), [0; 0]);
        journal.note(&of(Event::ServerDown));
        journal.flush_news();
        assert_eq!(numbers(&path), [1, 2]);
        let many = READINGS_MOST / "reading".len();
        for _ in 0..many {
            journal.note(&of(Event::Reading));
            journal.flush_news();
        }
        assert!(numbers(&path).len() > 2, "too many do not wait");
    }

    #[test]
    fn each_event_bears_the_time_of_its_own_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut journal = Journal::open(&path).unwrap();
        let before = monotonic_us();
        note(&mut journal);
        journal.flush();
        let line = std::fs::read(&path).unwrap();
        let line: Value = serde_json::from_slice(&line).unwrap();
        let told = line["mono_us"].as_u64().unwrap();
        assert!(before <= told && told <= monotonic_us());
    }

    fn files(path: &Path) -> Vec<std::path::PathBuf> {
        let numbered = (1..9).rev().map(|number| log::numbered(path, number));
        numbered
            .chain([path.to_owned()])
            .filter(|path| path.exists())
            .collect()
    }

    #[test]
    fn a_journal_stays_within_its_limits_and_loses_its_oldest_events_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let limits = Limits {
            size: 2000,
            keep: 2,
        };
        let mut journal = Journal::in_background(&path, limits).unwrap();
        for _ in 0..100 {
            note(&mut journal);
            journal.flush();
        }
        drop(journal);
        let files = files(&path);
        assert_eq!(files.len(), 3);
        let sizes = files.iter().map(|file| file.metadata().unwrap().len());
        assert!(
            sizes.clone().all(|size| size <= 2000),
            "{:?}",
            sizes.collect::<Vec<_>>()
        );
        let kept: Vec<u64> = files.iter().flat_map(|file| numbers(file)).collect();
        let first = kept[0];
        assert!(first > 1, "the oldest are gone");
        assert_eq!(
            kept,
            (first..=100).collect::<Vec<_>>(),
            "none is missing in between"
        );
    }

    #[test]
    fn the_numbers_go_on_over_a_rotation_and_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        note(&mut Journal::open(&path).unwrap());
        std::fs::rename(&path, log::numbered(&path, 1)).unwrap();
        note(&mut Journal::open(&path).unwrap());
        assert_eq!(numbers(&path), [2]);
    }

    /// Runs a test by its name again where `folder` is a file system of 64 KiB.
    fn again_on_a_small_disk(test: &str, folder: &Path) {
        let script = "mount -t tmpfs -o size=64k small \"$SMALL_DISK\" && exec \"$@\"";
        let exe = std::env::current_exe().unwrap();
        let status = std::process::Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(exe)
            .args(["--exact", test, "--nocapture"])
            .env("SMALL_DISK", folder)
            .status()
            .expect("unshare");
        assert!(status.success());
    }

    #[test]
    fn a_full_disk_costs_events_that_are_counted_and_no_line_is_torn() {
        let Some(folder) = std::env::var_os("SMALL_DISK") else {
            let folder = tempfile::tempdir().unwrap();
            let name = "operate::journal::tests::\
                        a_full_disk_costs_events_that_are_counted_and_no_line_is_torn";
            return again_on_a_small_disk(name, folder.path());
        };
        let folder = Path::new(&folder);
        let ballast = folder.join("ballast");
        let path = folder.join("events.jsonl");
        let mut journal = Journal::in_background(&path, Limits::default()).unwrap();
        note(&mut journal);
        journal.flush();
        while std::fs::read(&path).unwrap().is_empty() {
            std::thread::yield_now();
        }
        // The last page of the file is its own; the disk is full behind it.
        let _ = std::fs::write(&ballast, vec![0; 128 * 1024]);
        for _ in 0..200 {
            note(&mut journal);
            journal.flush();
        }
        let Sink::Background(background) = &journal.sink else {
            panic!("a journal in the background");
        };
        while background.lost.load(std::sync::atomic::Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        std::fs::remove_file(&ballast).unwrap();
        // Batches under way may be lost too; in the end all losses are told of.
        let lost = Arc::clone(&background.lost);
        let lost = || lost.load(std::sync::atomic::Ordering::Relaxed);
        let text = || std::fs::read_to_string(&path).unwrap();
        while lost() > 0 || !text().contains("journal_lost") {
            note(&mut journal);
            journal.flush();
            while lost() == 0 && numbers(&path).last() != Some(&journal.seq) {
                std::thread::yield_now();
            }
        }
        drop(journal);
        let whole = |line: &str| serde_json::from_str::<Value>(line).is_ok();
        assert!(text().lines().all(whole), "{}", text());
        let told: u64 = text()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["event"] == "journal_lost")
            .filter_map(|line| {
                line["reason"]
                    .as_str()?
                    .split(' ')
                    .next()?
                    .parse::<u64>()
                    .ok()
            })
            .sum();
        let numbers = numbers(&path);
        let missing = numbers.last().unwrap() - numbers.len() as u64;
        assert_eq!(told, missing, "every missing number is accounted for");
    }

    #[test]
    fn a_standard_error_that_nobody_reads_does_not_hold_up_the_journal() {
        if std::env::var_os("UNREAD_STDERR").is_some() {
            let path = std::path::PathBuf::from(std::env::var_os("UNREAD_STDERR").unwrap());
            let mut journal = Journal::in_background(&path, Limits::default()).unwrap();
            // More than a pipe holds, and than the channel does.
            for _ in 0..4000 {
                note(&mut journal);
                journal.flush();
                if numbers_behind(&path, journal.seq) > 500 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let (_unread, stderr) = std::io::pipe().unwrap();
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "operate::journal::tests::\
                 a_standard_error_that_nobody_reads_does_not_hold_up_the_journal",
                "--nocapture",
            ])
            .env("UNREAD_STDERR", &path)
            .stderr(stderr)
            .status()
            .unwrap();
        assert!(status.success());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("nobody reads standard error"));
        assert!(text.lines().count() > 3000, "{}", text.lines().count());
    }

    /// How many events are noted and not in the file, roughly: by its size.
    fn numbers_behind(path: &Path, seq: u64) -> u64 {
        const LINE: u64 = 100;
        seq.saturating_sub(path.metadata().map_or(0, |meta| meta.len()) / LINE)
    }
}
