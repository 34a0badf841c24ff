//! When MAIL may be sent, and what to think of a port while it may not. Pure: time is passed in.
//!
//! Exchange takes MAIL from one client 5 times a minute on 465 and 587 (`MessageRateLimit`). So it
//! is sent to a port only every 20 s, and a run in between goes as far as EHLO. Such a run cannot
//! see what only MAIL shows: a server in maintenance looks healthy to it.

use std::collections::BTreeMap;
use std::time::Duration;

use plugins::smtp::{Depth, PortVerdict};
use shared::verdict::{Condition, Finding};

use crate::clock::Moment;

/// The least time between two MAIL to the same port.
const PAUSE: Duration = Duration::from_secs(20);

/// When MAIL was sent to each port of one server, and what came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pacing {
    asked: BTreeMap<u16, Asked>,
}

#[derive(Clone, Debug)]
struct Asked {
    at: Moment,
    found: Finding,
    transcript: Vec<String>,
}

impl Pacing {
    /// How far a run that begins at `now` may go on `port`.
    pub(super) fn depth(&self, port: u16, now: Moment) -> Depth {
        match self.asked.get(&port) {
            Some(asked) if now.since(asked.at) < PAUSE => Depth::Ehlo,
            _ => Depth::Mail,
        }
    }

    /// Takes in what a run found that ended at `now`. On a port that works as far as EHLO and was
    /// not asked for more, what MAIL found last still stands; but a failure is counted once and
    /// not with each look at it, so until MAIL is sent again nothing is known.
    pub(super) fn settle(&mut self, ports: &mut [PortVerdict], now: Moment) {
        for port in ports {
            if port.asked_mail {
                let asked = Asked {
                    at: now,
                    found: port.finding.clone(),
                    transcript: port.transcript.clone(),
                };
                self.asked.insert(port.port, asked);
                continue;
            }
            let works = matches!(
                port.finding.condition,
                Condition::Healthy | Condition::Degraded
            );
            if let (true, Some(asked)) = (works, self.asked.get(&port.port)) {
                let standing = still_standing(asked, &port.finding, now);
                if standing != port.finding {
                    // The conversation that shows it, not one that went well for want of MAIL.
                    port.transcript.clone_from(&asked.transcript);
                }
                port.finding = standing;
            }
        }
    }

    /// When MAIL may be sent again to the last of the ports on which it failed: before that, no
    /// run can decide anything.
    pub(super) fn next_decisive(&self) -> Option<Moment> {
        let failed = self
            .asked
            .values()
            .filter(|asked| asked.found.condition == Condition::Failed);
        failed.map(|asked| asked.at + PAUSE).max()
    }
}

fn still_standing(asked: &Asked, found: &Finding, now: Moment) -> Finding {
    if asked.found.condition <= found.condition {
        return found.clone();
    }
    let Finding {
        condition,
        kind,
        summary,
    } = asked.found.clone();
    let condition = match condition {
        Condition::Failed => Condition::Unknown,
        other => other,
    };
    let ago = now.since(asked.at).as_secs();
    let summary = format!("{summary}; found {ago} s ago, MAIL FROM was not asked again yet");
    Finding::new(condition, kind, summary)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::verdict::Kind;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds))
    }

    fn port(asked_mail: bool, condition: Condition, kind: Kind) -> PortVerdict {
        let finding = Finding::new(condition, kind, "as found");
        PortVerdict::new(587, finding, asked_mail)
    }

    /// The condition and kind after a run that found that at MAIL, and one as far as EHLO 5 s
    /// later.
    fn in_between(condition: Condition, kind: Kind) -> (Condition, Kind) {
        let mut pacing = Pacing::default();
        pacing.settle(&mut [port(true, condition, kind)], at(0));
        let mut later = [port(false, Condition::Healthy, Kind::Ok)];
        pacing.settle(&mut later, at(5));
        (later[0].finding.condition, later[0].finding.kind)
    }

    #[test]
    fn mail_is_sent_at_most_every_20_s_to_a_port() {
        let mut pacing = Pacing::default();
        assert_eq!(pacing.depth(587, at(0)), Depth::Mail);
        pacing.settle(&mut [port(true, Condition::Healthy, Kind::Ok)], at(1));
        assert_eq!(pacing.depth(587, at(2)), Depth::Ehlo);
        assert_eq!(pacing.depth(587, at(20)), Depth::Ehlo);
        assert_eq!(pacing.depth(587, at(21)), Depth::Mail);
        assert_eq!(pacing.depth(25, at(2)), Depth::Mail);
    }

    #[test]
    fn a_port_that_failed_before_mail_may_be_sent_mail_at_once() {
        let mut pacing = Pacing::default();
        let refused = port(false, Condition::Failed, Kind::TcpRefused);
        pacing.settle(&mut [refused], at(0));
        assert_eq!(pacing.depth(587, at(1)), Depth::Mail);
        assert_eq!(pacing.next_decisive(), None);
    }

    #[test]
    fn what_mail_found_stands_until_it_is_sent_again() {
        let maintenance = (Condition::Maintenance, Kind::Maintenance);
        assert_eq!(in_between(maintenance.0, maintenance.1), maintenance);
        let pressure = (Condition::Degraded, Kind::BackPressure);
        assert_eq!(in_between(pressure.0, pressure.1), pressure);
        let well = (Condition::Healthy, Kind::Ok);
        assert_eq!(in_between(well.0, well.1), well);
    }

    #[test]
    fn the_conversation_that_shows_it_stands_too() {
        let mut pacing = Pacing::default();
        let mut first = port(true, Condition::Maintenance, Kind::Maintenance);
        first.transcript = vec!["received 421".to_owned()];
        pacing.settle(&mut [first], at(0));
        let mut later = port(false, Condition::Healthy, Kind::Ok);
        later.transcript = vec!["received 221".to_owned()];
        let mut later = [later];
        pacing.settle(&mut later, at(5));
        assert_eq!(later[0].transcript, ["received 421"]);
    }

    #[test]
    fn a_failure_is_not_counted_again_before_mail_is_sent_again() {
        let found = in_between(Condition::Failed, Kind::RefusedByServer);
        assert_eq!(found.0, Condition::Unknown);
        let mut pacing = Pacing::default();
        pacing.settle(&mut [port(true, Condition::Failed, Kind::Timeout)], at(3));
        assert_eq!(pacing.next_decisive(), Some(at(23)));
    }

    #[test]
    fn a_failure_that_a_run_finds_anew_counts() {
        let mut pacing = Pacing::default();
        pacing.settle(&mut [port(true, Condition::Healthy, Kind::Ok)], at(0));
        let mut later = [port(false, Condition::Failed, Kind::TcpRefused)];
        pacing.settle(&mut later, at(5));
        assert_eq!(later[0].finding.condition, Condition::Failed);
    }

    proptest! {
        #[test]
        fn whenever_it_is_asked_two_mails_are_20_s_apart(
            steps in prop::collection::vec(0_u64..15, 1..60),
        ) {
            let mut pacing = Pacing::default();
            let (mut now, mut last) = (0, None);
            for step in steps {
                now += step;
                let asked = pacing.depth(25, at(now)) == Depth::Mail;
                if asked {
                    if let Some(last) = last {
                        prop_assert!(now - last >= 20);
                    }
                    last = Some(now);
                }
                let finding = Finding::new(Condition::Healthy, Kind::Ok, "");
                pacing.settle(&mut [PortVerdict::new(25, finding, asked)], at(now));
            }
        }
    }
}
