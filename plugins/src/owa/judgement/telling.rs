//! What is told beside the finding: measurements, facts, and what was said.

use shared::date::UnixTime;
use shared::perfdata::Value;
use shared::tls::days_left;

use super::super::evidence::{Attempt, Evidence, Outcome, Reply};
use super::super::{Options, wire};
use super::{advice, answer, connection, logon, replies};
use crate::identity::Clock;

/// `time`, each phase of the first connection, and what each virtual directory took.
pub(super) fn perfdata(options: &Options, evidence: &Evidence) -> Vec<Value> {
    let mut values = vec![Value::seconds("time", evidence.total).judged_by(&options.time)];
    let first = &evidence.first;
    let phases = [("connect", first.connect), ("tls", first.handshake)];
    let phases = phases
        .into_iter()
        .filter_map(|(label, took)| Some(Value::seconds(label, took?)));
    values.extend(phases);
    let answered = evidence
        .asked
        .iter()
        .filter(|asked| matches!(asked.outcome, Outcome::Replied(_)));
    values.extend(answered.map(|asked| Value::seconds(&asked.vdir.label(), asked.took)));
    if let Attempt::Tried { asked, .. } = &evidence.logon {
        values.push(Value::seconds("logon", asked.took));
    }
    if let Some((session, now)) = &first.session {
        let now = UnixTime::from(*now);
        values.push(days_left(&session.leaf, options.certificate.days, now));
    }
    values
}

/// What the answers tell of the server; where they differ, each.
pub(super) fn facts(evidence: &Evidence) -> Vec<(String, String)> {
    let of_session = evidence.first.session.as_ref();
    let of_session = of_session.map(|(session, _)| session.facts());
    let clock = advice::worst_clock(evidence);
    let of = |tell: fn(&Reply) -> Option<String>| different(replies(evidence).filter_map(tell));
    [
        ("server_name", servers(evidence)),
        ("front_end_server", of(|reply| reply.head.front_end.clone())),
        ("server_build", of(|reply| reply.head.build.clone())),
        ("http_server", of(|reply| reply.head.server.clone())),
        ("http_connections", vec![evidence.connections.to_string()]),
        ("clock_skew", clock.iter().map(Clock::words).collect()),
        ("clock_offset", clock.iter().map(Clock::offset).collect()),
        ("logged_off", logged_off(evidence)),
        ("certificate_trust", trust(evidence)),
    ]
    .into_iter()
    .filter(|(_, values)| !values.is_empty())
    .map(|(name, values)| (name.to_owned(), values.join(", ")))
    .chain(of_session.into_iter().flatten())
    .collect()
}

/// Whether the chain of certificates is trusted, or why not.
fn trust(evidence: &Evidence) -> Vec<String> {
    let seen = evidence.first.session.iter();
    let why = evidence.first.distrust.as_deref().unwrap_or("yes");
    seen.map(|_| why.to_owned()).collect()
}

/// Whether the session that was begun has ended.
fn logged_off(evidence: &Evidence) -> Vec<String> {
    match evidence.logon {
        Attempt::Tried {
            logged_off: Some(done),
            ..
        } => vec![if done { "yes" } else { "no" }.to_owned()],
        _ => Vec::new(),
    }
}

/// The servers that the health pages name.
pub(super) fn servers(evidence: &Evidence) -> Vec<String> {
    different(replies(evidence).filter_map(|reply| wire::healthy_server(&reply.body)))
}

fn different(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut different = Vec::new();
    for value in values {
        if !different.contains(&value) {
            different.push(value);
        }
    }
    different
}

/// What was asked and what came, a line each.
pub(super) fn transcript(options: &Options, evidence: &Evidence) -> Vec<String> {
    let lines = evidence.asked.iter().flat_map(|asked| {
        let sent = format!(
            "sent GET {} HTTP/1.1, Host: {}",
            asked.vdir.health_page(),
            options.http_host
        );
        let received = match &asked.outcome {
            Outcome::Replied(reply) => answer::transcribed(reply),
            Outcome::NoHead { beginning, .. } => connection::transcribed(beginning),
            _ => return Vec::new(),
        };
        vec![sent, received]
    });
    lines
        .chain(logon::transcribed(options, &evidence.logon))
        .collect()
}
