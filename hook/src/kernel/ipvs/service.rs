//! A virtual service as netlink attributes (`IPVS_SVC_ATTR_*`, `linux/ip_vs.h`).

use std::net::{IpAddr, SocketAddr};

use netlink_packet_core::{
    DecodeError, DefaultNla, NlaBuffer, NlasIterator, Parseable, parse_string, parse_u16,
    parse_u16_be, parse_u32,
};

use super::address;
use super::attribute::{self, EncodeError, read, required};
use crate::table::{Family, Protocol, ServiceKey, ServiceSettings};

const AF: u16 = 1;
const PROTOCOL: u16 = 2;
const ADDR: u16 = 3;
const PORT: u16 = 4;
const FWMARK: u16 = 5;
const SCHED_NAME: u16 = 6;
const FLAGS: u16 = 7;
const TIMEOUT: u16 = 8;
const NETMASK: u16 = 9;
const STATS: u16 = 10;
const PE_NAME: u16 = 11;
const STATS64: u16 = 12;

/// `IP_VS_SVC_F_PERSISTENT`.
const PERSISTENT: u32 = 0x1;
/// `IP_VS_SVC_F_HASHED`: the kernel's own, set as soon as it has the service.
const HASHED: u32 = 0x2;

/// `IP_VS_SCHEDNAME_MAXLEN` and `IP_VS_PENAME_MAXLEN`, closing NUL included.
const NAME_CAPACITY: usize = 16;

/// A virtual service as the kernel shows it, without its destinations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KernelService {
    pub(super) key: ServiceKey,
    pub(super) settings: ServiceSettings,
    /// Attributes of a later kernel; sent back as they came.
    pub(super) unknown: Vec<DefaultNla>,
}

/// Reads the inside of an `IPVS_CMD_ATTR_SERVICE`.
///
/// `None` for a service that no [`ServiceKey`] can name: another address family or another
/// protocol. It is not ours, and must not hide the others.
pub(super) fn decode(bytes: &[u8]) -> Result<Option<KernelService>, DecodeError> {
    let mut fields = Fields::default();
    for attribute in NlasIterator::new(bytes) {
        fields.take(attribute?)?;
    }
    let Some(key) = fields.key()? else {
        return Ok(None);
    };
    Ok(Some(KernelService {
        key,
        settings: fields.settings(key.family())?,
        unknown: fields.unknown,
    }))
}

/// The attributes that say which service is meant.
pub(super) fn key(key: &ServiceKey) -> Vec<DefaultNla> {
    let mut attributes = vec![attribute::u16(AF, address::family_number(key.family()))];
    match key {
        ServiceKey::Fwmark { mark, .. } => attributes.push(attribute::u32(FWMARK, *mark)),
        ServiceKey::Address { protocol, socket } => attributes.extend([
            attribute::u16(PROTOCOL, protocol_number(*protocol)),
            DefaultNla::new(ADDR, address::octets(socket.ip())),
            attribute::u16_be(PORT, socket.port()),
        ]),
    }
    attributes
}

/// The attributes of a whole service, as `NEW_SERVICE` and `SET_SERVICE` want it.
pub(super) fn whole(
    service: &ServiceKey,
    settings: &ServiceSettings,
    unknown: &[DefaultNla],
) -> Result<Vec<DefaultNla>, EncodeError> {
    let mut attributes = key(service);
    attributes.extend([
        attribute::text(SCHED_NAME, "scheduler", &settings.scheduler, NAME_CAPACITY)?,
        DefaultNla::new(FLAGS, flag_words(settings)),
        attribute::u32(TIMEOUT, settings.persistence.unwrap_or(0)),
        netmask(service.family(), settings.netmask),
    ]);
    if let Some(engine) = &settings.persistence_engine {
        let name = "persistence engine";
        attributes.push(attribute::text(PE_NAME, name, engine, NAME_CAPACITY)?);
    }
    attributes.extend_from_slice(unknown);
    Ok(attributes)
}

/// The flags and the mask of those that are meant: all but the kernel's own.
fn flag_words(settings: &ServiceSettings) -> Vec<u8> {
    let persistent = match settings.persistence {
        Some(_) => PERSISTENT,
        None => 0,
    };
    let flags = settings.flags & !(PERSISTENT | HASHED) | persistent;
    let mut words = flags.to_ne_bytes().to_vec();
    words.extend((!HASHED).to_ne_bytes());
    words
}

/// An IPv4 mask travels in network byte order, an IPv6 prefix length in host byte order.
fn netmask(family: Family, value: u32) -> DefaultNla {
    match family {
        Family::V4 => attribute::u32_be(NETMASK, value),
        Family::V6 => attribute::u32(NETMASK, value),
    }
}

fn protocol_number(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}

fn protocol(number: u16) -> Option<Protocol> {
    match number {
        6 => Some(Protocol::Tcp),
        17 => Some(Protocol::Udp),
        132 => Some(Protocol::Sctp),
        _ => None,
    }
}

#[derive(Default)]
struct Fields {
    family: Option<u16>,
    protocol: Option<u16>,
    address: Option<Vec<u8>>,
    port: Option<u16>,
    fwmark: Option<u32>,
    scheduler: Option<String>,
    flags: Option<u32>,
    timeout: Option<u32>,
    netmask: Option<[u8; 4]>,
    engine: Option<String>,
    unknown: Vec<DefaultNla>,
}

impl Fields {
    fn take(&mut self, attribute: NlaBuffer<&[u8]>) -> Result<(), DecodeError> {
        let value = attribute.value();
        match attribute.kind() {
            AF => self.family = read("IPVS_SVC_ATTR_AF", value, parse_u16)?,
            PROTOCOL => self.protocol = read("IPVS_SVC_ATTR_PROTOCOL", value, parse_u16)?,
            ADDR => self.address = Some(value.to_vec()),
            PORT => self.port = read("IPVS_SVC_ATTR_PORT", value, parse_u16_be)?,
            FWMARK => self.fwmark = read("IPVS_SVC_ATTR_FWMARK", value, parse_u32)?,
            SCHED_NAME => self.scheduler = read("IPVS_SVC_ATTR_SCHED_NAME", value, parse_string)?,
            FLAGS => self.flags = read("IPVS_SVC_ATTR_FLAGS", value, parse_flags)?,
            TIMEOUT => self.timeout = read("IPVS_SVC_ATTR_TIMEOUT", value, parse_u32)?,
            NETMASK => self.netmask = read("IPVS_SVC_ATTR_NETMASK", value, parse_octets)?,
            PE_NAME => self.engine = read("IPVS_SVC_ATTR_PE_NAME", value, parse_string)?,
            STATS | STATS64 => {}
            _ => self.unknown.push(DefaultNla::parse(&attribute)?),
        }
        Ok(())
    }

    fn key(&self) -> Result<Option<ServiceKey>, DecodeError> {
        let number = required("IPVS_SVC_ATTR_AF", self.family)?;
        let Some(family) = address::family(number) else {
            return Ok(None);
        };
        if let Some(mark) = self.fwmark.filter(|mark| *mark != 0) {
            return Ok(Some(ServiceKey::Fwmark { family, mark }));
        }
        let Some(protocol) = protocol(required("IPVS_SVC_ATTR_PROTOCOL", self.protocol)?) else {
            return Ok(None);
        };
        let octets = required("IPVS_SVC_ATTR_ADDR", self.address.as_deref())?;
        let ip: IpAddr = address::parse("IPVS_SVC_ATTR_ADDR", family, octets)?;
        let port = required("IPVS_SVC_ATTR_PORT", self.port)?;
        let socket = SocketAddr::new(ip, port);
        Ok(Some(ServiceKey::Address { protocol, socket }))
    }

    fn settings(&mut self, family: Family) -> Result<ServiceSettings, DecodeError> {
        let flags = required("IPVS_SVC_ATTR_FLAGS", self.flags)?;
        let timeout = required("IPVS_SVC_ATTR_TIMEOUT", self.timeout)?;
        let netmask = required("IPVS_SVC_ATTR_NETMASK", self.netmask)?;
        Ok(ServiceSettings {
            scheduler: required("IPVS_SVC_ATTR_SCHED_NAME", self.scheduler.take())?,
            persistence: (flags & PERSISTENT != 0).then_some(timeout),
            netmask: match family {
                Family::V4 => u32::from_be_bytes(netmask),
                Family::V6 => u32::from_ne_bytes(netmask),
            },
            flags: flags & !(PERSISTENT | HASHED),
            persistence_engine: self.engine.take().filter(|name| !name.is_empty()),
        })
    }
}

/// Two words, flags and mask; in an answer the mask says nothing.
fn parse_flags(value: &[u8]) -> Result<u32, DecodeError> {
    match value {
        [a, b, c, d, _, _, _, _] => Ok(u32::from_ne_bytes([*a, *b, *c, *d])),
        _ => Err(DecodeError::from("must have 8 bytes")),
    }
}

fn parse_octets(value: &[u8]) -> Result<[u8; 4], DecodeError> {
    value
        .try_into()
        .map_err(|_| DecodeError::from("must have 4 bytes"))
}
