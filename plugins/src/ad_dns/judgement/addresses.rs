//! What each name stands for, at each server and across them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use shared::verdict::{Finding, Kind};

use super::super::evidence::{Meaning, Witness};
use super::super::name::Name;
use super::super::networks::Offence;
use super::super::questions;
use super::super::wire::{Data, Question, Type};
use super::Subject;
use super::complaints::{Complaint, Complaints, listed};

/// What to do about an address that has no business in DNS.
const REMEDY: &str = "clients go there past the VIP; switch 'Register this connection's addresses \
                      in DNS' off on that adapter, delete the record";

/// Judges every host of the command line and the profile.
pub(super) fn judge(subject: &Subject<'_>, complaints: &mut Complaints<'_>) {
    for name in questions::hosts(subject.options) {
        let meanings = subject.meanings(&name);
        unfollowed(subject, &name, complaints);
        networks(subject, &name, &meanings, complaints);
        let agreed = agreement(subject, &name, &meanings, complaints);
        for (at, meaning) in &meanings {
            match meaning {
                Meaning::Addresses(found) => {
                    if let Some(complaint) = unexpected(subject, &name, found) {
                        complaints.about(*at, complaint);
                    }
                }
                // Where they differ, that was told, with who has what.
                absence if agreed => complaints.about(*at, absent(&name, absence)),
                _ => {}
            }
        }
    }
}

/// Aliases that led on and on, until no more was asked: nothing is known then.
fn unfollowed(subject: &Subject<'_>, name: &Name, complaints: &mut Complaints<'_>) {
    for (at, witness) in subject.evidence.witnesses.iter().enumerate() {
        let asked = witness.said(&Question::new(name, Type::A)).is_some();
        if asked && !witness.unasked(name).is_empty() {
            let rest = format!("{name} on to ever more names, more than are followed");
            let complaint = Complaint::failed(Kind::DnsUnexpected, "leads", rest);
            complaints.about(at, complaint);
        }
    }
}

/// Addresses that may not stand there.
pub(super) fn networks(
    subject: &Subject<'_>,
    name: &Name,
    meanings: &[(usize, Meaning)],
    complaints: &mut Complaints<'_>,
) {
    let networks = &subject.options.networks;
    for (at, meaning) in meanings {
        let Meaning::Addresses(found) = meaning else {
            continue;
        };
        for address in found {
            let whence = match networks.offence(*address) {
                None => continue,
                Some(Offence::Forbidden(network)) => format!("the forbidden network {network}"),
                Some(Offence::Never(network)) => {
                    format!("{network}, a network that means nothing to another machine")
                }
                Some(Offence::NotAllowed) => {
                    let allowed = networks.allowed.iter().map(ToString::to_string).collect();
                    format!("outside the allowed networks {}", listed(allowed))
                }
            };
            let others: BTreeSet<IpAddr> =
                found.iter().filter(|a| *a != address).copied().collect();
            let beside = match others.is_empty() {
                true => String::new(),
                false => format!(" (beside {})", set(&others)),
            };
            complaints.about(
                *at,
                Complaint::failed(
                    Kind::DnsForbidden,
                    "answers",
                    format!("{name} with {address} from {whence}{beside}: {REMEDY}"),
                ),
            );
        }
    }
}

/// Whether all servers that say something say the same; who differs is named.
fn agreement(
    subject: &Subject<'_>,
    name: &Name,
    meanings: &[(usize, Meaning)],
    complaints: &mut Complaints<'_>,
) -> bool {
    let said = meanings
        .iter()
        .map(|(at, meaning)| (*at, words(meaning)))
        .collect();
    let serials = serials(subject, name, complaints);
    differ(&format!("{name}"), said, &serials, complaints)
}

/// Whether all say the same of `what`; else who says what is told.
pub(super) fn differ(
    what: &str,
    said: Vec<(usize, String)>,
    serials: &str,
    complaints: &mut Complaints<'_>,
) -> bool {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, words) in &said {
        groups.entry(words).or_default().push(*at);
    }
    if groups.len() < 2 {
        return true;
    }
    let mut groups: Vec<(&str, Vec<usize>)> = groups.into_iter().collect();
    // The many first; of as many, those with the first server.
    groups.sort_by_key(|(_, who)| (std::cmp::Reverse(who.len()), who.first().copied()));
    let told: Vec<String> = groups
        .iter()
        .map(|(words, who)| format!("{}: {words}", complaints.who(who)))
        .collect();
    let lead = match groups.as_slice() {
        [(_, many), (_, few)] if many.len() > few.len() => {
            let (few, many) = (complaints.who(few), complaints.who(many));
            format!("{few} disagrees with {many} on {what}")
        }
        _ => format!("the servers disagree on {what}"),
    };
    complaints.general(Finding::failed(
        Kind::DnsDisagree,
        format!(
            "{lead}: {}{serials}; wait for the replication, or look for what stops it (repadmin \
             /replsummary)",
            told.join(", ")
        ),
    ));
    false
}

/// The serial numbers of the zone, for a human: equal ones do not prove equal content, nor do
/// different ones prove the opposite (KB282826).
fn serials(subject: &Subject<'_>, name: &Name, complaints: &Complaints<'_>) -> String {
    let told: Vec<String> = subject
        .serials(name)
        .into_iter()
        .map(|(at, serial)| format!("{serial} at {}", complaints.who(&[at])))
        .collect();
    match told.is_empty() {
        true => String::new(),
        false => format!(" (SOA serial {})", listed(told)),
    }
}

impl Subject<'_> {
    /// The serial number of the zone of `name` at each server that told it.
    pub(super) fn serials(&self, name: &Name) -> Vec<(usize, u32)> {
        let question = Question::new(name, Type::Soa);
        let serial = |(at, witness): (usize, &Witness)| {
            let reply = witness.answers.get(&question)?.outcome.as_ref().ok()?;
            let mut records = reply.answers.iter().chain(&reply.authority);
            records.find_map(|record| match record.data {
                Data::Soa { serial } => Some((at, serial)),
                _ => None,
            })
        };
        self.evidence
            .witnesses
            .iter()
            .enumerate()
            .filter_map(serial)
            .collect()
    }
}

/// A set of addresses that is not the one asked for.
fn unexpected(subject: &Subject<'_>, name: &Name, found: &BTreeSet<IpAddr>) -> Option<Complaint> {
    let expected = &subject.options.expect;
    if expected.is_empty() || found == expected || !subject.options.names.contains(name) {
        return None;
    }
    Some(Complaint::failed(
        Kind::DnsUnexpected,
        "answers",
        format!(
            "{name} with {} instead of {}: correct the record",
            set(found),
            set(expected)
        ),
    ))
}

/// A name without an address.
pub(super) fn absent(name: &Name, meaning: &Meaning) -> Complaint {
    let (kind, verb, rest) = match meaning {
        Meaning::Addresses(found) => (Kind::Ok, "answers", format!("{name} with {}", set(found))),
        Meaning::NxDomain => (
            Kind::DnsNxdomain,
            "says",
            format!(
                "that {name} does not exist (NXDOMAIN): make the record, or check the spelling"
            ),
        ),
        Meaning::NoData => (
            Kind::DnsNodata,
            "has",
            format!("the name {name} without an address (NODATA): add the A record"),
        ),
        Meaning::AliasOfNothing(target) => (
            Kind::DnsNxdomain,
            "answers",
            format!("{name} with an alias (CNAME) of {target}, which does not exist"),
        ),
        Meaning::AliasWithoutAddress(target) => (
            Kind::DnsNodata,
            "answers",
            format!("{name} with an alias (CNAME) of {target}, which has no address"),
        ),
        Meaning::Loop(target) => (
            Kind::DnsUnexpected,
            "answers",
            format!("{name} with a loop of aliases (CNAME) by way of {target}"),
        ),
        Meaning::AliasOfElsewhere(target) => (
            Kind::DnsLame,
            "answers",
            format!(
                "{name} with an alias (CNAME) of {target}, for which it is not authoritative: ask \
                 the servers of that zone for it"
            ),
        ),
    };
    Complaint::failed(kind, verb, rest)
}

/// The same in a word or two.
fn words(meaning: &Meaning) -> String {
    match meaning {
        Meaning::Addresses(found) => set(found),
        Meaning::NxDomain => "NXDOMAIN".to_owned(),
        Meaning::NoData => "NODATA".to_owned(),
        Meaning::AliasOfNothing(target) => format!("CNAME {target} (NXDOMAIN)"),
        Meaning::AliasWithoutAddress(target) => format!("CNAME {target} (NODATA)"),
        Meaning::Loop(target) => format!("a CNAME loop by way of {target}"),
        Meaning::AliasOfElsewhere(target) => format!("CNAME {target}"),
    }
}

/// Addresses in order, with blanks between.
pub(super) fn set(addresses: &BTreeSet<IpAddr>) -> String {
    listed(addresses.iter().map(ToString::to_string).collect())
}
