//! The records that Exchange's clients and other mail servers look for.

use shared::verdict::Kind;

use super::super::evidence::{Meaning, Said, Witness};
use super::super::name::Name;
use super::super::questions::{self, AUTODISCOVER};
use super::super::wire::{Data, Question, Record, Type};
use super::Subject;
use super::addresses;
use super::complaints::{Complaint, Complaints};
use super::locator::{host, service};

pub(super) fn judge(subject: &Subject<'_>, domain: &Name, complaints: &mut Complaints<'_>) {
    let autodiscover = questions::autodiscover(domain);
    addresses::networks(
        subject,
        &autodiscover,
        &subject.meanings(&autodiscover),
        complaints,
    );
    for (at, witness) in subject.evidence.witnesses.iter().enumerate() {
        find_autodiscover(domain, at, witness, complaints);
        exchangers(domain, at, witness, complaints);
        sender_policy(domain, at, witness, complaints);
    }
}

/// Autodiscover is found by an address, an alias, or a SRV record.
fn find_autodiscover(domain: &Name, at: usize, witness: &Witness, complaints: &mut Complaints<'_>) {
    let name = questions::autodiscover(domain);
    let question = Question::new(&questions::autodiscover_service(domain), Type::Srv);
    let services = witness.records(&question);
    for record in &services {
        service(record, AUTODISCOVER, at, witness, complaints);
    }
    match witness.meaning(&name) {
        Some(Meaning::NxDomain | Meaning::NoData) if services.is_empty() => complaints.about(
            at,
            Complaint::failed(
                Kind::DnsNxdomain,
                "has",
                format!(
                    "neither {name} nor {question}: Outlook does not find the server; make one of \
                     them"
                ),
            ),
        ),
        Some(Meaning::NxDomain | Meaning::NoData | Meaning::Addresses(_)) | None => {}
        Some(Meaning::AliasOfElsewhere(target)) => {
            host(&format!("{name} CNAME"), &target, at, witness, complaints);
        }
        Some(broken) => complaints.about(at, addresses::absent(&name, &broken)),
    }
}

/// Mail goes to hosts that have an address of their own (RFC 5321 section 5.1).
fn exchangers(domain: &Name, at: usize, witness: &Witness, complaints: &mut Complaints<'_>) {
    let question = Question::new(domain, Type::Mx);
    let records = witness.records(&question);
    let absent = match witness.said(&question) {
        Some(Said::NxDomain) => Some(Kind::DnsNxdomain),
        Some(Said::NoData | Said::Records(_)) if records.is_empty() => Some(Kind::DnsNodata),
        _ => None,
    };
    if let Some(kind) = absent {
        let rest = format!("no mail exchanger for {domain} (MX): add the record");
        complaints.about(at, Complaint::failed(kind, "has", rest));
    }
    for record in records {
        exchanger(record, at, witness, complaints);
    }
}

fn exchanger(record: &Record, at: usize, witness: &Witness, complaints: &mut Complaints<'_>) {
    let Data::Mx { host: target, .. } = &record.data else {
        return;
    };
    let domain = &record.name;
    let wrong = if target.is_an_address() {
        Some(format!("the address {target}, where a name belongs"))
    } else if target.depth() == 0 {
        Some("nowhere (null MX, RFC 7505): it takes no mail".to_owned())
    } else {
        witness
            .alias(target)
            .map(|canonical| format!("the alias (CNAME) {target}; name {canonical} instead"))
    };
    match wrong {
        Some(wrong) => {
            let rest = format!("the mail of {domain} (MX) to {wrong}");
            complaints.about(at, Complaint::failed(Kind::DnsUnexpected, "leads", rest));
        }
        None => host(&format!("{domain} MX"), target, at, witness, complaints),
    }
}

/// Exactly one policy says who may send (RFC 7208 section 4.5).
fn sender_policy(domain: &Name, at: usize, witness: &Witness, complaints: &mut Complaints<'_>) {
    let question = Question::new(domain, Type::Txt);
    let is_policy = |record: &&Record| match &record.data {
        Data::Txt(text) => {
            let text = text.to_ascii_lowercase();
            text == b"v=spf1" || text.starts_with(b"v=spf1 ")
        }
        _ => false,
    };
    let known = matches!(
        witness.said(&question),
        Some(Said::Records(_) | Said::NoData | Said::NxDomain)
    );
    match witness
        .records(&question)
        .into_iter()
        .filter(is_policy)
        .count()
    {
        0 if known => complaints.about(
            at,
            Complaint::degraded(
                Kind::DnsNodata,
                "has",
                format!("no sender policy for {domain} (SPF, a TXT record \"v=spf1 ...\")"),
            ),
        ),
        0 | 1 => {}
        many => complaints.about(
            at,
            Complaint::degraded(
                Kind::DnsUnexpected,
                "has",
                format!("{many} sender policies for {domain} (SPF): receivers use none of them"),
            ),
        ),
    }
}
