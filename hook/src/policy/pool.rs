//! Never empty the pool: who serves when nobody is known to work.

use std::time::Duration;

use super::{Candidate, Rules};
use crate::health::State;

/// What a service's pool was before: the part of the policy that has a memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Servers serve because they work. Holds the last set that was not empty, by position.
    Working(Vec<usize>),
    /// None is known to work; these are kept so that the pool is not empty.
    FailOpen(Vec<usize>),
    /// Every connection was refused, so the sorry server serves. Holds the last set that worked.
    Sorry(Vec<usize>),
}

impl Default for Pool {
    fn default() -> Self {
        Self::Working(Vec::new())
    }
}

impl Pool {
    /// The same pool where positions have changed; `moved` gives a position's new one.
    pub fn moved(self, moved: impl Fn(usize) -> Option<usize>) -> Self {
        let all = |set: Vec<usize>| {
            let mut set: Vec<usize> = set.into_iter().filter_map(&moved).collect();
            set.sort_unstable();
            set
        };
        match self {
            Self::Working(set) => Self::Working(all(set)),
            Self::FailOpen(set) => Self::FailOpen(all(set)),
            Self::Sorry(set) => Self::Sorry(all(set)),
        }
    }

    /// Whether this server is kept though it is not known to work.
    pub fn keeps(&self, at: usize) -> bool {
        match self {
            Self::Working(_) | Self::Sorry(_) => false,
            Self::FailOpen(kept) => kept.contains(&at),
        }
    }
}

pub(super) fn next(candidates: &[Candidate], before: &Pool, rules: &Rules) -> Pool {
    let serving = positions(candidates, Candidate::serves);
    let working = match before {
        Pool::Working(_) => !serving.is_empty(),
        Pool::FailOpen(_) | Pool::Sorry(_) => candidates.iter().any(Candidate::serves_reliably),
    };
    if working {
        return Pool::Working(serving);
    }
    match before {
        Pool::Working(last) | Pool::FailOpen(last) | Pool::Sorry(last)
            if rules.sorry_server && all_refused(candidates) =>
        {
            Pool::Sorry(last.clone())
        }
        Pool::Working(last) | Pool::Sorry(last) => after_the_last(candidates, last, rules),
        Pool::FailOpen(kept) => stay_open(candidates, kept, rules),
    }
}

/// Nobody listens on any server that may serve; true as well if none may. One that works again and
/// has not reached `rise` does not count.
fn all_refused(candidates: &[Candidate]) -> bool {
    candidates
        .iter()
        .filter(|candidate| !candidate.is_out() && !candidate.works())
        .all(|candidate| candidate.state == State::Down && candidate.refused)
}

/// Nobody serves any more: keep the last set, and those that fell together with it.
fn after_the_last(candidates: &[Candidate], last: &[usize], rules: &Rules) -> Pool {
    let eligible = positions(candidates, |candidate| !candidate.is_out());
    if eligible.is_empty() {
        return Pool::Working(last.to_vec());
    }
    if last.is_empty() {
        return before_the_first(candidates, eligible);
    }
    let kept = eligible
        .iter()
        .copied()
        .filter(|at| {
            last.contains(at)
                || candidates[*at].works()
                || fell_together(candidates, *at, rules.together)
        })
        .collect();
    Pool::FailOpen(fill_up(candidates, kept, eligible, rules.min_up))
}

/// Nobody has served yet: wait for the first judgements, then serve with all rather than none.
fn before_the_first(candidates: &[Candidate], eligible: Vec<usize>) -> Pool {
    if candidates.iter().any(Candidate::is_awaited) {
        Pool::Working(Vec::new())
    } else {
        Pool::FailOpen(eligible)
    }
}

fn stay_open(candidates: &[Candidate], kept: &[usize], rules: &Rules) -> Pool {
    let eligible = positions(candidates, |candidate| !candidate.is_out());
    if eligible.is_empty() {
        return Pool::Working(kept.to_vec());
    }
    let kept = eligible
        .iter()
        .copied()
        .filter(|at| kept.contains(at) || candidates[*at].works())
        .collect();
    Pool::FailOpen(fill_up(candidates, kept, eligible, rules.min_up))
}

/// Whether a server's failure began within `window` of the one that began last.
fn fell_together(candidates: &[Candidate], at: usize, window: Duration) -> bool {
    let last = candidates
        .iter()
        .filter_map(|candidate| candidate.failing_since)
        .max();
    match (candidates[at].failing_since, last) {
        (Some(since), Some(last)) => last.since(since) <= window,
        _ => false,
    }
}

/// Adds the servers whose failure began last until `min_up` are kept.
fn fill_up(
    candidates: &[Candidate],
    mut kept: Vec<usize>,
    eligible: Vec<usize>,
    min_up: usize,
) -> Vec<usize> {
    let mut rest: Vec<usize> = eligible
        .into_iter()
        .filter(|at| !kept.contains(at))
        .collect();
    rest.sort_by_key(|at| std::cmp::Reverse(candidates[*at].failing_since));
    let missing = min_up.max(1).saturating_sub(kept.len());
    kept.extend(rest.into_iter().take(missing));
    kept.sort_unstable();
    kept
}

fn positions(candidates: &[Candidate], wanted: impl Fn(&Candidate) -> bool) -> Vec<usize> {
    candidates
        .iter()
        .enumerate()
        .filter(|(_, c)| wanted(c))
        .map(|(at, _)| at)
        .collect()
}
