//! Route netlink (`rtnetlink(7)`, `linux/rtnetlink.h`): interfaces and their addresses.
//!
//! What the kernel sends is read attribute by attribute: one that a later kernel shapes
//! differently must not hide all interfaces.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::{
    DecodeError, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage,
    NlasIterator, Parseable, parse_string,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeader, AddressMessage, CacheInfo,
};
use netlink_packet_route::link::{LinkFlags, LinkHeader, LinkLayerType, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Interface, Link, Mac, Role};
use crate::kernel::netlink::{Channel, Failure, Reply};

/// `struct ifinfomsg` and `struct ifaddrmsg`.
const LINK_HEADER: usize = 16;
const ADDRESS_HEADER: usize = 8;

/// All interfaces with their addresses.
pub(super) fn interfaces(channel: &mut Channel) -> Result<Vec<Interface>, Failure> {
    let links = dump(
        channel,
        RouteNetlinkMessage::GetLink(LinkMessage::default()),
        |reply| match reply.kind {
            libc::RTM_NEWLINK => link(reply.payload).map(Some),
            _ => Ok(None),
        },
    )?;
    let mut links: BTreeMap<u32, Interface> =
        links.into_iter().map(|link| (link.index, link)).collect();
    let addresses = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    for (index, address) in dump(channel, addresses, |reply| match reply.kind {
        libc::RTM_NEWADDR => address(reply.payload),
        _ => Ok(None),
    })? {
        if let Some(link) = links.get_mut(&index) {
            link.addresses.push(address);
        }
    }
    Ok(links.into_values().collect())
}

/// Adds an address; `EEXIST` if the interface has it.
pub(super) fn add(
    channel: &mut Channel,
    interface: u32,
    address: IpNet,
    role: Role,
) -> Result<(), Failure> {
    let message = RouteNetlinkMessage::NewAddress(added(interface, address, role));
    let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    channel.command(|sequence| frame(message.clone(), flags, sequence))
}

/// Deletes an address; `EADDRNOTAVAIL` if the interface does not have it.
pub(super) fn delete(channel: &mut Channel, interface: u32, address: IpNet) -> Result<(), Failure> {
    let message = RouteNetlinkMessage::DelAddress(named(interface, address));
    let flags = NLM_F_REQUEST | NLM_F_ACK;
    channel.command(|sequence| frame(message.clone(), flags, sequence))
}

fn dump<T>(
    channel: &mut Channel,
    what: RouteNetlinkMessage,
    decode: impl Fn(Reply<'_>) -> Result<Option<T>, DecodeError>,
) -> Result<Vec<T>, Failure> {
    let flags = NLM_F_REQUEST | NLM_F_DUMP;
    channel.fetch(|sequence| frame(what.clone(), flags, sequence), decode)
}

fn frame(message: RouteNetlinkMessage, flags: u16, sequence: u32) -> Vec<u8> {
    let mut message = NetlinkMessage::from(message);
    message.header.flags = flags;
    message.header.sequence_number = sequence;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// A new address. An IPv6 one is usable at once (`IFA_F_NODAD`: that nobody holds it was asked
/// before); a VIP among them is deprecated from the start, which keeps it from being chosen as
/// the source of this machine's own connections (RFC 6724 section 5, rule 3). IPv4 needs no such
/// mark: the address that was in the network first is chosen.
fn added(interface: u32, address: IpNet, role: Role) -> AddressMessage {
    let mut message = named(interface, address);
    if address.addr().is_ipv6() {
        message
            .attributes
            .push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    if let (IpAddr::V6(_), Role::Vip) = (address.addr(), role) {
        let mut lifetimes = CacheInfo::default();
        lifetimes.ifa_valid = u32::MAX;
        message
            .attributes
            .push(AddressAttribute::CacheInfo(lifetimes));
    }
    message
}

fn named(interface: u32, address: IpNet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = match address {
        IpNet::V4(_) => AddressFamily::Inet,
        IpNet::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = address.prefix_len();
    message.header.index = interface;
    message.attributes = vec![
        AddressAttribute::Local(address.addr()),
        AddressAttribute::Address(address.addr()),
    ];
    message
}

fn link(payload: &[u8]) -> Result<Interface, DecodeError> {
    let header = LinkHeader::parse(payload)?;
    let mut name = None;
    let mut mac = None;
    for attribute in NlasIterator::new(payload.get(LINK_HEADER..).unwrap_or_default()) {
        let attribute = attribute?;
        match attribute.kind() {
            libc::IFLA_IFNAME => name = Some(parse_string(attribute.value())?),
            libc::IFLA_ADDRESS => mac = attribute.value().try_into().ok().map(Mac),
            _ => {}
        }
    }
    let deaf = LinkFlags::Loopback | LinkFlags::Noarp;
    let speaks = header.link_layer_type == LinkLayerType::Ether && !header.flags.intersects(deaf);
    Ok(Interface {
        index: header.index,
        name: name.ok_or_else(|| DecodeError::from("an interface without a name"))?,
        link: match header.flags {
            flags if !flags.contains(LinkFlags::Up) => Link::Down,
            flags if !flags.contains(LinkFlags::LowerUp) => Link::NoCarrier,
            _ => Link::Up,
        },
        mac: mac.filter(|_| speaks),
        addresses: Vec::new(),
    })
}

/// The index of the interface, and the address. Where both are given, `IFA_LOCAL` is ours and
/// `IFA_ADDRESS` the other end of a point-to-point link; IPv6 sends only the latter otherwise.
fn address(payload: &[u8]) -> Result<Option<(u32, IpNet)>, DecodeError> {
    let header = AddressHeader::parse(payload)?;
    let mut local = None;
    let mut other = None;
    for attribute in NlasIterator::new(payload.get(ADDRESS_HEADER..).unwrap_or_default()) {
        match AddressAttribute::parse(&attribute?) {
            Ok(AddressAttribute::Local(address)) => local = Some(address),
            Ok(AddressAttribute::Address(address)) => other = Some(address),
            _ => {}
        }
    }
    let found = local.or(other);
    Ok(found.and_then(|address| {
        let network = IpNet::new(address, header.prefix_len).ok()?;
        Some((header.index, network))
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use netlink_packet_core::Emitable;

    fn emitted(message: &AddressMessage) -> Vec<u8> {
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        bytes
    }

    fn flags(message: &AddressMessage) -> Option<AddressFlags> {
        message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                AddressAttribute::Flags(flags) => Some(*flags),
                _ => None,
            })
    }

    /// After `linux/if_link.h`, with an attribute that is not known here.
    #[test]
    fn an_interface_is_read_from_the_kernels_bytes() {
        let mut bytes = Vec::new();
        // ifinfomsg: AF_UNSPEC, ARPHRD_ETHER, index 7, IFF_UP|BROADCAST|RUNNING|MULTICAST|LOWER_UP
        bytes.extend([0, 0]);
        bytes.extend(1u16.to_ne_bytes());
        bytes.extend(7u32.to_ne_bytes());
        bytes.extend(0x0001_1043u32.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        // IFLA_IFNAME "eth0", IFLA_ADDRESS, an attribute of no known kind
        bytes.extend(9u16.to_ne_bytes());
        bytes.extend(3u16.to_ne_bytes());
        bytes.extend(b"eth0\0\0\0\0");
        bytes.extend(10u16.to_ne_bytes());
        bytes.extend(1u16.to_ne_bytes());
        bytes.extend([2, 0, 0, 0, 0, 10, 0, 0]);
        bytes.extend(5u16.to_ne_bytes());
        bytes.extend(999u16.to_ne_bytes());
        bytes.extend([1, 0, 0, 0]);
        let found = link(&bytes).unwrap();
        assert_eq!(
            found,
            Interface {
                index: 7,
                name: "eth0".to_owned(),
                link: Link::Up,
                mac: Some(Mac([2, 0, 0, 0, 0, 10])),
                addresses: Vec::new(),
            }
        );
    }

    #[test]
    fn an_ipv6_vip_is_usable_at_once_and_no_source_of_our_own_connections() {
        let message = added(3, "2001:db8::5/64".parse().unwrap(), Role::Vip);
        assert_eq!(flags(&message), Some(AddressFlags::Nodad));
        let lifetimes = message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                AddressAttribute::CacheInfo(info) => Some((info.ifa_preferred, info.ifa_valid)),
                _ => None,
            });
        assert_eq!(lifetimes, Some((0, u32::MAX)));
        let gateway = added(3, "2001:db8::1/64".parse().unwrap(), Role::Gateway);
        assert!(
            !gateway
                .attributes
                .iter()
                .any(|attribute| matches!(attribute, AddressAttribute::CacheInfo(_)))
        );
    }

    #[test]
    fn of_a_point_to_point_link_our_end_is_taken() {
        let mut message = named(4, "10.0.0.1/32".parse().unwrap());
        message.attributes = vec![
            AddressAttribute::Address("10.0.0.2".parse().unwrap()),
            AddressAttribute::Local("10.0.0.1".parse().unwrap()),
        ];
        let found = address(&emitted(&message)).unwrap();
        assert_eq!(found, Some((4, "10.0.0.1/32".parse().unwrap())));
    }

    proptest! {
        #[test]
        fn an_address_that_is_added_is_read_back(index: u32, octets: [u8; 16], four: bool, prefix in 0u8..=32) {
            let address: IpAddr = match octets {
                [a, b, c, d, ..] if four => [a, b, c, d].into(),
                all => all.into(),
            };
            let network = IpNet::new(address, prefix).unwrap();
            let bytes = emitted(&added(index, network, Role::Vip));
            prop_assert_eq!(super::address(&bytes).unwrap(), Some((index, network)));
        }

        #[test]
        fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = link(&bytes);
            let _ = address(&bytes);
        }
    }
}
