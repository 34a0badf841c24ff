//! The records by which clients find the domain controllers (MS-ADTS 6.3.2).

use std::collections::BTreeSet;

use shared::verdict::Kind;

use super::super::evidence::{Meaning, Said, Witness};
use super::super::name::Name;
use super::super::options::Dc;
use super::super::questions::{self, Locator};
use super::super::wire::{Data, Question, Record, Type};
use super::Subject;
use super::addresses::absent;
use super::complaints::{Complaint, Complaints, listed};

/// How lost records of a domain controller come back.
const REGISTER: &str = "register them again on the domain controllers (nltest /dsregdns)";

pub(super) fn judge(subject: &Subject<'_>, dc: &Dc, complaints: &mut Complaints<'_>) {
    for (at, witness) in subject.evidence.witnesses.iter().enumerate() {
        for locator in questions::locators(dc) {
            services(&locator, at, witness, complaints);
        }
        for name in questions::identities(dc) {
            identity(&name, at, witness, complaints);
        }
        name_servers(dc, at, witness, complaints);
    }
}

/// The service at one name: there, at its port, one if there must be one, on hosts with addresses.
fn services(locator: &Locator, at: usize, witness: &Witness, complaints: &mut Complaints<'_>) {
    let question = Question::new(&locator.name, Type::Srv);
    let records = witness.records(&question);
    if let Some(complaint) = missing(witness, &question, &records) {
        complaints.about(at, complaint);
    }
    for record in &records {
        service(record, locator.port, at, witness, complaints);
    }
    if locator.one && records.len() > 1 {
        let holders = records
            .iter()
            .map(|record| record.data.to_string())
            .collect();
        complaints.about(
            at,
            Complaint::failed(
                Kind::DnsUnexpected,
                "names",
                format!(
                    "{} servers as {}, where there must be one: {}; delete the record of the old \
                     PDC",
                    records.len(),
                    locator.name,
                    listed(holders)
                ),
            ),
        );
    }
}

fn missing(witness: &Witness, question: &Question, records: &[&Record]) -> Option<Complaint> {
    let (kind, words) = match witness.said(question)? {
        Said::NxDomain => (Kind::DnsNxdomain, "NXDOMAIN"),
        Said::NoData => (Kind::DnsNodata, "NODATA"),
        Said::Records(_) if records.is_empty() => (Kind::DnsNodata, "NODATA"),
        _ => return None,
    };
    let rest = format!("no record {question} ({words}): {REGISTER}");
    Some(Complaint::failed(kind, "has", rest))
}

/// One SRV record: the port that the service has, and a host with an address.
pub(super) fn service(
    record: &Record,
    expected: u16,
    at: usize,
    witness: &Witness,
    complaints: &mut Complaints<'_>,
) {
    let Data::Srv { port, target, .. } = &record.data else {
        return;
    };
    let name = &record.name;
    if *port != expected {
        complaints.about(
            at,
            Complaint::failed(
                Kind::DnsUnexpected,
                "names",
                format!("port {port} of {target} for {name} SRV instead of {expected}: correct it"),
            ),
        );
    }
    if let Some(canonical) = witness.alias(target) {
        complaints.about(
            at,
            Complaint::degraded(
                Kind::DnsUnexpected,
                "leads",
                format!("{name} SRV to {target}, an alias of {canonical}; name that (RFC 2782)"),
            ),
        );
    }
    host(&format!("{name} SRV"), target, at, witness, complaints);
}

/// A host that a record leads to must have an address.
pub(super) fn host(
    whence: &str,
    target: &Name,
    at: usize,
    witness: &Witness,
    complaints: &mut Complaints<'_>,
) {
    match witness.meaning(target) {
        Some(Meaning::Addresses(_)) => {}
        None | Some(Meaning::AliasOfElsewhere(_)) => {
            let who = complaints.who(&[at]);
            complaints.remark(format!(
                "{whence} leads to {target}, whose address {who} does not know: not judged"
            ));
        }
        Some(meaning) => {
            let absence = absent(target, &meaning);
            let why = match meaning {
                Meaning::NxDomain => "which does not exist (NXDOMAIN)".to_owned(),
                Meaning::NoData => "which has no address (NODATA)".to_owned(),
                _ => format!("whose alias leads nowhere: {}", absence.rest),
            };
            let rest = format!("{whence} to {target}, {why}");
            complaints.about(at, Complaint::failed(absence.kind, "leads", rest));
        }
    }
}

fn identity(name: &Name, at: usize, witness: &Witness, complaints: &mut Complaints<'_>) {
    let question = Question::new(name, Type::Cname);
    let records = witness.records(&question);
    if let Some(complaint) = missing(witness, &question, &records) {
        complaints.about(at, complaint);
    }
    for record in records {
        if let Data::Cname(target) = &record.data {
            host(&question.to_string(), target, at, witness, complaints);
        }
    }
}

/// The name servers of the domain are its domain controllers, and have addresses.
fn name_servers(dc: &Dc, at: usize, witness: &Witness, complaints: &mut Complaints<'_>) {
    let question = Question::new(&dc.domain, Type::Ns);
    let controllers = Question::new(&dc.domain.below("_ldap._tcp.dc._msdcs"), Type::Srv);
    let servers: BTreeSet<Name> = hosts(&witness.records(&question));
    let controllers: BTreeSet<Name> = hosts(&witness.records(&controllers));
    for server in &servers {
        host(&question.to_string(), server, at, witness, complaints);
    }
    if servers.is_empty() || controllers.is_empty() || servers == controllers {
        return;
    }
    let words = |names: &BTreeSet<Name>| listed(names.iter().map(ToString::to_string).collect());
    complaints.about(
        at,
        Complaint::degraded(
            Kind::DnsUnexpected,
            "lists",
            format!(
                "{} as name servers of {}, whose domain controllers are {}",
                words(&servers),
                dc.domain,
                words(&controllers)
            ),
        ),
    );
}

fn hosts(records: &[&Record]) -> BTreeSet<Name> {
    let host = |record: &&Record| match &record.data {
        Data::Ns(name) => Some(name.clone()),
        Data::Srv { target, .. } => Some(target.clone()),
        _ => None,
    };
    records.iter().filter_map(host).collect()
}
