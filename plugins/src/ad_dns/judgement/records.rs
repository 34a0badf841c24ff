//! Sets of records: the same at every server, and those of the list of truth among them.

use shared::verdict::Kind;

use super::super::evidence::Said;
use super::super::questions;
use super::super::wire::{Question, Type};
use super::Subject;
use super::addresses::differ;
use super::complaints::{Complaint, Complaints};

pub(super) fn judge(subject: &Subject<'_>, complaints: &mut Complaints<'_>) {
    let mut asked: Vec<Question> = questions::direct(subject.options)
        .into_iter()
        .map(|(_, question)| question)
        .filter(|question| !matches!(question.kind, Type::A | Type::Aaaa))
        .collect();
    asked.sort();
    asked.dedup();
    for question in &asked {
        same_everywhere(subject, question, complaints);
    }
    truth(subject, complaints);
}

fn same_everywhere(subject: &Subject<'_>, question: &Question, complaints: &mut Complaints<'_>) {
    let mut said = Vec::new();
    for (at, witness) in subject.evidence.witnesses.iter().enumerate() {
        let words = match witness.said(question) {
            Some(Said::Records(_)) => {
                let records = witness.records(question).into_iter();
                let mut words: Vec<String> =
                    records.map(|record| record.data.to_string()).collect();
                words.sort();
                words.join(" + ")
            }
            Some(Said::NxDomain) => "NXDOMAIN".to_owned(),
            Some(Said::NoData) => "NODATA".to_owned(),
            _ => continue,
        };
        said.push((at, words));
    }
    differ(&question.to_string(), said, "", complaints);
}

/// Each record of the list must be at each server.
fn truth(subject: &Subject<'_>, complaints: &mut Complaints<'_>) {
    for (at, witness) in subject.evidence.witnesses.iter().enumerate() {
        for expected in &subject.options.truth {
            let kind = match witness.said(&expected.question) {
                Some(Said::Records(_)) => Kind::DnsUnexpected,
                Some(Said::NoData) => Kind::DnsNodata,
                Some(Said::NxDomain) => Kind::DnsNxdomain,
                _ => continue,
            };
            let found = witness.records(&expected.question);
            if !found.iter().any(|record| record.data == expected.data) {
                complaints.about(
                    at,
                    Complaint::failed(
                        kind,
                        "lacks",
                        format!(
                            "{} {}, which the list of expected records names: register it again \
                             (nltest /dsregdns)",
                            expected.question.name, expected.data
                        ),
                    ),
                );
            }
        }
    }
}
