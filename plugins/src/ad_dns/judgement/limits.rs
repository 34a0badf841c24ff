//! How long records may live, what addresses lead back to, and what must not exist.

use std::collections::BTreeSet;

use shared::verdict::Kind;

use super::super::evidence::{Said, Witness, address};
use super::super::name::Name;
use super::super::questions;
use super::super::wire::{Data, Question, Record, Type};
use super::Subject;
use super::addresses::set;
use super::complaints::{Complaint, Complaints, listed};

pub(super) fn judge(subject: &Subject<'_>, complaints: &mut Complaints<'_>) {
    for (at, witness) in subject.evidence.witnesses.iter().enumerate() {
        lifetimes(subject, at, witness, complaints);
        if subject.options.reverse {
            for name in &subject.options.names {
                reverse(name, at, witness, complaints);
            }
        }
        if subject.options.wildcard {
            wildcard(subject, at, witness, complaints);
        }
    }
}

fn lifetimes(subject: &Subject<'_>, at: usize, witness: &Witness, complaints: &mut Complaints<'_>) {
    let most = subject.options.ttl.0;
    let asked = questions::direct(subject.options);
    let names = questions::hosts(subject.options);
    let of_hosts = names.iter().flat_map(|name| witness.address_records(name));
    let of_others = asked
        .iter()
        .flat_map(|(_, question)| witness.records(question));
    for record in of_hosts.chain(of_others) {
        if let Some(rest) = lifetime(record, most) {
            complaints.about(at, Complaint::degraded(Kind::DnsUnexpected, "gives", rest));
        }
    }
}

fn lifetime(record: &Record, most: u32) -> Option<String> {
    let kind = record.data.kind()?;
    let name = &record.name;
    match record.ttl {
        0 => Some(format!(
            "{name} {kind} a TTL of 0 s: nobody may keep it, so every client asks anew; set 1200"
        )),
        ttl if ttl > most => Some(format!(
            "{name} {kind} a TTL of {ttl} s, above {most} s: a correction reaches clients that late"
        )),
        _ => None,
    }
}

/// Each address must have exactly the name back that it was found by, or the one that this is an
/// alias of.
fn reverse(name: &Name, at: usize, witness: &Witness, complaints: &mut Complaints<'_>) {
    for record in witness.address_records(name) {
        let Some(address) = address(record) else {
            continue;
        };
        let question = Question::new(&Name::reverse_of(address), Type::Ptr);
        let complaint = match witness.said(&question) {
            None => continue,
            Some(Said::Records(_)) => {
                let back: BTreeSet<Name> = witness
                    .records(&question)
                    .into_iter()
                    .filter_map(|record| match &record.data {
                        Data::Ptr(name) => Some(name.clone()),
                        _ => None,
                    })
                    .collect();
                let right = back.len() == 1 && (back.contains(name) || back.contains(&record.name));
                if right {
                    continue;
                }
                let back = listed(back.iter().map(ToString::to_string).collect());
                Complaint::degraded(
                    Kind::DnsUnexpected,
                    "leads",
                    format!("{address} back (PTR) to {back} instead of {name} alone"),
                )
            }
            Some(Said::NxDomain | Said::NoData) => Complaint::degraded(
                Kind::DnsNodata,
                "has",
                format!("no name for {address} (PTR) though {name} has that address"),
            ),
            Some(Said::Lame) => Complaint::degraded(
                Kind::DnsLame,
                "is",
                format!("not authoritative for the names of {address} (PTR)"),
            ),
            Some(Said::Error(code)) => Complaint::degraded(
                Kind::DnsRefused,
                "answers",
                format!("{code} when asked for the name of {address} (PTR)"),
            ),
            Some(Said::Silent(_)) => Complaint::degraded(
                Kind::Timeout,
                "does",
                format!("not answer for the name of {address} (PTR)"),
            ),
        };
        complaints.about(at, complaint);
    }
}

fn wildcard(subject: &Subject<'_>, at: usize, witness: &Witness, complaints: &mut Complaints<'_>) {
    for name in &subject.options.names {
        let stranger = questions::stranger(name, subject.nobody);
        let found = witness.address_records(&stranger);
        if !found.is_empty() {
            let found = found.into_iter().filter_map(address).collect();
            let zone = name.parent();
            complaints.about(
                at,
                Complaint::degraded(
                    Kind::DnsUnexpected,
                    "answers",
                    format!(
                        "every name below {zone} with {} (wildcard): a name that is mistyped or \
                         deleted goes unnoticed; delete *.{zone}",
                        set(&found)
                    ),
                ),
            );
        }
    }
}
