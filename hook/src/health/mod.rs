//! From verdicts to a server's health in a service. Pure: no clock, no I/O.
//!
//! Probes are shared between services, health is not: a [`Streak`] belongs to a (server, check),
//! a [`State`] to a (server, service).

mod streak;

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

/// What the service has besides the server that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// At least one other server is up, or was found serving and is not judged yet.
    Serve,
    /// No server is known to work.
    NoneServes,
}

/// The next state of a server in a service, from the streaks of the service's checks.
///
/// One check that decided against the server is enough to take it out. Joining needs every check:
/// one success each if nobody else serves, else `rise` successes each.
pub fn judge(previous: State, checks: &[(Streak, Rules)], others: Others) -> State {
    if checks
        .iter()
        .any(|(streak, rules)| streak.says_maintenance(rules))
    {
        return State::Maintenance;
    }
    if checks.iter().any(|(streak, rules)| streak.says_down(rules)) {
        return State::Down;
    }
    let joins = |(streak, rules): &(Streak, Rules)| match others {
        Others::Serve => streak.has_risen(rules),
        Others::NoneServes => streak.successes() > 0,
    };
    if previous == State::Up || (!checks.is_empty() && checks.iter().all(joins)) {
        State::Up
    } else {
        previous
    }
}

/// Whether every check has reached `rise` successes in a row.
pub fn has_risen(checks: &[(Streak, Rules)]) -> bool {
    !checks.is_empty() && checks.iter().all(|(streak, rules)| streak.has_risen(rules))
}

#[cfg(test)]
mod tests;
