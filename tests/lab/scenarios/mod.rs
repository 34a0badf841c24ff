//! The scenarios, one file for each or for a small group.

use crate::Outcome;
use crate::story::Story;

mod topology;

/// A story told on fresh namespaces, and its name on the command line.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) tell: fn(&Story) -> Outcome,
}

/// All scenarios, in the order in which they run.
pub(crate) const ALL: &[Scenario] = &[Scenario {
    name: "topology",
    tell: topology::topology,
}];
