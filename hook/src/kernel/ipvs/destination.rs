//! A destination as netlink attributes (`IPVS_DEST_ATTR_*`, `linux/ip_vs.h`).

use std::net::SocketAddr;

use netlink_packet_core::{
    DecodeError, DefaultNla, NlaBuffer, NlasIterator, Parseable, parse_u8, parse_u16, parse_u16_be,
    parse_u32,
};

use super::address;
use super::attribute::{self, read, required};
use crate::table::{Connections, Destination, DestinationSettings, Encapsulation, Family, Forward};

const ADDR: u16 = 1;
const PORT: u16 = 2;
const FWD_METHOD: u16 = 3;
const WEIGHT: u16 = 4;
const U_THRESH: u16 = 5;
const L_THRESH: u16 = 6;
const ACTIVE_CONNS: u16 = 7;
const INACT_CONNS: u16 = 8;
const PERSIST_CONNS: u16 = 9;
const STATS: u16 = 10;
const ADDR_FAMILY: u16 = 11;
const STATS64: u16 = 12;
const TUN_TYPE: u16 = 13;
const TUN_PORT: u16 = 14;
const TUN_FLAGS: u16 = 15;

/// `IP_VS_CONN_F_FWD_MASK`.
const FORWARD_MASK: u32 = 0x7;

/// A destination as the kernel shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KernelDestination {
    pub(super) address: SocketAddr,
    pub(super) destination: Destination,
    /// Attributes of a later kernel; sent back as they came.
    pub(super) unknown: Vec<DefaultNla>,
}

/// Reads the inside of an `IPVS_CMD_ATTR_DEST`. `family` is that of the service: kernels before
/// 3.18 do not name the destination's own.
///
/// `None` for a destination whose address family or forwarding method has no name here. Left
/// out, it looks absent; adding it then meets the kernel's EEXIST and edits it.
pub(super) fn decode(
    family: Family,
    bytes: &[u8],
) -> Result<Option<KernelDestination>, DecodeError> {
    let mut fields = Fields::default();
    for attribute in NlasIterator::new(bytes) {
        fields.take(attribute?)?;
    }
    let Some(address) = fields.address(family)? else {
        return Ok(None);
    };
    let Some(settings) = fields.settings()? else {
        return Ok(None);
    };
    Ok(Some(KernelDestination {
        address,
        destination: Destination {
            settings,
            connections: fields.connections,
        },
        unknown: fields.unknown,
    }))
}

/// Whether these attributes may be those of `wanted`, at a fraction of the price of [`decode`]:
/// the kernel puts address and port first. Only a full decoding can say yes for certain.
pub(super) fn may_be(wanted: SocketAddr, bytes: &[u8]) -> bool {
    let octets = address::octets(wanted.ip());
    NlasIterator::new(bytes)
        .map_while(Result::ok)
        .find_map(|attribute| match attribute.kind() {
            ADDR => (!octets.starts_with(attribute.value())).then_some(false),
            PORT => Some(attribute.value() == wanted.port().to_be_bytes()),
            _ => None,
        })
        .unwrap_or(true)
}

/// The attributes that say which destination is meant.
pub(super) fn key(destination: SocketAddr) -> Vec<DefaultNla> {
    let family = address::family_number(Family::of(destination.ip()));
    vec![
        attribute::u16(ADDR_FAMILY, family),
        DefaultNla::new(ADDR, address::octets(destination.ip())),
        attribute::u16_be(PORT, destination.port()),
    ]
}

/// The attributes of a whole destination, as `NEW_DEST` and `SET_DEST` want it.
pub(super) fn whole(
    destination: SocketAddr,
    settings: &DestinationSettings,
    unknown: &[DefaultNla],
) -> Vec<DefaultNla> {
    let mut attributes = key(destination);
    attributes.extend([
        attribute::u32(FWD_METHOD, forward_number(settings.forward)),
        attribute::u32(WEIGHT, settings.weight),
        attribute::u8(TUN_TYPE, settings.encapsulation.kind),
        attribute::u16_be(TUN_PORT, settings.encapsulation.port),
        attribute::u16(TUN_FLAGS, settings.encapsulation.flags),
        attribute::u32(U_THRESH, settings.upper_threshold),
        attribute::u32(L_THRESH, settings.lower_threshold),
    ]);
    attributes.extend_from_slice(unknown);
    attributes
}

/// `IP_VS_CONN_F_MASQ` and its neighbours.
fn forward_number(forward: Forward) -> u32 {
    match forward {
        Forward::Nat => 0,
        Forward::Local => 1,
        Forward::Tunnel => 2,
        Forward::Direct => 3,
        Forward::Bypass => 4,
    }
}

fn forward(number: u32) -> Option<Forward> {
    match number & FORWARD_MASK {
        0 => Some(Forward::Nat),
        1 => Some(Forward::Local),
        2 => Some(Forward::Tunnel),
        3 => Some(Forward::Direct),
        4 => Some(Forward::Bypass),
        _ => None,
    }
}

#[derive(Default)]
struct Fields {
    octets: Option<Vec<u8>>,
    port: Option<u16>,
    family: Option<u16>,
    forward: Option<u32>,
    weight: Option<u32>,
    upper_threshold: Option<u32>,
    lower_threshold: Option<u32>,
    encapsulation: Encapsulation,
    connections: Connections,
    unknown: Vec<DefaultNla>,
}

impl Fields {
    fn take(&mut self, attribute: NlaBuffer<&[u8]>) -> Result<(), DecodeError> {
        let value = attribute.value();
        match attribute.kind() {
            ADDR => self.octets = Some(value.to_vec()),
            PORT => self.port = read("IPVS_DEST_ATTR_PORT", value, parse_u16_be)?,
            FWD_METHOD => self.forward = read("IPVS_DEST_ATTR_FWD_METHOD", value, parse_u32)?,
            WEIGHT => self.weight = read("IPVS_DEST_ATTR_WEIGHT", value, parse_u32)?,
            U_THRESH => {
                self.upper_threshold = read("IPVS_DEST_ATTR_U_THRESH", value, parse_u32)?;
            }
            L_THRESH => {
                self.lower_threshold = read("IPVS_DEST_ATTR_L_THRESH", value, parse_u32)?;
            }
            ADDR_FAMILY => self.family = read("IPVS_DEST_ATTR_ADDR_FAMILY", value, parse_u16)?,
            ACTIVE_CONNS | INACT_CONNS | PERSIST_CONNS => self.take_connections(attribute)?,
            TUN_TYPE | TUN_PORT | TUN_FLAGS => self.take_encapsulation(attribute)?,
            STATS | STATS64 => {}
            _ => self.unknown.push(DefaultNla::parse(&attribute)?),
        }
        Ok(())
    }

    fn take_connections(&mut self, attribute: NlaBuffer<&[u8]>) -> Result<(), DecodeError> {
        let count = read("IPVS_DEST_ATTR_*_CONNS", attribute.value(), parse_u32)?.unwrap_or(0);
        match attribute.kind() {
            ACTIVE_CONNS => self.connections.active = count,
            INACT_CONNS => self.connections.inactive = count,
            _ => self.connections.persistent = count,
        }
        Ok(())
    }

    fn take_encapsulation(&mut self, attribute: NlaBuffer<&[u8]>) -> Result<(), DecodeError> {
        let value = attribute.value();
        let tunnel = &mut self.encapsulation;
        match attribute.kind() {
            TUN_TYPE => {
                tunnel.kind = read("IPVS_DEST_ATTR_TUN_TYPE", value, parse_u8)?.unwrap_or(0);
            }
            TUN_PORT => {
                tunnel.port = read("IPVS_DEST_ATTR_TUN_PORT", value, parse_u16_be)?.unwrap_or(0);
            }
            _ => {
                tunnel.flags = read("IPVS_DEST_ATTR_TUN_FLAGS", value, parse_u16)?.unwrap_or(0);
            }
        }
        Ok(())
    }

    fn address(&self, family_of_service: Family) -> Result<Option<SocketAddr>, DecodeError> {
        // The kernel too reads 0 as "the family of the service".
        let family = match self.family {
            None | Some(0) => Some(family_of_service),
            Some(number) => address::family(number),
        };
        let Some(family) = family else {
            return Ok(None);
        };
        let octets = required("IPVS_DEST_ATTR_ADDR", self.octets.as_deref())?;
        let ip = address::parse("IPVS_DEST_ATTR_ADDR", family, octets)?;
        let port = required("IPVS_DEST_ATTR_PORT", self.port)?;
        Ok(Some(SocketAddr::new(ip, port)))
    }

    fn settings(&self) -> Result<Option<DestinationSettings>, DecodeError> {
        let number = required("IPVS_DEST_ATTR_FWD_METHOD", self.forward)?;
        let weight = required("IPVS_DEST_ATTR_WEIGHT", self.weight)?;
        let upper_threshold = required("IPVS_DEST_ATTR_U_THRESH", self.upper_threshold)?;
        let lower_threshold = required("IPVS_DEST_ATTR_L_THRESH", self.lower_threshold)?;
        Ok(forward(number).map(|forward| DestinationSettings {
            forward,
            weight,
            upper_threshold,
            lower_threshold,
            encapsulation: self.encapsulation,
        }))
    }
}
