//! One server of a service, as the policy sees it.

use crate::clock::Moment;
use crate::health::State;

/// Where the operator wants a server to stand, the strongest wish last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Where its health puts it.
    #[default]
    AsJudged,
    /// In, whatever its checks say.
    Forced,
    /// Out as soon as its connections have ended.
    Drained,
    /// Out until further notice.
    Disabled,
}

impl Standing {
    /// Whether the operator took the server out.
    pub fn is_out(self) -> bool {
        matches!(self, Self::Drained | Self::Disabled)
    }
}

/// What the operator wants of a server in a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Where it is to stand.
    pub standing: Standing,
    /// The weight it is to have while it serves.
    pub weight: Option<u32>,
}

/// One server of a service, as the policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its health in this service.
    pub state: State,
    /// Its checks have reached `rise` successes in a row.
    pub risen: bool,
    /// Nobody listens where its failing checks ask.
    pub refused: bool,
    /// When the readings that took it out began.
    pub failing_since: Option<Moment>,
    /// It should have been judged by now and was not.
    pub overdue: bool,
    /// The configured weight, 1 or more.
    pub nominal: u32,
    /// What the operator wants of it.
    pub wish: Wish,
    /// Found in the table with a weight, not judged yet, and not put there by fail-open: it keeps
    /// that weight.
    pub inherited: bool,
    /// The weight in the table; `None` if it is not there.
    pub found: Option<u32>,
}

impl Candidate {
    /// The weight it has when it serves: the operator's before the configured one.
    pub(super) fn serving_weight(&self) -> u32 {
        self.wish.weight.unwrap_or(self.nominal)
    }

    /// Disabled, drained, or drained by a weight of 0: the operator took it out.
    pub fn is_out(&self) -> bool {
        self.wish.standing.is_out() || self.wish.weight == Some(0)
    }

    pub(super) fn is_inherited(&self) -> bool {
        self.inherited && !self.is_forced()
    }

    pub(super) fn is_forced(&self) -> bool {
        self.wish.standing == Standing::Forced
    }

    /// Known to work, or declared to by the operator.
    pub(super) fn works(&self) -> bool {
        self.state == State::Up || self.is_forced()
    }

    /// Whether it works, or was found serving and is not judged yet.
    pub fn serves(&self) -> bool {
        !self.is_out() && (self.works() || self.is_inherited())
    }

    /// Whether it can end an emergency: one lucky answer does not.
    pub(super) fn serves_reliably(&self) -> bool {
        self.serves() && (self.risen || self.is_forced() || self.is_inherited())
    }

    pub(super) fn is_awaited(&self) -> bool {
        !self.is_out() && self.state == State::Unknown && !self.overdue
    }
}
