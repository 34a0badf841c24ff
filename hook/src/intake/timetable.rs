//! What is asked again and again, each in its own rhythm. What waits takes a line here, and only
//! what is under way a task: there may be tens of thousands, and few of them are asked at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use shared::verdict::{Condition, Finding, Kind, Verdict};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::pace::{Pace, spread};
use super::pacing::Pacing;
use crate::clock::Clock;
use crate::health::{Reading, Streak};

/// What is asked, and of whom.
pub(super) trait Question: Clone + Send + 'static {
    /// Its name in two parts: it outlives a reload.
    fn name(&self) -> (&str, &str);

    /// Whether it asks what another one of the same name asked, so that it goes on undisturbed.
    fn asks_the_same(&self, before: &Self) -> bool;

    /// How often it is asked.
    fn pace(&self) -> Pace;

    /// Asks once.
    fn ask(
        self,
        pacing: Pacing,
        clock: Clock,
    ) -> impl Future<Output = (Verdict, Pacing)> + Send + 'static;

    /// A verdict on the same server without having asked it.
    fn verdict(&self, finding: Finding) -> Verdict;
}

/// All questions of one kind, and when each is asked next.
pub(super) struct Timetable<Q> {
    clock: Clock,
    lines: Vec<Line<Q>>,
    /// Those that wait, the next one on top.
    due: BinaryHeap<Reverse<(Instant, Slot)>>,
    /// Those that are being asked.
    under_way: HashMap<Id, (Slot, AbortHandle)>,
    runs: JoinSet<Run>,
}

/// Index of a line.
type Slot = usize;

struct Line<Q> {
    question: Q,
    past: Past,
}

/// What came of a question so far.
#[derive(Default)]
struct Past {
    streak: Streak,
    pacing: Pacing,
}

/// One run of a question.
struct Run {
    began: Instant,
    ended: Instant,
    verdict: Verdict,
    pacing: Pacing,
}

impl<Q: Question> Timetable<Q> {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            lines: Vec::new(),
            due: BinaryHeap::new(),
            under_way: HashMap::new(),
            runs: JoinSet::new(),
        }
    }

    /// From now on these are asked and no others: new ones for the first time after the time that
    /// stands with them.
    pub(super) fn follow(&mut self, questions: impl ExactSizeIterator<Item = (Q, Duration)>) {
        let now = Instant::now();
        let mut before = ByName::of(std::mem::take(&mut self.lines));
        // Where each line of before is now.
        let mut moved: Vec<Option<Slot>> = vec![None; before.lines.len()];
        let mut due = Vec::with_capacity(questions.len());
        self.lines.reserve_exact(questions.len());
        for (question, first) in questions {
            let past = match before.find(&question) {
                Some(slot) => {
                    moved[slot] = Some(self.lines.len());
                    std::mem::take(&mut before.lines[slot].past)
                }
                None => {
                    due.push(Reverse((now + first, self.lines.len())));
                    Past::default()
                }
            };
            self.lines.push(Line { question, past });
        }
        let waiting = std::mem::take(&mut self.due).into_iter();
        due.extend(waiting.filter_map(|Reverse((at, slot))| Some(Reverse((at, moved[slot]?)))));
        self.due = due.into();
        self.under_way.retain(|_, (slot, task)| match moved[*slot] {
            Some(now_at) => {
                *slot = now_at;
                true
            }
            None => {
                task.abort();
                false
            }
        });
    }

    /// Asks what is due until one has its answer. May be given up at any point without a loss.
    pub(super) async fn next(&mut self) -> (Q, Verdict) {
        loop {
            self.ask_what_is_due(Instant::now());
            let next = self.due.peek().map(|Reverse((at, _))| *at);
            tokio::select! {
                Some(ended) = self.runs.join_next_with_id() => {
                    if let Some(told) = self.take(ended) {
                        return told;
                    }
                }
                () = until(next) => {}
            }
        }
    }

    fn ask_what_is_due(&mut self, now: Instant) {
        while let Some(Reverse((at, slot))) = self.due.peek().copied()
            && at <= now
        {
            self.due.pop();
            let Line { question, past } = &mut self.lines[slot];
            let pacing = std::mem::take(&mut past.pacing);
            let task = self.runs.spawn(run(question.clone(), pacing, self.clock));
            self.under_way.insert(task.id(), (slot, task));
        }
    }

    /// What a run found, unless nobody asks that any more, and when it is asked again.
    fn take(&mut self, ended: Result<(Id, Run), JoinError>) -> Option<(Q, Verdict)> {
        let (id, run) = match ended {
            Ok((id, run)) => (id, Ok(run)),
            Err(error) => (error.id(), Err(error)),
        };
        let (slot, _) = self.under_way.remove(&id)?;
        let Line { question, past } = &mut self.lines[slot];
        let run = run.unwrap_or_else(|error| Run::broken(question, &error));
        let now = self.clock.now();
        past.streak = past.streak.after(Reading::from(&run.verdict), now);
        past.pacing = run.pacing;
        let next = question
            .pace()
            .next((run.began, run.ended), &past.streak, &past.pacing, now);
        self.due.push(Reverse((next, slot)));
        Some((question.clone(), run.verdict))
    }
}

/// Questions with the time after which each is asked first: spread, so that not all are asked at
/// once.
pub(super) fn spread_out<Q: Question>(
    questions: impl ExactSizeIterator<Item = Q>,
) -> impl ExactSizeIterator<Item = (Q, Duration)> {
    let count = questions.len();
    questions.enumerate().map(move |(at, question)| {
        let first = spread(at, count, question.pace().interval);
        (question, first)
    })
}

async fn until(next: Option<Instant>) {
    match next {
        Some(next) => sleep_until(next).await,
        None => std::future::pending().await,
    }
}

async fn run(question: impl Question, pacing: Pacing, clock: Clock) -> Run {
    let began = Instant::now();
    let (verdict, pacing) = question.ask(pacing, clock).await;
    Run {
        began,
        ended: Instant::now(),
        verdict,
        pacing,
    }
}

impl Run {
    /// One that ended in a fault of ours: the next may fare better, and nobody is to blame.
    fn broken(question: &impl Question, error: &JoinError) -> Self {
        let now = Instant::now();
        let words = format!("the check itself failed: {error}; please report this");
        Self {
            began: now,
            ended: now,
            verdict: question.verdict(Finding::new(Condition::Unknown, Kind::Internal, words)),
            pacing: Pacing::default(),
        }
    }
}

/// Lines that are looked for by their names.
struct ByName<Q> {
    lines: Vec<Line<Q>>,
    order: Vec<Slot>,
}

impl<Q: Question> ByName<Q> {
    fn of(lines: Vec<Line<Q>>) -> Self {
        let mut order: Vec<Slot> = (0..lines.len()).collect();
        order.sort_unstable_by(|a, b| {
            let (a, b) = (&lines[*a].question, &lines[*b].question);
            a.name().cmp(&b.name())
        });
        Self { lines, order }
    }

    /// The line that asks the same.
    fn find(&self, question: &Q) -> Option<Slot> {
        let by_name = |slot: &Slot| self.lines[*slot].question.name().cmp(&question.name());
        let at = self.order.binary_search_by(by_name).ok()?;
        let slot = self.order[at];
        question
            .asks_the_same(&self.lines[slot].question)
            .then_some(slot)
    }
}

#[cfg(test)]
mod tests;
