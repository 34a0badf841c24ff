//! From verdicts to a server's health in a service. Pure: no clock, no I/O.
//!
//! Probes are shared between services, health is not: a [`Streak`] belongs to a (server, check),
//! a [`State`] to a (server, service).

mod flaps;
mod streak;

pub use flaps::Flaps;
pub use streak::{Reading, Rules, Streak};

/// A server's health in one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not judged yet.
    #[default]
    Unknown,
    /// It works.
    Up,
    /// It does not.
    Down,
    /// It says of itself that it is drained or inactive.
    Maintenance,
}

impl State {
    /// The word for it in `status`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
            Self::Maintenance => "maintenance",
        }
    }
}

/// Which of its checks a server must pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Require {
    /// Every one.
    #[default]
    All,
    /// At least one.
    Any,
    /// Checks whose weights add up to at least this.
    Weight(u32),
}

/// What a check has to say in a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// It counts this much where checks are weighed, 1 or more.
    Weight(u32),
    /// Without it nothing else counts, whatever the requirement.
    Veto,
}

/// What one check has found on a server so far, and how much it counts in the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// Its readings.
    pub streak: Streak,
    /// How many of them decide.
    pub rules: Rules,
    /// What it has to say.
    pub voice: Voice,
}

impl Opinion {
    fn is_against(&self) -> bool {
        self.streak.says_maintenance(&self.rules) || self.streak.says_down(&self.rules)
    }
}

/// How many successes bring a server into a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// One: nobody else is known to work.
    AtOnce,
    /// This many times `rise`.
    AfterRise(u32),
}

impl Joining {
    fn admits(self, opinion: &Opinion) -> bool {
        match self {
            Self::AtOnce => opinion.streak.successes() > 0,
            Self::AfterRise(times) => {
                opinion.streak.successes() >= opinion.rules.rise.saturating_mul(times)
            }
        }
    }
}

/// The next state of a server in a service, from the streaks of the service's checks.
///
/// It leaves once the checks that have not decided against it no longer meet the requirement: with
/// [`Require::All`] one such check is enough. It joins once those that have succeeded often enough
/// meet it.
pub fn judge(previous: State, checks: &[Opinion], require: Require, joining: Joining) -> State {
    if !checks.is_empty() && !met(require, checks, |check| !check.is_against()) {
        let says_maintenance = |check: &Opinion| check.streak.says_maintenance(&check.rules);
        return if checks.iter().any(says_maintenance) {
            State::Maintenance
        } else {
            State::Down
        };
    }
    let joins = !checks.is_empty() && met(require, checks, |check| joining.admits(check));
    if previous == State::Up || joins {
        State::Up
    } else {
        previous
    }
}

/// Whether the checks have succeeded `rise` times in a row as far as is required.
pub fn has_risen(checks: &[Opinion], require: Require) -> bool {
    let risen = |check: &Opinion| Joining::AfterRise(1).admits(check);
    !checks.is_empty() && met(require, checks, risen)
}

/// Whether nobody listens where the checks ask that found the server ill.
pub fn is_refused(checks: &[Opinion]) -> bool {
    let mut failing = checks
        .iter()
        .filter(|check| check.streak.failing_since().is_some())
        .peekable();
    failing.peek().is_some() && failing.all(|check| check.streak.is_refused())
}

/// Whether the checks for which `holds` meet the requirement. Where there are none but those with
/// a veto, those are enough.
fn met(require: Require, checks: &[Opinion], holds: impl Fn(&Opinion) -> bool) -> bool {
    let (mut vetoed, mut weighed, mut held) = (false, false, 0_u32);
    let mut all_hold = true;
    for check in checks {
        match check.voice {
            Voice::Veto => vetoed |= !holds(check),
            Voice::Weight(_) if !holds(check) => (weighed, all_hold) = (true, false),
            Voice::Weight(weight) => {
                (weighed, held) = (true, held.saturating_add(weight));
            }
        }
    }
    let enough = match require {
        Require::All => all_hold,
        Require::Any => held > 0,
        Require::Weight(needed) => held >= needed,
    };
    !vetoed && (enough || !weighed)
}

#[cfg(test)]
mod tests;
