//! ARP for IPv4 over Ethernet (RFC 826), with the meanings of RFC 5227 (address conflict
//! detection).

use std::net::{IpAddr, Ipv4Addr};

use super::Said;
use super::ethernet::{self, Frame};
use crate::kernel::address::{Mac, Saying};

const REQUEST: u16 = 1;
const REPLY: u16 = 2;
/// Hardware type Ethernet, protocol type IPv4, lengths 6 and 4.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// RFC 5227 section 2.1.1: a request from address 0, so that nobody learns from it.
pub(super) fn probe(own: Mac, address: Ipv4Addr) -> Vec<u8> {
    broadcast(REQUEST, (own, Ipv4Addr::UNSPECIFIED), (Mac::ZERO, address))
}

/// An ordinary request: who has the address?
pub(super) fn question(own: Mac, source: Ipv4Addr, address: Ipv4Addr) -> Vec<u8> {
    broadcast(REQUEST, (own, source), (Mac::ZERO, address))
}

/// Gratuitous ARP in both forms. The request is the announcement of RFC 5227 section 2.3; some
/// devices learn from replies only (RFC 5944 section 4.6 describes both).
pub(super) fn announcement(own: Mac, address: Ipv4Addr) -> [Vec<u8>; 2] {
    [
        broadcast(REQUEST, (own, address), (Mac::ZERO, address)),
        broadcast(REPLY, (own, address), (own, address)),
    ]
}

fn broadcast(operation: u16, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut packet = ETHERNET_IPV4.to_vec();
    packet.extend(operation.to_be_bytes());
    for (mac, address) in [sender, target] {
        packet.extend(mac.0);
        packet.extend(address.octets());
    }
    ethernet::frame(Mac::BROADCAST, sender.0, ethernet::ARP, &packet)
}

/// A sender with an address claims it, in requests and replies alike; one with address 0 probes
/// for the target, and whoever answers that has 0 as its target (RFC 5227 sections 2.1.1 and 2.4).
pub(super) fn understand(frame: &Frame<'_>) -> Option<Said> {
    let rest = frame.payload.strip_prefix(&ETHERNET_IPV4)?;
    let (operation, rest) = rest.split_first_chunk()?;
    let (by, rest) = rest.split_first_chunk()?;
    let (sender, rest) = rest.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<6>()?;
    let (target, _padding) = rest.split_first_chunk::<4>()?;
    let (sender, target) = (Ipv4Addr::from(*sender), Ipv4Addr::from(*target));
    let (address, what) = match u16::from_be_bytes(*operation) {
        REQUEST if sender.is_unspecified() => (target, Saying::Asks),
        REPLY if target.is_unspecified() => (sender, Saying::Answers),
        REQUEST | REPLY if !sender.is_unspecified() => (sender, Saying::Claims),
        _ => return None,
    };
    Some(Said {
        address: IpAddr::V4(address),
        by: Mac(*by),
        what,
    })
}
