//! Consecutive readings of one check on one server.

use shared::verdict::{Condition, Kind, Verdict};

use crate::clock::Moment;

/// How many readings in a row decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Failures in a row that take a server out, 1 or more.
    pub fall: u32,
    /// Successes in a row that bring it in, 1 or more.
    pub rise: u32,
}

/// What a verdict means for a server's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It works.
    Success,
    /// It does not.
    Failure,
    /// It does not: nobody listens there, and its own machine says so.
    Refusal,
    /// It says that it is in maintenance: believed at once.
    Maintenance,
    /// It looks like maintenance: believed after `fall` readings.
    InferredMaintenance,
    /// Nothing was learned.
    Nothing,
}

impl From<&Verdict> for Reading {
    fn from(verdict: &Verdict) -> Self {
        match (verdict.condition, verdict.kind) {
            (Condition::Healthy | Condition::Degraded, _) => Self::Success,
            (Condition::Maintenance, Kind::Maintenance) => Self::Maintenance,
            (Condition::Maintenance, _) => Self::InferredMaintenance,
            (Condition::Failed, Kind::TcpRefused) => Self::Refusal,
            (Condition::Failed, _) => Self::Failure,
            (Condition::Unknown, _) => Self::Nothing,
        }
    }
}

/// Readings of one kind in a row; another kind starts anew, and nothing learned changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streak {
    run: Option<Run>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    reading: Reading,
    length: u32,
    since: Moment,
}

impl Streak {
    /// The streak after one more reading at `now`.
    pub fn after(self, reading: Reading, now: Moment) -> Self {
        let run = match (self.run, reading) {
            (run, Reading::Nothing) => run,
            (Some(run), _) if run.reading == reading => Some(Run {
                length: run.length.saturating_add(1),
                ..run
            }),
            (Some(run), _) if run.is_against() && reading != Reading::Success => Some(Run {
                reading,
                length: run.length.saturating_add(1),
                ..run
            }),
            _ => Some(Run {
                reading,
                length: 1,
                since: now,
            }),
        };
        Self { run }
    }

    /// Successes in a row.
    pub fn successes(&self) -> u32 {
        self.run
            .filter(|run| run.reading == Reading::Success)
            .map_or(0, |run| run.length)
    }

    /// When the readings against the server began, while they last.
    pub fn failing_since(&self) -> Option<Moment> {
        self.run.filter(Run::is_against).map(|run| run.since)
    }

    /// Whether more readings are needed to decide against the server.
    pub fn is_undecided(&self, rules: &Rules) -> bool {
        self.run.is_some_and(|run| run.is_against())
            && !self.says_down(rules)
            && !self.says_maintenance(rules)
    }

    /// Whether the last reading that counted was a refused connection.
    pub fn is_refused(&self) -> bool {
        self.run.is_some_and(|run| run.reading == Reading::Refusal)
    }

    pub(super) fn says_down(&self, rules: &Rules) -> bool {
        self.run
            .is_some_and(|run| run.is_failure() && run.length >= rules.fall)
    }

    pub(super) fn says_maintenance(&self, rules: &Rules) -> bool {
        self.run.is_some_and(|run| match run.reading {
            Reading::Maintenance => true,
            Reading::InferredMaintenance => run.length >= rules.fall,
            _ => false,
        })
    }
}

impl Run {
    /// Failure and maintenance count together: a server that goes from one to the other has not
    /// recovered in between.
    fn is_against(&self) -> bool {
        matches!(
            self.reading,
            Reading::Failure
                | Reading::Refusal
                | Reading::Maintenance
                | Reading::InferredMaintenance
        )
    }

    fn is_failure(&self) -> bool {
        matches!(self.reading, Reading::Failure | Reading::Refusal)
    }
}
