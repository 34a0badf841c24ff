//! What the evidence says about the names and the servers: pure.

mod addresses;
mod complaints;
mod limits;
mod locator;
mod mail;
mod records;
mod servers;

use std::collections::BTreeSet;
use std::net::IpAddr;

use shared::perfdata::Value;
use shared::text::spoken;
use shared::threshold::Thresholds;
use shared::verdict::{Advice, Advisory, Condition, Finding, Kind, Share, Verdict};

use super::NAME;
use super::evidence::{Evidence, Meaning, Witness};
use super::name::Name;
use super::options::{Options, Profile, Servers};
use super::questions;
use complaints::{Complaints, label, listed};

/// How many further findings are told; a broken zone has one for each record.
const DETAILS_MOST: usize = 30;
/// How many names a summary or the facts list.
const NAMED: usize = 5;
/// How many lines the transcript has.
const TRANSCRIBED: usize = 200;

/// What is judged by what.
pub(super) struct Subject<'a> {
    options: &'a Options,
    evidence: &'a Evidence,
    /// The label that no record has.
    nobody: &'a str,
}

impl Subject<'_> {
    /// What each server says of `name`, as far as it says anything.
    fn meanings(&self, name: &Name) -> Vec<(usize, Meaning)> {
        let said = |(at, witness): (usize, &Witness)| Some((at, witness.meaning(name)?));
        self.evidence
            .witnesses
            .iter()
            .enumerate()
            .filter_map(said)
            .collect()
    }
}

/// The verdict. `nobody` is the label that was asked for because no record has it.
pub(super) fn judge(options: &Options, nobody: &str, evidence: &Evidence) -> Verdict {
    let subject = Subject {
        options,
        evidence,
        nobody,
    };
    let witnesses = &evidence.witnesses;
    let mut complaints = Complaints::new(witnesses);
    if witnesses.is_empty() {
        complaints.general(servers::nobody_asked());
    }
    servers::judge(&subject, &mut complaints);
    addresses::judge(&subject, &mut complaints);
    records::judge(&subject, &mut complaints);
    limits::judge(&subject, &mut complaints);
    match &options.profile {
        Some(Profile::Dc(dc)) => locator::judge(&subject, dc, &mut complaints),
        Some(Profile::Exchange { domain, .. }) => mail::judge(&subject, domain, &mut complaints),
        None => {}
    }
    servers::bogus(witnesses, &mut complaints);
    let mut findings = complaints.findings().into_iter();
    let first = findings.next().unwrap_or_else(|| healthy(&subject));
    let mut verdict = Verdict::new(NAME, &asked(options), port(options), first);
    verdict.details = findings.map(|finding| finding.summary).collect();
    let more = verdict.details.len().saturating_sub(DETAILS_MOST);
    if more > 0 {
        verdict.details.truncate(DETAILS_MOST);
        verdict.details.push(format!("and {more} more findings"));
    }
    verdict.details.extend(complaints.remarks);
    measure(&subject, &mut verdict);
    verdict
}

/// The names that were asked about, as the caller gave them.
pub(super) fn asked(options: &Options) -> String {
    let mut names: Vec<String> = options.names.iter().map(ToString::to_string).collect();
    match &options.profile {
        Some(Profile::Dc(dc)) => names.push(dc.domain.to_string()),
        Some(Profile::Exchange { domain, .. }) => names.push(domain.to_string()),
        None => {}
    }
    cut(names).join(",")
}

/// The port of the servers, if they have one in common.
pub(super) fn port(options: &Options) -> Option<u16> {
    match &options.servers {
        Servers::Named(servers) => {
            let mut ports = servers.iter().map(|server| server.address.port());
            let first = ports.next()?;
            ports.all(|port| port == first).then_some(first)
        }
        Servers::OfTheZone(discovery) => Some(discovery.port),
    }
}

fn cut(mut words: Vec<String>) -> Vec<String> {
    let more = words.len().saturating_sub(NAMED);
    if more > 0 {
        words.truncate(NAMED);
        words.push(format!("{more} more"));
    }
    words
}

fn healthy(subject: &Subject<'_>) -> Finding {
    let all: Vec<String> = subject
        .evidence
        .witnesses
        .iter()
        .map(|witness| label(&witness.server))
        .collect();
    let verb = match all.len() {
        1 => "answers",
        _ => "agree",
    };
    let mut said: Vec<String> = questions::hosts(subject.options)
        .iter()
        .filter_map(|name| {
            let found = addresses_of(subject, name);
            (!found.is_empty()).then(|| format!("{name} is {}", addresses::set(&found)))
        })
        .collect();
    said = cut(said);
    if subject.options.profile.is_some() || !subject.options.truth.is_empty() {
        let count = questions::direct(subject.options).len();
        said.push(format!(
            "{count} questions have the answers that they must have"
        ));
    }
    let summary = format!("{} {verb}: {}", listed(cut(all)), said.join(", "));
    Finding::new(Condition::Healthy, Kind::Ok, summary)
}

/// The addresses of a name at any server.
fn addresses_of(subject: &Subject<'_>, name: &Name) -> BTreeSet<IpAddr> {
    let meanings = subject.meanings(name).into_iter();
    let addresses = meanings.filter_map(|(_, meaning)| match meaning {
        Meaning::Addresses(addresses) => Some(addresses),
        _ => None,
    });
    addresses.flatten().collect()
}

/// Everything of a verdict beside what was found.
fn measure(subject: &Subject<'_>, verdict: &mut Verdict) {
    let witnesses = &subject.evidence.witnesses;
    let thresholds = &subject.options.time;
    let answering = servers::answering(witnesses);
    let questions: usize = witnesses.iter().map(|witness| witness.answers.len()).sum();
    verdict.perfdata = vec![
        Value::seconds("time", subject.evidence.total).judged_by(thresholds),
        Value::number("servers", answering as f64, ""),
        Value::number("questions", questions as f64, ""),
    ];
    if answering > 0 {
        verdict
            .advisories
            .extend(slowness(thresholds, subject.evidence));
    }
    if let (Ok(working), Ok(of), 2..) = (
        u32::try_from(answering),
        u32::try_from(witnesses.len()),
        witnesses.len(),
    ) {
        verdict.share = Some(Share { working, of });
    }
    for name in questions::hosts(subject.options) {
        let found = addresses_of(subject, &name);
        if !found.is_empty() {
            verdict
                .facts
                .insert(name.to_string(), addresses::set(&found));
        }
        for (at, serial) in subject.serials(&name) {
            if let Some(witness) = witnesses.get(at) {
                let fact = format!("serial at {}", label(&witness.server));
                verdict.facts.insert(fact, serial.to_string());
            }
        }
    }
    verdict.transcript = transcript(witnesses);
}

fn slowness(thresholds: &Thresholds, evidence: &Evidence) -> Option<Advisory> {
    let condition = thresholds.judge(evidence.total.as_secs_f64());
    (condition != Condition::Healthy).then(|| Advisory {
        advice: Advice::Time,
        condition,
        enforced: condition,
        kind: Kind::Slow,
        summary: format!(
            "the answers took {}, outside the range asked for",
            spoken(evidence.total)
        ),
    })
}

/// Each question and its answer, in a line.
fn transcript(witnesses: &[Witness]) -> Vec<String> {
    let lines = witnesses.iter().flat_map(|witness| {
        let server = label(&witness.server);
        witness.answers.iter().map(move |(question, answer)| {
            let said = match &answer.outcome {
                Err(silence) => format!("{silence:?}"),
                Ok(reply) => {
                    let flag = if reply.authoritative { " aa" } else { "" };
                    let records = reply.answers.iter();
                    let records: Vec<String> = records
                        .take(16)
                        .map(|record| format!("{} {} {}", record.name, record.ttl, record.data))
                        .collect();
                    format!("{}{flag} {}", reply.code, records.join(", "))
                }
            };
            format!(
                "{server} {question}: {} in {}",
                said.trim_end(),
                spoken(answer.took)
            )
        })
    });
    lines.take(TRANSCRIBED).collect()
}

#[cfg(test)]
mod tests;
