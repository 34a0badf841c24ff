//! The lines of the file `intents`: JSON, one to a line.

use std::borrow::Cow;
use std::fmt;
use std::io;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::TableIdentity;
use crate::table::{ServiceKey, Target};

/// What a line says of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
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

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Service(ServiceKey),
    Destination(Target),
}

/// What one line tells, of whichever table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) subject: Subject,
    /// 0 for a service.
    pub(super) weight: u32,
    pub(super) phase: Phase,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    boot: Cow<'a, str>,
    namespace: u64,
    target: Subject,
    weight: u32,
    state: Phase,
}

/// Appends a line.
pub(super) fn write(text: &mut Vec<u8>, table: &TableIdentity, told: &Told) -> io::Result<()> {
    let line = Line {
        boot: Cow::Borrowed(&table.boot),
        namespace: table.namespace,
        target: told.subject,
        weight: told.weight,
        state: told.phase,
    };
    serde_json::to_writer(&mut *text, &line)?;
    text.push(b'\n');
    Ok(())
}

/// What a line tells of this table; none of one that is of another table, or torn by a crash: that
/// announces a write that was never made.
pub(super) fn read(line: &str, table: &TableIdentity) -> Option<Told> {
    let line: Line<'_> = serde_json::from_str(line).ok()?;
    (line.boot == table.boot && line.namespace == table.namespace).then_some(Told {
        subject: line.target,
        weight: line.weight,
        phase: line.state,
    })
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => service.fmt(f),
            Self::Destination(target) => target.fmt(f),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let service = text.parse().map(Self::Service);
        let subject = service.or_else(|_| text.parse().map(Self::Destination));
        subject.map_err(serde::de::Error::custom)
    }
}
