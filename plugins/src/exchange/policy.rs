//! How much of a server must work.

use std::str::FromStr;

use shared::verdict::Condition;

/// How much of a server must work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Policy {
    /// Every part: the worst of them decides.
    #[default]
    All,
    /// One part: the best of them decides as long as it works.
    Any,
    /// Parts of that weight together; if more is missing than that leaves, the worst decides.
    AtLeast(u32),
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        match text {
            "all" => Ok(Self::All),
            "any" => Ok(Self::Any),
            number => match number.parse() {
                Ok(least @ 1..) if plain => Ok(Self::AtLeast(least)),
                _ => Err("expected all, any, or the weight that must work, from 1 up".to_owned()),
            },
        }
    }
}

/// A part as it is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) condition: Condition,
    pub(super) weight: u32,
}

impl Counted {
    /// Whether it does its work.
    pub(super) fn works(self) -> bool {
        self.condition <= Condition::Degraded
    }
}

/// What the policy makes of the parts, and which of them to tell of first; nothing of no parts.
pub(super) fn decide(policy: Policy, parts: &[Counted]) -> Option<(Condition, usize)> {
    // Of equals the first.
    let by_condition = |(at, part): &(usize, &Counted)| (part.condition, std::cmp::Reverse(*at));
    let (worst_at, worst) = parts.iter().enumerate().max_by_key(by_condition)?;
    let best = parts.iter().enumerate();
    let (best_at, best) = best.min_by_key(|(at, part)| (part.condition, *at))?;
    let working: u32 = weight(parts.iter().filter(|part| part.works()));
    Some(match policy {
        Policy::Any if best.works() => (best.condition, best_at),
        Policy::AtLeast(least) if working >= least => {
            (worst.condition.min(Condition::Degraded), worst_at)
        }
        Policy::All | Policy::Any | Policy::AtLeast(_) => (worst.condition, worst_at),
    })
}

/// What they weigh together.
pub(super) fn weight<'a>(parts: impl Iterator<Item = &'a Counted>) -> u32 {
    parts.fold(0, |sum, part| sum.saturating_add(part.weight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Condition::{Degraded, Failed, Healthy, Maintenance, Unknown};
    use proptest::prelude::*;

    fn decided(policy: &str, conditions: &[Condition]) -> (Condition, usize) {
        let parts: Vec<Counted> = conditions
            .iter()
            .map(|condition| Counted {
                condition: *condition,
                weight: 1,
            })
            .collect();
        decide(policy.parse().unwrap(), &parts).unwrap()
    }

    #[test]
    fn under_all_the_worst_part_decides() {
        assert_eq!(decided("all", &[Healthy, Healthy, Healthy]), (Healthy, 0));
        assert_eq!(decided("all", &[Healthy, Degraded, Healthy]), (Degraded, 1));
        assert_eq!(decided("all", &[Degraded, Unknown, Healthy]), (Unknown, 1));
        assert_eq!(
            decided("all", &[Maintenance, Unknown, Healthy]),
            (Maintenance, 0)
        );
        assert_eq!(decided("all", &[Maintenance, Healthy, Failed]), (Failed, 2));
        assert_eq!(decided("all", &[Failed, Failed]), (Failed, 0));
    }

    #[test]
    fn under_any_the_best_part_decides_unless_none_works() {
        assert_eq!(decided("any", &[Failed, Healthy, Failed]), (Healthy, 1));
        assert_eq!(decided("any", &[Failed, Degraded]), (Degraded, 1));
        assert_eq!(decided("any", &[Maintenance, Failed]), (Failed, 1));
        assert_eq!(decided("any", &[Unknown, Maintenance]), (Maintenance, 1));
    }

    #[test]
    fn under_a_number_enough_weight_works_and_what_fails_degrades() {
        assert_eq!(decided("2", &[Healthy, Healthy, Healthy]), (Healthy, 0));
        assert_eq!(decided("2", &[Healthy, Failed, Healthy]), (Degraded, 1));
        assert_eq!(
            decided("2", &[Healthy, Maintenance, Degraded]),
            (Degraded, 1)
        );
        assert_eq!(decided("2", &[Healthy, Failed, Failed]), (Failed, 1));
        assert_eq!(
            decided("2", &[Healthy, Maintenance, Unknown]),
            (Maintenance, 1)
        );
        assert_eq!(decided("2", &[Healthy, Unknown, Unknown]), (Unknown, 1));
    }

    #[test]
    fn a_number_counts_weights_and_not_parts() {
        let part = |condition, weight| Counted { condition, weight };
        let parts = [part(Healthy, 3), part(Failed, 1), part(Failed, 1)];
        assert_eq!(decide(Policy::AtLeast(3), &parts), Some((Degraded, 1)));
        assert_eq!(decide(Policy::AtLeast(4), &parts), Some((Failed, 1)));
    }

    #[test]
    fn a_policy_that_is_none_is_refused() {
        for text in ["", "0", "-1", "+1", "1.5", "most", "ALL"] {
            assert!(text.parse::<Policy>().is_err(), "{text:?}");
        }
    }

    fn conditions() -> impl Strategy<Value = Vec<Condition>> {
        let one = prop::sample::select(vec![Healthy, Degraded, Unknown, Maintenance, Failed]);
        prop::collection::vec(one, 1..5)
    }

    proptest! {
        #[test]
        fn a_stricter_policy_never_gives_a_better_verdict(conditions in conditions()) {
            let all = u32::try_from(conditions.len()).unwrap();
            let mut last = decided("any", &conditions).0;
            for least in 1..=all {
                let (condition, _) = decided(&least.to_string(), &conditions);
                prop_assert!(condition >= last, "{conditions:?} {least}");
                last = condition;
            }
            prop_assert!(decided("all", &conditions).0 >= last);
        }

        #[test]
        fn no_policy_invents_a_failure(conditions in conditions(), policy in "all|any|[1-5]") {
            let (condition, at) = decided(&policy, &conditions);
            prop_assert!(condition <= *conditions.iter().max().unwrap());
            prop_assert!(at < conditions.len());
        }
    }
}
