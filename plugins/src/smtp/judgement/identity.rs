//! Which server answered, and how far its clock is off.

use std::time::Duration;

use shared::perfdata::Value;
use shared::text::quoted;
use shared::verdict::{Advisory, Finding};

use super::super::conversation::{Depth, Evidence};
use super::super::line::Phase;
use super::super::options::{Identity, Options, Witness};
use super::super::{greeting, ntlm_challenge};
use crate::identity::{self, Clock};
use crate::ntlm::Challenge;

/// A greeting tells whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// What a port tells of the server behind it.
#[derive(Default)]
pub(super) struct Judgement {
    /// Another server answered than the one expected.
    pub(super) wrong: Option<Finding>,
    pub(super) advisory: Option<Advisory>,
    pub(super) skew: Option<Value>,
    pub(super) facts: Vec<(String, String)>,
    /// What was asked for and could not be judged.
    pub(super) unjudged: Option<String>,
}

pub(super) fn judge(options: &Options, evidence: &Evidence) -> Judgement {
    let identity = &options.identity;
    match identity.witness {
        Witness::Greeting => by_greeting(identity, evidence),
        Witness::Challenge => match challenge(evidence) {
            Ok((challenge, clock)) => by_challenge(identity, evidence, &challenge, clock),
            Err(why) => Judgement {
                unjudged: Some(format!("name and clock could not be judged: {why}")),
                ..Judgement::default()
            },
        },
    }
}

fn by_greeting(identity: &Identity, evidence: &Evidence) -> Judgement {
    let Some(banner) = evidence.exchange(Phase::Banner) else {
        return Judgement::default();
    };
    let name = greeting::name(&banner.reply).unwrap_or_default();
    let wrong = identity.expect_name.as_ref().and_then(|expected| {
        let name = quoted(name.as_bytes(), 253);
        let is_the_one = shared::identity::is_called(expected, &name);
        (!is_the_one).then(|| identity::other_than(evidence.target.address, expected, &name))
    });
    let clock = greeting::clock(&banner.reply).map(|says| Clock {
        says,
        step: SECOND,
        now: banner.now,
        took: banner.took,
    });
    Judgement {
        wrong,
        unjudged: match (clock, identity.skew) {
            (None, Some(_)) => {
                Some("its clock could not be judged: its greeting has no date".into())
            }
            _ => None,
        },
        ..of_clock(identity, clock)
    }
}

fn by_challenge(
    identity: &Identity,
    evidence: &Evidence,
    challenge: &Challenge,
    clock: Option<Clock>,
) -> Judgement {
    let address = evidence.target.address;
    let expected = identity.expect_name.as_ref();
    let mut judgement = of_clock(identity, clock);
    judgement.wrong =
        expected.and_then(|name| identity::wrong_server("SMTP", address, name, challenge));
    judgement.facts.extend(identity::facts(challenge));
    if clock.is_none() {
        let why = "its clock could not be judged: the NTLM challenge names no time";
        judgement.unjudged = Some(why.to_owned());
    }
    judgement
}

fn of_clock(identity: &Identity, clock: Option<Clock>) -> Judgement {
    let Some(clock) = clock else {
        return Judgement::default();
    };
    let skew = identity.skew.as_ref();
    Judgement {
        advisory: skew.and_then(|skew| clock.advisory(skew)),
        skew: skew.map(|skew| clock.value(skew)),
        facts: clock.facts().into(),
        ..Judgement::default()
    }
}

/// The challenge and the clock in it; an error says why there is none.
fn challenge(evidence: &Evidence) -> Result<(Challenge, Option<Clock>), String> {
    let Some(exchange) = evidence.exchange(Phase::Negotiate) else {
        let refused = evidence.exchange(Phase::Auth).map(|auth| &auth.reply);
        return Err(match refused {
            Some(reply) if reply.code != 334 => format!("it answers AUTH NTLM with '{reply}'"),
            Some(_) => "no NTLM challenge came".to_owned(),
            None if evidence.depth == Depth::Ehlo => "AUTH was not asked this time".to_owned(),
            None if !evidence.offers_ntlm() => "it offers no NTLM".to_owned(),
            None => "AUTH is asked only where mail from strangers is taken".to_owned(),
        });
    };
    let challenge = match exchange.reply.code {
        334 => ntlm_challenge::parse(&exchange.reply),
        _ => Err(format!("'{}'", exchange.reply)),
    };
    let challenge = challenge.map_err(|why| format!("in place of an NTLM challenge came {why}"))?;
    let clock = challenge.clock.map(|says| Clock {
        says,
        step: Duration::ZERO,
        now: exchange.now,
        took: exchange.took,
    });
    Ok((challenge, clock))
}
