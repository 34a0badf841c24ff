//! Whose weight is it? Every weight that we write is on record before it is written, so that a
//! weight set by hand is told from our own, across a crash at any point.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A destination's name in the state files, such as `fwm:80/10.0.1.1`.
pub type Target = String;

/// Where a weight found in the kernel comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// We never wrote it: it is inherited.
    Unrecorded,
    /// The last weight that we wrote, or were writing.
    Ours,
    /// We wrote another one: a human set it.
    ByHand,
}

/// What is on record for one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    acknowledged: Option<u32>,
    pending: Option<u32>,
    nominal: Option<u32>,
}

impl Entry {
    /// Judges a weight found in the kernel.
    pub fn origin(&self, found: u32) -> Origin {
        match (self.acknowledged, self.pending) {
            (None, None) => Origin::Unrecorded,
            (acknowledged, pending) if acknowledged == Some(found) || pending == Some(found) => {
                Origin::Ours
            }
            // Of a write that was never acknowledged nothing is known but its intent.
            (None, Some(_)) => Origin::Unrecorded,
            _ => Origin::ByHand,
        }
    }

    /// The weight that the table's owner gave it, where the table is another program's.
    pub fn nominal(&self) -> Option<u32> {
        self.nominal
    }

    fn take(&mut self, line: &Line) {
        match line.state {
            Phase::Created | Phase::Deleted => {}
            Phase::Pending => self.pending = Some(line.weight),
            Phase::Acknowledged => {
                *self = Self {
                    acknowledged: Some(line.weight),
                    pending: None,
                    ..*self
                };
            }
            Phase::Nominal => self.nominal = Some(line.weight),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// This weight is about to be written.
    Pending,
    /// The kernel has this weight.
    Acknowledged,
    /// The table's owner gave this weight.
    Nominal,
    /// We are about to create this service.
    Created,
    /// This service, or this destination of another configuration, is gone.
    Deleted,
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    boot: String,
    namespace: u64,
    target: Target,
    weight: u32,
    state: Phase,
}

/// The table that the weights are in: another boot or namespace has another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIdentity {
    /// The kernel's boot id.
    pub boot: String,
    /// Inode of the network namespace.
    pub namespace: u64,
}

/// The file `intents`. A line is handed to the kernel before the write that it announces; it
/// survives the death of this process, and after the death of the machine the table is gone too,
/// so nothing is gained by waiting for the disk.
#[derive(Debug)]
pub struct Intents {
    identity: TableIdentity,
    /// `None` for a record that dies with this process.
    file: Option<(PathBuf, File)>,
    lines: usize,
    entries: BTreeMap<Target, Entry>,
    created: BTreeSet<Target>,
}

/// The file is written anew when it has this many lines more than destinations.
const COMPACT_AFTER: usize = 10_000;

impl Intents {
    /// Reads the record of this table and drops what belongs to others.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path, identity: TableIdentity) -> io::Result<Self> {
        let text = match std::fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut entries: BTreeMap<Target, Entry> = BTreeMap::new();
        let mut created = BTreeSet::new();
        // A line torn by a crash announces a write that was never made.
        for line in text
            .lines()
            .filter_map(|line| serde_json::from_str::<Line>(line).ok())
        {
            if line.boot == identity.boot && line.namespace == identity.namespace {
                take(&mut entries, &mut created, &line);
            }
        }
        let file = rewrite(path, &identity, &entries, &created)?;
        Ok(Self {
            identity,
            file: Some((path.to_owned(), file)),
            lines: 0,
            entries,
            created,
        })
    }

    /// A record without a file, for a table that dies with this process.
    pub fn in_memory(identity: TableIdentity) -> Self {
        Self {
            identity,
            file: None,
            lines: 0,
            entries: BTreeMap::new(),
            created: BTreeSet::new(),
        }
    }

    /// What is on record for a destination.
    pub fn entry(&self, target: &str) -> Entry {
        self.entries.get(target).copied().unwrap_or_default()
    }

    /// Announces writes.
    ///
    /// # Errors
    /// The file cannot be written; then the kernel must not be either.
    pub fn announce(&mut self, weights: &[(Target, u32)]) -> io::Result<()> {
        self.append_weights(weights, Phase::Pending)
    }

    /// Notes that the kernel has this weight.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn acknowledge(&mut self, target: &str, weight: u32) -> io::Result<()> {
        self.append(target, weight, Phase::Acknowledged)
    }

    /// Notes that the kernel has these weights.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn acknowledge_all(&mut self, weights: &[(Target, u32)]) -> io::Result<()> {
        self.append_weights(weights, Phase::Acknowledged)
    }

    /// Notes the weight that the table's owner gave a destination.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note_nominal(&mut self, target: &str, weight: u32) -> io::Result<()> {
        self.append(target, weight, Phase::Nominal)
    }

    /// Whether a virtual service is one that we created.
    pub fn created(&self, service: &str) -> bool {
        self.created.contains(service)
    }

    /// Notes that a virtual service is about to be created by us.
    ///
    /// # Errors
    /// The file cannot be written; then the kernel must not be either.
    pub fn announce_creation(&mut self, service: &str) -> io::Result<()> {
        self.append(service, 0, Phase::Created)
    }

    /// Notes that a virtual service is gone, or a destination that the configuration does not name:
    /// whoever makes it anew is not us.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn acknowledge_deletion(&mut self, service: &str) -> io::Result<()> {
        self.append(service, 0, Phase::Deleted)
    }

    fn append(&mut self, target: &str, weight: u32, state: Phase) -> io::Result<()> {
        self.append_lines(&[self.identity.line(target, weight, state)])
    }

    fn append_weights(&mut self, weights: &[(Target, u32)], state: Phase) -> io::Result<()> {
        let lines = weights
            .iter()
            .map(|(target, weight)| self.identity.line(target, *weight, state));
        self.append_lines(&lines.collect::<Vec<_>>())
    }

    fn append_lines(&mut self, lines: &[Line]) -> io::Result<()> {
        if let Some((_, file)) = &mut self.file {
            let text = lines.iter().map(render).collect::<io::Result<String>>()?;
            file.write_all(text.as_bytes())?;
        }
        for line in lines {
            take(&mut self.entries, &mut self.created, line);
        }
        self.lines += lines.len();
        if let (Some((path, file)), true) = (
            &mut self.file,
            self.lines > COMPACT_AFTER + self.entries.len(),
        ) {
            *file = rewrite(path, &self.identity, &self.entries, &self.created)?;
            self.lines = 0;
        }
        Ok(())
    }
}

impl TableIdentity {
    fn line(&self, target: &str, weight: u32, state: Phase) -> Line {
        Line {
            boot: self.boot.clone(),
            namespace: self.namespace,
            target: target.to_owned(),
            weight,
            state,
        }
    }
}

fn render(line: &Line) -> io::Result<String> {
    Ok(serde_json::to_string(line).map_err(io::Error::other)? + "\n")
}

fn take(entries: &mut BTreeMap<Target, Entry>, created: &mut BTreeSet<Target>, line: &Line) {
    match line.state {
        Phase::Created => {
            created.insert(line.target.clone());
        }
        Phase::Deleted => {
            created.remove(&line.target);
            let of_service = format!("{}/", line.target);
            entries.remove(&line.target);
            let its = entries.range(of_service.clone()..);
            let its = its.take_while(|(at, _)| at.starts_with(&of_service));
            for gone in its.map(|(at, _)| at.clone()).collect::<Vec<_>>() {
                entries.remove(&gone);
            }
        }
        Phase::Pending | Phase::Acknowledged | Phase::Nominal => {
            entries.entry(line.target.clone()).or_default().take(line);
        }
    }
}

/// Replaces the file by the shortest one that says the same, and opens it for appending.
fn rewrite(
    path: &Path,
    identity: &TableIdentity,
    entries: &BTreeMap<Target, Entry>,
    created: &BTreeSet<Target>,
) -> io::Result<File> {
    let mut text = String::new();
    for service in created {
        text += &render(&identity.line(service, 0, Phase::Created))?;
    }
    for (target, entry) in entries {
        for (weight, state) in [
            (entry.nominal, Phase::Nominal),
            (entry.acknowledged, Phase::Acknowledged),
            (entry.pending, Phase::Pending),
        ] {
            if let Some(weight) = weight {
                text += &render(&identity.line(target, weight, state))?;
            }
        }
    }
    super::replace_file(path, text.as_bytes())?;
    OpenOptions::new().append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> TableIdentity {
        TableIdentity {
            boot: "b1".to_owned(),
            namespace: 7,
        }
    }

    fn origin(intents: &Intents, found: u32) -> Origin {
        intents.entry("fwm:80/10.0.1.1").origin(found)
    }

    #[test]
    fn what_was_never_written_is_inherited() {
        let folder = tempfile::tempdir().unwrap();
        let intents = Intents::open(&folder.path().join("intents"), here()).unwrap();
        assert_eq!(origin(&intents, 5), Origin::Unrecorded);
    }

    #[test]
    fn both_sides_of_an_interrupted_write_are_ours_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("intents");
        let mut intents = Intents::open(&path, here()).unwrap();
        intents.acknowledge("fwm:80/10.0.1.1", 1).unwrap();
        intents
            .announce(&[("fwm:80/10.0.1.1".to_owned(), 0)])
            .unwrap();
        drop(intents);
        let intents = Intents::open(&path, here()).unwrap();
        assert_eq!(origin(&intents, 1), Origin::Ours);
        assert_eq!(origin(&intents, 0), Origin::Ours);
        assert_eq!(origin(&intents, 4), Origin::ByHand);
    }

    #[test]
    fn another_weight_than_the_acknowledged_one_was_set_by_hand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("intents");
        let mut intents = Intents::open(&path, here()).unwrap();
        intents
            .announce(&[("fwm:80/10.0.1.1".to_owned(), 0)])
            .unwrap();
        intents.acknowledge("fwm:80/10.0.1.1", 0).unwrap();
        assert_eq!(origin(&intents, 1), Origin::ByHand);
    }

    #[test]
    fn the_record_of_another_boot_or_namespace_says_nothing_of_this_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("intents");
        Intents::open(&path, here())
            .unwrap()
            .acknowledge("fwm:80/10.0.1.1", 1)
            .unwrap();
        let elsewhere = TableIdentity {
            namespace: 8,
            ..here()
        };
        assert_eq!(
            origin(&Intents::open(&path, elsewhere).unwrap(), 1),
            Origin::Unrecorded
        );
    }

    #[test]
    fn a_service_is_ours_from_its_creation_to_its_deletion() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("intents");
        Intents::open(&path, here())
            .unwrap()
            .announce_creation("fwm:80")
            .unwrap();
        let mut intents = Intents::open(&path, here()).unwrap();
        assert!(intents.created("fwm:80") && !intents.created("fwm:7"));
        intents.acknowledge_deletion("fwm:80").unwrap();
        assert!(!Intents::open(&path, here()).unwrap().created("fwm:80"));
    }

    #[test]
    fn a_torn_last_line_is_survived() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("intents");
        Intents::open(&path, here())
            .unwrap()
            .acknowledge("fwm:80/10.0.1.1", 1)
            .unwrap();
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"boot\":\"b1\",\"name");
        std::fs::write(&path, text).unwrap();
        assert_eq!(
            origin(&Intents::open(&path, here()).unwrap(), 1),
            Origin::Ours
        );
    }
}
