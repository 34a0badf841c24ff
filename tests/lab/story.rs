//! The thread of a scenario: says what happens with the time beside it, waits for conditions, and
//! knows what to show when the scenario fails. All that goes to standard error; standard output is
//! for the demonstration's tale.

use std::env;
use std::fmt::Debug;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;

/// What a line with a figure begins with.
pub(crate) const FIGURE: &str = "figure: ";

type Evidence = Box<dyn Fn() -> String + Send>;

/// One scenario in progress.
pub(crate) struct Story {
    begun: Instant,
    last: Mutex<String>,
    evidence: Mutex<Vec<(String, Evidence)>>,
}

impl Story {
    pub(crate) fn begin() -> Self {
        Self {
            begun: Instant::now(),
            last: Mutex::default(),
            evidence: Mutex::default(),
        }
    }

    /// Says what happens next.
    pub(crate) fn tell(&self, what: &str) {
        eprintln!("[{:7.2}] {what}", self.begun.elapsed().as_secs_f64());
        what.clone_into(&mut lock(&self.last));
    }

    /// Gives a number that is worth seeing when the scenario passes, too.
    pub(crate) fn figure(&self, what: &str) {
        eprintln!("{FIGURE}{what}");
    }

    /// What was told last; names the step in which a scenario hangs.
    pub(crate) fn last_step(&self) -> String {
        lock(&self.last).clone()
    }

    /// Names something to print when the scenario fails.
    pub(crate) fn on_failure(&self, title: &str, evidence: impl Fn() -> String + Send + 'static) {
        lock(&self.evidence).push((title.to_owned(), Box::new(evidence)));
    }

    /// Prints all evidence.
    pub(crate) fn show_evidence(&self) {
        for (title, evidence) in lock(&self.evidence).iter() {
            eprintln!("--- {title}\n{}", evidence().trim_end());
        }
    }

    /// Waits until `look` sees `expected`, and gives the time it took; fails with what it saw last.
    pub(crate) fn until<T: PartialEq + Debug>(
        &self,
        what: &str,
        expected: &T,
        look: impl Fn() -> Outcome<T>,
    ) -> Outcome<Duration> {
        let begun = Instant::now();
        self.until_some(what, || match look() {
            Ok(seen) if seen == *expected => Ok(begun.elapsed()),
            Ok(seen) => Err(format!("expected {expected:?}, found {seen:?}").into()),
            Err(error) => Err(error),
        })
    }

    /// Waits until this much time has passed since `moment`.
    pub(crate) fn until_past(&self, moment: Instant, time: Duration) -> Outcome {
        let what = format!("{} s have passed", time.as_secs_f64());
        self.until_some(&what, || match time.checked_sub(moment.elapsed()) {
            Some(left) => Err(format!("{} ms are left", left.as_millis()).into()),
            None => Ok(()),
        })
    }

    /// Waits until `attempt` succeeds; fails with its last error once the patience is over.
    pub(crate) fn until_some<T>(
        &self,
        what: &str,
        mut attempt: impl FnMut() -> Outcome<T>,
    ) -> Outcome<T> {
        self.tell(&format!("waiting: {what}"));
        let patience = patience();
        let begun = Instant::now();
        loop {
            match attempt() {
                Ok(value) => {
                    self.tell(&format!("seen: {what}"));
                    return Ok(value);
                }
                Err(error) if begun.elapsed() > patience => {
                    let seconds = patience.as_secs();
                    return Err(format!("{what}: not within {seconds} s: {error}").into());
                }
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// Fails unless `found` is `expected`.
pub(crate) fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:?}, found {found:?}").into())
}

/// How long a step may wait for a condition: `LAB_PATIENCE` in seconds, 60 by default, since an
/// emulated machine is slow and its host may be busy.
pub(crate) fn patience() -> Duration {
    let seconds = env::var("LAB_PATIENCE")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    Duration::from_secs(seconds)
}

/// Whether a series of deaths leaves none out: `LAB_EVERY_STEP`.
pub(crate) fn every_step() -> bool {
    env::var_os("LAB_EVERY_STEP").is_some_and(|set| set == "1")
}

/// A lock that a panicked scenario cannot poison for the evidence.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
