//! Addresses as IPVS carries them: a union of 16 bytes, and the number of its family.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::DecodeError;

use crate::table::Family;

/// `AF_INET`.
const INET: u16 = 2;
/// `AF_INET6`.
const INET6: u16 = 10;

/// The kernel's number of a family.
pub(super) fn family_number(family: Family) -> u16 {
    match family {
        Family::V4 => INET,
        Family::V6 => INET6,
    }
}

/// The family of a number, if it is one that IPVS balances.
pub(super) fn family(number: u16) -> Option<Family> {
    match number {
        INET => Some(Family::V4),
        INET6 => Some(Family::V6),
        _ => None,
    }
}

/// The whole union, as the kernel itself writes it: an IPv4 address is filled up with zeros.
pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    let mut union = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    union.resize(16, 0);
    union
}

/// Reads an address of a known family. An IPv4 address may come with or without the zeros.
pub(super) fn parse(name: &str, family: Family, octets: &[u8]) -> Result<IpAddr, DecodeError> {
    let address = match family {
        Family::V4 => octets
            .first_chunk::<4>()
            .map(|v4| Ipv4Addr::from(*v4).into()),
        Family::V6 => octets
            .first_chunk::<16>()
            .map(|v6| Ipv6Addr::from(*v6).into()),
    };
    address.ok_or_else(|| {
        DecodeError::from(format!(
            "attribute {name} with bytes {octets:02x?}: too short for an address"
        ))
    })
}
