//! What the table refuses: said once, tried again ever more rarely, and never at the cost of a
//! table that serves.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::Moment;
use crate::table::{ServiceKey, Step, Table};

/// What is wrong with the table, since it was last read.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    present: Vec<String>,
    /// Those of the reading before.
    before: BTreeSet<String>,
}

impl Troubles {
    /// The table is read anew: what is still wrong will be met again.
    pub(super) fn begin_anew(&mut self) {
        self.before = std::mem::take(&mut self.present).into_iter().collect();
    }

    /// Adds what was met. True if it is news.
    pub(super) fn add(&mut self, words: String) -> bool {
        if self.present.contains(&words) {
            return false;
        }
        let news = !self.before.contains(&words);
        self.present.push(words);
        news
    }

    pub(super) fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    /// The first one, and how many there are.
    pub(super) fn words(&self) -> Option<String> {
        let first = self.present.first()?;
        Some(match self.present.len() {
            1 => first.clone(),
            all => format!("{first} (and {} more, see the journal)", all - 1),
        })
    }
}

/// Steps that were refused, and when they are worth another attempt.
#[derive(Debug)]
pub(super) struct Refusal {
    steps: Vec<Step>,
    /// Why.
    pub(super) words: String,
    times: u32,
    again: Moment,
}

impl Refusal {
    const SHORTEST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(10);

    /// `steps` were refused. The same ones are tried again at once, then with growing pauses.
    pub(super) fn after(
        before: Option<Self>,
        steps: Vec<Step>,
        words: String,
        now: Moment,
    ) -> Self {
        let again = before.filter(|before| before.steps == steps);
        let times = again.map_or(1, |before| before.times.saturating_add(1));
        let pause = match times {
            1 => Duration::ZERO,
            _ => Self::SHORTEST.saturating_mul(1 << (times - 2).min(16)),
        };
        Self {
            steps,
            words,
            times,
            again: now + pause.min(Self::LONGEST),
        }
    }

    /// Whether these are the steps that were refused, and it is too early to try them again.
    pub(super) fn forbids(&self, steps: &[Step], now: Moment) -> bool {
        now < self.again && self.steps == steps
    }
}

/// Whether a service serves even when all these steps of it were carried out but those that give
/// weight. Then what takes weight may go on where another step was refused.
pub(super) fn serves_after(steps: &[Step], service: ServiceKey, table: &Table) -> bool {
    let own = steps.iter().filter(|step| step.service() == service);
    let losing = own.filter(|step| step.weight().is_none_or(|weight| weight == 0));
    let lost: BTreeSet<_> = losing.filter_map(Step::destination).collect();
    table.get(&service).is_some_and(|there| {
        let serving = |(at, it): (_, &crate::table::Destination)| {
            it.settings.weight > 0 && !lost.contains(at)
        };
        there.destinations.iter().any(serving)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(weight: u32) -> Step {
        Step::AddDestination {
            service: ServiceKey::Fwmark {
                family: crate::table::Family::V4,
                mark: 80,
            },
            destination: "10.0.1.1:0".parse().unwrap(),
            to: crate::table::DestinationSettings {
                forward: crate::table::Forward::Nat,
                weight,
                upper_threshold: 0,
                lower_threshold: 0,
                encapsulation: crate::table::Encapsulation::default(),
            },
        }
    }

    #[test]
    fn the_same_steps_are_tried_ever_more_rarely_and_others_at_once() {
        let mut now = Moment::default();
        let mut refusal: Option<Refusal> = None;
        let mut attempts = Vec::new();
        for second in 0..60 {
            let forbidden = refusal
                .as_ref()
                .is_some_and(|it| it.forbids(&[step(1)], now));
            if !forbidden {
                attempts.push(second);
                refusal = Some(Refusal::after(
                    refusal.take(),
                    vec![step(1)],
                    "no".to_owned(),
                    now,
                ));
            }
            assert!(
                refusal
                    .as_ref()
                    .is_some_and(|it| !it.forbids(&[step(2)], now))
            );
            now = now + Duration::from_secs(1);
        }
        assert_eq!(attempts, [0, 1, 2, 4, 8, 16, 26, 36, 46, 56]);
    }

    #[test]
    fn what_is_wrong_is_news_once_and_again_after_it_was_right() {
        let mut troubles = Troubles::default();
        assert!(troubles.add("a".to_owned()) && troubles.add("b".to_owned()));
        assert_eq!(
            troubles.words().as_deref(),
            Some("a (and 1 more, see the journal)")
        );
        troubles.begin_anew();
        assert!(troubles.is_empty());
        assert!(!troubles.add("b".to_owned()));
        assert!(!troubles.add("b".to_owned()));
        assert_eq!(troubles.words().as_deref(), Some("b"));
        troubles.begin_anew();
        troubles.begin_anew();
        assert!(troubles.add("b".to_owned()));
    }
}
