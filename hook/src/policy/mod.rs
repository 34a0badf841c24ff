//! From the health of a service's servers and the operator's wishes to the weights we want.
//! Pure: no clock, no I/O.

use std::time::Duration;

use crate::clock::Moment;
use crate::health::State;

/// One server of a service, as the policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its health in this service.
    pub state: State,
    /// Every check has reached `rise` successes in a row.
    pub risen: bool,
    /// When the readings that took it out began.
    pub failing_since: Option<Moment>,
    /// It should have been judged by now and was not.
    pub overdue: bool,
    /// The configured weight, 1 or more.
    pub nominal: u32,
    /// The weight that the operator set by hand.
    pub wish: Option<u32>,
    /// The weight in the table; `None` if it is not there.
    pub found: Option<u32>,
}

impl Candidate {
    /// The weight it has when it serves: the operator's before the configured one.
    fn serving_weight(&self) -> u32 {
        self.wish.unwrap_or(self.nominal)
    }

    /// A weight of 0 by hand is a drain: the operator took it out.
    fn is_drained(&self) -> bool {
        self.wish == Some(0)
    }

    /// Found in the table with a weight, and not judged yet: it keeps that weight.
    fn is_inherited(&self) -> bool {
        self.state == State::Unknown && self.found.is_some_and(|weight| weight > 0)
    }

    /// Whether it is known to work, or was found serving and is not judged yet.
    pub fn serves(&self) -> bool {
        !self.is_drained() && (self.state == State::Up || self.is_inherited())
    }

    fn is_awaited(&self) -> bool {
        !self.is_drained() && self.state == State::Unknown && !self.overdue
    }
}

/// What a service's pool was before: the part of the policy that has a memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Servers serve because they work. Holds the last set that was not empty, by position.
    Working(Vec<usize>),
    /// None is known to work; these are kept so that the pool is not empty.
    FailOpen(Vec<usize>),
}

impl Default for Pool {
    fn default() -> Self {
        Self::Working(Vec::new())
    }
}

/// How far apart two failures may begin and still count as one event, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailOpenRules {
    /// One interval and one timeout of the slowest check.
    pub together: Duration,
    /// At least this many are kept, if there are so many.
    pub min_up: usize,
}

/// What the policy wants of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// One weight a server, in the order of the candidates.
    pub weights: Vec<u32>,
    /// The memory for the next decision.
    pub pool: Pool,
}

impl Decision {
    /// Whether servers are kept that are not known to work.
    pub fn fail_open(&self) -> bool {
        matches!(self.pool, Pool::FailOpen(_))
    }
}

/// Decides the weights of a service. The first rule that matches counts: a weight of 0 by hand,
/// down or maintenance, the operator's weight, the configured weight. A pool is never emptied.
pub fn decide(candidates: &[Candidate], before: &Pool, rules: FailOpenRules) -> Decision {
    let pool = next_pool(candidates, before, rules);
    let weights = candidates
        .iter()
        .enumerate()
        .map(|(at, candidate)| weight(candidate, kept(&pool).contains(&at)))
        .collect();
    Decision { weights, pool }
}

fn kept(pool: &Pool) -> &[usize] {
    match pool {
        Pool::Working(_) => &[],
        Pool::FailOpen(kept) => kept,
    }
}

fn weight(candidate: &Candidate, kept: bool) -> u32 {
    if candidate.is_drained() {
        return 0;
    }
    match candidate.state {
        State::Up => candidate.serving_weight(),
        State::Unknown if candidate.is_inherited() => candidate.found.unwrap_or(0),
        _ if kept => candidate.serving_weight(),
        _ => 0,
    }
}

fn next_pool(candidates: &[Candidate], before: &Pool, rules: FailOpenRules) -> Pool {
    let serving = positions(candidates, Candidate::serves);
    match before {
        Pool::Working(_) if !serving.is_empty() => Pool::Working(serving),
        Pool::Working(last) => after_the_last(candidates, last, rules),
        Pool::FailOpen(_) if ends_fail_open(candidates) => Pool::Working(serving),
        Pool::FailOpen(kept) => stay_open(candidates, kept, rules),
    }
}

/// A server that has reached `rise` ends it, and so does one that was found serving unjudged.
fn ends_fail_open(candidates: &[Candidate]) -> bool {
    candidates
        .iter()
        .any(|c| c.serves() && (c.risen || c.is_inherited()))
}

/// Nobody serves any more: keep the last set, and those that fell together with it.
fn after_the_last(candidates: &[Candidate], last: &[usize], rules: FailOpenRules) -> Pool {
    let eligible = positions(candidates, |candidate| !candidate.is_drained());
    if eligible.is_empty() {
        return Pool::Working(last.to_vec());
    }
    if last.is_empty() {
        return before_the_first(candidates, eligible);
    }
    let kept = eligible
        .iter()
        .copied()
        .filter(|at| last.contains(at) || fell_together(candidates, *at, rules.together))
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

fn stay_open(candidates: &[Candidate], kept: &[usize], rules: FailOpenRules) -> Pool {
    let eligible = positions(candidates, |candidate| !candidate.is_drained());
    let kept = eligible
        .iter()
        .copied()
        .filter(|at| kept.contains(at) || candidates[*at].state == State::Up)
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

#[cfg(test)]
mod tests;
