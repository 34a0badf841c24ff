//! When to try again: soon at first, then ever more rarely, and never in step with others.

use std::time::Duration;

use crate::jitter::Jitter;

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The pauses between attempts.
#[derive(Debug)]
pub(super) struct Attempts {
    next: Duration,
    jitter: Jitter,
}

impl Attempts {
    pub(super) fn new(jitter: Jitter) -> Self {
        Self {
            next: SHORTEST,
            jitter,
        }
    }

    /// The pause after an attempt that failed: doubled each time, half of it by chance.
    pub(super) fn failed(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(LONGEST);
        pause / 2 + self.jitter.up_to(pause / 2)
    }

    /// After so long a time that went well, trouble begins anew.
    pub(super) fn worked_for(&mut self, time: Duration) {
        if time >= LONGEST {
            self.next = SHORTEST;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_grow_rarer_up_to_a_minute_and_are_never_in_step() {
        let pauses = |seed| {
            let mut attempts = Attempts::new(Jitter::seeded(seed));
            (0..12).map(|_| attempts.failed()).collect::<Vec<_>>()
        };
        let (one, other) = (pauses(1), pauses(2));
        for (at, pause) in one.iter().enumerate() {
            let whole = (SHORTEST * 2_u32.pow(at as u32)).min(LONGEST);
            assert!(*pause >= whole / 2 && *pause <= whole, "{at}: {pause:?}");
        }
        assert_ne!(one, other);
    }

    #[test]
    fn only_a_time_that_went_well_brings_the_short_pauses_back() {
        let mut attempts = Attempts::new(Jitter::seeded(1));
        for _ in 0..10 {
            attempts.failed();
        }
        attempts.worked_for(Duration::from_secs(5));
        assert!(
            attempts.failed() >= LONGEST / 2,
            "a stream that breaks at once is not asked often"
        );
        attempts.worked_for(LONGEST);
        assert!(attempts.failed() <= SHORTEST);
    }
}
