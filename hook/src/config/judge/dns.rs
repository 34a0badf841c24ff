//! Judges `dns = { … }`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use plugins::ad_dns::{
    Dc, Discovery, Expected, Name, Networks, Options, PORT, Profile, Servers, TtlMost, read_server,
    read_truth, server,
};
use toml::Spanned;

use super::super::fault::Fault;
use super::super::file::{self, Placed};
use super::{number, word};

pub(super) fn judge(written: &Spanned<file::Dns>, faults: &mut Vec<Fault>) -> Options {
    let dns = written.as_ref();
    let options = Options {
        names: each(&dns.names, "a domain name such as ex1.exch.test", faults),
        servers: servers(&dns.servers, faults),
        networks: Networks {
            allowed: networks(&dns.allow, faults),
            forbidden: networks(&dns.forbid, faults),
        },
        expect: each::<IpAddr>(&dns.expect, "an IP address", faults)
            .into_iter()
            .collect(),
        profile: profile(dns, faults),
        truth: truth(&dns.expect_file, faults),
        ttl: TtlMost(number(
            faults,
            "max_ttl",
            &dns.max_ttl,
            0..=i64::from(u32::MAX),
            TtlMost::default().0,
        )),
        min_servers: dns.min_servers.as_ref().map(|_| {
            let most = match dns.servers.len() {
                0 => 1000,
                named => i64::try_from(named).unwrap_or(i64::MAX),
            };
            number(faults, "min_servers", &dns.min_servers, 0..=most, 1)
        }),
        reverse: on(&dns.reverse),
        wildcard: on(&dns.wildcard),
        ..Options::default()
    };
    if dns.names.is_empty() && dns.profile.is_none() && dns.expect_file.is_none() {
        faults.push(
            Fault::at(written.span(), "dns asks for nothing")
                .suggest("add names = [\"ex1.exch.test\"], a profile or an expect_file"),
        );
    }
    options
}

fn on(key: &Placed<bool>) -> bool {
    key.as_ref().is_some_and(|value| *value.as_ref())
}

/// Every word of a list that makes sense; the others are faults.
fn each<T: FromStr>(list: &[Spanned<String>], expected: &str, faults: &mut Vec<Fault>) -> Vec<T> {
    let mut read = |word: &Spanned<String>| {
        let value = word.as_ref().parse().ok();
        if value.is_none() {
            let message = format!("\"{}\" is not {expected}", word.as_ref());
            faults.push(Fault::at(word.span(), message));
        }
        value
    };
    list.iter().filter_map(&mut read).collect()
}

fn networks(list: &[Spanned<String>], faults: &mut Vec<Fault>) -> Vec<IpNet> {
    let networks = each::<IpNet>(list, "a network such as 10.0.1.0/24", faults);
    networks
        .into_iter()
        .map(|network| network.trunc())
        .collect()
}

/// Addresses: a director must not depend on the names that it watches.
fn servers(list: &[Spanned<String>], faults: &mut Vec<Fault>) -> Servers {
    if list.is_empty() {
        return Servers::OfTheZone(Discovery::default());
    }
    let mut read = |word: &Spanned<String>| {
        let read = read_server(word.as_ref()).ok();
        let target = read.and_then(|(name, port)| {
            let address = SocketAddr::new(name.parse().ok()?, port.unwrap_or(PORT));
            Some(server(&name, address))
        });
        if target.is_none() {
            let message = format!("\"{}\" is not the address of a DNS server", word.as_ref());
            faults.push(
                Fault::at(word.span(), message)
                    .suggest("names are not resolved; write \"10.0.1.5\" or \"[2001:db8::5]:53\""),
            );
        }
        target
    };
    Servers::Named(list.iter().filter_map(&mut read).collect())
}

fn profile(dns: &file::Dns, faults: &mut Vec<Fault>) -> Option<Profile> {
    let written = dns.profile.as_ref()?;
    let word = word(faults, "profile", &dns.profile, &["", "dc", "exchange"], "");
    let Some(domain) = name(&dns.domain, faults) else {
        if dns.domain.is_none() {
            faults.push(
                Fault::at(written.span(), "a profile without a domain")
                    .suggest("add domain = \"exch.test\""),
            );
        }
        return None;
    };
    match word {
        "dc" => Some(Profile::Dc(Dc {
            forest: name(&dns.forest, faults).unwrap_or_else(|| domain.clone()),
            site: labels(dns.site.as_ref().into_iter(), faults).pop(),
            guids: labels(dns.guids.iter(), faults),
            domain,
        })),
        "exchange" => Some(Profile::Exchange {
            mail_host: name(&dns.mail_host, faults).unwrap_or_else(|| domain.below("mail")),
            domain,
        }),
        _ => None,
    }
}

fn name(written: &Placed<String>, faults: &mut Vec<Fault>) -> Option<Name> {
    let written = std::slice::from_ref(written.as_ref()?);
    each(written, "a domain name such as exch.test", faults).pop()
}

fn labels<'a>(
    list: impl Iterator<Item = &'a Spanned<String>>,
    faults: &mut Vec<Fault>,
) -> Vec<String> {
    let mut labels = Vec::new();
    for word in list {
        let text = word.as_ref();
        if text.parse::<Name>().is_ok_and(|name| name.depth() == 1) {
            labels.push(text.clone());
        } else {
            let message = format!("\"{text}\" is not a part of a name between two dots");
            faults.push(Fault::at(word.span(), message));
        }
    }
    labels
}

fn truth(written: &Placed<String>, faults: &mut Vec<Fault>) -> Vec<Expected> {
    let Some(path) = written else {
        return Vec::new();
    };
    let read = std::fs::read_to_string(path.as_ref()).map_err(|error| error.to_string());
    read.and_then(|text| read_truth(&text))
        .unwrap_or_else(|why| {
            let message = format!("expect_file = \"{}\": {why}", path.as_ref());
            faults.push(Fault::at(path.span(), message));
            Vec::new()
        })
}
