//! Sysctls and the firewall: read, and written where they differ, once at the start and then by a
//! thread.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use super::{HostEvent, Parts, Problem};
use crate::kernel::firewall::Standing;
use crate::kernel::sysctl;
use crate::operate::journal::Event;
use crate::setup::{HostStep, Setup};

/// What our firewall is called where things are named.
const FIREWALL: &str = "nftables table inet governess";

/// The thread that keeps sysctls and firewall. Dropping it ends the thread.
#[derive(Debug)]
pub struct Keeping {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeping {
    /// Makes the first pass at once and goes on every `period` in a thread. What happens is told
    /// by `events`; while nobody listens nothing is lost but the telling.
    ///
    /// # Errors
    /// The operating system gave no thread.
    pub fn start(
        setup: Setup,
        parts: Parts,
        period: Duration,
        events: Sender<HostEvent>,
    ) -> io::Result<Self> {
        let mut work = Work {
            setup,
            parts,
            noted: BTreeMap::new(),
            failing: BTreeSet::new(),
            first: true,
        };
        for event in work.pass() {
            let _ = events.try_send(event);
        }
        if work.setup == Setup::default() {
            return Ok(Self {
                stop: None,
                thread: None,
            });
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new()
            .name("host".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                    for event in work.pass() {
                        let _ = events.blocking_send(event);
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The steps that sysctls and firewall still need, and what cannot be read.
pub(super) fn pending(setup: &Setup, parts: &mut Parts) -> (Vec<HostStep>, Vec<String>) {
    let (mut steps, faults) = sysctl::pending(&setup.sysctls, parts.sysctls.as_mut());
    let mut problems: Vec<String> = faults.iter().map(ToString::to_string).collect();
    match firewall_step(setup, parts) {
        Ok(step) => steps.extend(step),
        Err(problem) => problems.push(problem),
    }
    (steps, problems)
}

fn firewall_step(setup: &Setup, parts: &mut Parts) -> Result<Option<HostStep>, String> {
    let to = setup.firewall.clone();
    match parts
        .firewall
        .standing(&to)
        .map_err(|error| error.to_string())?
    {
        Standing::Current => Ok(None),
        Standing::Absent => Ok(Some(HostStep::ReplaceFirewall {
            was_there: false,
            to,
        })),
        Standing::Other => Ok(Some(HostStep::ReplaceFirewall {
            was_there: true,
            to,
        })),
    }
}

struct Work {
    setup: Setup,
    parts: Parts,
    /// What is wrong with each thing, so that it is told once.
    noted: BTreeMap<String, String>,
    /// What was found wrong in the present pass.
    failing: BTreeSet<String>,
    first: bool,
}

impl Work {
    fn pass(&mut self) -> Vec<HostEvent> {
        let mut events = Vec::new();
        self.failing.clear();
        let (steps, faults) = sysctl::pending(&self.setup.sysctls, self.parts.sysctls.as_mut());
        for fault in faults {
            let words = fault.to_string();
            self.failed(
                &mut events,
                words.split(':').next().unwrap_or(&words).to_owned(),
                words,
            );
        }
        match firewall_step(&self.setup, &mut self.parts) {
            Ok(step) => self.carry_out(steps.into_iter().chain(step).collect(), &mut events),
            Err(words) => {
                self.carry_out(steps, &mut events);
                self.failed(&mut events, FIREWALL.to_owned(), words);
            }
        }
        self.first = false;
        self.ended(&mut events);
        events
    }

    /// What was wrong and is as wanted without a step of ours: somebody else put it right.
    fn ended(&mut self, events: &mut Vec<HostEvent>) {
        self.noted.retain(|thing, words| {
            let fails = self.failing.contains(thing);
            if !fails {
                let thing = thing.clone();
                events.push(HostEvent {
                    event: Event::Repaired,
                    reason: format!("{thing} is as wanted again; it was: {words}"),
                    problem: Problem { thing, words: None },
                });
            }
            fails
        });
    }

    fn carry_out(&mut self, steps: Vec<HostStep>, events: &mut Vec<HostEvent>) {
        for step in steps {
            let thing = match &step {
                HostStep::SetSysctl { name, .. } => (*name).to_owned(),
                _ => FIREWALL.to_owned(),
            };
            match self.apply(&step) {
                Ok(()) => events.push(self.done(thing, &step)),
                Err(words) => self.failed(events, thing, words),
            }
        }
    }

    fn apply(&mut self, step: &HostStep) -> Result<(), String> {
        match step {
            HostStep::SetSysctl { name, to, .. } => self
                .parts
                .sysctls
                .write(name, to)
                .map_err(|error| error.to_string()),
            HostStep::ReplaceFirewall { to, .. } => self
                .parts
                .firewall
                .replace(to)
                .map_err(|error| error.to_string()),
            // Addresses have their own keeper.
            HostStep::AddAddress { .. } => Ok(()),
        }
    }

    /// A change at the start is a step; later it puts right what somebody altered.
    fn done(&mut self, thing: String, step: &HostStep) -> HostEvent {
        self.noted.remove(&thing);
        let event = if self.first {
            Event::Step
        } else {
            Event::Repaired
        };
        HostEvent {
            event,
            reason: step.words(),
            problem: Problem { thing, words: None },
        }
    }

    fn failed(&mut self, events: &mut Vec<HostEvent>, thing: String, words: String) {
        self.failing.insert(thing.clone());
        if self.noted.insert(thing.clone(), words.clone()).as_ref() == Some(&words) {
            return;
        }
        let problem = Problem {
            thing,
            words: Some(words.clone()),
        };
        events.push(HostEvent {
            event: Event::StepFailed,
            reason: words,
            problem,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::firewall::MemoryFirewall;
    use crate::kernel::sysctl::MemorySysctls;
    use crate::setup::{Firewall, MarkRule, Traffic, WantedSysctl};

    fn work(values: &[(&str, &str)]) -> Work {
        let mark = MarkRule {
            vip: "192.168.1.35".parse().unwrap(),
            traffic: Traffic::Everything,
            mark: 80,
        };
        let forward = WantedSysctl {
            name: "net.ipv4.ip_forward",
            value: "1",
            why: "as the test says",
        };
        let setup = Setup {
            firewall: Firewall {
                marks: vec![mark],
                masquerade: vec![],
            },
            sysctls: vec![forward],
            ..Setup::default()
        };
        let parts = Parts {
            sysctls: Box::new(MemorySysctls::holding(values.iter().copied())),
            firewall: Box::new(MemoryFirewall::default()),
        };
        Work {
            setup,
            parts,
            noted: BTreeMap::new(),
            failing: BTreeSet::new(),
            first: true,
        }
    }

    fn kinds(events: &[HostEvent]) -> Vec<Event> {
        events.iter().map(|event| event.event).collect()
    }

    #[test]
    fn what_differs_is_written_once_and_then_left_alone() {
        let mut work = work(&[("net.ipv4.ip_forward", "0")]);
        assert_eq!(kinds(&work.pass()), [Event::Step, Event::Step]);
        assert_eq!(kinds(&work.pass()), []);
    }

    #[test]
    fn what_somebody_altered_later_is_repaired() {
        let mut work = work(&[("net.ipv4.ip_forward", "1")]);
        work.pass();
        work.parts.firewall.replace(&Firewall::default()).unwrap();
        work.parts
            .sysctls
            .write("net.ipv4.ip_forward", "0")
            .unwrap();
        assert_eq!(kinds(&work.pass()), [Event::Repaired, Event::Repaired]);
    }

    #[test]
    fn a_parameter_that_is_not_there_is_told_once_and_the_rest_is_done() {
        let mut work = work(&[]);
        assert_eq!(kinds(&work.pass()), [Event::StepFailed, Event::Step]);
        assert_eq!(kinds(&work.pass()), []);
    }

    #[test]
    fn a_problem_that_somebody_else_solves_is_told_as_over_once() {
        let mut work = work(&[]);
        work.pass();
        let there = MemorySysctls::holding([("net.ipv4.ip_forward", "1")]);
        work.parts.sysctls = Box::new(there);
        let events = work.pass();
        assert_eq!(kinds(&events), [Event::Repaired]);
        assert_eq!(events[0].problem.words, None);
        assert_eq!(events[0].problem.thing, "net.ipv4.ip_forward");
        assert_eq!(kinds(&work.pass()), []);
    }
}
