//! `/proc/net/ip_vs`: the kernel's table as text, readable without privileges and cheap.
//!
//! It shows neither thresholds nor tunnel types nor persistence engines, so it tells *that*
//! something changed, and netlink tells what.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::table::{Family, Forward, Protocol, Service, ServiceKey, Table};

/// The table of the network namespace that this thread is in.
pub const PATH: &str = "/proc/thread-self/net/ip_vs";

/// Each destination's line begins so, and ends with two counters of connections.
const DESTINATION: &str = "  -> ";

/// So many lines come before the first service.
const HEADINGS: usize = 3;

/// The text without the connection counters: equal as long as services, destinations,
/// forwarding methods and weights are.
pub fn fingerprint(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        kept.push_str(without_counters(line));
        kept.push('\n');
    }
    kept
}

fn without_counters(line: &str) -> &str {
    if !line.starts_with(DESTINATION) {
        return line;
    }
    let mut kept = line;
    for _ in 0..2 {
        kept = kept
            .trim_end()
            .trim_end_matches(|character: char| character.is_ascii_digit());
    }
    kept.trim_end()
}

/// What `/proc/net/ip_vs` says of one virtual service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcService {
    /// Which service.
    pub key: ProcKey,
    /// The scheduler's name.
    pub scheduler: String,
    /// Whether clients stay with their server. (The time is shown in units of the kernel's
    /// clock, which user space cannot convert.)
    pub persistent: bool,
    /// Its destinations.
    pub destinations: BTreeMap<SocketAddr, ProcDestination>,
}

/// A service's identity, as far as the text tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcKey {
    /// A firewall mark; IPv4 and IPv6 look the same.
    Fwmark(u32),
    /// A protocol, an address and a port.
    Address(Protocol, SocketAddr),
}

/// What `/proc/net/ip_vs` says of one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcDestination {
    /// The forwarding method.
    pub forward: Forward,
    /// The weight.
    pub weight: u32,
    /// Established connections.
    pub active: u32,
    /// All other connections.
    pub inactive: u32,
}

/// Reads the whole text. The error is the first line that is not understood.
pub fn parse(text: &str) -> Result<Vec<ProcService>, String> {
    let mut services: Vec<ProcService> = Vec::new();
    for line in text.lines().skip(HEADINGS) {
        let not_understood = || line.to_owned();
        match line.strip_prefix(DESTINATION) {
            Some(rest) => {
                let (socket, found) = destination(rest).ok_or_else(not_understood)?;
                let service = services.last_mut().ok_or_else(not_understood)?;
                service.destinations.insert(socket, found);
            }
            None => services.push(service(line).ok_or_else(not_understood)?),
        }
    }
    Ok(services)
}

/// Whether two fingerprints name the same services, set in the same way.
pub fn same_services(one: &str, other: &str) -> bool {
    fn services(text: &str) -> impl Iterator<Item = &str> {
        text.lines().filter(|line| !line.starts_with(DESTINATION))
    }
    services(one).eq(services(other))
}

/// Whether the services of a fingerprint have the destinations of a table, with their forwarding
/// methods and weights. False as well for what the text does not tell apart: services of IPv4 and
/// IPv6 by the same mark.
pub fn has_destinations(fingerprint: &str, table: &Table) -> bool {
    let mut services = 0;
    let mut expected: Option<&Service> = None;
    let mut left = 0;
    for line in fingerprint.lines().skip(HEADINGS) {
        let Some(rest) = line.strip_prefix(DESTINATION) else {
            expected = service(line).and_then(|found| only(table, found.key));
            let Some(service) = expected.filter(|_| left == 0) else {
                return false;
            };
            services += 1;
            left = service.destinations.len();
            continue;
        };
        let same = standing(&mut rest.split_whitespace()).is_some_and(|(at, forward, weight)| {
            let there = expected.and_then(|service| service.destinations.get(&at));
            there.is_some_and(|there| {
                (there.settings.forward, there.settings.weight) == (forward, weight)
            })
        });
        if !same || left == 0 {
            return false;
        }
        left -= 1;
    }
    left == 0 && services == table.len()
}

/// The service of a table that the text can mean, if there is just one.
fn only(table: &Table, key: ProcKey) -> Option<&Service> {
    let mark = match key {
        ProcKey::Address(protocol, socket) => {
            return table.get(&ServiceKey::Address { protocol, socket });
        }
        ProcKey::Fwmark(mark) => mark,
    };
    let of = |family| table.get(&ServiceKey::Fwmark { family, mark });
    match (of(Family::V4), of(Family::V6)) {
        (Some(_), Some(_)) => None,
        (v4, v6) => v4.or(v6),
    }
}

fn service(line: &str) -> Option<ProcService> {
    let mut words = line.split_whitespace();
    let key = match words.next()? {
        "FWM" => ProcKey::Fwmark(u32::from_str_radix(words.next()?, 16).ok()?),
        "TCP" => ProcKey::Address(Protocol::Tcp, socket(words.next()?)?),
        "UDP" => ProcKey::Address(Protocol::Udp, socket(words.next()?)?),
        "SCTP" => ProcKey::Address(Protocol::Sctp, socket(words.next()?)?),
        _ => return None,
    };
    Some(ProcService {
        key,
        scheduler: words.next()?.to_owned(),
        persistent: words.any(|word| word == "persistent"),
        destinations: BTreeMap::new(),
    })
}

fn destination(rest: &str) -> Option<(SocketAddr, ProcDestination)> {
    let mut words = rest.split_whitespace();
    let (socket, forward, weight) = standing(&mut words)?;
    let mut number = || words.next()?.parse::<u32>().ok();
    let destination = ProcDestination {
        forward,
        weight,
        active: number()?,
        inactive: number()?,
    };
    Some((socket, destination))
}

/// What a destination's line begins with, and a fingerprint keeps of it.
fn standing<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<(SocketAddr, Forward, u32)> {
    let socket = socket(words.next()?)?;
    let forward = match words.next()? {
        "Masq" => Forward::Nat,
        "Local" => Forward::Local,
        "Tunnel" => Forward::Tunnel,
        "Route" => Forward::Direct,
        "Bypass" => Forward::Bypass,
        _ => return None,
    };
    Some((socket, forward, words.next()?.parse().ok()?))
}

/// `0A000101:0050` or `[2001:0db8:…:0001]:01BB`: the port is hexadecimal in both.
fn socket(word: &str) -> Option<SocketAddr> {
    let (address, port) = word.rsplit_once(':')?;
    let address: IpAddr = match address
        .strip_prefix('[')
        .and_then(|v6| v6.strip_suffix(']'))
    {
        Some(v6) => IpAddr::V6(v6.parse().ok()?),
        None => IpAddr::V4(Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?)),
    };
    Some(SocketAddr::new(
        address,
        u16::from_str_radix(port, 16).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::ipvs::tests::{natted, scheduled_by};
    use crate::table::{Connections, Destination, DestinationSettings};

    /// Linux 6.1: one service by mark, one by IPv4 address, one by IPv6 address.
    const TEXT: &str = "\
IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0000201:0051 rr  
  -> 0A000101:0051      Route   1      0          0         
TCP  [2001:0db8:0000:0000:0000:0000:0000:0001]:01BB wrr persistent 75000 40000000
  -> [2001:0db8:0000:0000:0000:0000:0000:000a]:01BB      Masq    7      12         3         
FWM  00000050 wlc persistent 150000 FFFFFFFF
  -> 0A000102:0000      Masq    3      4294967295 0         
  -> 0A000101:0000      Masq    1      0          0         
";

    #[test]
    fn the_fingerprint_does_not_change_with_traffic() {
        let busier = TEXT
            .replace("12         3  ", "1200       0  ")
            .replace("4294967295 0  ", "7          123");
        assert_ne!(busier, TEXT);
        assert_eq!(fingerprint(&busier), fingerprint(TEXT));
    }

    #[test]
    fn the_fingerprint_changes_with_a_weight_a_method_an_address_or_a_scheduler() {
        for (from, to) in [
            ("Masq    7 ", "Masq    0 "),
            ("Route   1", "Tunnel  1"),
            ("0A000102:0000", "0A000103:0000"),
            (":0051 rr", ":0051 wrr"),
            ("persistent 150000 FFFFFFFF", ""),
        ] {
            let changed = TEXT.replace(from, to);
            assert_ne!(changed, TEXT, "{from} is in the text");
            assert_ne!(fingerprint(&changed), fingerprint(TEXT), "{from} to {to}");
        }
    }

    /// The table that the text shows.
    fn shown() -> Table {
        let services = parse(TEXT).unwrap().into_iter().map(|found| {
            let key = match found.key {
                ProcKey::Address(protocol, socket) => ServiceKey::Address { protocol, socket },
                ProcKey::Fwmark(mark) => ServiceKey::Fwmark {
                    family: Family::V4,
                    mark,
                },
            };
            let destinations = found.destinations.into_iter().map(|(at, there)| {
                let settings = DestinationSettings {
                    forward: there.forward,
                    ..natted(there.weight)
                };
                let connections = Connections::default();
                let destination = Destination {
                    settings,
                    connections,
                };
                (at, destination)
            });
            let service = Service {
                settings: scheduled_by(&found.scheduler),
                destinations: destinations.collect(),
            };
            (key, service)
        });
        services.collect()
    }

    #[test]
    fn a_fingerprint_shows_the_table_that_it_was_made_of_and_no_other() {
        assert!(has_destinations(&fingerprint(TEXT), &shown()));
        for (from, to) in [
            ("Masq    7 ", "Masq    0 "),
            ("Route   1", "Tunnel  1"),
            ("0A000102:0000", "0A000103:0000"),
            ("FWM  00000050", "FWM  00000051"),
        ] {
            let changed = fingerprint(&TEXT.replace(from, to));
            assert!(!has_destinations(&changed, &shown()), "{from} to {to}");
        }
        let text = fingerprint(TEXT);
        let without_last = text.trim_end().rsplit_once('\n').unwrap().0;
        assert!(!has_destinations(without_last, &shown()));
        assert!(!has_destinations(&text, &Table::new()));
        let heading = text.lines().take(HEADINGS).collect::<Vec<_>>().join("\n");
        assert!(has_destinations(&heading, &Table::new()));
        assert!(!has_destinations(&heading, &shown()));
    }

    #[test]
    fn marks_of_both_families_are_not_told_apart() {
        let mut table = shown();
        let (mark, family) = (80, Family::V6);
        let v4 = ServiceKey::Fwmark {
            mark,
            family: Family::V4,
        };
        let twin = table.get(&v4).cloned().unwrap();
        table.insert(ServiceKey::Fwmark { mark, family }, twin);
        assert!(!has_destinations(&fingerprint(TEXT), &table));
    }

    #[test]
    fn another_persistence_is_another_service_and_another_weight_is_not() {
        let before = fingerprint(TEXT);
        let weight = fingerprint(&TEXT.replace("Masq    7 ", "Masq    0 "));
        assert!(same_services(&before, &weight));
        let persistence = fingerprint(&TEXT.replace("75000", "150000"));
        assert!(!same_services(&before, &persistence));
    }

    #[test]
    fn a_weight_is_not_mistaken_for_a_counter() {
        let line = "  -> 0A000102:0000      Masq    3      7          5         ";
        assert_eq!(fingerprint(line), "  -> 0A000102:0000      Masq    3\n");
    }

    #[test]
    fn every_kind_of_service_is_read() {
        let services = parse(TEXT).unwrap();
        let keys: Vec<_> = services.iter().map(|service| service.key).collect();
        assert_eq!(
            keys,
            [
                ProcKey::Address(Protocol::Tcp, "192.0.2.1:81".parse().unwrap()),
                ProcKey::Address(Protocol::Tcp, "[2001:db8::1]:443".parse().unwrap()),
                ProcKey::Fwmark(80),
            ]
        );
        let by_v6 = &services[1];
        assert_eq!(by_v6.scheduler, "wrr");
        assert!(by_v6.persistent);
        assert_eq!(
            by_v6.destinations[&"[2001:db8::a]:443".parse().unwrap()],
            ProcDestination {
                forward: Forward::Nat,
                weight: 7,
                active: 12,
                inactive: 3,
            }
        );
        assert_eq!(services[2].destinations.len(), 2);
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        let strange = TEXT.replace("FWM ", "XYZ ");
        assert!(parse(&strange).unwrap_err().starts_with("XYZ"));
        let orphan = "a\nb\nc\n  -> 0A000102:0000      Masq    3      7          5\n";
        assert!(parse(orphan).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in "[ -~\\n]{0,300}") {
            let _ = fingerprint(&text);
            let _ = parse(&text);
        }
    }
}
