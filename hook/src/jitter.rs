//! Random waits, so that machines that start together do not go on asking together.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A source of random waits: the same ones for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// With a seed of the operating system.
    pub(crate) fn random() -> Self {
        Self(RandomState::new().hash_one(0))
    }

    /// With a given seed.
    #[cfg(test)]
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to `limit`.
    pub(crate) fn up_to(&mut self, limit: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let thousandth = u32::try_from((mixed ^ (mixed >> 31)) % 1001).unwrap_or(0);
        limit * thousandth / 1000
    }
}
