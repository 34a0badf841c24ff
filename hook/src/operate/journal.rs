//! The event journal: one JSON object a line in `events.jsonl`, and one line for a human on
//! standard error.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;

use super::alert::alerts;
use super::status::LatestEvent;
use super::timestamp::rfc3339;

/// What happened, by the names that outsiders rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The director runs.
    Started,
    /// A service was read from the table for the first time.
    Adopted,
    /// A check found something else than before.
    Verdict,
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
    /// A reload was refused; nothing changed.
    ReloadRefused,
    /// The director ended; the table stays.
    Stopped,
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
}

/// Where events go.
#[derive(Debug)]
pub struct Journal {
    /// `None` for a journal that nobody reads.
    file: Option<File>,
    seq: u64,
    /// Lines for the file and for standard error that are noted and not yet written.
    noted: Vec<u8>,
    told: Vec<u8>,
    counts: BTreeMap<Event, u64>,
    latest: VecDeque<LatestEvent>,
    alerts: Option<mpsc::Sender<LatestEvent>>,
}

/// So many of the latest events are kept for `status`.
const LATEST: usize = 20;

/// The last line of the journal lies within this many bytes of its end.
const LONGEST_LINE: u64 = 64 * 1024;

impl Journal {
    /// Opens the journal for appending; the numbers go on where the last run ended.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_LINE)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        if tail.last().is_some_and(|byte| *byte != b'\n') {
            // A line torn by a crash must not swallow the next one.
            file.write_all(b"\n")?;
        }
        Ok(Self {
            file: Some(file),
            seq: last_seq(&tail),
            noted: Vec::new(),
            told: Vec::new(),
            counts: BTreeMap::new(),
            latest: VecDeque::with_capacity(LATEST),
            alerts: None,
        })
    }

    /// Hands what somebody should be told of to the mail. One that finds no room is not mailed.
    pub fn alert(&mut self, alerts: mpsc::Sender<LatestEvent>) {
        self.alerts = Some(alerts);
    }

    /// A journal that goes nowhere.
    pub fn nowhere() -> Self {
        Self {
            file: None,
            seq: 0,
            noted: Vec::new(),
            counts: BTreeMap::new(),
            latest: VecDeque::with_capacity(LATEST),
            alerts: None,
            told: Vec::new(),
        }
    }

    /// Notes one event; it is written with the next [`flush`](Self::flush).
    pub fn note(&mut self, entry: &Entry<'_>) {
        self.seq += 1;
        let line = Line {
            seq: self.seq,
            ts: rfc3339(SystemTime::now()),
            mono_us: monotonic_us(),
            event: entry.event,
            service: entry.service,
            server: entry.server,
            reason: &entry.reason,
        };
        let length = self.noted.len();
        match serde_json::to_writer(&mut self.noted, &line) {
            Ok(()) => self.noted.push(b'\n'),
            Err(_) => self.noted.truncate(length),
        }
        self.told.extend_from_slice(human(&line).as_bytes());
        self.keep(&line);
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

    /// Writes what was noted, once what followed from it is done: the kernel does not wait for
    /// the journal. A full disk costs the lines in the file, never the director.
    pub fn flush(&mut self) {
        if let Some(file) = &mut self.file {
            let _ = file.write_all(&self.noted);
            let _ = io::stderr().write_all(&self.told);
        }
        self.noted.clear();
        self.told.clear();
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The number of the last whole line, 0 if there is none.
fn last_seq(tail: &[u8]) -> u64 {
    let seq = |line: &[u8]| {
        serde_json::from_slice::<Value>(line)
            .ok()?
            .get("seq")?
            .as_u64()
    };
    tail.rsplit(|byte| *byte == b'\n')
        .find_map(seq)
        .unwrap_or(0)
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
}
