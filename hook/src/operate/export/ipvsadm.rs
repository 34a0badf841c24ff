//! What `ipvsadm -Sn` prints and `ipvsadm -R` takes (`ipvsadm(8)`).

use std::net::{Ipv4Addr, SocketAddr};

use crate::table::{
    DestinationSettings, Encapsulation, Family, Forward, ONE_PACKET, Protocol, SCHEDULER_FLAGS,
    ServiceKey, ServiceSettings, Table,
};

/// The table in the program's own format and order. One thing more than the program itself saves
/// is written: connection thresholds, which it takes but does not print.
pub fn text(table: &Table) -> String {
    let mut services: Vec<_> = table.iter().collect();
    services.sort_by_key(|(key, _)| order(key));
    let mut text = String::new();
    for (key, service) in services {
        let name = name(key);
        text += &format!("-A {name} {}\n", settings(key.family(), &service.settings));
        for (address, destination) in &service.destinations {
            let settings = destination_settings(&destination.settings);
            text += &format!("-a {name} -r {address} {settings}\n");
        }
    }
    text
}

/// Services without a mark come first, then marks in order; within them IPv4 before IPv6.
fn order(key: &ServiceKey) -> (u32, Family, u8, Option<SocketAddr>) {
    match key {
        ServiceKey::Fwmark { family, mark } => (*mark, *family, 0, None),
        ServiceKey::Address { protocol, socket } => {
            (0, key.family(), number(*protocol), Some(*socket))
        }
    }
}

fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}

fn name(key: &ServiceKey) -> String {
    match key {
        ServiceKey::Fwmark { family, mark } => match family {
            Family::V4 => format!("-f {mark}"),
            Family::V6 => format!("-f {mark} -6"),
        },
        ServiceKey::Address { protocol, socket } => match protocol {
            Protocol::Tcp => format!("-t {socket}"),
            Protocol::Udp => format!("-u {socket}"),
            Protocol::Sctp => format!("--sctp-service {socket}"),
        },
    }
}

fn settings(family: Family, settings: &ServiceSettings) -> String {
    let mut text = format!("-s {}", settings.scheduler);
    if let Some(seconds) = settings.persistence {
        text += &format!(" -p {seconds}");
        if settings.netmask != ServiceSettings::host_netmask(family) {
            text += &match family {
                Family::V4 => format!(" -M {}", Ipv4Addr::from(settings.netmask)),
                Family::V6 => format!(" -M {}", settings.netmask),
            };
        }
    }
    if let Some(engine) = &settings.persistence_engine {
        text += &format!(" --pe {engine}");
    }
    if settings.flags & ONE_PACKET != 0 {
        text += " -o";
    }
    let flags = scheduler_flags(settings);
    if !flags.is_empty() {
        text += &format!(" -b {}", flags.join(","));
    }
    text
}

fn scheduler_flags(settings: &ServiceSettings) -> Vec<&'static str> {
    let names = match settings.scheduler.as_str() {
        "sh" => ["sh-fallback", "sh-port", "flag-3"],
        "mh" => ["mh-fallback", "mh-port", "flag-3"],
        _ => ["flag-1", "flag-2", "flag-3"],
    };
    SCHEDULER_FLAGS
        .iter()
        .zip(names)
        .filter(|(flag, _)| settings.flags & **flag != 0)
        .map(|(_, name)| name)
        .collect()
}

fn destination_settings(settings: &DestinationSettings) -> String {
    let method = match settings.forward {
        Forward::Nat => "-m",
        Forward::Tunnel => "-i",
        // A destination is local by its address; there is no option for it, nor for bypass.
        Forward::Direct | Forward::Local | Forward::Bypass => "-g",
    };
    let mut text = format!("{method} -w {}", settings.weight);
    if settings.upper_threshold != 0 {
        text += &format!(" -x {}", settings.upper_threshold);
    }
    if settings.lower_threshold != 0 {
        text += &format!(" -y {}", settings.lower_threshold);
    }
    if settings.forward == Forward::Tunnel {
        text += &tunnel(settings.encapsulation);
    }
    text
}

/// Kinds and checksum flags: `IP_VS_CONN_F_TUNNEL_TYPE_*` and `IP_VS_TUNNEL_ENCAP_FLAG_*`.
fn tunnel(encapsulation: Encapsulation) -> String {
    let checksum = match encapsulation.flags {
        0 => "--tun-nocsum",
        1 => "--tun-csum",
        _ => "--tun-remcsum",
    };
    match encapsulation.kind {
        0 => " --tun-type ipip".to_owned(),
        1 => format!(
            " --tun-type gue --tun-port {} {checksum}",
            encapsulation.port
        ),
        _ => format!(" --tun-type gre {checksum}"),
    }
}
