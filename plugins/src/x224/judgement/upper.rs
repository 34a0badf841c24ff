//! What TLS and the NTLM challenge say about the server.

use std::time::Duration;

use shared::dial::Target;
use shared::perfdata::Value;
use shared::text::{hex, spoken};
use shared::tls::{Session, Way, advisories, days_left};
use shared::verdict::{Advisory, Condition, Finding, Kind};

use super::super::conversation::{Ending, Evidence, Outcome, Upper};
use super::super::credssp::{CHALLENGE_REQUEST, status_words};
use super::super::nla::{Exchange, Failure};
use super::super::options::{Depth, Options};
use super::TRANSCRIBED;
use crate::Skew;
use crate::identity::{self, Clock};
use crate::ntlm::Challenge;

/// What the layers above X.224 add to a verdict.
#[derive(Default)]
pub(super) struct Judgement {
    /// It takes the place of what X.224 found.
    pub(super) finding: Option<Finding>,
    pub(super) advisories: Vec<Advisory>,
    /// What was asked for and could not be judged.
    pub(super) unjudged: Vec<String>,
    pub(super) perfdata: Vec<Value>,
    pub(super) facts: Vec<(String, String)>,
    pub(super) transcript: Vec<String>,
}

pub(super) fn judge(target: &Target, options: &Options, evidence: &Evidence) -> Judgement {
    let Some(wish) = options.depth.tls() else {
        return Judgement::default();
    };
    match &evidence.upper {
        Upper::NotTried => Judgement {
            unjudged: not_tried(options, evidence),
            ..Judgement::default()
        },
        Upper::TlsFailed {
            fault,
            took,
            received,
        } => {
            let (waited, received) = (*took, *received);
            let way = Way {
                target,
                waited,
                received,
            };
            Judgement {
                finding: Some(fault.finding(&way)),
                perfdata: vec![Value::seconds("tls", waited)],
                ..Judgement::default()
            }
        }
        Upper::Tls {
            session,
            took,
            now,
            nla,
        } => {
            let name = wish.certificate_name.as_ref();
            let days = wish.certificate_days;
            let security = match evidence.chose_nla() {
                true => format!("NLA over {}", session.version),
                false => session.version.to_string(),
            };
            let mut judgement = Judgement {
                finding: Some(over_tls(target, options, session, &security, nla.as_ref())),
                advisories: advisories(&session.leaf, name, days, *now),
                unjudged: not_judged(options, nla.as_ref()),
                perfdata: vec![
                    Value::seconds("tls", *took),
                    days_left(&session.leaf, days, *now),
                ],
                facts: session.facts(),
                transcript: Vec::new(),
            };
            if let (Some(exchange), Depth::Nla { skew, .. }) = (nla, &options.depth) {
                add_exchange(&mut judgement, exchange, skew);
            }
            judgement
        }
    }
}

/// What was asked for and could not be judged, because the server did not go that far.
fn not_tried(options: &Options, evidence: &Evidence) -> Vec<String> {
    if !matches!(evidence.outcome, Outcome::Replied(_)) {
        return Vec::new();
    }
    let what = match options.depth {
        Depth::Nla { .. } => "TLS, certificate, name and clock",
        _ => "TLS and certificate",
    };
    vec![format!("{what} could not be judged")]
}

fn not_judged(options: &Options, nla: Option<&Exchange>) -> Vec<String> {
    match (&options.depth, nla) {
        (Depth::Nla { .. }, None) => {
            vec!["name and clock could not be judged: it chose TLS without NLA".to_owned()]
        }
        _ => Vec::new(),
    }
}

/// The finding once TLS stands: NLA first, then the name, then the age of the protocol.
fn over_tls(
    target: &Target,
    options: &Options,
    session: &Session,
    security: &str,
    nla: Option<&Exchange>,
) -> Finding {
    let address = target.address;
    let challenge = match nla.map(|exchange| (exchange, &exchange.outcome)) {
        None => None,
        Some((_, Ok(challenge))) => Some(challenge),
        Some((exchange, Err(failure))) => return no_challenge(target, exchange, failure),
    };
    let wrong = challenge.and_then(|challenge| wrong_server(target, options, challenge));
    if let Some(finding) = wrong {
        return finding;
    }
    let version = session.version;
    if version.is_retired() {
        return Finding::new(
            Condition::Degraded,
            Kind::Insecure,
            format!(
                "RDP at {address} answers, but over {version}, which is retired (RFC 8996); enable \
                 TLS 1.2 or newer on the server"
            ),
        );
    }
    let who = match challenge.and_then(identity::called) {
        Some(name) => format!(" of {name}"),
        None => String::new(),
    };
    Finding::new(
        Condition::Healthy,
        Kind::Ok,
        format!(
            "RDP{who} at {address} answers, security {security}, certificate until {}",
            session.leaf.not_after
        ),
    )
}

fn no_challenge(target: &Target, exchange: &Exchange, failure: &Failure) -> Finding {
    let address = target.address;
    let waited = spoken(exchange.took);
    let count = exchange.received.len();
    let so_far = match count {
        0 => "without answering".to_owned(),
        count => format!("after {count} bytes of an answer"),
    };
    match failure {
        Failure::Ended(Ending::Expired(expired)) => expired.finding(|| {
            Finding::failed(
                Kind::Timeout,
                format!(
                    "timeout: NLA: {address} gave no NTLM challenge in {waited} ({count} bytes \
                     came): its security authority (LSASS) or a domain controller hangs"
                ),
            )
        }),
        Failure::Ended(Ending::Closed) => Finding::failed(
            Kind::ClosedEarly,
            format!(
                "NLA: {address} closed the connection {so_far}; look at its security authority \
                 (LSASS) and its domain controller"
            ),
        ),
        Failure::Ended(Ending::Reset) => Finding::failed(
            Kind::TcpReset,
            format!("NLA: {address} reset the connection (RST) {so_far}"),
        ),
        Failure::Ended(Ending::Tls(why)) => Finding::failed(
            Kind::TlsFailed,
            format!("NLA: {address} broke off inside TLS {so_far}: {why}"),
        ),
        Failure::Ended(Ending::Broken(fault)) => fault.finding(target, exchange.took),
        Failure::Refused(status) => Finding::failed(
            Kind::RefusedByServer,
            format!(
                "NLA: {address} refuses with {status:#010x}, {}; nobody can log on",
                status_words(*status)
            ),
        ),
        Failure::Malformed(why) => Finding::failed(
            Kind::Malformed,
            format!("NLA: malformed answer from {address}: {why}"),
        ),
    }
}

/// The finding where another server answered than the one expected.
fn wrong_server(target: &Target, options: &Options, challenge: &Challenge) -> Option<Finding> {
    let Depth::Nla {
        expect_name: Some(expected),
        ..
    } = &options.depth
    else {
        return None;
    };
    identity::wrong_server("RDP", target.address, expected, challenge)
}

fn add_exchange(judgement: &mut Judgement, exchange: &Exchange, skew: &Skew) {
    judgement
        .perfdata
        .push(Value::seconds("nla", exchange.took));
    judgement.transcript.extend([
        format!("sent over TLS {}", hex(&CHALLENGE_REQUEST, TRANSCRIBED)),
        format!(
            "received over TLS {}",
            hex(&exchange.received, 4 * TRANSCRIBED)
        ),
    ]);
    let Ok(challenge) = &exchange.outcome else {
        return;
    };
    judgement.facts.extend(identity::facts(challenge));
    let Some(says) = challenge.clock else {
        let why = "its clock could not be judged: the NTLM challenge names no time";
        judgement.unjudged.push(why.to_owned());
        return;
    };
    let clock = Clock {
        says,
        step: Duration::ZERO,
        now: exchange.now,
        took: exchange.took,
    };
    judgement.facts.extend(clock.facts());
    judgement.perfdata.push(clock.value(skew));
    judgement.advisories.extend(clock.advisory(skew));
}
