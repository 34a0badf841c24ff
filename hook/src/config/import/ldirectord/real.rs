//! `real = ADDRESS[->LAST][:PORT] gate|masq|ipip [WEIGHT] ["REQUEST", "RECEIVE"] [l:N] [u:N]`

use std::net::{IpAddr, Ipv4Addr};

use super::checks::Checking;
use crate::config::import::draft::{Member, Service};
use crate::config::import::ports;
use crate::config::import::told::Told;
use crate::table::Forward;

/// A range longer than this is a mistake.
const LONGEST_RANGE: u32 = 1024;

/// Adds the servers of one line to a service.
pub(super) fn add(
    line: usize,
    value: &str,
    service: &mut Service,
    checking: &mut Checking,
    told: &mut Told,
) {
    if let Err(words) = read(line, value, service, checking, told) {
        told.refuse(line, words);
    }
}

fn read(
    line: usize,
    value: &str,
    service: &mut Service,
    checking: &mut Checking,
    told: &mut Told,
) -> Result<(), String> {
    let (at, rest) = value
        .split_once(' ')
        .ok_or("ADDRESS:PORT gate|masq|ipip is expected")?;
    let (addresses, port) = addresses(at)?;
    let rest = rest.trim_start();
    let (method, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let forward = forward_of(method)?;
    let weight = flags(line, rest, checking, told)?;
    let port = match port {
        Some(port) if port > 0 => port,
        _ => service.port(),
    };
    if service.members.is_empty() {
        service.forward = forward;
    }
    for address in addresses {
        if service.forward == forward {
            service.members.push(Member {
                line,
                name: None,
                address,
                port,
                weight,
            });
        } else {
            let words = format!(
                "server {address} is left out: its forwarding method differs from that of the \
                 first server"
            );
            told.note(line, words);
        }
    }
    Ok(())
}

/// A forwarding method in ldirectord's word.
pub(super) fn forward_of(word: &str) -> Result<Forward, String> {
    match word {
        "gate" => Ok(Forward::Direct),
        "masq" => Ok(Forward::Nat),
        "ipip" => Ok(Forward::Tunnel),
        other => Err(format!("\"{other}\": gate, masq or ipip is expected")),
    }
}

/// The addresses and the port of a `real`; names are not resolved.
fn addresses(at: &str) -> Result<(Vec<IpAddr>, Option<u16>), String> {
    let refused = || format!("\"{at}\" is no address with a port; names are not resolved");
    let bare: Option<IpAddr> = at.trim_matches(['[', ']']).parse().ok();
    let (hosts, port) = match (bare, at.rsplit_once(':')) {
        (Some(address), _) if at.ends_with(']') || address.is_ipv4() => {
            return Ok((vec![address], None));
        }
        (_, Some((hosts, port))) => (hosts, Some(ports::port(port)?)),
        (_, None) => (at, None),
    };
    let address = |text: &str| -> Result<IpAddr, String> {
        text.trim_matches(['[', ']']).parse().map_err(|_| refused())
    };
    let Some((first, last)) = hosts.split_once("->") else {
        return Ok((vec![address(hosts)?], port));
    };
    match (address(first)?, address(last)?) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Ok((range(first, last)?, port)),
        _ => Err("a range of IPv6 addresses is not imported; write them out".to_owned()),
    }
}

fn range(first: Ipv4Addr, last: Ipv4Addr) -> Result<Vec<IpAddr>, String> {
    let (from, to) = (u32::from(first), u32::from(last));
    if to < from || to - from >= LONGEST_RANGE {
        return Err(format!(
            "{first}->{last} is no range of at most {LONGEST_RANGE} addresses"
        ));
    }
    Ok((from..=to)
        .map(|address| Ipv4Addr::from(address).into())
        .collect())
}

/// The weight, and what else may follow.
fn flags(line: usize, rest: &str, checking: &mut Checking, told: &mut Told) -> Result<u32, String> {
    let mut rest = rest.trim();
    let mut weight = 1;
    let (first, after) = rest.split_once(' ').unwrap_or((rest, ""));
    if first.starts_with(|c: char| c.is_ascii_digit()) {
        weight = first
            .parse()
            .map_err(|_| format!("weight {first} is not a number"))?;
        rest = after.trim_start();
    }
    if rest.starts_with('"') {
        let mut parts = rest.splitn(5, '"');
        let (request, receive) = (parts.nth(1), parts.nth(1));
        let after = parts.next();
        let (Some(request), Some(receive), Some(after)) = (request, receive, after) else {
            return Err("\"REQUEST\", \"RECEIVE\" is expected".to_owned());
        };
        checking.server_has_its_own(line, request, receive);
        rest = after.trim();
    }
    for word in rest.split(' ').filter(|word| !word.is_empty()) {
        match word.split_once(':') {
            Some(("l" | "u", number)) if number.parse::<u32>().is_ok() => told.note(
                line,
                format!("the connection threshold {word} is not carried over; a table that has it keeps it"),
            ),
            _ => return Err(format!("\"{word}\" is not understood")),
        }
    }
    Ok(weight)
}
