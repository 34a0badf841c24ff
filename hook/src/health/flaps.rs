//! Flap damping: a server that keeps falling has to work for longer before it comes back.

use std::time::Duration;

use crate::clock::Moment;

/// So many falls within the window are taken for bad luck.
const FORGIVEN: usize = 2;

/// `rise` is never multiplied by more than this.
const MOST: u32 = 16;

/// When a server fell in one service, the last times only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flaps {
    falls: Vec<Moment>,
}

impl Flaps {
    /// Notes a fall.
    pub fn fell(&mut self, now: Moment) {
        // More than these cannot raise the factor any further.
        if self.falls.len() > FORGIVEN + MOST.ilog2() as usize {
            self.falls.remove(0);
        }
        self.falls.push(now);
    }

    /// Falls within the window that ends now.
    pub fn within(&self, window: Duration, now: Moment) -> usize {
        let recent = |fall: &&Moment| now.since(**fall) <= window;
        self.falls.iter().filter(recent).count()
    }

    /// How many times `rise` successes the server needs now: 1 for the first falls within the
    /// window, then 2, 4, 8, 16.
    pub fn factor(&self, window: Duration, now: Moment) -> u32 {
        let beyond = self.within(window, now).saturating_sub(FORGIVEN);
        let doublings = u32::try_from(beyond).unwrap_or(u32::MAX);
        2_u32.checked_pow(doublings).unwrap_or(MOST).min(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds))
    }

    #[test]
    fn each_fall_after_the_second_within_the_window_doubles_the_wait_up_to_sixteen() {
        let window = Duration::from_secs(600);
        let mut flaps = Flaps::default();
        let factors: Vec<u32> = (0..9)
            .map(|fall| {
                flaps.fell(at(fall));
                flaps.factor(window, at(fall))
            })
            .collect();
        assert_eq!(factors, [1, 1, 2, 4, 8, 16, 16, 16, 16]);
    }

    #[test]
    fn falls_before_the_window_are_forgotten() {
        let mut flaps = Flaps::default();
        for fall in 0..5 {
            flaps.fell(at(fall));
        }
        assert_eq!(flaps.factor(Duration::from_secs(600), at(700)), 1);
    }
}
