//! How much of a table is ours to change.

use super::{WantedService, steps};
use crate::table::{DestinationSettings, ServiceKey, Step, Table};

/// Which changes a backend lets us make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Our services with everything in them.
    Services,
    /// The weights of destinations that are there; the rest belongs to another program.
    Weights,
}

impl Scope {
    /// The steps from what is `found` to what is `wanted`, as far as they are ours to take.
    pub fn steps(self, key: ServiceKey, wanted: &WantedService, found: &Table) -> Vec<Step> {
        match self {
            Self::Services => steps(key, wanted, found),
            Self::Weights => weight_steps(key, wanted, found),
        }
    }
}

/// A destination that is not to be there at all gets weight 0: deleting it is its owner's.
fn weight_steps(key: ServiceKey, wanted: &WantedService, found: &Table) -> Vec<Step> {
    let Some(found) = found.get(&key) else {
        return Vec::new();
    };
    let with_weight = wanted
        .destinations
        .iter()
        .map(|(at, want)| (at, want.weight));
    let without = wanted.removed.iter().map(|at| (at, 0));
    let changes = with_weight.chain(without).filter_map(|(at, weight)| {
        let from = found.destinations.get(at)?.settings;
        (from.weight != weight).then_some((*at, from, DestinationSettings { weight, ..from }))
    });
    let (gaining, losing): (Vec<_>, Vec<_>) =
        changes.partition(|(_, from, to)| to.weight > from.weight);
    let step = |(destination, from, to)| Step::EditDestination {
        service: key,
        destination,
        from,
        to,
    };
    gaining.into_iter().chain(losing).map(step).collect()
}
