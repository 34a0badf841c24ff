//! What to ask: pure.

use std::collections::BTreeSet;

use super::evidence::{Witness, address};
use super::name::Name;
use super::options::{Dc, Options, Profile};
use super::wire::{Data, Question, Type};

/// More questions than this are not asked of one server: a server that answers with ever more
/// names must end too.
const MOST: usize = 2000;

/// The ports of what a domain controller offers, and under which names (MS-ADTS 6.3.2.3).
const LDAP: u16 = 389;
const GLOBAL_CATALOGUE: u16 = 3268;
const KERBEROS: u16 = 88;
const PASSWORDS: u16 = 464;
/// The port of Autodiscover.
pub(super) const AUTODISCOVER: u16 = 443;

/// A name under which a service must be found.
#[derive(Clone, Debug)]
pub(super) struct Locator {
    pub(super) name: Name,
    pub(super) port: u16,
    /// Whether exactly one server may be named.
    pub(super) one: bool,
}

/// Where clients look for the domain controllers of a domain.
pub(super) fn locators(dc: &Dc) -> Vec<Locator> {
    let (domain, forest) = (&dc.domain, &dc.forest);
    let msdcs = domain.below("_msdcs");
    let forest_msdcs = forest.below("_msdcs");
    let mut all = Vec::new();
    let mut add = |zone: &Name, labels: &str, port| {
        all.push(Locator {
            name: zone.below(labels),
            port,
            one: labels == "_ldap._tcp.pdc",
        });
    };
    add(domain, "_ldap._tcp", LDAP);
    add(&msdcs, "_ldap._tcp.dc", LDAP);
    add(&msdcs, "_ldap._tcp.pdc", LDAP);
    add(&forest_msdcs, "_ldap._tcp.gc", GLOBAL_CATALOGUE);
    add(domain, "_kerberos._tcp", KERBEROS);
    add(domain, "_kerberos._udp", KERBEROS);
    add(&msdcs, "_kerberos._tcp.dc", KERBEROS);
    add(domain, "_kpasswd._tcp", PASSWORDS);
    add(domain, "_kpasswd._udp", PASSWORDS);
    if let Some(site) = &dc.site {
        add(domain, &format!("_ldap._tcp.{site}._sites"), LDAP);
        add(domain, &format!("_kerberos._tcp.{site}._sites"), KERBEROS);
        add(&msdcs, &format!("_ldap._tcp.{site}._sites.dc"), LDAP);
        add(
            &msdcs,
            &format!("_kerberos._tcp.{site}._sites.dc"),
            KERBEROS,
        );
        add(
            &forest_msdcs,
            &format!("_ldap._tcp.{site}._sites.gc"),
            GLOBAL_CATALOGUE,
        );
    }
    // They lie in the zone of the forest's root, which only its own controllers hold.
    if domain == forest {
        add(forest, "_gc._tcp", GLOBAL_CATALOGUE);
        if let Some(site) = &dc.site {
            add(forest, &format!("_gc._tcp.{site}._sites"), GLOBAL_CATALOGUE);
        }
    }
    all
}

/// The names by which domain controllers find each other: one alias for each identity.
pub(super) fn identities(dc: &Dc) -> Vec<Name> {
    let zone = dc.forest.below("_msdcs");
    dc.guids.iter().map(|guid| zone.below(guid)).collect()
}

/// The names that must have addresses and whose addresses are judged: those of the command line,
/// and those that the profile needs.
pub(super) fn hosts(options: &Options) -> Vec<Name> {
    let mut hosts = options.names.clone();
    let more = match &options.profile {
        Some(Profile::Dc(dc)) => {
            vec![dc.domain.clone(), dc.forest.below("gc._msdcs")]
        }
        Some(Profile::Exchange { mail_host, .. }) => vec![mail_host.clone()],
        None => Vec::new(),
    };
    hosts.extend(
        more.into_iter()
            .filter(|name| !options.names.contains(name)),
    );
    hosts
}

/// What the names of the command line, the profile and the list demand by themselves; each with
/// the name whose zone it is in.
pub(super) fn direct(options: &Options) -> Vec<(Name, Question)> {
    let mut direct = Vec::new();
    let mut ask = |base: &Name, name: &Name, kind| {
        direct.push((base.clone(), Question::new(name, kind)));
    };
    for name in &options.names {
        ask(name, name, Type::A);
        ask(name, name, Type::Aaaa);
    }
    match &options.profile {
        Some(Profile::Dc(dc)) => {
            for (base, name) in [
                (&dc.domain, dc.domain.clone()),
                (&dc.forest, dc.forest.below("gc._msdcs")),
            ] {
                ask(base, &name, Type::A);
                ask(base, &name, Type::Aaaa);
            }
            ask(&dc.domain, &dc.domain, Type::Ns);
            for locator in locators(dc) {
                let base = if locator.name.is_within(&dc.domain) {
                    &dc.domain
                } else {
                    &dc.forest
                };
                ask(base, &locator.name, Type::Srv);
            }
            for name in identities(dc) {
                ask(&dc.forest, &name, Type::Cname);
            }
        }
        Some(Profile::Exchange { domain, mail_host }) => {
            ask(mail_host, mail_host, Type::A);
            ask(mail_host, mail_host, Type::Aaaa);
            ask(domain, &autodiscover(domain), Type::A);
            ask(domain, &autodiscover(domain), Type::Aaaa);
            ask(domain, &autodiscover_service(domain), Type::Srv);
            ask(domain, domain, Type::Mx);
            ask(domain, domain, Type::Txt);
        }
        None => {}
    }
    for expected in &options.truth {
        ask(
            &expected.question.name,
            &expected.question.name,
            expected.question.kind,
        );
    }
    direct
}

pub(super) fn autodiscover(domain: &Name) -> Name {
    domain.below("autodiscover")
}

pub(super) fn autodiscover_service(domain: &Name) -> Name {
    domain.below("_autodiscover._tcp")
}

/// What else is asked of a server at the beginning: nobody's absence, and no answer to it decides
/// alone.
pub(super) fn aside(options: &Options, servers: usize, nobody: &str) -> Vec<(Name, Question)> {
    let mut aside = Vec::new();
    for name in &options.names {
        if servers > 1 {
            aside.push((name.clone(), Question::new(name, Type::Soa)));
        }
        if options.wildcard {
            aside.push((
                name.clone(),
                Question::new(&stranger(name, nobody), Type::A),
            ));
        }
    }
    aside
}

/// A name beside `name` that nobody made.
pub(super) fn stranger(name: &Name, nobody: &str) -> Name {
    name.parent().below(nobody)
}

/// What this server's answers lead to: the ends of aliases, the hosts that its records name, the
/// names of its addresses.
pub(super) fn following(options: &Options, witness: &Witness) -> Vec<Question> {
    if witness.answers.len() > MOST {
        return Vec::new();
    }
    let named = witness.answers.keys().flat_map(|question| {
        let records = witness.records(question);
        records
            .into_iter()
            .filter_map(|record| host_of(&record.data))
    });
    let mut hosts: BTreeSet<Name> = hosts(options).into_iter().collect();
    if let Some(Profile::Exchange { domain, .. }) = &options.profile {
        hosts.insert(autodiscover(domain));
    }
    hosts.retain(|name| witness.answers.contains_key(&Question::new(name, Type::A)));
    hosts.extend(named);
    let mut following: Vec<Question> = hosts
        .iter()
        .flat_map(|host| witness.unasked(host))
        .collect();
    if options.reverse {
        for name in &options.names {
            let addresses = witness.address_records(name);
            let addresses = addresses.into_iter().filter_map(address);
            following.extend(
                addresses.map(|address| Question::new(&Name::reverse_of(address), Type::Ptr)),
            );
        }
    }
    following.sort();
    following.dedup();
    following
}

/// The host that a record leads to, whose addresses are wanted then.
fn host_of(data: &Data) -> Option<Name> {
    match data {
        Data::Srv { target, .. } if target.depth() > 0 => Some(target.clone()),
        Data::Mx { host, .. } if !host.is_an_address() && host.depth() > 0 => Some(host.clone()),
        Data::Ns(name) | Data::Cname(name) => Some(name.clone()),
        _ => None,
    }
}
