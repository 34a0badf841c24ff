//! Judges the `[services.*]` sections: identities, schedulers, members.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;

use super::super::fault::{Fault, nearest};
use super::super::file::{self, Named, Placed};
use super::super::{OnFailure, SCHEDULERS, Server, ServerId, VirtualService, duration};
use super::{Names, address, gentle, not_yet, number, optional_time, word};
use crate::table::{
    Family, Forward, ONE_PACKET, Protocol, SCHEDULER_FLAGS, ServiceKey, ServiceSettings,
};

pub(super) fn judge_all(
    written: &Named<file::Service>,
    names: &Names<'_>,
    servers: &[Server],
    faults: &mut Vec<Fault>,
) -> Vec<VirtualService> {
    let mut taken = BTreeMap::new();
    let mut services = Vec::new();
    for (name, service) in written {
        let judged = judge_one(name, service, names, servers, faults);
        let Some(judged) = judged else { continue };
        if let Some(other) = taken.insert(judged.key, judged.name.clone()) {
            let span = service.fwmark.as_ref().map_or(name.span(), Spanned::span);
            let message = format!(
                "[services.{}] and [services.{other}] are both {}",
                judged.name, judged.key
            );
            faults.push(
                Fault::at(span, message)
                    .suggest("the kernel tells services apart by mark, or address and port"),
            );
        }
        services.push(judged);
    }
    services
}

fn judge_one(
    name: &Spanned<String>,
    service: &file::Service,
    names: &Names<'_>,
    servers: &[Server],
    faults: &mut Vec<Fault>,
) -> Option<VirtualService> {
    not_yet(faults, "udp", &service.udp);
    let members = listed(name, "servers", &service.servers, &names.servers, faults);
    let checks = match &service.checks {
        // Written down, not forgotten: nothing is asked, and the servers always serve.
        Some(list) if list.as_ref().is_empty() => Vec::new(),
        _ => listed(name, "checks", &service.checks, &names.checks, faults),
    };
    same_address(&members, service, servers, faults);
    let family = family(name, &members, servers, faults);
    let vip = service
        .vip
        .as_ref()
        .and_then(|vip| address::with_prefix("vip", vip, faults));
    let front = address::front(service, vip, family, faults);
    let key = key(name, service, vip, family, faults)?;
    if key.family() != family && !members.is_empty() {
        let message = format!(
            "[services.{}]: {key} has servers of another IP version",
            name.as_ref()
        );
        faults.push(Fault::at(name.span(), message).suggest("NAT does not translate IPv4 to IPv6"));
    }
    let check_weights = gentle::check_weights(service, &checks, names, faults);
    Some(VirtualService {
        require: gentle::require(service, &checks, &check_weights, faults),
        check_weights,
        sorry_server: gentle::sorry_server(service, key, &members, servers, faults),
        slow_start: gentle::slow_start(service, &members, servers, faults),
        flap_window: optional_time(faults, "flap_window", &service.flap_window),
        name: name.as_ref().clone(),
        key,
        front,
        settings: settings(service, family, faults),
        forward: forward(faults, &service.forward),
        port: match key {
            ServiceKey::Fwmark { .. } => 0,
            ServiceKey::Address { socket, .. } => socket.port(),
        },
        servers: members,
        checks,
        on_failure: on_failure(service, key, faults),
        min_up: number(faults, "min_up", &service.min_up, 1..=65535, 1_u16).into(),
    })
}

/// A UDP flow has no end: with weight 0 it would stay on a dead server for the UDP timeout.
fn on_failure(service: &file::Service, key: ServiceKey, faults: &mut Vec<Fault>) -> OnFailure {
    let udp = matches!(
        key,
        ServiceKey::Address {
            protocol: Protocol::Udp,
            ..
        }
    );
    let default = if udp { "remove" } else { "quiesce" };
    match word(
        faults,
        "on_failure",
        &service.on_failure,
        &["quiesce", "remove"],
        default,
    ) {
        "remove" => OnFailure::Remove,
        _ => OnFailure::Quiesce,
    }
}

fn forward(faults: &mut Vec<Fault>, written: &Placed<String>) -> Forward {
    match word(
        faults,
        "forward",
        written,
        &["nat", "direct", "tunnel"],
        "nat",
    ) {
        "direct" => Forward::Direct,
        "tunnel" => Forward::Tunnel,
        _ => Forward::Nat,
    }
}

fn settings(service: &file::Service, family: Family, faults: &mut Vec<Fault>) -> ServiceSettings {
    ServiceSettings {
        scheduler: word(faults, "scheduler", &service.scheduler, SCHEDULERS, "wlc").to_owned(),
        persistence: persistence(faults, &service.persistence),
        netmask: netmask(service, family, faults),
        flags: flags(service, faults),
        persistence_engine: engine(service, faults),
    }
}

/// Which part of a client's address counts for persistence.
fn netmask(service: &file::Service, family: Family, faults: &mut Vec<Fault>) -> u32 {
    let all = ServiceSettings::host_netmask(family);
    let Some(written) = &service.persistence_netmask else {
        return all;
    };
    let text = written.as_ref();
    let read = match family {
        Family::V4 => text.parse::<Ipv4Addr>().ok().map(u32::from),
        Family::V6 => text
            .parse()
            .ok()
            .filter(|length| (1..=128).contains(length)),
    };
    let contiguous =
        |mask: &u32| family == Family::V6 || (mask.leading_ones() + mask.trailing_zeros() == 32);
    match read.filter(contiguous) {
        Some(mask) if service.persistence.is_some() => mask,
        Some(_) => {
            let message = "persistence_netmask without persistence says nothing";
            faults.push(Fault::at(written.span(), message).suggest("add persistence = \"600s\""));
            all
        }
        None => {
            let message = format!("persistence_netmask = \"{text}\" is no netmask of this service");
            faults.push(
                Fault::at(written.span(), message)
                    .suggest("such as \"255.255.255.0\"; for IPv6 a prefix length such as \"64\""),
            );
            all
        }
    }
}

/// One-packet scheduling, and the flags whose meaning is the scheduler's, in the words of
/// ipvsadm(8).
fn flags(service: &file::Service, faults: &mut Vec<Fault>) -> u32 {
    let listed = service
        .scheduler_flags
        .as_ref()
        .map_or(&[][..], |list| list.as_ref().as_slice());
    let mut flags = match &service.one_packet {
        Some(wanted) if *wanted.as_ref() => ONE_PACKET,
        _ => 0,
    };
    for written in listed {
        let known = [
            "flag-1",
            "flag-2",
            "flag-3",
            "sh-fallback",
            "sh-port",
            "mh-fallback",
            "mh-port",
        ];
        flags |= match word(
            faults,
            "scheduler_flags",
            &Some(written.clone()),
            &known,
            "",
        ) {
            "flag-1" | "sh-fallback" | "mh-fallback" => SCHEDULER_FLAGS[0],
            "flag-2" | "sh-port" | "mh-port" => SCHEDULER_FLAGS[1],
            "flag-3" => SCHEDULER_FLAGS[2],
            _ => 0,
        };
    }
    flags
}

/// The kernel has one persistence engine (`ip_vs_pe_sip`).
fn engine(service: &file::Service, faults: &mut Vec<Fault>) -> Option<String> {
    let engine = word(
        faults,
        "persistence_engine",
        &service.persistence_engine,
        &["", "sip"],
        "",
    );
    (!engine.is_empty()).then(|| engine.to_owned())
}

fn persistence(faults: &mut Vec<Fault>, written: &Placed<String>) -> Option<u32> {
    let written = written.as_ref()?;
    let refusal = match duration::parse(written.as_ref()) {
        Ok(time) if time >= Duration::from_secs(1) && time.subsec_millis() == 0 => {
            return u32::try_from(time.as_secs()).ok();
        }
        Ok(_) => "IPVS counts persistence in whole seconds, at least 1s".to_owned(),
        Err(refusal) => refusal,
    };
    faults.push(Fault::at(written.span(), format!("persistence: {refusal}")));
    None
}

fn key(
    name: &Spanned<String>,
    service: &file::Service,
    vip: Option<IpNet>,
    family: Family,
    faults: &mut Vec<Fault>,
) -> Option<ServiceKey> {
    match &service.fwmark {
        Some(mark) => by_mark(mark, service, family, faults),
        None => by_address(name, service, vip, faults),
    }
}

fn by_mark(
    mark: &Spanned<i64>,
    service: &file::Service,
    family: Family,
    faults: &mut Vec<Fault>,
) -> Option<ServiceKey> {
    if let Some(port) = &service.port {
        faults.push(
            Fault::at(
                port.span(),
                "a service with a fwmark has no port of its own",
            )
            .suggest("take out `port`; every packet with the mark belongs to the service"),
        );
    }
    match u32::try_from(*mark.as_ref()) {
        Ok(mark @ 1..) => Some(ServiceKey::Fwmark { family, mark }),
        _ => {
            let message = format!(
                "fwmark = {} is not between 1 and {}",
                mark.as_ref(),
                u32::MAX
            );
            faults.push(Fault::at(mark.span(), message));
            None
        }
    }
}

fn by_address(
    name: &Spanned<String>,
    service: &file::Service,
    vip: Option<IpNet>,
    faults: &mut Vec<Fault>,
) -> Option<ServiceKey> {
    let (Some(_), Some(port)) = (&service.vip, &service.port) else {
        let message = format!(
            "[services.{}] has neither fwmark nor vip and port",
            name.as_ref()
        );
        faults.push(
            Fault::at(name.span(), message)
                .suggest("add fwmark = 80, or vip = \"192.0.2.35\" and port = 443"),
        );
        return None;
    };
    let protocol = match word(
        faults,
        "protocol",
        &service.protocol,
        &["tcp", "udp"],
        "tcp",
    ) {
        "udp" => Protocol::Udp,
        _ => Protocol::Tcp,
    };
    let port = number(faults, "port", &Some(port.clone()), 1..=65535, 1);
    let socket = SocketAddr::new(vip?.addr(), port);
    Some(ServiceKey::Address { protocol, socket })
}

fn listed<Id: Copy + PartialEq>(
    service: &Spanned<String>,
    key: &str,
    written: &Placed<Vec<Spanned<String>>>,
    known: &BTreeMap<&str, Id>,
    faults: &mut Vec<Fault>,
) -> Vec<Id> {
    let names = written
        .as_ref()
        .map_or(&[][..], |list| list.as_ref().as_slice());
    if names.is_empty() {
        let message = format!("[services.{}] has no {key}", service.as_ref());
        faults.push(Fault::at(service.span(), message).suggest(format!("add {key} = [\"…\"]")));
    }
    let mut found = Vec::new();
    for name in names {
        match known.get(name.as_ref().as_str()) {
            Some(id) if found.contains(id) => {
                let message = format!("{key}: \"{}\" is listed twice", name.as_ref());
                faults.push(Fault::at(name.span(), message).suggest("take one out"));
            }
            Some(id) => found.push(*id),
            None => faults.push(undefined(key, name, known.keys().copied())),
        }
    }
    found
}

pub(super) fn undefined<'a>(
    key: &str,
    name: &Spanned<String>,
    known: impl Iterator<Item = &'a str>,
) -> Fault {
    let section = format!("[{key}.{}]", name.as_ref());
    let message = format!("{key}: \"{}\" is not defined", name.as_ref());
    Fault::at(name.span(), message).suggest(match nearest(name.as_ref(), known) {
        Some(word) => format!("did you mean \"{word}\"? Or add a section {section}"),
        None => format!("add a section {section}"),
    })
}

fn same_address(
    members: &[ServerId],
    service: &file::Service,
    servers: &[Server],
    faults: &mut Vec<Fault>,
) {
    let Some(listed) = &service.servers else {
        return;
    };
    let mut seen = BTreeMap::new();
    for id in members {
        let server = &servers[id.0];
        if let Some(other) = seen.insert((server.address, server.port), &server.name) {
            let message = format!(
                "servers \"{other}\" and \"{}\" are both {}",
                server.name, server.address
            );
            faults.push(Fault::at(listed.span(), message).suggest("one destination, one server"));
        }
    }
}

/// The family of a marked service is that of its servers.
fn family(
    name: &Spanned<String>,
    members: &[ServerId],
    servers: &[Server],
    faults: &mut Vec<Fault>,
) -> Family {
    let mut families = members.iter().map(|id| Family::of(servers[id.0].address));
    let first = families.next().unwrap_or(Family::V4);
    if families.any(|family| family != first) {
        let message = format!("[services.{}] mixes IPv4 and IPv6 servers", name.as_ref());
        faults.push(Fault::at(name.span(), message).suggest("make two services of it"));
    }
    first
}
