//! How often something is asked. Pure: time is passed in.

use std::time::Duration;

use tokio::time::Instant;

use super::pacing::Pacing;
use crate::clock::Moment;
use crate::health::{Rules, Streak};

/// How often something is asked.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) interval: Duration,
    pub(super) retry_interval: Duration,
    pub(super) rules: Rules,
}

impl Pace {
    /// When the run after one that `began` and `ended` starts: start to start in general, soon
    /// after a failure while the streak is undecided, or as soon as what failed may be asked again,
    /// and never without a pause, so that a slow server is not asked twice in a breath. `now` is
    /// `ended` by the director's clock.
    pub(super) fn next(
        &self,
        (began, ended): (Instant, Instant),
        streak: &Streak,
        pacing: &Pacing,
        now: Moment,
    ) -> Instant {
        let pause = ended + self.retry_interval.min(self.interval);
        if streak.is_undecided(&self.rules) {
            let decisive = pacing.next_decisive().map(|at| ended + at.since(now));
            decisive.map_or(pause, |decisive| pause.max(decisive))
        } else {
            pause.max(began + self.interval)
        }
    }
}

/// When the first run of one of `count` checks begins: a few milliseconds apart while they are
/// few, evenly over the interval when they are many.
pub(super) fn spread(at: usize, count: usize, interval: Duration) -> Duration {
    let few = Duration::from_millis(5).saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    few.min(interval).mul_f64(at as f64 / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_checks_start_at_once_and_many_are_spread_over_the_interval() {
        let interval = Duration::from_secs(5);
        assert_eq!(spread(0, 2, interval), Duration::ZERO);
        assert!(spread(1, 2, interval) <= Duration::from_millis(5));
        let last = spread(36_999, 37_000, interval);
        assert!(last < interval && last > interval.mul_f64(0.99));
    }
}
