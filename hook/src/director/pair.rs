//! One of two directors: what is known of its fitness and its turn. Both are told and shown;
//! neither moves a weight, or a failover would change what clients are served by.

use std::collections::BTreeSet;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

use super::{About, Director};
use crate::config::Pair;
use crate::coupling::fifo::Heard;
use crate::coupling::partner::Answer;
use crate::coupling::score::Score;
use crate::coupling::vrrp::{State, Vrrp};
use crate::host::{HostEvent, Problem};
use crate::operate::journal::Event;
use crate::operate::status::PairStatus;

/// What a drift is a problem with.
const CONFIGURATION: &str = "the other director's configuration";

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Paired {
    vrrp: Vrrp,
    score: Option<Score>,
    /// What the other one said of its configuration last.
    partner: Option<Answer>,
}

impl Director {
    /// Notes how fit this director is from now on.
    pub fn take_score(&mut self, score: Score) {
        let value = score.value();
        // That it begins fit is no news.
        let before = self.paired.score.as_ref().map_or(0, Score::value);
        if before != value {
            let reason = match &score.unfit {
                Some(why) => format!("score {value}: this director is unfit: {why}"),
                None => format!("score {value}: this director is fit"),
            };
            self.note(Event::Score, About::default(), reason);
            self.records.journal.flush();
        }
        self.paired.score = Some(score);
    }

    /// Takes in what keepalived tells of VRRP.
    pub fn hear_vrrp(&mut self, heard: &Heard) {
        let Some(before) = self.paired.vrrp.hear(heard) else {
            return;
        };
        let state = self.paired.vrrp.state;
        let meaning = match state {
            State::Master => "this director holds the addresses",
            State::Backup => "this director does not hold the addresses",
            State::Fault => "keepalived finds this director unable to hold the addresses",
            State::Stop => "keepalived has stopped here",
            State::Unknown => "nothing is known",
        };
        let reason = format!("VRRP {} -> {}: {meaning}", before.name(), state.name());
        self.note(Event::Vrrp, About::default(), reason);
        self.records.journal.flush();
    }

    /// Takes in what the other director says of its configuration. Another one than ours is a
    /// problem when it is met twice: while a file is brought over it is met once.
    pub fn take_partner(&mut self, answer: Answer) {
        let ours = self.config.digest.clone();
        let drifts = matches!(&answer, Ok(digest) if *digest != ours);
        let again = self.paired.partner.as_ref() == Some(&answer);
        let known = self.host_problems.contains_key(CONFIGURATION);
        let news = match (&answer, drifts) {
            (Ok(digest), true) if again && !known => Some((
                Event::StepFailed,
                Some(format!(
                    "it carries out {digest}, this one {ours}; see which file is right, and \
                     `governess push` it to the other side"
                )),
            )),
            (Ok(_), false) if known => Some((Event::Repaired, None)),
            _ => None,
        };
        self.paired.partner = Some(answer);
        if let Some((event, words)) = news {
            let said = words.as_deref().unwrap_or("it is the same as here again");
            self.host_event(HostEvent {
                event,
                reason: format!("{CONFIGURATION}: {said}"),
                problem: Problem {
                    thing: CONFIGURATION.to_owned(),
                    words,
                },
            });
        }
    }

    pub(super) fn pair_status(&self) -> Option<PairStatus> {
        let pair = self.config.pair.as_ref()?;
        let score = self.paired.score.as_ref();
        let vrrp = &self.paired.vrrp;
        Some(PairStatus {
            state: vrrp.state,
            priority: vrrp.priority,
            silent: vrrp.silent.clone(),
            partner: partner_of(pair),
            partner_digest: self.paired.partner.clone().and_then(Result::ok),
            partner_unknown: self.paired.partner.clone().and_then(Result::err),
            score: score.map(Score::value),
            unfit: score.and_then(|score| score.unfit.clone()),
        })
    }
}

/// The inside address of the other director of a pair, as this host is one of the two.
pub fn partner_of(pair: &Pair) -> Option<IpAddr> {
    partner(&pair.directors, &held())
}

/// The one of the directors that is not this one. A file for this director alone names the other
/// one alone.
fn partner(directors: &[IpAddr], held: &BTreeSet<IpAddr>) -> Option<IpAddr> {
    let others: Vec<&IpAddr> = directors.iter().filter(|one| !held.contains(one)).collect();
    match others[..] {
        [other] => Some(*other),
        _ => None,
    }
}

/// The addresses of this host; none, if they cannot be read.
fn held() -> BTreeSet<IpAddr> {
    let found = getifaddrs().into_iter().flatten();
    found
        .filter_map(|found| {
            let storage = found.address?;
            let v4 = storage.as_sockaddr_in().map(|it| IpAddr::V4(it.ip()));
            v4.or_else(|| Some(IpAddr::V6(storage.as_sockaddr_in6()?.ip())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partner_is_the_address_that_is_not_ours() {
        let (one, two): (IpAddr, IpAddr) = ([10, 0, 1, 33].into(), [10, 0, 1, 34].into());
        let both = [one, two];
        assert_eq!(partner(&both, &[one].into()), Some(two));
        assert_eq!(partner(&both, &[two].into()), Some(one));
        assert_eq!(partner(&both, &[].into()), None);
        assert_eq!(partner(&both, &both.into()), None);
        assert_eq!(partner(&[two], &[one].into()), Some(two));
        assert_eq!(partner(&[two], &[two].into()), None);
    }
}
