//! The event journal: one JSON object a line in `events.jsonl`, and one line for a human on
//! standard error.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use super::timestamp::rfc3339;
use crate::clock::Moment;

/// What happened, by the names that outsiders rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
    /// The operator set a weight by hand.
    WishSet,
    /// The operator set the configured weight again.
    WishCleared,
    /// No server is known to work; some are kept all the same.
    FailOpen,
    /// Servers that work serve again.
    FailOpenEnded,
    /// A check has not answered for too long.
    Stale,
    /// A reload was refused; nothing changed.
    ReloadRefused,
    /// The director ended; the table stays.
    Stopped,
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
    file: File,
    seq: u64,
    /// Lines for the file and for standard error that are noted and not yet written.
    noted: Vec<u8>,
    told: Vec<u8>,
}

impl Journal {
    /// Opens the journal for appending.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: OpenOptions::new().create(true).append(true).open(path)?,
            seq: 0,
            noted: Vec::new(),
            told: Vec::new(),
        })
    }

    /// Notes one event; it is written with the next [`flush`](Self::flush).
    pub fn note(&mut self, now: Moment, entry: &Entry<'_>) {
        self.seq += 1;
        let line = Line {
            seq: self.seq,
            ts: rfc3339(SystemTime::now()),
            mono_us: now.micros(),
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
    }

    /// Writes what was noted, after what followed from it was done: the kernel does not wait for
    /// the journal. A full disk costs the lines in the file, never the director.
    pub fn flush(&mut self) {
        if !self.noted.is_empty() {
            let _ = self.file.write_all(&self.noted);
        }
        if !self.told.is_empty() {
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

fn human(line: &Line<'_>) -> String {
    let event = serde_json::to_value(line.event).ok();
    let event = event
        .as_ref()
        .and_then(|name| name.as_str())
        .unwrap_or("event");
    let about = match (line.service, line.server) {
        (Some(service), Some(server)) => format!(" {service}/{server}"),
        (Some(name), None) | (None, Some(name)) => format!(" {name}"),
        (None, None) => String::new(),
    };
    format!("{} {event}{about}: {}\n", line.ts, line.reason)
}
