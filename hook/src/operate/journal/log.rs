//! The file of the journal: appended to, capped in size, rotated.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// How much of the disk a journal may take: `(keep + 1) × size` bytes, and one batch of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A file that would grow beyond this many bytes is put aside.
    pub size: u64,
    /// So many files are kept beside the one that is written: `events.jsonl.1` is the latest.
    pub keep: u32,
}

impl Default for Limits {
    /// 16 MiB and four files: 80 MiB, half a million events.
    fn default() -> Self {
        Self {
            size: 16 * 1024 * 1024,
            keep: 4,
        }
    }
}

/// The last line of the journal lies within this many bytes of its end.
const LONGEST_LINE: u64 = 128 * 1024;

/// A journal's file, open for appending.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    length: u64,
    limits: Limits,
}

impl Log {
    /// Opens the file; tells the number of the last event in it, or in the one before it.
    pub(super) fn open(path: &Path, limits: Limits) -> io::Result<(Self, u64)> {
        let mut file = open(path)?;
        let mut length = file.metadata()?.len();
        let tail = tail(&mut file, length)?;
        if tail.last().is_some_and(|byte| *byte != b'\n') {
            // A line torn by a crash must not swallow the next one. On a full disk it is closed
            // by the first write that succeeds.
            let closed = file.write_all(b"\n");
            length += u64::from(closed.is_ok());
        }
        let seq = last_seq(&tail).or_else(|| {
            let mut before = File::open(numbered(path, 1)).ok()?;
            let length = before.metadata().ok()?.len();
            last_seq(&self::tail(&mut before, length).ok()?)
        });
        let log = Self {
            path: path.to_owned(),
            file,
            length,
            limits,
        };
        Ok((log, seq.unwrap_or(0)))
    }

    /// Appends whole lines: all of them, or, on an error such as a full disk, none.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let added = lines.len() as u64;
        if self.length > 0 && self.length + added > self.limits.size {
            self.rotate()?;
        }
        let written = self.file.write_all(lines);
        match &written {
            Ok(()) => self.length += added,
            // What was written of them would be a torn line.
            Err(_) => drop(self.file.set_len(self.length)),
        }
        written
    }

    /// Puts the file aside and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.limits.keep).rev() {
            rename(
                &numbered(&self.path, number),
                &numbered(&self.path, number + 1),
            )?;
        }
        if self.limits.keep == 0 {
            std::fs::remove_file(&self.path)?;
        } else {
            rename(&self.path, &numbered(&self.path, 1))?;
        }
        self.file = open(&self.path)?;
        self.length = 0;
        Ok(())
    }
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .open(path)
}

/// The file that was put aside so many times ago.
pub(in crate::operate) fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn tail(file: &mut File, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_LINE)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(tail)
}

/// The number of the last whole line.
fn last_seq(tail: &[u8]) -> Option<u64> {
    let seq = |line: &[u8]| {
        serde_json::from_slice::<Value>(line)
            .ok()?
            .get("seq")?
            .as_u64()
    };
    tail.rsplit(|byte| *byte == b'\n').find_map(seq)
}
