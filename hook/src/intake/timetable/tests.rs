use super::*;
use crate::health::Rules;

const SECOND: Duration = Duration::from_secs(1);

/// A question that takes `takes`, finds `condition` and is asked every ten seconds.
#[derive(Clone)]
struct Scripted {
    name: &'static str,
    wording: u32,
    takes: Duration,
    condition: Condition,
}

impl Question for Scripted {
    fn name(&self) -> (&str, &str) {
        (self.name, "")
    }

    fn asks_the_same(&self, before: &Self) -> bool {
        self.wording == before.wording
    }

    fn pace(&self) -> Pace {
        Pace {
            interval: 10 * SECOND,
            retry_interval: SECOND,
            rules: Rules { fall: 3, rise: 1 },
        }
    }

    async fn ask(self, pacing: Pacing, _clock: Clock) -> (Verdict, Pacing) {
        tokio::time::sleep(self.takes).await;
        assert_ne!(self.name, "broken", "a fault of ours");
        (
            self.verdict(Finding::new(self.condition, Kind::Ok, "")),
            pacing,
        )
    }

    fn verdict(&self, finding: Finding) -> Verdict {
        Verdict::new(self.name, "", None, finding)
    }
}

fn asking(name: &'static str) -> Scripted {
    Scripted {
        name,
        wording: 0,
        takes: Duration::ZERO,
        condition: Condition::Healthy,
    }
}

/// A timetable of these, each asked for the first time after so many seconds, with its start.
fn timetable(questions: Vec<(Scripted, u64)>) -> (Timetable<Scripted>, Instant) {
    let mut timetable = Timetable::new(Clock::start());
    follow(&mut timetable, questions);
    (timetable, Instant::now())
}

fn follow(timetable: &mut Timetable<Scripted>, questions: Vec<(Scripted, u64)>) {
    let after = |(question, seconds)| (question, Duration::from_secs(seconds));
    timetable.follow(questions.into_iter().map(after));
}

/// Who answers next, with the wording of the question and the second since `start`.
async fn told(timetable: &mut Timetable<Scripted>, start: Instant) -> (&'static str, u32, u64) {
    let (question, _) = timetable.next().await;
    (question.name, question.wording, start.elapsed().as_secs())
}

/// Who answers within the next half minute.
async fn all_told(timetable: &mut Timetable<Scripted>) -> Vec<(&'static str, u32, u64)> {
    let start = Instant::now();
    let mut all = Vec::new();
    while let Ok(told) = tokio::time::timeout_at(start + 30 * SECOND, told(timetable, start)).await
    {
        all.push(told);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn each_is_asked_in_its_own_rhythm_from_start_to_start() {
    let slow = Scripted {
        takes: 4 * SECOND,
        ..asking("slow")
    };
    let (mut timetable, _) = timetable(vec![(slow, 0), (asking("quick"), 2)]);
    assert_eq!(
        all_told(&mut timetable).await,
        [
            ("quick", 0, 2),
            ("slow", 0, 4),
            ("quick", 0, 12),
            ("slow", 0, 14),
            ("quick", 0, 22),
            ("slow", 0, 24),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_undecided_failure_is_looked_at_again_soon() {
    let fails = Scripted {
        condition: Condition::Failed,
        ..asking("fails")
    };
    let (mut timetable, _) = timetable(vec![(fails, 0)]);
    let seconds: Vec<u64> = all_told(&mut timetable).await.iter().map(|t| t.2).collect();
    assert_eq!(seconds, [0, 1, 2, 12, 22]);
}

#[tokio::test(start_paused = true)]
async fn what_is_the_same_as_before_goes_on_undisturbed_and_what_is_gone_is_never_told() {
    let (mut timetable, start) = timetable(vec![
        (asking("gone"), 5),
        (asking("kept"), 6),
        (asking("reworded"), 7),
    ]);
    tokio::time::sleep(4 * SECOND).await;
    let reworded = Scripted {
        wording: 1,
        ..asking("reworded")
    };
    follow(
        &mut timetable,
        vec![(asking("another"), 4), (reworded, 5), (asking("kept"), 0)],
    );
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(told(&mut timetable, start).await);
    }
    assert_eq!(
        all,
        [
            ("kept", 0, 6),
            ("another", 0, 8),
            ("reworded", 1, 9),
            ("kept", 0, 16),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_answers_once_if_it_is_kept_and_never_if_it_is_gone() {
    let slow = |name| Scripted {
        takes: 4 * SECOND,
        ..asking(name)
    };
    let (mut timetable, _) = timetable(vec![(slow("gone"), 0), (slow("kept"), 1)]);
    let waited = tokio::time::timeout(2 * SECOND, timetable.next()).await;
    assert!(waited.is_err(), "both are under way");
    follow(
        &mut timetable,
        vec![(asking("another"), 6), (slow("kept"), 0)],
    );
    let all = all_told(&mut timetable).await;
    assert_eq!(
        all,
        [
            ("kept", 0, 3),
            ("another", 0, 6),
            ("kept", 0, 13),
            ("another", 0, 16),
            ("kept", 0, 23),
            ("another", 0, 26),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_streak_outlives_a_change_of_the_others() {
    let fails = || Scripted {
        condition: Condition::Failed,
        ..asking("fails")
    };
    let (mut timetable, start) = timetable(vec![(fails(), 0)]);
    told(&mut timetable, start).await;
    told(&mut timetable, start).await;
    follow(&mut timetable, vec![(asking("first"), 30), (fails(), 0)]);
    assert_eq!(told(&mut timetable, start).await, ("fails", 0, 2));
    // The third failure has decided: it is asked at its interval again.
    assert_eq!(told(&mut timetable, start).await, ("fails", 0, 12));
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_ours_is_told_as_such_and_asked_again() {
    let (mut timetable, start) = timetable(vec![(asking("broken"), 0)]);
    for second in [0, 10] {
        let (_, verdict) = timetable.next().await;
        assert_eq!(
            (verdict.condition, verdict.kind, start.elapsed().as_secs()),
            (Condition::Unknown, Kind::Internal, second)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_of_nothing_waits_for_what_is_to_follow() {
    let (mut timetable, start) = timetable(Vec::new());
    let waited = tokio::time::timeout(SECOND, timetable.next()).await;
    assert!(waited.is_err());
    follow(&mut timetable, vec![(asking("new"), 1)]);
    assert_eq!(told(&mut timetable, start).await, ("new", 0, 2));
}
