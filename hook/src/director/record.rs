//! Whose weight is it? Every weight that we write is on record before it is written, so that a
//! weight set by hand is told from our own, across a crash at any point.

mod line;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::table::{ServiceKey, Target};
use line::{Phase, Subject, Told};

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

    fn take(&mut self, phase: Phase, weight: u32) {
        match phase {
            Phase::Created | Phase::Deleted => {}
            Phase::Pending => self.pending = Some(weight),
            Phase::Acknowledged => {
                self.acknowledged = Some(weight);
                self.pending = None;
            }
            Phase::Nominal => self.nominal = Some(weight),
        }
    }

    /// The fewest lines that say this.
    fn told(&self) -> impl Iterator<Item = (Phase, u32)> {
        let phases = [
            (Phase::Nominal, self.nominal),
            (Phase::Acknowledged, self.acknowledged),
            (Phase::Pending, self.pending),
        ];
        let told = |(phase, weight): (Phase, Option<u32>)| Some((phase, weight?));
        phases.into_iter().filter_map(told)
    }
}

/// The table that the weights are in: another boot or namespace has another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIdentity {
    /// The kernel's boot id.
    pub boot: String,
    /// Inode of the network namespace.
    pub namespace: u64,
}

/// What is on record for one service.
#[derive(Debug, Default)]
struct Recorded {
    created: bool,
    destinations: BTreeMap<SocketAddr, Entry>,
}

type Services = BTreeMap<ServiceKey, Recorded>;

/// The file `intents`. A line is handed to the kernel before the write that it announces; it
/// survives the death of this process, and after the death of the machine the table is gone too,
/// so nothing is gained by waiting for the disk.
#[derive(Debug)]
pub struct Intents {
    identity: TableIdentity,
    /// `None` for a record that dies with this process.
    file: Option<(PathBuf, File)>,
    lines: usize,
    services: Services,
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
        let mut services = Services::new();
        for told in text.lines().filter_map(|line| line::read(line, &identity)) {
            take(&mut services, &told);
        }
        let file = rewrite(path, &identity, &services)?;
        Ok(Self {
            identity,
            file: Some((path.to_owned(), file)),
            lines: 0,
            services,
        })
    }

    /// A record without a file, for a table that dies with this process.
    pub fn in_memory(identity: TableIdentity) -> Self {
        Self {
            identity,
            file: None,
            lines: 0,
            services: Services::new(),
        }
    }

    /// What is on record for a destination.
    pub fn entry(&self, target: Target) -> Entry {
        let recorded = self.services.get(&target.service);
        let entry = recorded.and_then(|service| service.destinations.get(&target.destination));
        entry.copied().unwrap_or_default()
    }

    /// Announces writes.
    ///
    /// # Errors
    /// The file cannot be written; then the kernel must not be either.
    pub fn announce(&mut self, weights: &[(Target, u32)]) -> io::Result<()> {
        self.append_weights(weights, Phase::Pending)
    }

    /// Notes that the kernel has these weights.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn acknowledge(&mut self, weights: &[(Target, u32)]) -> io::Result<()> {
        self.append_weights(weights, Phase::Acknowledged)
    }

    /// Notes the weight that the table's owner gave a destination.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note_nominal(&mut self, target: Target, weight: u32) -> io::Result<()> {
        self.append_weights(&[(target, weight)], Phase::Nominal)
    }

    /// Whether a virtual service is one that we created.
    pub fn created(&self, service: ServiceKey) -> bool {
        let recorded = self.services.get(&service);
        recorded.is_some_and(|recorded| recorded.created)
    }

    /// Notes that a virtual service is about to be created by us.
    ///
    /// # Errors
    /// The file cannot be written; then the kernel must not be either.
    pub fn announce_creation(&mut self, service: ServiceKey) -> io::Result<()> {
        self.append(&[Told::of(Subject::Service(service), Phase::Created)])
    }

    /// Notes that a virtual service is gone: whoever makes it anew is not us.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn acknowledge_deletion(&mut self, service: ServiceKey) -> io::Result<()> {
        self.append(&[Told::of(Subject::Service(service), Phase::Deleted)])
    }

    /// Notes that a destination is gone that the configuration does not name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn forget(&mut self, target: Target) -> io::Result<()> {
        self.append(&[Told::of(Subject::Destination(target), Phase::Deleted)])
    }

    fn append_weights(&mut self, weights: &[(Target, u32)], phase: Phase) -> io::Result<()> {
        let told = weights.iter().map(|(target, weight)| Told {
            subject: Subject::Destination(*target),
            weight: *weight,
            phase,
        });
        self.append(&told.collect::<Vec<_>>())
    }

    fn append(&mut self, all: &[Told]) -> io::Result<()> {
        if let Some((_, file)) = &mut self.file {
            let mut text = Vec::new();
            for told in all {
                line::write(&mut text, &self.identity, told)?;
            }
            file.write_all(&text)?;
        }
        for told in all {
            take(&mut self.services, told);
        }
        self.lines += all.len();
        self.compact()
    }

    fn compact(&mut self) -> io::Result<()> {
        let Some((path, file)) = self.file.as_mut().filter(|_| self.lines > COMPACT_AFTER) else {
            return Ok(());
        };
        let recorded = self.services.values();
        if self.lines > COMPACT_AFTER + recorded.map(|it| it.destinations.len()).sum::<usize>() {
            *file = rewrite(path, &self.identity, &self.services)?;
            self.lines = 0;
        }
        Ok(())
    }
}

impl Told {
    fn of(subject: Subject, phase: Phase) -> Self {
        Self {
            subject,
            weight: 0,
            phase,
        }
    }
}

fn take(services: &mut Services, told: &Told) {
    match (told.subject, told.phase) {
        (Subject::Service(service), Phase::Created) => {
            services.entry(service).or_default().created = true;
        }
        (Subject::Service(service), Phase::Deleted) => {
            services.remove(&service);
        }
        (Subject::Destination(target), Phase::Deleted) => {
            if let Some(recorded) = services.get_mut(&target.service) {
                recorded.destinations.remove(&target.destination);
            }
        }
        (Subject::Destination(target), phase) => {
            let recorded = services.entry(target.service).or_default();
            let entry = recorded.destinations.entry(target.destination);
            entry.or_default().take(phase, told.weight);
        }
        (Subject::Service(_), _) => {}
    }
}

/// Replaces the file by the shortest one that says the same, and opens it for appending.
fn rewrite(path: &Path, identity: &TableIdentity, services: &Services) -> io::Result<File> {
    let mut text = Vec::new();
    for (service, recorded) in services {
        if recorded.created {
            let created = Told::of(Subject::Service(*service), Phase::Created);
            line::write(&mut text, identity, &created)?;
        }
        for (destination, entry) in &recorded.destinations {
            let subject = Subject::Destination(Target {
                service: *service,
                destination: *destination,
            });
            for (phase, weight) in entry.told() {
                let told = Told {
                    subject,
                    weight,
                    phase,
                };
                line::write(&mut text, identity, &told)?;
            }
        }
    }
    super::replace_file(path, &text)?;
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

    fn ex1() -> Target {
        "fwm:80/10.0.1.1".parse().unwrap()
    }

    fn origin(intents: &Intents, found: u32) -> Origin {
        intents.entry(ex1()).origin(found)
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
        intents.acknowledge(&[(ex1(), 1)]).unwrap();
        intents.announce(&[(ex1(), 0)]).unwrap();
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
        intents.announce(&[(ex1(), 0)]).unwrap();
        intents.acknowledge(&[(ex1(), 0)]).unwrap();
        assert_eq!(origin(&intents, 1), Origin::ByHand);
    }

    #[test]
    fn the_record_of_another_boot_or_namespace_says_nothing_of_this_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("intents");
        Intents::open(&path, here())
            .unwrap()
            .acknowledge(&[(ex1(), 1)])
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
            .announce_creation(ex1().service)
            .unwrap();
        let mut intents = Intents::open(&path, here()).unwrap();
        let (ours, other) = (ex1().service, "fwm:7".parse().unwrap());
        assert!(intents.created(ours) && !intents.created(other));
        intents.acknowledge_deletion(ours).unwrap();
        assert!(!Intents::open(&path, here()).unwrap().created(ours));
    }

    #[test]
    fn a_torn_last_line_is_survived() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("intents");
        Intents::open(&path, here())
            .unwrap()
            .acknowledge(&[(ex1(), 1)])
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
