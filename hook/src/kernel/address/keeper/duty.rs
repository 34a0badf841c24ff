//! One address: what is to be done about it now.

use std::time::Duration;

use super::held::Held;
use super::{Change, Timing};
use crate::clock::Moment;
use crate::jitter::Jitter;
use crate::kernel::address::preflight::Site;
use crate::kernel::address::{Heard, Mac, Saying};

/// Three probes, the answers to the last awaited as long as RFC 5227 section 1.1 (`PROBE_NUM`,
/// `PROBE_MAX`) in proportion: about a second in all, where the RFC takes seven.
const PROBES: u32 = 3;
const PROBE_WAIT: Duration = Duration::from_millis(100);
const PROBE_GAP: Duration = Duration::from_millis(250);
const PROBE_JITTER: Duration = Duration::from_millis(50);
const ANSWER_WAIT: Duration = Duration::from_millis(400);

/// After so many retry times of silence another holder counts as gone.
const FORGOTTEN_AFTER: u32 = 3;

/// Something to do about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Ask whether anybody holds it.
    Probe,
    /// Ask whether anybody else holds it.
    Inquire,
    /// Announce it.
    Announce,
    /// Add it.
    Add,
    /// Delete it.
    Withdraw,
    /// Tell the director.
    Tell(Change),
}

/// One address and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Duty {
    state: State,
    rival: Option<Rival>,
    told: Option<String>,
    blocked: bool,
    /// When it was deleted because this director was unfit.
    withdrawn: Option<Moment>,
}

#[derive(Clone, Debug)]
enum State {
    Missing {
        reason: Reason,
        probe_at: Moment,
    },
    Probing {
        reason: Reason,
        asked: u32,
        next: Moment,
    },
    Held(Held),
}

/// Why an address is taken.
#[derive(Clone, Copy, Debug)]
enum Reason {
    Wanted,
    Deleted,
}

/// Another holder.
#[derive(Clone, Copy, Debug)]
struct Rival {
    holder: Mac,
    heard: Moment,
    told: Moment,
}

impl Duty {
    /// Nothing is known yet; the first step looks.
    pub(super) fn new() -> Self {
        Self {
            state: State::Missing {
                reason: Reason::Wanted,
                probe_at: Moment::default(),
            },
            rival: None,
            told: None,
            blocked: true,
            withdrawn: None,
        }
    }

    /// When there is something to do even if nothing is heard and nothing changes.
    pub(super) fn due(&self) -> Option<Moment> {
        if self.blocked {
            return None;
        }
        Some(match &self.state {
            State::Missing { probe_at, .. } => *probe_at,
            State::Probing { next, .. } => *next,
            State::Held(held) => held.next,
        })
    }

    /// What is to be done now, given the interfaces as they were read at `read`.
    pub(super) fn step(
        &mut self,
        site: &Site<'_>,
        words: Option<String>,
        read: Moment,
        now: Moment,
        timing: &Timing,
        jitter: &mut Jitter,
    ) -> Vec<Act> {
        self.withdrawn = None;
        let mut acts: Vec<Act> = words
            .and_then(|words| self.fail(words))
            .into_iter()
            .collect();
        acts.extend(self.look(site.held, read, now));
        self.blocked = site.obstacle.is_some();
        if self.blocked {
            self.begin_anew(now);
            return acts;
        }
        match site.interface.and_then(|interface| interface.mac) {
            Some(_) => acts.extend(self.speak(now, timing, jitter)),
            None => acts.extend(self.hold_in_silence(now, timing)),
        }
        acts
    }

    /// Gives it up, given the interfaces as they were read at `read`. One that somebody adds in the
    /// meantime is deleted again: other machines may hold it now.
    pub(super) fn withdraw(
        &mut self,
        held: bool,
        why: &str,
        read: Moment,
        now: Moment,
    ) -> Vec<Act> {
        let first = self.withdrawn.is_none();
        let again = held && self.withdrawn.is_some_and(|at| read > at);
        self.blocked = true;
        self.state = State::Missing {
            reason: Reason::Wanted,
            probe_at: now,
        };
        (self.rival, self.told) = (None, None);
        if first || again {
            self.withdrawn = Some(now);
        }
        let deletes = held && (first || again);
        let why = why.to_owned();
        let tells = first.then_some(Act::Tell(Change::Withdrawn { why }));
        deletes
            .then_some(Act::Withdraw)
            .into_iter()
            .chain(tells)
            .collect()
    }

    /// Compares with what was read. What was read before the address was added says nothing.
    fn look(&mut self, is_held: bool, read: Moment, now: Moment) -> Option<Act> {
        match (&self.state, is_held) {
            (State::Missing { .. } | State::Probing { .. }, true) => {
                self.state = State::Held(Held::since(now));
                self.rival = None;
                Some(Act::Tell(Change::Found))
            }
            (State::Held(held), false) if read > held.since => {
                self.state = State::Missing {
                    reason: Reason::Deleted,
                    probe_at: now,
                };
                self.rival = None;
                None
            }
            _ => None,
        }
    }

    /// After an obstacle is gone neighbours are asked and told as at the beginning.
    fn begin_anew(&mut self, now: Moment) {
        match &mut self.state {
            State::Missing { probe_at, .. } => *probe_at = now,
            State::Probing { reason, .. } => {
                self.state = State::Missing {
                    reason: *reason,
                    probe_at: now,
                };
            }
            State::Held(held) => held.begin_anew(now),
        }
    }

    /// On an interface without neighbours that could be asked.
    fn hold_in_silence(&mut self, now: Moment, timing: &Timing) -> Vec<Act> {
        match &mut self.state {
            State::Missing { probe_at, .. } if *probe_at > now => Vec::new(),
            State::Missing { .. } | State::Probing { .. } => vec![Act::Add],
            State::Held(held) => {
                held.next = now + timing.refresh;
                self.recover().into_iter().collect()
            }
        }
    }

    fn speak(&mut self, now: Moment, timing: &Timing, jitter: &mut Jitter) -> Vec<Act> {
        if self.due().is_some_and(|due| due > now) {
            return Vec::new();
        }
        match &mut self.state {
            State::Missing { reason, .. } => {
                self.state = State::Probing {
                    reason: *reason,
                    asked: 0,
                    next: now + jitter.up_to(PROBE_WAIT),
                };
                Vec::new()
            }
            State::Probing { asked, .. } if *asked == PROBES => vec![Act::Add],
            State::Probing { asked, next, .. } => {
                *asked += 1;
                let wait = if *asked == PROBES {
                    ANSWER_WAIT
                } else {
                    PROBE_GAP + jitter.up_to(PROBE_JITTER)
                };
                *next = now + wait;
                vec![Act::Probe]
            }
            State::Held(held) => match self.rival {
                None => held.refresh(now, timing),
                Some(rival) if now.since(rival.heard) >= timing.retry * FORGOTTEN_AFTER => {
                    *held = Held::since(now);
                    self.rival = None;
                    vec![Act::Tell(Change::ConflictEnded)]
                }
                Some(_) => {
                    held.next = now + timing.retry;
                    vec![Act::Inquire]
                }
            },
        }
    }

    /// Takes in what another machine says about the address.
    pub(super) fn hear(
        &mut self,
        heard: &Heard,
        now: Moment,
        timing: &Timing,
        jitter: &mut Jitter,
    ) -> Vec<Act> {
        match (&mut self.state, heard.saying) {
            (State::Probing { reason, .. }, _) => {
                self.state = State::Missing {
                    reason: *reason,
                    probe_at: now + timing.retry + jitter.up_to(timing.retry / 5),
                };
                let holder = heard.by;
                let news = self.meet(holder, now, timing);
                news.then_some(Act::Tell(Change::Conflict { holder }))
                    .into_iter()
                    .collect()
            }
            (State::Held(held), Saying::Claims | Saying::Answers) => {
                let is_claim = heard.saying == Saying::Claims;
                let defence = is_claim.then(|| held.defend(now, timing)).flatten();
                if self.rival.is_none() {
                    held.fall_silent(now, timing);
                }
                let holder = heard.by;
                let news = self.meet(holder, now, timing);
                let tell = news.then_some(Act::Tell(Change::Contested { holder }));
                defence.into_iter().chain(tell).collect()
            }
            // Waiting, another holder changes nothing; while we hold it, the kernel answers.
            (State::Missing { .. }, _) | (State::Held(_), Saying::Asks) => Vec::new(),
        }
    }

    /// Whether this holder is worth telling of: a new one, but not two that take turns.
    fn meet(&mut self, holder: Mac, now: Moment, timing: &Timing) -> bool {
        let news = self
            .rival
            .is_none_or(|known| known.holder != holder && now.since(known.told) >= timing.retry);
        match &mut self.rival {
            Some(known) if !news => known.heard = now,
            rival => {
                *rival = Some(Rival {
                    holder,
                    heard: now,
                    told: now,
                });
            }
        }
        news
    }

    /// The address was added.
    pub(super) fn added(&mut self, now: Moment) -> Vec<Act> {
        let change = match &self.state {
            State::Missing {
                reason: Reason::Deleted,
                ..
            }
            | State::Probing {
                reason: Reason::Deleted,
                ..
            } => Change::Repaired,
            _ => Change::Added,
        };
        self.state = State::Held(Held::since(now));
        let ended = self.rival.take().map(|_| Act::Tell(Change::ConflictEnded));
        ended.into_iter().chain([Act::Tell(change)]).collect()
    }

    /// The address was announced: whatever failed works again.
    pub(super) fn recover(&mut self) -> Option<Act> {
        self.told.take().map(|_| Act::Tell(Change::FailureEnded))
    }

    /// An act failed. It is tried again after a while.
    pub(super) fn failed(&mut self, words: String, now: Moment, timing: &Timing) -> Option<Act> {
        let again = now + timing.retry;
        match &mut self.state {
            State::Missing { probe_at, .. } => *probe_at = again,
            State::Probing { reason, .. } => {
                self.state = State::Missing {
                    reason: *reason,
                    probe_at: again,
                };
            }
            State::Held(held) => held.next = again,
        }
        self.fail(words)
    }

    fn fail(&mut self, words: String) -> Option<Act> {
        if self.told.as_ref() == Some(&words) {
            return None;
        }
        self.told = Some(words.clone());
        Some(Act::Tell(Change::Failed { words }))
    }
}
