//! `governess replay EVENTS`: what a configuration would have done with a history, side by side
//! with what was done. A director in memory goes through the history; time is the history's.

mod compare;
mod twin;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use shared::verdict::{Condition, Finding, Kind, Verdict};

use super::events::Record;
use super::evidence::{AND_SO_ON, FILE, ORDER, WEIGHT};
use crate::clock::Moment;
use crate::config::Config;
use crate::director::{Director, Order, Records, Report, Want};
use crate::kernel::KernelError;
use crate::operate::journal::Journal;
use twin::Twin;

pub use compare::{Comparison, Row};

/// Events that a director decides by itself: what is compared.
const DECISIONS: &[&str] = &[
    "server_up",
    "server_down",
    "server_maintenance",
    "step",
    "fail_open",
    "fail_open_ended",
    "sorry_server",
    "sorry_server_ended",
    "drained",
];

/// A streak that goes on unnoted is made up to at most this many answers.
const MADE_UP: u32 = 50;

/// Between two events time passes in at most this many steps.
const STEPS: u32 = 600;

/// One decision with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When, as RFC 3339 writes it: the time of the event that it follows.
    pub ts: String,
    /// What, with service and server.
    pub words: String,
}

/// Goes through a history with a configuration.
///
/// # Errors
/// The director in memory refuses, which its table gives no reason for.
pub fn replay(config: &Config, history: &[Record]) -> Result<Comparison, KernelError> {
    let mut run = Run {
        config,
        kernel: Twin::default(),
        director: None,
        lines: Arc::default(),
        now: Moment::default(),
        clock: None,
        going_on: BTreeMap::new(),
        files: BTreeMap::new(),
        would: Vec::new(),
    };
    let mut done = Vec::new();
    for record in history {
        if DECISIONS.contains(&record.event.as_str()) {
            run.pass_until(record)?;
            done.push(decision(record, &record.ts));
        } else {
            run.take(record)?;
        }
    }
    Ok(compare::compare(done, run.would))
}

fn decision(record: &Record, ts: &str) -> Decision {
    let about = match (&record.service, &record.server) {
        (Some(service), Some(server)) => format!("{service}/{server} "),
        (Some(name), None) | (None, Some(name)) => format!("{name} "),
        (None, None) => String::new(),
    };
    // The words of a verdict are in the history already.
    let words = if record.event == "step" {
        format!("step: {}", record.reason)
    } else {
        record.event.clone()
    };
    Decision {
        ts: ts.to_owned(),
        words: format!("{about}{words}"),
    }
}

/// A streak whose answers are no longer noted one by one.
struct GoingOn {
    verdict: Verdict,
    next: Moment,
    left: u32,
}

struct Run<'a> {
    config: &'a Config,
    kernel: Twin,
    director: Option<Director>,
    lines: Arc<std::sync::Mutex<Vec<u8>>>,
    now: Moment,
    /// The history's own clock at the last event.
    clock: Option<u64>,
    going_on: BTreeMap<(String, String), GoingOn>,
    files: BTreeMap<String, String>,
    would: Vec<Decision>,
}

impl Run<'_> {
    fn take(&mut self, record: &Record) -> Result<(), KernelError> {
        if record.event == "started" {
            // The clock may be another boot's; what was asked goes on to count.
            self.clock = Some(record.mono_us);
            self.start()?;
            self.collect(&record.ts);
            return Ok(());
        }
        if self.director.is_none() {
            self.start()?;
            self.collect(&record.ts);
        }
        self.pass_until(record)?;
        match record.event.as_str() {
            "verdict" | "reading" => self.take_verdict(record),
            "wish_set" | "wish_cleared" => self.take_wish(record),
            "stopped" => self.going_on.clear(),
            _ => {}
        }
        self.collect(&record.ts);
        Ok(())
    }

    fn start(&mut self) -> Result<(), KernelError> {
        let (journal, lines) = Journal::kept();
        self.lines = lines;
        self.going_on.clear();
        let records = restarted(self.director.take(), journal);
        let kernel = Box::new(self.kernel.clone());
        let mut director = Director::start(self.config.clone(), kernel, records, self.now)?;
        director.take_maintenance(Ok(self.files.clone()), self.now);
        self.director = Some(director);
        Ok(())
    }

    /// Lets the time until an event pass.
    fn pass_until(&mut self, record: &Record) -> Result<(), KernelError> {
        let before = self.clock.replace(record.mono_us).unwrap_or(record.mono_us);
        let gap = Duration::from_micros(record.mono_us.saturating_sub(before));
        let until = self.now + gap;
        let period = self.config.director.reconcile_interval.max(gap / STEPS);
        while self.now + period <= until {
            let next = self.now + period;
            self.make_up(next);
            self.now = next;
            if let Some(director) = &mut self.director {
                director.tick(next);
            }
            self.collect(&record.ts);
        }
        self.now = until;
        Ok(())
    }

    /// The answers of streaks that went on, until `next`.
    fn make_up(&mut self, next: Moment) {
        let Some(director) = &mut self.director else {
            return;
        };
        for ((server, check), streak) in &mut self.going_on {
            let known = self.config.check_named(check);
            let Some(interval) = known.map(|id| self.config.checks[id.0].interval) else {
                continue;
            };
            while streak.left > 0 && streak.next <= next {
                let report = Report {
                    server: server.as_str().into(),
                    check: check.as_str().into(),
                    verdict: streak.verdict.clone(),
                };
                director.take(report, streak.next);
                streak.left -= 1;
                streak.next = streak.next + interval;
            }
        }
    }

    fn take_verdict(&mut self, record: &Record) {
        let (Some(director), Some(server), Some(check)) =
            (&mut self.director, &record.server, record.text("check"))
        else {
            return;
        };
        let Some(verdict) = verdict(record, check, server) else {
            return;
        };
        let key = (server.clone(), check.to_owned());
        self.going_on.remove(&key);
        if record.facts.get(AND_SO_ON) == Some(&Value::Bool(true)) {
            let known = self.config.check_named(check);
            let interval = known.map_or(Duration::from_secs(5), |id| {
                self.config.checks[id.0].interval
            });
            let streak = GoingOn {
                verdict: verdict.clone(),
                next: self.now + interval,
                left: MADE_UP,
            };
            self.going_on.insert(key, streak);
        }
        let report = Report {
            server: server.as_str().into(),
            check: check.into(),
            verdict,
        };
        director.take(report, self.now);
    }

    fn take_wish(&mut self, record: &Record) {
        let (Some(director), Some(server)) = (&mut self.director, &record.server) else {
            return;
        };
        if let Some(file) = record.text(FILE) {
            if record.event == "wish_set" {
                self.files.insert(file.to_owned(), String::new());
            } else {
                self.files.remove(file);
            }
            director.take_maintenance(Ok(self.files.clone()), self.now);
        } else if let Some(want) = record.facts.get(ORDER) {
            let Ok(want) = serde_json::from_value::<Want>(want.clone()) else {
                return;
            };
            let order = Order {
                server: server.clone(),
                want: with_force(want),
                reason: None,
                author: "the history".to_owned(),
            };
            // It was accepted once; what this configuration refuses of it is left.
            let _ = director.obey(&order, self.now);
        } else if let (Some(service), Some(weight)) = (
            &record.service,
            record.facts.get(WEIGHT).and_then(Value::as_u64),
        ) {
            self.set_by_hand(service, server, u32::try_from(weight).unwrap_or(u32::MAX));
        }
    }

    /// `ipvsadm -e … -w WEIGHT`
    fn set_by_hand(&mut self, service: &str, server: &str, weight: u32) {
        let (Some(service), Some(server)) = (
            self.config.service_named(service),
            self.config.server_named(server),
        ) else {
            return;
        };
        let service = &self.config.services[service.0];
        let destination = self.config.destination(service, server);
        self.kernel.set_by_hand(service.key, destination, weight);
        if let Some(director) = &mut self.director {
            director.tick(self.now);
        }
    }

    /// What the director decided since the last time, with the time of the event at hand.
    fn collect(&mut self, ts: &str) {
        let Ok(mut lines) = self.lines.lock() else {
            return;
        };
        let taken = std::mem::take(&mut *lines);
        let records = taken.split(|byte| *byte == b'\n');
        let records = records.filter_map(|line| serde_json::from_slice::<Record>(line).ok());
        self.would.extend(
            records
                .filter(|record| DECISIONS.contains(&record.event.as_str()))
                .map(|record| decision(&record, ts)),
        );
    }
}

/// The records that a director begins with after another one, or after none: what was written and
/// what was wished for outlives it.
fn restarted(before: Option<Director>, journal: Journal) -> Records {
    match before {
        Some(director) => Records {
            journal,
            ..director.into_records()
        },
        None => Records::in_memory(journal),
    }
}

/// What was done once is done again: whether it was the last server was asked then.
fn with_force(want: Want) -> Want {
    match want {
        Want::Drain { deadline, .. } => Want::Drain {
            deadline,
            even_the_last: true,
        },
        Want::Disable { .. } => Want::Disable {
            even_the_last: true,
        },
        other => other,
    }
}

fn verdict(record: &Record, check: &str, server: &str) -> Option<Verdict> {
    let read = |key: &str| record.facts.get(key).cloned();
    let condition: Condition = serde_json::from_value(read("condition")?).ok()?;
    let kind: Kind = serde_json::from_value(read("kind")?).ok()?;
    let summary = record.text("summary").unwrap_or(&record.reason);
    let finding = Finding::new(condition, kind, summary);
    Some(Verdict::new(check, server, None, finding))
}

#[cfg(test)]
mod tests;
