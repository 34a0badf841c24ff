//! Whether each server answers, and as an authority.

use std::collections::{BTreeMap, BTreeSet};

use shared::text::spoken;
use shared::verdict::{Condition, Finding, Kind};

use super::super::evidence::{Answer, Said, Silence, Witness};
use super::super::questions;
use super::super::wire::{Code, Question, Type};
use super::Subject;
use super::complaints::{Complaint, Complaints};

/// How many servers answered something.
pub(super) fn answering(witnesses: &[Witness]) -> usize {
    witnesses.iter().filter(|witness| answers(witness)).count()
}

fn answers(witness: &Witness) -> bool {
    witness
        .answers
        .values()
        .any(|answer| answer.outcome.is_ok())
}

/// What each server left unanswered, or answered with an error.
pub(super) fn judge(subject: &Subject<'_>, complaints: &mut Complaints<'_>) {
    let direct: BTreeSet<Question> = questions::direct(subject.options)
        .into_iter()
        .map(|(_, question)| question)
        .collect();
    let enough = subject
        .options
        .min_servers
        .is_some_and(|least| answering(&subject.evidence.witnesses) >= least);
    for (at, witness) in subject.evidence.witnesses.iter().enumerate() {
        let asked = witness
            .answers
            .iter()
            .filter(|(question, _)| direct.contains(question));
        let (mut lame, mut errors) = (Vec::new(), BTreeMap::<Code, Vec<&Question>>::new());
        for (question, answer) in asked {
            match answer.said() {
                Said::Lame => lame.push(question),
                Said::Error(code) => errors.entry(code).or_default().push(question),
                _ => {}
            }
        }
        if !lame.is_empty() {
            complaints.about(at, not_authoritative(&lame));
        }
        for (code, questions) in errors {
            complaints.about(at, error(code, &questions));
        }
        silences(witness, at, enough, &direct, complaints);
    }
}

fn not_authoritative(questions: &[&Question]) -> Complaint {
    Complaint::failed(
        Kind::DnsLame,
        "is",
        format!(
            "not authoritative for {}: a reply without AA is a referral or hearsay; ask servers \
             that hold the zone, or load it there",
            summed(questions)
        ),
    )
}

fn error(code: Code, questions: &[&Question]) -> Complaint {
    let (kind, remedy) = match code {
        Code::ServFail => (
            Kind::DnsServfail,
            "the server cannot read the zone; look into its log",
        ),
        Code::Refused => (
            Kind::DnsRefused,
            "it does not hold the zone, or does not let this machine ask",
        ),
        _ => (
            Kind::RefusedByServer,
            "it does not take this query for a valid one",
        ),
    };
    let rest = format!("{} with {code}: {remedy}", summed(questions));
    Complaint::failed(kind, "answers", rest)
}

/// The first question, and how many more.
fn summed(questions: &[&Question]) -> String {
    let more = questions.len().saturating_sub(1);
    match (questions.first(), more) {
        (None, _) => String::new(),
        (Some(first), 0) => first.to_string(),
        (Some(first), 1) => format!("{first} and one more question"),
        (Some(first), more) => format!("{first} and {more} more questions"),
    }
}

/// What was never answered. Of each sort one is told, that which was waited for longest.
fn silences(
    witness: &Witness,
    at: usize,
    enough: bool,
    direct: &BTreeSet<Question>,
    complaints: &mut Complaints<'_>,
) {
    let counts = |question: &Question| {
        direct.contains(question) || !matches!(question.kind, Type::Soa | Type::Ptr)
    };
    let mut told: Vec<(Kind, Condition)> = Vec::new();
    for (question, answer) in witness
        .answers
        .iter()
        .filter(|(question, _)| counts(question))
    {
        let Said::Silent(silence) = answer.said() else {
            continue;
        };
        if let Silence::Ours(finding) = silence {
            if !told.contains(&(finding.kind, finding.condition)) {
                told.push((finding.kind, finding.condition));
                complaints.general(finding.clone());
            }
            continue;
        }
        let mut complaint = silent(question, answer, silence, witness);
        // A server that is not there at all is borne while others are; one that answers badly is
        // worse.
        if enough && is_absence(silence) {
            complaint.condition = Condition::Degraded;
        }
        if !told.contains(&(complaint.kind, complaint.condition)) {
            told.push((complaint.kind, complaint.condition));
            complaints.about(at, complaint);
        }
    }
}

fn is_absence(silence: &Silence) -> bool {
    matches!(
        silence,
        Silence::Timeout | Silence::PortClosed | Silence::Unreachable(_)
    )
}

fn silent(question: &Question, answer: &Answer, silence: &Silence, witness: &Witness) -> Complaint {
    let waited = spoken(answer.took);
    match silence {
        Silence::Timeout => {
            let bogus = match answer.bogus {
                0 => String::new(),
                1 => ", 1 bogus reply ignored".to_owned(),
                many => format!(", {many} bogus replies ignored"),
            };
            Complaint::failed(
                Kind::Timeout,
                "does",
                format!(
                    "not answer: timeout, no reply to {question} in {waited}{bogus}; a firewall, a \
                     server that is off or a DNS service that hangs"
                ),
            )
        }
        Silence::PortClosed => Complaint::failed(
            Kind::TcpRefused,
            "has",
            format!(
                "nothing listening at UDP port {}; start the DNS service",
                witness.server.address.port()
            ),
        ),
        Silence::Unreachable(why) => {
            Complaint::failed(Kind::TcpUnreachable, "is", format!("unreachable: {why}"))
        }
        Silence::Malformed(why) => Complaint::failed(
            Kind::Malformed,
            "sends",
            format!("a malformed reply to {question}: {why}"),
        ),
        Silence::Truncated(why) => Complaint::failed(
            Kind::DnsTruncated,
            "truncates",
            format!(
                "the reply to {question}, and {why}; open TCP port {} too",
                witness.server.address.port()
            ),
        ),
        Silence::Ours(finding) => Complaint {
            condition: finding.condition,
            kind: finding.kind,
            verb: "is",
            rest: finding.summary.clone(),
        },
    }
}

/// What servers sent beside their replies.
pub(super) fn bogus(witnesses: &[Witness], complaints: &mut Complaints<'_>) {
    for (at, witness) in witnesses.iter().enumerate() {
        let answered = witness
            .answers
            .values()
            .filter(|answer| answer.outcome.is_ok());
        let bogus: u32 = answered.map(|answer| answer.bogus).sum();
        if bogus > 0 {
            let who = complaints.who(&[at]);
            complaints.remark(format!(
                "{bogus} bogus replies in the name of {who} were ignored"
            ));
        }
    }
}

/// Takes in a finding for an evidence without any server.
pub(super) fn nobody_asked() -> Finding {
    Finding::new(
        Condition::Unknown,
        Kind::Usage,
        "there is nothing to ask and nobody to be asked; name a server and a name",
    )
}
