//! Medians and their spread.

use serde::{Deserialize, Serialize};

/// One quantity, measured on both sides one right after the other, in its base unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Round {
    pub(crate) ours: f64,
    pub(crate) peer: f64,
}

/// The middle of many values, and how far they scatter: a tenth of them lies below `p10`, a tenth
/// above `p90`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) p10: f64,
    pub(crate) p90: f64,
}

/// Both sides, and how much of the peer's cost is ours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Comparison {
    pub(crate) ours: Spread,
    pub(crate) peer: Spread,
    /// Median of ours over median of the peer's.
    pub(crate) ratio: f64,
}

impl Spread {
    /// None if there are no values, or one is not a number.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        if sorted.iter().any(|value| value.is_nan()) {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: quantile(&sorted, 0.5)?,
            p10: quantile(&sorted, 0.1)?,
            p90: quantile(&sorted, 0.9)?,
        })
    }
}

impl Comparison {
    /// None if there are no rounds, a value is not a number, or the peer's median is not positive.
    pub(crate) fn of(rounds: &[Round]) -> Option<Self> {
        let ours = Spread::of(rounds.iter().map(|round| round.ours))?;
        let peer = Spread::of(rounds.iter().map(|round| round.peer))?;
        (peer.median > 0.0).then(|| Self {
            ours,
            peer,
            ratio: ours.median / peer.median,
        })
    }
}

/// The value below which this part of the sorted values lies, interpolated between neighbours.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = part * sorted.len().checked_sub(1)? as f64;
    let below = sorted.get(place.floor() as usize)?;
    let above = sorted.get(place.ceil() as usize)?;
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(spread.median, 2.5);
    }

    #[test]
    fn a_tenth_lies_on_either_side() {
        let spread = Spread::of((0..=100).rev().map(f64::from)).unwrap();
        assert_eq!((spread.p10, spread.median, spread.p90), (10.0, 50.0, 90.0));
    }

    #[test]
    fn one_value_is_its_own_spread() {
        let spread = Spread::of([7.0]).unwrap();
        assert_eq!((spread.p10, spread.median, spread.p90), (7.0, 7.0, 7.0));
    }

    #[test]
    fn nothing_has_no_spread_and_neither_has_what_is_not_a_number() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([1.0, f64::NAN]), None);
    }

    #[test]
    fn the_ratio_is_that_of_the_medians_whatever_single_rounds_say() {
        let round = |ours, peer| Round { ours, peer };
        let rounds = [round(1.0, 4.0), round(2.0, 400.0), round(90.0, 3.0)];
        assert_eq!(Comparison::of(&rounds).unwrap().ratio, 0.5);
    }

    #[test]
    fn a_peer_that_costs_nothing_is_not_compared_with() {
        let free = Round {
            ours: 1.0,
            peer: 0.0,
        };
        assert_eq!(Comparison::of(&[free]), None);
        assert_eq!(Comparison::of(&[]), None);
    }

    proptest! {
        #[test]
        fn a_spread_is_ordered_and_within_the_values(
            values in prop::collection::vec(-1e9..1e9, 1..200),
        ) {
            let spread = Spread::of(values.clone()).unwrap();
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(least <= spread.p10 && spread.p10 <= spread.median);
            prop_assert!(spread.median <= spread.p90 && spread.p90 <= most);
        }

        #[test]
        fn the_order_of_rounds_does_not_matter(
            mut values in prop::collection::vec(0.0..1e9, 1..50),
        ) {
            let before = Spread::of(values.clone());
            values.reverse();
            prop_assert_eq!(before, Spread::of(values));
        }
    }
}
