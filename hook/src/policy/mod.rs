//! From the health of a service's servers and the operator's wishes to the weights we want.
//! Pure: no clock, no I/O.

mod candidate;
mod pool;
mod ramp;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Moment;

pub use candidate::{Candidate, Standing, Wish};
pub use pool::Pool;
pub use ramp::Ramp;

/// What a service has of its own in the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Failures that begin no further apart are one event: one interval and one timeout of the
    /// slowest check.
    pub together: Duration,
    /// At least this many are kept when none works, if there are so many.
    pub min_up: usize,
    /// Whether a sorry server serves when every connection is refused.
    pub sorry_server: bool,
    /// How long a server that comes back takes to its whole weight.
    pub slow_start: Option<Duration>,
}

/// What the policy remembers of a service from one decision to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Who served.
    pub pool: Pool,
    /// Servers on their way to their whole weight, by position.
    pub ramps: BTreeMap<usize, Ramp>,
}

impl Memory {
    /// The same memory where positions have changed; `moved` gives a position's new one.
    pub fn moved(self, moved: impl Fn(usize) -> Option<usize>) -> Self {
        let ramps = self.ramps.into_iter();
        Self {
            ramps: ramps.filter_map(|(at, r)| Some((moved(at)?, r))).collect(),
            pool: self.pool.moved(moved),
        }
    }
}

/// What the policy wants of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// One weight a server, in the order of the candidates.
    pub weights: Vec<u32>,
    /// The memory for the next decision.
    pub memory: Memory,
}

impl Decision {
    /// Whether servers are kept that are not known to work.
    pub fn fail_open(&self) -> bool {
        matches!(self.memory.pool, Pool::FailOpen(_))
    }

    /// Whether the sorry server serves.
    pub fn sorry(&self) -> bool {
        matches!(self.memory.pool, Pool::Sorry(_))
    }
}

/// Decides the weights of a service. The first rule that matches counts: disabled, drained, down or
/// maintenance, the operator's weight, slow start, the configured weight. A pool is never emptied.
pub fn decide(candidates: &[Candidate], before: &Memory, rules: &Rules, now: Moment) -> Decision {
    let memory = Memory {
        pool: pool::next(candidates, &before.pool, rules),
        ramps: ramp::next(candidates, before, rules.slow_start, now),
    };
    let weights = candidates
        .iter()
        .enumerate()
        .map(|(at, candidate)| {
            let ramp = memory.ramps.get(&at).zip(rules.slow_start);
            let ramped =
                ramp.and_then(|(ramp, length)| ramp.weight(candidate.nominal, length, now));
            weight(candidate, ramped, memory.pool.keeps(at))
        })
        .collect();
    Decision { weights, memory }
}

fn weight(candidate: &Candidate, ramped: Option<u32>, kept: bool) -> u32 {
    match candidate.found {
        _ if candidate.is_out() => 0,
        _ if candidate.works() => candidate
            .wish
            .weight
            .or(ramped)
            .unwrap_or(candidate.nominal),
        Some(found) if candidate.is_inherited() => found,
        _ if kept => candidate.serving_weight(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
