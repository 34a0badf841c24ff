//! Ethernet frames about addresses: built and understood without any input or output.

mod arp;
mod ethernet;
mod ndp;

#[cfg(test)]
mod captured;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr};

use super::Mac;
use ethernet::Frame;

pub(super) use ethernet::{ARP, IPV6};
pub(super) use ndp::{Forwarding, solicited_node};

/// What a frame of somebody says about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The address.
    pub(super) address: IpAddr,
    /// Who says it.
    pub(super) by: Mac,
    /// What is said.
    pub(super) what: super::Saying,
}

/// A question whether anybody holds the address, that leaves no trace in anybody's cache.
pub(super) fn probe(own: Mac, address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => arp::probe(own, address),
        IpAddr::V6(address) => ndp::probe(own, address),
    }
}

/// A question whether anybody else holds an address of ours, answered to us alone. With IPv6 that
/// takes the link-local address of our interface; without one, there is no such question.
pub(super) fn inquiry(own: Mac, link_local: Option<Ipv6Addr>, address: IpAddr) -> Option<Vec<u8>> {
    match address {
        // Answers to ARP go to the one who asks.
        IpAddr::V4(address) => Some(arp::probe(own, address)),
        IpAddr::V6(address) => Some(ndp::inquiry(own, link_local?, address)),
    }
}

/// A question of one neighbour to another, in which both have an address.
pub(super) fn question(
    own: Mac,
    source: IpAddr,
    link_local: Option<Ipv6Addr>,
    neighbour: IpAddr,
) -> Option<Vec<u8>> {
    match (source, neighbour) {
        (IpAddr::V4(source), IpAddr::V4(neighbour)) => Some(arp::question(own, source, neighbour)),
        (_, IpAddr::V6(neighbour)) => Some(ndp::inquiry(own, link_local?, neighbour)),
        (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

/// What tells everybody that the address is at `own`.
pub(super) fn announcement(own: Mac, forwarding: Forwarding, address: IpAddr) -> Vec<Vec<u8>> {
    match address {
        IpAddr::V4(address) => arp::announcement(own, address).into(),
        IpAddr::V6(address) => vec![ndp::announcement(own, forwarding, address)],
    }
}

/// What a frame says about an address, if it is well formed and says anything.
pub(super) fn understand(frame: &[u8]) -> Option<Said> {
    let frame = Frame::read(frame)?;
    match frame.kind {
        ARP => arp::understand(&frame),
        IPV6 => ndp::understand(&frame),
        _ => None,
    }
}
