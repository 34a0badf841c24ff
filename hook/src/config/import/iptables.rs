//! Packet filter rules of the old set-up, as `iptables-save` prints them or a script gives them:
//! they alone know which ports have a mark, and whether the servers' own connections are
//! masqueraded.

use std::net::IpAddr;

use super::draft::{Draft, Vip};
use super::ports;
use super::text::Line;
use super::told::Told;
use crate::table::ServiceKey;

/// What one rule says, as far as it is understood.
#[derive(Debug, Default)]
struct Rule {
    chain: Option<String>,
    destination: Option<IpAddr>,
    interface_in: Option<String>,
    interface_out: Option<String>,
    udp: bool,
    ports: Vec<u16>,
    target: Option<String>,
    mark: Option<u32>,
    odd: Option<String>,
}

/// Takes the rules into a draft.
pub(super) fn read(lines: &[Line<'_>], draft: &mut Draft, told: &mut Told) {
    for line in lines {
        let mut words: Vec<&str> = line.text.split_whitespace().collect();
        if words.first().is_some_and(|word| word.ends_with("iptables")) {
            words.remove(0);
        }
        let adds = words
            .iter()
            .any(|word| matches!(*word, "-A" | "--append" | "-I" | "--insert"));
        if !adds || words[0].starts_with('#') {
            continue;
        }
        let rule = rule(&words);
        note_alias(&rule, line.number, told);
        note_late_mark(&rule, line.number, told);
        match (rule.target.as_deref(), rule.mark) {
            (Some("MARK"), Some(mark)) => take_mark(&rule, mark, line.number, draft, told),
            (Some("MASQUERADE"), _) => masquerade(&rule, line.number, draft, told),
            _ => tell(line.number, "is left to the host's packet filter", told),
        }
    }
    for service in &draft.services {
        if let (ServiceKey::Fwmark { mark, .. }, true) = (service.key, service.tcp.is_empty()) {
            let words = format!("packet filter rules: none gives mark {mark}");
            told.note(service.line, words);
        }
    }
}

fn tell(line: usize, words: &str, told: &mut Told) {
    told.note(0, format!("packet filter rules, line {line} {words}"));
}

fn note_alias(rule: &Rule, line: usize, told: &mut Told) {
    for interface in [&rule.interface_in, &rule.interface_out]
        .into_iter()
        .flatten()
    {
        if let Some((real, _)) = interface.split_once(':') {
            let words = format!(
                "names the interface {interface}: that is a label of ifconfig on {real}, no \
                 interface, and the rule never matched a packet"
            );
            tell(line, &words, told);
        }
    }
}

/// IPVS takes packets in the hook of INPUT: a mark that is given behind it is never seen.
fn note_late_mark(rule: &Rule, line: usize, told: &mut Told) {
    let chain = rule.chain.as_deref().unwrap_or("");
    if rule.mark.is_some() && matches!(chain, "FORWARD" | "POSTROUTING") {
        let words = format!(
            "gives a mark in {chain}, behind the place where IPVS takes its packets: it never \
             worked, and is taken as it was meant"
        );
        tell(line, &words, told);
    }
}

fn rule(words: &[&str]) -> Rule {
    let mut rule = Rule::default();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or("");
        match word {
            "-A" | "--append" | "-I" | "--insert" => rule.chain = Some(value().to_owned()),
            "-t" | "--table" | "-m" | "--match" | "-s" | "--source" => drop(value()),
            "-d" | "--destination" => {
                let net = value();
                let alone = net.strip_suffix("/32").unwrap_or(net);
                rule.destination = alone.parse().ok();
                if rule.destination.is_none() {
                    rule.odd = Some(format!("-d {net}"));
                }
            }
            "-i" | "--in-interface" => rule.interface_in = Some(value().to_owned()),
            "-o" | "--out-interface" => rule.interface_out = Some(value().to_owned()),
            "-p" | "--protocol" => match value() {
                "tcp" => {}
                "udp" => rule.udp = true,
                other => rule.odd = Some(format!("-p {other}")),
            },
            "--dport" | "--destination-port" | "--dports" | "--destination-ports" => {
                take_ports(value(), &mut rule);
            }
            "-j" | "--jump" => rule.target = Some(value().to_owned()),
            "--set-mark" | "--set-xmark" => {
                rule.mark = mark(value());
            }
            other => rule.odd = Some(other.to_owned()),
        }
    }
    rule
}

fn take_ports(list: &str, rule: &mut Rule) {
    const LONGEST: u16 = 64;
    for part in list.split(',') {
        let (first, last) = part.split_once(':').unwrap_or((part, part));
        match (ports::port(first), ports::port(last)) {
            (Ok(first), Ok(last)) if first > 0 && first <= last && last - first < LONGEST => {
                rule.ports.extend(first..=last);
            }
            _ => rule.odd = Some(format!("--dport {part}")),
        }
    }
}

/// A mark in decimal or hexadecimal; a mask must take it whole.
fn mark(word: &str) -> Option<u32> {
    let (value, mask) = word.split_once('/').unwrap_or((word, "0xffffffff"));
    let number = |word: &str| match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    };
    number(value).filter(|_| number(mask) == Some(u32::MAX))
}

fn take_mark(rule: &Rule, mark: u32, line: usize, draft: &mut Draft, told: &mut Told) {
    if draft
        .management
        .iter()
        .any(|management| management.mark == mark)
    {
        let words =
            format!("gives mark {mark}, that of a management VIP: every packet to it has it here");
        tell(line, &words, told);
        return;
    }
    let service = draft
        .services
        .iter_mut()
        .find(|service| matches!(service.key, ServiceKey::Fwmark { mark: own, .. } if own == mark));
    let Some(service) = service else {
        tell(
            line,
            &format!("gives mark {mark}, which no service has"),
            told,
        );
        return;
    };
    if let Some(odd) = &rule.odd {
        tell(
            line,
            &format!("is not carried over: {odd} is not understood"),
            told,
        );
        return;
    }
    if rule.udp || rule.ports.is_empty() {
        tell(
            line,
            "is not carried over: TCP ports are what a mark is given to here",
            told,
        );
        return;
    }
    let known = service.vip.as_ref().map(|vip| vip.address);
    if let (Some(known), Some(other)) = (known, rule.destination)
        && known != other
    {
        tell(
            line,
            &format!("is not carried over: {other} is not the VIP {known}"),
            told,
        );
        return;
    }
    match (&service.vip, rule.destination) {
        (None, None) => tell(line, "is not carried over: it names no VIP", told),
        (None, Some(address)) => {
            service.vip = Some(Vip {
                address,
                prefix: if address.is_ipv4() { 32 } else { 128 },
                interface: None,
            });
            service.tcp.extend(&rule.ports);
        }
        (Some(_), _) => service.tcp.extend(&rule.ports),
    }
    service.tcp.sort_unstable();
    service.tcp.dedup();
}

fn masquerade(rule: &Rule, line: usize, draft: &mut Draft, told: &mut Told) {
    match (&mut draft.nat, &rule.interface_out) {
        (Some(nat), Some(out)) if nat.outside.as_ref() == Some(out) => {
            nat.masquerade = true;
            tell(
                line,
                "is masquerade = true: for the inside network alone",
                told,
            );
        }
        _ => tell(
            line,
            "is not carried over: [nat] would have to say masquerade",
            told,
        ),
    }
}
