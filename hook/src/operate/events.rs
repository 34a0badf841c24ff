//! `governess events`: the journal read back, for people and for programs.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::journal::log::numbered;

/// One event as it stands in the journal. An event of a later version is kept as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number; they go on over restarts and rotations.
    pub seq: u64,
    /// When, as RFC 3339 writes it.
    pub ts: String,
    /// When, in microseconds of the monotonic clock of that boot.
    pub mono_us: u64,
    /// What happened.
    pub event: String,
    /// In which service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// To which server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Further keys.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
}

impl Record {
    /// A further key's text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.facts.get(key)?.as_str()
    }

    /// The lines of a further key.
    pub fn lines(&self, key: &str) -> Vec<&str> {
        let list = self.facts.get(key).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// One line for a human.
    pub fn page(&self) -> String {
        let about = match (&self.service, &self.server) {
            (Some(service), Some(server)) => format!(" {service}/{server}"),
            (Some(name), None) | (None, Some(name)) => format!(" {name}"),
            (None, None) => String::new(),
        };
        format!("{} {}{about}: {}", self.ts, self.event, self.reason)
    }
}

/// The whole lines of a journal with the files that were put aside, oldest first. Torn lines are
/// left out.
///
/// # Errors
/// A file cannot be read; none at all is no error, and no event.
pub fn read(path: &Path) -> io::Result<Vec<Record>> {
    let mut records = Vec::new();
    for file in files(path) {
        match File::open(&file) {
            Ok(file) => records.extend(BufReader::new(file).split(b'\n').filter_map(record)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(records)
}

fn record(line: io::Result<Vec<u8>>) -> Option<Record> {
    serde_json::from_slice(&line.ok()?).ok()
}

/// The files of a journal, oldest first.
fn files(path: &Path) -> Vec<PathBuf> {
    let aside = (1..).map(|number| numbered(path, number));
    let mut files: Vec<PathBuf> = aside.take_while(|file| file.exists()).collect();
    files.reverse();
    files.push(path.to_owned());
    files
}

/// A journal as it grows, read over restarts and rotations.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    open: Option<(u64, File)>,
    rest: Vec<u8>,
    seq: u64,
}

/// How often a journal is looked at. No event of the file system is waited for, so that a journal
/// on a network file system is followed too.
pub const PERIOD: Duration = Duration::from_millis(200);

impl Follower {
    /// Follows the journal at `path`; what is there already is told first.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            open: None,
            rest: Vec::new(),
            seq: 0,
        }
    }

    /// The events since the last call.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn news(&mut self) -> io::Result<Vec<Record>> {
        let inode = match self.path.metadata() {
            Ok(found) => Some(found.ino()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut records = match (&mut self.open, inode) {
            (Some((open, file)), Some(inode)) if *open == inode => more(file, &mut self.rest)?,
            (_, None) => Vec::new(),
            _ => self.anew()?,
        };
        records.retain(|record| record.seq > self.seq);
        if let Some(last) = records.last() {
            self.seq = last.seq;
        }
        Ok(records)
    }

    /// Another file than before: everything is read, and what is known by its number is left out,
    /// for the journal may have been rotated more than once since.
    fn anew(&mut self) -> io::Result<Vec<Record>> {
        let mut file = File::open(&self.path)?;
        let inode = file.metadata()?.ino();
        let mut records = read(&self.path)?;
        // From the file's beginning: what came between the two readings is not lost.
        file.seek(SeekFrom::Start(0))?;
        self.rest.clear();
        let last = records.last().map_or(0, |record| record.seq);
        let later = more(&mut file, &mut self.rest)?;
        records.extend(later.into_iter().filter(|record| record.seq > last));
        self.open = Some((inode, file));
        Ok(records)
    }
}

/// The whole lines that a file has had added; half a line stays in `rest`.
fn more(file: &mut File, rest: &mut Vec<u8>) -> io::Result<Vec<Record>> {
    file.read_to_end(rest)?;
    let end = rest.iter().rposition(|byte| *byte == b'\n');
    let whole: Vec<u8> = rest.drain(..end.map_or(0, |at| at + 1)).collect();
    let lines = whole.split(|byte| *byte == b'\n');
    Ok(lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::journal::{Entry, Event, Journal, Limits};

    fn note(journal: &mut Journal) {
        journal.note(&Entry {
            event: Event::Stale,
            service: None,
            server: Some("ex1"),
            reason: "as the test says".to_owned(),
        });
        journal.flush();
    }

    #[test]
    fn a_journal_is_followed_over_rotations_and_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let limits = Limits {
            size: 1000,
            keep: 3,
        };
        let mut follower = Follower::new(&path);
        assert_eq!(follower.news().unwrap(), []);
        let mut seen = Vec::new();
        for round in 0..12 {
            let mut journal = Journal::in_background(&path, limits).unwrap();
            for _ in 0..round {
                note(&mut journal);
            }
            drop(journal);
            seen.extend(
                follower
                    .news()
                    .unwrap()
                    .into_iter()
                    .map(|record| record.seq),
            );
        }
        assert_eq!(seen, (1..=66).collect::<Vec<_>>());
    }

    #[test]
    fn half_a_line_waits_for_its_end_and_a_torn_one_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let line = |seq: u64| {
            format!(
                "{{\"seq\":{seq},\"ts\":\"t\",\"mono_us\":1,\"event\":\"stale\",\"reason\":\"r\"}}\n"
            )
        };
        let (first, second) = (line(1), line(2));
        std::fs::write(&path, &first[..20]).unwrap();
        let mut follower = Follower::new(&path);
        assert_eq!(follower.news().unwrap().len(), 0);
        std::fs::write(&path, format!("{first}torn\n{second}")).unwrap();
        let seen: Vec<u64> = follower.news().unwrap().iter().map(|r| r.seq).collect();
        assert_eq!(seen, [1, 2]);
    }
}
