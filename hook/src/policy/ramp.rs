//! Slow start: a server that comes back gets its weight in ten steps.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Candidate, Memory, Pool};
use crate::clock::Moment;

/// The parts of a ramp. Each one is a write to the kernel.
const STEPS: u128 = 10;

/// The way of a server from little weight to its configured one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// The weight it had when the ramp began, or when this director found it on its way.
    pub from: u32,
    /// When that was.
    pub since: Moment,
}

impl Ramp {
    /// The weight at `now`, at least 1 and never below where it began; `None` at its end. The whole
    /// way from 0 takes `length`.
    pub fn weight(&self, nominal: u32, length: Duration, now: Moment) -> Option<u32> {
        let (length, nominal) = (length.as_micros().max(1), u128::from(nominal.max(1)));
        let gone = now.since(self.since).as_micros();
        let step = (u128::from(self.from) * length + gone * nominal) * STEPS / (nominal * length);
        let weight = u32::try_from(nominal * step / STEPS).ok()?;
        (step < STEPS).then(|| weight.max(self.from).max(1))
    }
}

/// The ramps after a decision: those under way, and those of servers that join others.
pub(super) fn next(
    candidates: &[Candidate],
    before: &Memory,
    length: Option<Duration>,
    now: Moment,
) -> BTreeMap<usize, Ramp> {
    let Some(length) = length else {
        return BTreeMap::new();
    };
    let ramp = |at: usize, candidate: &Candidate| {
        let found = Ramp {
            from: candidate.found.unwrap_or(0),
            since: now,
        };
        let known = before.ramps.get(&at).copied();
        match known {
            _ if !candidate.serves() => None,
            _ if candidate.is_inherited() => Some(found),
            Some(ramp) => Some(ramp),
            None => joins_others(candidates, before, at).then_some(found),
        }
    };
    let ramps = candidates.iter().enumerate().filter_map(|(at, candidate)| {
        let ramp = ramp(at, candidate)?;
        ramp.weight(candidate.nominal, length, now)?;
        Some((at, ramp))
    });
    ramps.collect()
}

/// The first server of an empty pool has nobody to share with, and what ends an emergency is needed
/// whole.
fn joins_others(candidates: &[Candidate], before: &Memory, at: usize) -> bool {
    match &before.pool {
        Pool::Working(set) => {
            !set.contains(&at) && set.iter().any(|other| candidates[*other].serves())
        }
        Pool::FailOpen(_) | Pool::Sorry(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn weights(ramp: Ramp, nominal: u32) -> Vec<Option<u32>> {
        let at = |seconds| ramp.weight(nominal, MINUTE, Moment::new(Duration::from_secs(seconds)));
        (0..=60).step_by(6).map(at).collect()
    }

    #[test]
    fn a_weight_of_100_comes_back_by_tens_and_begins_with_1() {
        let since = Moment::default();
        let expected = [1, 10, 20, 30, 40, 50, 60, 70, 80, 90].map(Some);
        let weights = weights(Ramp { from: 0, since }, 100);
        assert_eq!((&weights[..10], weights[10]), (&expected[..], None));
    }

    #[test]
    fn a_ramp_that_was_cut_short_goes_on_from_the_weight_found() {
        let since = Moment::default();
        let weights = weights(Ramp { from: 30, since }, 100);
        assert_eq!(weights[..3], [Some(30), Some(40), Some(50)]);
        assert_eq!(weights[7], None);
    }
}
