//! Which events go into one mail, and when it is sent. Pure: time comes in with every call.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::Moment;
use crate::operate::status::LatestEvent;

/// What happens within this time after the first event goes into one mail.
pub(super) const BURST: Duration = Duration::from_secs(3);

/// Two mails lie at least so far apart.
pub(super) const GAP: Duration = Duration::from_secs(60);

/// A mail that was refused is tried again after this time, then after twice, three times as much.
pub(super) const RETRY: Duration = Duration::from_secs(30);

/// A mail that was refused so often is given up.
pub(super) const TRIES: u32 = 8;

/// So many events are kept for a mail; the first ones say most.
pub(super) const KEPT: usize = 100;

/// Events that wait for their mail.
#[derive(Debug, Default)]
pub(super) struct Batch {
    events: Vec<LatestEvent>,
    /// Events that found no room.
    more: usize,
    due: Option<Moment>,
    sent: Option<Moment>,
    tries: u32,
    /// The servers that were told to be down, by service.
    down: BTreeSet<(Option<String>, Option<String>)>,
}

impl Batch {
    /// Takes an event in. That a server is up is news only after it was down: at a start it is not.
    pub(super) fn add(&mut self, event: LatestEvent, now: Moment) {
        let server = (event.service.clone(), event.server.clone());
        let is_news = match event.event.as_str() {
            "server_up" => self.down.remove(&server),
            "server_down" => {
                self.down.insert(server);
                true
            }
            _ => true,
        };
        if !is_news {
            return;
        }
        if self.events.len() < KEPT {
            self.events.push(event);
        } else {
            self.more += 1;
        }
        let earliest = self.sent.map_or(now, |sent| sent + GAP);
        self.due = self.due.or(Some((now + BURST).max(earliest)));
    }

    /// When the next mail is to be sent.
    pub(super) fn due(&self) -> Option<Moment> {
        self.due
    }

    /// The events of the mail, and how many more there were.
    pub(super) fn content(&self) -> (&[LatestEvent], usize) {
        (&self.events, self.more)
    }

    /// The mail was taken.
    pub(super) fn sent(&mut self, now: Moment) {
        self.sent = Some(now);
        self.forget();
    }

    /// The mail was not taken. True if it is tried again.
    pub(super) fn failed(&mut self, now: Moment) -> bool {
        self.tries += 1;
        if self.tries < TRIES {
            self.due = Some(now + RETRY * self.tries);
            return true;
        }
        self.forget();
        false
    }

    fn forget(&mut self) {
        self.events.clear();
        (self.more, self.due, self.tries) = (0, None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str) -> LatestEvent {
        LatestEvent {
            ts: "2026-11-25T02:13:03.250Z".to_owned(),
            event: name.to_owned(),
            service: None,
            server: None,
            reason: "as the test says".to_owned(),
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds))
    }

    #[test]
    fn a_burst_is_one_mail() {
        let mut batch = Batch::default();
        batch.add(event("server_down"), at(10));
        batch.add(event("fail_open"), at(12));
        assert_eq!(batch.due(), Some(at(13)));
        assert_eq!(batch.content().0.len(), 2);
        batch.sent(at(13));
        assert_eq!(batch.due(), None);
    }

    #[test]
    fn a_flapping_server_makes_one_mail_a_minute() {
        let mut batch = Batch::default();
        let mut sent = Vec::new();
        for second in 0..600 {
            let name = ["server_down", "server_up"][usize::from(second % 2 == 1)];
            batch.add(event(name), at(second));
            if batch.due().is_some_and(|due| due <= at(second)) {
                batch.sent(at(second));
                sent.push(second);
            }
        }
        assert!(
            sent.windows(2).all(|pair| pair[1] - pair[0] >= 60),
            "{sent:?}"
        );
        assert_eq!(sent.len(), 10);
    }

    #[test]
    fn that_a_server_is_up_is_told_after_it_was_down_and_not_at_a_start() {
        let mut batch = Batch::default();
        batch.add(event("server_up"), at(0));
        assert_eq!(batch.due(), None);
        batch.add(event("server_down"), at(1));
        batch.sent(at(4));
        batch.add(event("server_up"), at(100));
        assert_eq!(batch.content().0.len(), 1);
    }

    #[test]
    fn a_refused_mail_is_tried_again_ever_later_and_given_up_in_the_end() {
        let mut batch = Batch::default();
        batch.add(event("server_down"), at(0));
        let mut now = at(0);
        let mut waits = Vec::new();
        while let Some(due) = batch.due() {
            waits.push(due.since(now).as_secs());
            now = due;
            batch.failed(now);
        }
        assert_eq!(waits, [3, 30, 60, 90, 120, 150, 180, 210]);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut batch = Batch::default();
        (0..250).for_each(|_| batch.add(event("stale"), at(0)));
        assert_eq!((batch.content().0.len(), batch.content().1), (KEPT, 150));
    }
}
