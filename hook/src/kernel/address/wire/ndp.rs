//! Neighbour discovery for IPv6 (RFC 4861) as duplicate address detection uses it (RFC 4862
//! section 5.4): neighbour solicitations and advertisements, with their IPv6 header (RFC 8200).

use std::net::{IpAddr, Ipv6Addr};

use super::Said;
use super::ethernet::{self, Frame};
use crate::kernel::address::{Mac, Saying};

const ICMPV6: u8 = 58;
/// Proves that no router passed the packet on (RFC 4861 section 3.1).
const HOP_LIMIT: u8 = 255;
const IPV6_HEADER: usize = 40;

const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Flags of an advertisement (RFC 4861 section 4.4).
const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// Options with a link-layer address (RFC 4861 section 4.6.1), one unit of 8 bytes long.
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
const ONE_UNIT: u8 = 1;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Whether this machine forwards IPv6. A neighbour that took it for a router drops its routes
/// through it when an advertisement says that it is none (RFC 4861 section 7.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel::address) enum Forwarding {
    /// A router.
    On,
    /// A host.
    Off,
}

/// The multicast group in which the holder of an address listens (RFC 4291 section 2.7.1).
pub(in crate::kernel::address) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}

/// RFC 4862 section 5.4.2: a solicitation from the unspecified address, so that nobody learns
/// from it.
pub(super) fn probe(own: Mac, address: Ipv6Addr) -> Vec<u8> {
    let body = solicitation(address);
    multicast(own, Ipv6Addr::UNSPECIFIED, solicited_node(address), body)
}

/// A solicitation as any neighbour sends it: the answer comes to us alone, whereas a probe is
/// answered to everybody, and would move their traffic to the other holder.
pub(super) fn inquiry(own: Mac, link_local: Ipv6Addr, address: Ipv6Addr) -> Vec<u8> {
    let mut body = solicitation(address);
    body.extend([SOURCE_LINK_LAYER, ONE_UNIT]);
    body.extend(own.0);
    multicast(own, link_local, solicited_node(address), body)
}

fn solicitation(address: Ipv6Addr) -> Vec<u8> {
    let mut body = vec![NEIGHBOUR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    body.extend(address.octets());
    body
}

/// RFC 4861 section 7.2.6: an unsolicited advertisement that overrides what neighbours know.
pub(super) fn announcement(own: Mac, forwarding: Forwarding, address: Ipv6Addr) -> Vec<u8> {
    let flags = match forwarding {
        Forwarding::On => OVERRIDE | ROUTER,
        Forwarding::Off => OVERRIDE,
    };
    let mut body = vec![NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0];
    body.extend(address.octets());
    body.extend([TARGET_LINK_LAYER, ONE_UNIT]);
    body.extend(own.0);
    multicast(own, address, ALL_NODES, body)
}

/// Adds the checksum, the IPv6 header and the frame. The body has at most 32 bytes.
fn multicast(own: Mac, source: Ipv6Addr, group: Ipv6Addr, mut body: Vec<u8>) -> Vec<u8> {
    let sum = checksum(source, group, &body).to_be_bytes();
    if let Some(field) = body.get_mut(2..4) {
        field.copy_from_slice(&sum);
    }
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([ICMPV6, HOP_LIMIT]);
    packet.extend(source.octets());
    packet.extend(group.octets());
    packet.extend(body);
    ethernet::frame(multicast_mac(group), own, ethernet::IPV6, &packet)
}

/// RFC 2464 section 7.
fn multicast_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}

/// The internet checksum over pseudo-header and body (RFC 8200 section 8.1, RFC 1071). With the
/// checksum in its field the result is 0.
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, body: &[u8]) -> u16 {
    let pairs = body.chunks(2).map(|pair| match pair {
        [high, low] => u16::from_be_bytes([*high, *low]),
        [high] => u16::from_be_bytes([*high, 0]),
        _ => 0,
    });
    let sum = source
        .segments()
        .into_iter()
        .chain(destination.segments())
        .chain(pairs)
        .fold(u64::from(ICMPV6), |sum, word| sum + u64::from(word));
    let sum = sum + u64::try_from(body.len()).unwrap_or(u64::MAX >> 1);
    let folded = (0..4).fold(sum, |sum, _| (sum & 0xffff) + (sum >> 16));
    !u16::try_from(folded).unwrap_or(0)
}

/// An advertisement claims its target, to one who asked if it is solicited; a solicitation from the unspecified address probes for it.
/// Both are judged by RFC 4861 sections 7.1.1 and 7.1.2.
pub(super) fn understand(frame: &Frame<'_>) -> Option<Said> {
    let (source, body) = icmpv6(frame.payload)?;
    let (header, rest) = body.split_first_chunk::<8>()?;
    let (target, options) = rest.split_first_chunk::<16>()?;
    let target = Ipv6Addr::from(*target);
    let link_layer = target_link_layer(options)?;
    let (by, what) = match *header {
        [NEIGHBOUR_ADVERTISEMENT, 0, _, _, flags, ..] => (
            link_layer.unwrap_or(frame.source),
            if flags & SOLICITED == 0 {
                Saying::Claims
            } else {
                Saying::Answers
            },
        ),
        [NEIGHBOUR_SOLICITATION, 0, ..] if source.is_unspecified() => (frame.source, Saying::Asks),
        _ => return None,
    };
    (!target.is_multicast()).then_some(Said {
        address: IpAddr::V6(target),
        by,
        what,
    })
}

/// The source and the body of a neighbour discovery packet, without padding.
fn icmpv6(packet: &[u8]) -> Option<(Ipv6Addr, &[u8])> {
    let (header, rest) = packet.split_first_chunk::<IPV6_HEADER>()?;
    let [
        version,
        _,
        _,
        _,
        high,
        low,
        ICMPV6,
        HOP_LIMIT,
        addresses @ ..,
    ] = header
    else {
        return None;
    };
    let (source, destination) = addresses.split_first_chunk::<16>()?;
    let source = Ipv6Addr::from(*source);
    let destination = Ipv6Addr::from(*destination.first_chunk::<16>()?);
    let body = rest.get(..usize::from(u16::from_be_bytes([*high, *low])))?;
    let sound = version >> 4 == 6 && checksum(source, destination, body) == 0;
    sound.then_some((source, body))
}

/// The target link-layer address among the options, as `Some(None)` if there is none; `None` if
/// an option has the length 0 or does not end.
fn target_link_layer(mut options: &[u8]) -> Option<Option<Mac>> {
    let mut named = None;
    while let [kind, units, ..] = *options {
        let (option, rest) = options.split_at_checked(usize::from(units) * 8)?;
        if option.is_empty() {
            return None;
        }
        if let (TARGET_LINK_LAYER, [_, _, mac @ ..]) = (kind, option) {
            named = mac.first_chunk().copied().map(Mac);
        }
        options = rest;
    }
    Some(named)
}
