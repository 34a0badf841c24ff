//! A table, written in the words of each program, imported, verified and exported, is the same
//! table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::operate::export;
use crate::table::{
    Connections, Destination, DestinationSettings, Encapsulation, Family, Forward, ONE_PACKET,
    Protocol, SCHEDULER_FLAGS, Service, ServiceKey, ServiceSettings, Table,
};

fn address(family: Family, network: u8, host: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, network, 0, host).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, network.into(), 0, 0, 0, 0, host.into()).into(),
    }
}

/// A service with its destinations; `six` allows IPv6.
fn service(six: bool) -> impl Strategy<Value = (ServiceKey, Service)> {
    let family = if six {
        prop_oneof![Just(Family::V4), Just(Family::V6)].boxed()
    } else {
        Just(Family::V4).boxed()
    };
    (family, forward()).prop_flat_map(|(family, forward)| {
        (key(family), settings(family), destinations(family, forward)).prop_map(
            |(key, settings, mut destinations)| {
                if let ServiceKey::Fwmark { .. } = key {
                    // The port of a marked service's server is the client's.
                    destinations = destinations
                        .into_iter()
                        .map(|(at, there)| (SocketAddr::new(at.ip(), 0), there))
                        .collect();
                }
                (
                    key,
                    Service {
                        settings,
                        destinations,
                    },
                )
            },
        )
    })
}

fn forward() -> impl Strategy<Value = Forward> {
    prop_oneof![
        Just(Forward::Nat),
        Just(Forward::Direct),
        Just(Forward::Tunnel)
    ]
}

fn key(family: Family) -> impl Strategy<Value = ServiceKey> {
    let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)];
    prop_oneof![
        (1..60_u32).prop_map(move |mark| ServiceKey::Fwmark { family, mark }),
        (protocol, 1..9_u8, 1..=65535_u16).prop_map(move |(protocol, host, port)| {
            let socket = SocketAddr::new(address(family, 200, host), port);
            ServiceKey::Address { protocol, socket }
        }),
    ]
}

fn settings(family: Family) -> impl Strategy<Value = ServiceSettings> {
    let scheduler = prop_oneof![Just("wlc"), Just("rr"), Just("sh"), Just("wrr")];
    let all = ServiceSettings::host_netmask(family);
    let netmask = match family {
        Family::V4 => prop_oneof![Just(all), Just(0xffff_ff00)].boxed(),
        Family::V6 => prop_oneof![Just(all), Just(64)].boxed(),
    };
    let flags = prop_oneof![Just(0), Just(ONE_PACKET), Just(SCHEDULER_FLAGS[1])];
    (
        scheduler,
        proptest::option::of(1..100_000_u32),
        netmask,
        flags,
    )
        .prop_map(
            move |(scheduler, persistence, netmask, flags)| ServiceSettings {
                scheduler: scheduler.to_owned(),
                persistence,
                netmask: if persistence.is_some() { netmask } else { all },
                flags,
                persistence_engine: None,
            },
        )
}

fn destinations(
    family: Family,
    forward: Forward,
) -> impl Strategy<Value = BTreeMap<SocketAddr, Destination>> {
    let one = (
        1..20_u8,
        prop_oneof![Just(80_u16), 1..=65535_u16],
        1..=65535_u32,
    );
    proptest::collection::vec(one, 1..4).prop_map(move |all| {
        let mut destinations = BTreeMap::new();
        for (host, port, weight) in all {
            // One weight an address, for ports merge in a marked service.
            let at = SocketAddr::new(address(family, 1, host), port);
            let taken = destinations
                .keys()
                .any(|other: &SocketAddr| other.ip() == at.ip());
            if !taken {
                destinations.insert(at, destination(forward, weight));
            }
        }
        destinations
    })
}

fn destination(forward: Forward, weight: u32) -> Destination {
    Destination {
        settings: DestinationSettings {
            forward,
            weight,
            upper_threshold: 0,
            lower_threshold: 0,
            encapsulation: Encapsulation::default(),
        },
        connections: Connections::default(),
    }
}

fn table(six: bool) -> impl Strategy<Value = Table> {
    proptest::collection::vec(service(six), 1..6)
        .prop_map(|services| services.into_iter().collect())
}

/// What a file says besides the table.
#[derive(Clone, Copy, Debug)]
struct Garnish {
    /// Whether its services have a sorry server.
    sorry: bool,
    /// Which check they have.
    check: usize,
}

fn garnish() -> impl Strategy<Value = Garnish> {
    (any::<bool>(), 0..100_usize).prop_map(|(sorry, check)| Garnish { sorry, check })
}

/// An address that no server and no VIP has.
fn sorry(key: &ServiceKey) -> IpAddr {
    address(key.family(), 250, 1)
}

#[track_caller]
fn assert_same_and_sorry(text: &str, format: Format, table: &Table, garnish: Garnish) {
    let config = assert_same(text, format, table);
    for service in &config.services {
        let carried = service.sorry_server.map(|sorry| sorry.destination.ip());
        assert_eq!(
            carried,
            garnish.sorry.then(|| sorry(&service.key)),
            "{text}"
        );
    }
}

#[track_caller]
fn assert_same(text: &str, format: Format, table: &Table) -> Config {
    let imported = import(text.as_bytes(), Some(format), None)
        .unwrap_or_else(|refusals| panic!("{refusals:?}\n{text}"));
    let config = config(&imported);
    let again = export::table(&config);
    let (again, table) = (export::ipvsadm::text(&again), export::ipvsadm::text(table));
    assert_eq!(again, table, "{text}\n{}", imported.toml);
    config
}

proptest! {
    #[test]
    fn ipvsadm(table in table(true)) {
        assert_same(&export::ipvsadm::text(&table), Format::Ipvsadm, &table);
    }

    #[test]
    fn keepalived(table in table(true), garnish in garnish()) {
        let file = in_keepalived(&table, garnish);
        assert_same_and_sorry(&file, Format::Keepalived, &table, garnish);
    }

    #[test]
    fn ldirectord(table in table(true), garnish in garnish()) {
        let file = in_ldirectord(&table, garnish);
        assert_same_and_sorry(&file, Format::Ldirectord, &table, garnish);
    }

    #[test]
    fn piranha(table in table(false), method in forward(), garnish in garnish()) {
        let table = as_piranha_can(table, method);
        let file = in_piranha(&table, method, garnish);
        assert_same_and_sorry(&file, Format::Piranha, &table, garnish);
    }
}

/// Checks in keepalived's words.
const CHECKERS: [&str; 8] = [
    "TCP_CHECK {\n connect_timeout 3\n }",
    "HTTP_GET {\n url {\n path /x\n status_code 200-299\n }\n url {\n path /y\n }\n }",
    "SSL_GET {\n enable_sni\n url {\n path /ews/healthcheck.htm\n virtualhost mail.example.test\n }\n }",
    "SMTP_CHECK {\n connect_port 2525\n helo_name lb1\n }",
    "MISC_CHECK {\n misc_path \"/usr/bin/check -x\"\n misc_dynamic\n }",
    "DNS_CHECK {\n type SOA\n name example.test\n }",
    "UDP_CHECK {\n require_reply\n }",
    "PING_CHECK {\n }",
];

/// Checks in ldirectord's words.
const CHECKTYPES: [&str; 8] = [
    "\tchecktype=connect\n",
    "\tservice=http\n\trequest=\"/x\"\n\treceive=\"o+k\"\n",
    "\tservice=https\n\trequest=\"/owa/healthcheck.htm\"\n\tvirtualhost=mail.example.test\n",
    "\tservice=smtp\n\tcheckport=25\n",
    "\tservice=imap\n\tlogin=\"x\"\n\tpasswd=\"y\"\n",
    "\tservice=simpletcp\n\trequest=\"x\"\n\treceive=\"^y\"\n",
    "\tchecktype=3\n\tservice=nntp\n",
    "\tchecktype=external\n\tcheckcommand=/usr/bin/check\n",
];

/// Checks in nanny's words.
const MONITORS: [&str; 4] = [
    "",
    "  send = \"x\\n\"\n  expect = \"y\"\n",
    "  send_program = \"/usr/bin/check %h\"\n  expect = \"OK\"\n",
    "  use_regex = 1\n  expect = \"y+\"\n",
];

fn method(forward: Forward, words: [&'static str; 3]) -> &'static str {
    match forward {
        Forward::Direct => words[1],
        Forward::Tunnel => words[2],
        _ => words[0],
    }
}

fn forward_of(service: &Service) -> Forward {
    let first = service.destinations.values().next();
    first.map_or(Forward::Nat, |there| there.settings.forward)
}

fn mask(key: &ServiceKey, settings: &ServiceSettings) -> Option<String> {
    let family = key.family();
    (settings.netmask != ServiceSettings::host_netmask(family)).then(|| match family {
        Family::V4 => Ipv4Addr::from(settings.netmask).to_string(),
        Family::V6 => settings.netmask.to_string(),
    })
}

fn in_keepalived(table: &Table, garnish: Garnish) -> String {
    let mut text = String::from("! every block of a table\n");
    for (key, service) in table {
        let at = match key {
            ServiceKey::Fwmark { mark, .. } => format!("fwmark {mark}"),
            ServiceKey::Address { socket, .. } => format!("{} {}", socket.ip(), socket.port()),
        };
        let _ = writeln!(
            text,
            "virtual_server {at} {{\n  lvs_sched {}",
            service.settings.scheduler
        );
        let words = method(forward_of(service), ["NAT", "DR", "TUN"]);
        let _ = writeln!(text, "  lvs_method {words}");
        if let ServiceKey::Address {
            protocol: Protocol::Udp,
            ..
        } = key
        {
            text.push_str("  protocol UDP\n");
        }
        if let Some(seconds) = service.settings.persistence {
            let _ = writeln!(text, "  persistence_timeout {seconds}");
        }
        if let Some(mask) = mask(key, &service.settings) {
            let _ = writeln!(text, "  persistence_granularity {mask}");
        }
        if service.settings.flags & ONE_PACKET != 0 {
            text.push_str("  ops\n");
        }
        if service.settings.flags & SCHEDULER_FLAGS[1] != 0 {
            text.push_str("  flag-2\n");
        }
        if garnish.sorry {
            let _ = writeln!(text, "  sorry_server {}", sorry(key));
        }
        for (at, there) in &service.destinations {
            let _ = writeln!(
                text,
                "  real_server {} {} {{\n    weight {}\n {}\n  }}",
                at.ip(),
                at.port(),
                there.settings.weight,
                CHECKERS[garnish.check % CHECKERS.len()]
            );
        }
        text.push_str("}\n");
    }
    text
}

fn in_ldirectord(table: &Table, garnish: Garnish) -> String {
    let mut text = String::from("checktimeout=3\n");
    for (key, service) in table {
        let six = if key.family() == Family::V6 { "6" } else { "" };
        let at = match key {
            ServiceKey::Fwmark { mark, .. } => mark.to_string(),
            ServiceKey::Address { socket, .. } => socket.to_string(),
        };
        let _ = writeln!(
            text,
            "virtual{six}={at}\n\tscheduler={}",
            service.settings.scheduler
        );
        let protocol = match key {
            ServiceKey::Fwmark { .. } => "fwm".to_owned(),
            ServiceKey::Address { protocol, .. } => protocol.to_string(),
        };
        let _ = writeln!(text, "\tprotocol={protocol}");
        if let Some(seconds) = service.settings.persistence {
            let _ = writeln!(text, "\tpersistent={seconds}");
        }
        if let Some(mask) = mask(key, &service.settings) {
            let _ = writeln!(text, "\tnetmask={mask}");
        }
        if service.settings.flags & ONE_PACKET != 0 {
            text.push_str("\tops=yes\n");
        }
        if service.settings.flags & SCHEDULER_FLAGS[1] != 0 {
            text.push_str("\tschedflags=sh-port\n");
        }
        text.push_str(CHECKTYPES[garnish.check % CHECKTYPES.len()]);
        if garnish.sorry {
            let _ = writeln!(text, "\tfallback{six}={} gate", sorry(key));
        }
        let words = method(forward_of(service), ["masq", "gate", "ipip"]);
        for (at, there) in &service.destinations {
            let _ = writeln!(text, "\treal{six}={at} {words} {}", there.settings.weight);
        }
        text.push('\n');
    }
    text
}

/// lvs.cf has one method for all, and no flags.
fn as_piranha_can(mut table: Table, forward: Forward) -> Table {
    for service in table.values_mut() {
        service.settings.flags = 0;
        for there in service.destinations.values_mut() {
            there.settings.forward = forward;
        }
    }
    table
}

fn in_piranha(table: &Table, forward: Forward, garnish: Garnish) -> String {
    let network = method(forward, ["nat", "direct", "tunnel"]);
    let mut text = format!("network = {network}\n");
    for (number, (key, service)) in table.iter().enumerate() {
        let _ = writeln!(
            text,
            "virtual v{number} {{\n  active = 1\n  scheduler = {}",
            service.settings.scheduler
        );
        match key {
            ServiceKey::Fwmark { mark, .. } => {
                let _ = writeln!(text, "  fwmark = {mark}\n  port = 25");
            }
            ServiceKey::Address { protocol, socket } => {
                let _ = writeln!(
                    text,
                    "  address = {} eth0:{number}\n  port = {}\n  protocol = {protocol}",
                    socket.ip(),
                    socket.port()
                );
            }
        }
        if let Some(seconds) = service.settings.persistence {
            let _ = writeln!(text, "  persistent = {seconds}");
        }
        if let Some(mask) = mask(key, &service.settings) {
            let _ = writeln!(text, "  pmask = {mask}");
        }
        text.push_str(MONITORS[garnish.check % MONITORS.len()]);
        if garnish.sorry {
            let _ = writeln!(text, "  sorry_server = {}", sorry(key));
        }
        for (at, there) in &service.destinations {
            let port = if at.port() == 0 {
                String::new()
            } else {
                format!("    port = {}\n", at.port())
            };
            let _ = writeln!(
                text,
                "  server s{} {{\n    address = {}\n    active = 1\n    weight = {}\n{port}  }}",
                at.ip(),
                at.ip(),
                there.settings.weight
            );
        }
        text.push_str("}\n");
    }
    text
}
