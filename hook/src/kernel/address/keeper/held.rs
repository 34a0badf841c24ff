//! An address that we hold: when it is announced and how it is defended.

use std::time::Duration;

use super::Timing;
use super::duty::Act;
use crate::clock::Moment;

/// A new address is announced this often, at this distance.
const BURST: u32 = 5;
const BURST_GAP: Duration = Duration::from_secs(1);

/// What is known of an address that we hold.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// Since when.
    pub(super) since: Moment,
    /// When something is to be said about it.
    pub(super) next: Moment,
    /// Announcements left of the first ones.
    burst: u32,
    defended: Option<Moment>,
}

impl Held {
    /// Not announced yet.
    pub(super) fn since(now: Moment) -> Self {
        Self {
            since: now,
            next: now,
            burst: BURST,
            defended: None,
        }
    }

    /// Announces as at the beginning.
    pub(super) fn begin_anew(&mut self, now: Moment) {
        self.burst = BURST;
        self.next = now;
    }

    /// Announces no more until the other holder was asked once more.
    pub(super) fn fall_silent(&mut self, now: Moment, timing: &Timing) {
        self.burst = 0;
        self.next = now + timing.retry;
    }

    /// Announces an address that nobody contests; with each refresh it is asked whether that is
    /// still so, for a silent holder is heard of in no other way.
    pub(super) fn refresh(&mut self, now: Moment, timing: &Timing) -> Vec<Act> {
        let mut acts = vec![Act::Announce];
        if self.burst == BURST || self.burst == 0 {
            acts.push(Act::Inquire);
        }
        self.burst = self.burst.saturating_sub(1);
        let wait = if self.burst > 0 {
            BURST_GAP
        } else {
            timing.refresh
        };
        self.next = now + wait;
        acts
    }

    /// RFC 5227 section 2.4 (c): the address is kept, and defended once in a while, so that two
    /// holders do not answer each other for ever.
    pub(super) fn defend(&mut self, now: Moment, timing: &Timing) -> Option<Act> {
        let last = self.defended;
        if last.is_some_and(|at| now.since(at) < timing.retry) {
            return None;
        }
        self.defended = Some(now);
        Some(Act::Announce)
    }
}
