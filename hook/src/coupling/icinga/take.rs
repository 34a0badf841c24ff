//! Results that Icinga found. The event stream tells each of them as it comes; what was missed
//! before it was open, or while it was broken, is found by reading the present state.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::StatusCode;
use hyper::body::Incoming;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::attempts::Attempts;
use super::http::{Fault, Question, ask, ask_whole, next_chunk};
use super::link::{self, Link};
use super::told::Told;
use super::wire::{self, Seen};
use super::{Subject, Subjects};
use crate::config::{Icinga, Object};
use crate::coupling::lines::{Line, Lines};
use crate::host::HostEvent;
use crate::intake::reported;
use crate::jitter::Jitter;

/// A line of the stream, which has a plugin's whole output, is not longer.
const LONGEST_LINE: usize = 1024 * 1024;

/// How soon the state is read after a line that made no sense.
const SOON: Duration = Duration::from_secs(5);

/// So many services are named at once.
const NAMES: usize = 5;

/// Takes results for ever, or until nobody wants them.
pub(super) async fn follow(
    to: &Icinga,
    machine: &str,
    mut subjects: watch::Receiver<Subjects>,
    results: Sender<reported::Result>,
    tell: Sender<HostEvent>,
) {
    let mut taking = Taking {
        to,
        machine,
        subjects: subjects.borrow_and_update().clone(),
        newest: BTreeMap::new(),
        read_next: Instant::now(),
        results,
        trouble: Told::about(
            format!("results from Icinga at {}:{}", to.host, to.port),
            tell.clone(),
        ),
        lines: Told::about(
            format!("events from Icinga at {}:{}", to.host, to.port),
            tell.clone(),
        ),
        services: Told::about(
            format!("services of Icinga at {}:{}", to.host, to.port),
            tell,
        ),
    };
    let mut attempts = Attempts::new(Jitter::random());
    loop {
        let changed = tokio::select! {
            changed = subjects.changed() => changed,
            () = taking.once_and_again(&mut attempts) => return,
        };
        if changed.is_err() {
            return;
        }
        taking.subjects = subjects.borrow_and_update().clone();
        // A check that is new here has to hear of what Icinga found long ago.
        taking.newest.clear();
    }
}

struct Taking<'a> {
    to: &'a Icinga,
    machine: &'a str,
    subjects: Subjects,
    /// When the last result that was taken ended, by Icinga's clock.
    newest: BTreeMap<Object, f64>,
    /// When the present state is read again.
    read_next: Instant,
    results: Sender<reported::Result>,
    /// What keeps results from coming at all.
    trouble: Told,
    /// What in the stream makes no sense.
    lines: Told,
    /// Services that are not there, or were not checked lately.
    services: Told,
}

/// Why a session is over.
enum End {
    /// Nobody wants results any more.
    NobodyListens,
    /// Icinga, or the way to it.
    Fault(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Taking<'_> {
    /// Session after session; returns only if nobody listens.
    async fn once_and_again(&mut self, attempts: &mut Attempts) {
        if self.subjects.is_empty() {
            // Nor is anything wrong with what nobody wants.
            for told in [&mut self.trouble, &mut self.lines, &mut self.services] {
                told.say(None).await;
            }
            std::future::pending::<()>().await;
        }
        loop {
            let began = Instant::now();
            let Err(End::Fault(fault)) = self.session().await else {
                return;
            };
            attempts.worked_for(began.elapsed());
            let words = fault.words("objects/query/service or events/checkresult");
            let again = "it is tried again, at most a minute apart, and no weight depends on it";
            self.trouble.say(Some(format!("{words}; {again}"))).await;
            sleep(attempts.failed()).await;
        }
    }

    /// The stream is opened before the state is read, so that nothing is missed in between.
    async fn session(&mut self) -> Result<Infallible, End> {
        let mut link = link::open(self.to).await?;
        let mut stream = self.subscribe(&mut link).await?;
        let mut lines = Lines::up_to(LONGEST_LINE);
        self.read_next = Instant::now();
        loop {
            tokio::select! {
                () = sleep_until(self.read_next) => {
                    self.read_state().await?;
                    self.trouble.say(None).await;
                    self.read_next = Instant::now() + self.to.interval;
                }
                chunk = next_chunk(&mut stream) => {
                    let chunk = chunk?.ok_or_else(|| ended(&lines))?;
                    for line in lines.take(&chunk) {
                        self.hear(&line).await?;
                    }
                }
            }
        }
    }

    async fn subscribe(&self, link: &mut Link) -> Result<Incoming, Fault> {
        let question = Question {
            path: "/v1/events",
            is_get: false,
            body: wire::subscription(&self.subjects, self.machine),
        };
        ask(link, &question).await
    }

    /// Takes one line of the stream. One that makes no sense is passed over: what it said is in the
    /// state that is read soon after.
    async fn hear(&mut self, line: &Line) -> Result<(), End> {
        match understood(line) {
            Ok(Some(seen)) => self.take(seen).await,
            Ok(None) => Ok(()),
            Err(what) => {
                let words = format!("{what} was passed over, and the state is read instead");
                self.lines.say(Some(words)).await;
                self.read_next = self.read_next.min(Instant::now() + SOON);
                Ok(())
            }
        }
    }

    /// Reads what all services are in at present, and names those of which that is not known.
    async fn read_state(&mut self) -> Result<(), End> {
        let mut link = link::open(self.to).await?;
        let question = Question {
            path: "/v1/objects/services",
            is_get: true,
            body: wire::inquiry(&self.subjects),
        };
        let answer = match ask_whole(&mut link, &question).await {
            // None of them is there.
            Err(Fault::Refused(StatusCode::NOT_FOUND, _)) => b"{\"results\":[]}".to_vec(),
            answer => answer?,
        };
        let (states, unchecked) = wire::states(&answer)
            .map_err(|why| Fault::Link(format!("its answer is none of Icinga 2: {why}")))?;
        let mut missing = self.subjects.clone();
        missing.retain(|object, _| !unchecked.contains(object));
        let mut old = Vec::new();
        for seen in states {
            missing.remove(&seen.object);
            if let Some(subject) = self.subjects.get(&seen.object)
                && is_old(&seen, subject)
            {
                old.push(seen.object.clone());
            }
            self.take(seen).await?;
        }
        self.services.say(words(&missing, &old)).await;
        self.lines.say(None).await;
        Ok(())
    }

    /// Passes a result on if it is about one of ours, news, and not too old to be believed.
    async fn take(&mut self, seen: Seen) -> Result<(), End> {
        let Some(subject) = self.subjects.get(&seen.object) else {
            return Ok(());
        };
        let before = self.newest.get(&seen.object).copied();
        if !is_news(before, seen.ended, now()) || is_old(&seen, subject) {
            return Ok(());
        }
        let result = reported::Result {
            server: subject.server.clone(),
            check: subject.check.clone(),
            condition: seen.condition,
            text: seen.text,
        };
        self.newest.insert(seen.object, seen.ended);
        let sent = self.results.send(result).await;
        sent.map_err(|_| End::NobodyListens)
    }
}

/// What a line of the stream says, if that is of use.
///
/// # Errors
/// What kind of line it is that makes no sense.
fn understood(line: &Line) -> Result<Option<Seen>, String> {
    match line {
        Line::TooLong => Err(format!("a line of more than {LONGEST_LINE} bytes")),
        Line::Whole(line) if line.is_empty() => Ok(None),
        Line::Whole(line) => {
            wire::event(line).map_err(|why| format!("a line that is no result of a check ({why})"))
        }
    }
}

/// A result that would be stale here already.
fn is_old(seen: &Seen, subject: &Subject) -> bool {
    now() - seen.ended > subject.stale_after.as_secs_f64()
}

/// Seconds since 1970.
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}

/// Whether a result that ended then is a later one than the last that was taken. One of a clock that
/// was ahead must not keep out what comes once that clock is right.
fn is_news(before: Option<f64>, ended: f64, now: f64) -> bool {
    before.is_none_or(|before| ended > before || (before > now && ended != before))
}

fn ended(lines: &Lines) -> Fault {
    let words = match lines.is_within_a_line() {
        true => "the event stream ended within a line",
        false => "the event stream ended",
    };
    Fault::Link(words.to_owned())
}

fn words(missing: &Subjects, old: &[Object]) -> Option<String> {
    let mut parts = Vec::new();
    if !missing.is_empty() {
        let missing: Vec<&Object> = missing.keys().collect();
        parts.push(format!(
            "there is no {}, or the ApiUser may not see it",
            named(&missing)
        ));
    }
    if !old.is_empty() {
        let old: Vec<&Object> = old.iter().collect();
        parts.push(format!(
            "{} was checked longer ago than stale_after, which is no news and moves no weight",
            named(&old)
        ));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

pub(super) fn named(objects: &[&Object]) -> String {
    let first = objects.iter().take(NAMES);
    let names: Vec<String> = first.map(|object| format!("\"{object}\"")).collect();
    let more = match objects.len().saturating_sub(NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    names.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_result_read_again_is_no_news_and_a_clock_set_right_keeps_none_out() {
        assert!(is_news(None, 100.0, 200.0));
        assert!(is_news(Some(100.0), 101.0, 200.0));
        assert!(!is_news(Some(100.0), 100.0, 200.0));
        assert!(!is_news(Some(100.0), 99.0, 200.0));
        // The last one was of a clock an hour ahead.
        assert!(!is_news(Some(3800.0), 3800.0, 200.0));
        assert!(is_news(Some(3800.0), 201.0, 202.0));
    }

    #[test]
    fn thousands_of_missing_services_are_one_line() {
        let object = |at: usize| Object {
            host: format!("ex{at}"),
            service: "store".to_owned(),
        };
        let subject = Subject {
            server: "ex1".to_owned(),
            check: "store".to_owned(),
            stale_after: Duration::from_secs(900),
        };
        let missing: Subjects = (0..1000).map(|at| (object(at), subject.clone())).collect();
        let said = words(&missing, &[]).unwrap();
        assert!(
            said.contains("\"ex0!store\"") && said.contains("and 995 more"),
            "{said}"
        );
        assert!(said.len() < 200, "{said}");
        assert_eq!(words(&Subjects::new(), &[]), None);
    }
}
