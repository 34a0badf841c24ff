//! Queries and replies (RFC 1035 section 4.1), read more strictly than a resolver would: what does
//! not answer the question is told from what answers it badly.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as Asked, ResponseCode};
use hickory_proto::rr::{self, DNSClass, RData, RecordType};
use shared::text::quoted;

use super::name::Name;

/// The largest answer by UDP that is asked for (RFC 6891): no path fragments it.
const PAYLOAD: u16 = 1232;

/// The length of a message's header.
const HEADER: usize = 12;

/// The types of record that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "named as in the RFCs")]
pub enum Type {
    A,
    Aaaa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Soa,
    Srv,
    Txt,
}

impl From<Type> for RecordType {
    fn from(kind: Type) -> Self {
        match kind {
            Type::A => Self::A,
            Type::Aaaa => Self::AAAA,
            Type::Cname => Self::CNAME,
            Type::Mx => Self::MX,
            Type::Ns => Self::NS,
            Type::Ptr => Self::PTR,
            Type::Soa => Self::SOA,
            Type::Srv => Self::SRV,
            Type::Txt => Self::TXT,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RecordType::from(*self).fmt(f)
    }
}

/// What is asked: the records of one type at one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The name.
    pub name: Name,
    /// The type.
    pub kind: Type,
}

impl Question {
    /// The records of `kind` at `name`.
    pub fn new(name: &Name, kind: Type) -> Self {
        Self {
            name: name.clone(),
            kind,
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind)
    }
}

/// Whether the server shall ask others for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recursion {
    /// No: what the server itself knows is asked for.
    No,
    /// Yes: the server is a resolver.
    Wanted,
}

/// One question as it is sent.
#[derive(Clone, Debug)]
pub struct Query {
    id: u16,
    question: Question,
    recursion: Recursion,
    edns: bool,
}

impl Query {
    /// A query with a number that cannot be guessed.
    pub fn new(question: Question, recursion: Recursion) -> Self {
        // SipHash with keys from the kernel's random numbers.
        let number = RandomState::new().build_hasher().finish();
        Self {
            id: (number & 0xffff) as u16,
            question,
            recursion,
            edns: true,
        }
    }

    /// Whether it announces a larger payload.
    pub fn has_edns(&self) -> bool {
        self.edns
    }

    /// The same for a server that does not know EDNS (RFC 6891 section 7).
    pub fn without_edns(self) -> Self {
        Self {
            edns: false,
            ..self
        }
    }

    /// The message; nothing if the name does not fit into one.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let mut message = Message::new(self.id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = self.recursion == Recursion::Wanted;
        message.add_query(Asked::query(
            self.question.name.to_wire()?,
            self.question.kind.into(),
        ));
        if self.edns {
            let mut edns = Edns::new();
            edns.set_max_payload(PAYLOAD);
            message.set_edns(edns);
        }
        message.to_vec().ok()
    }
}

/// Why a datagram is not the reply that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It answers something else, or is no answer: another number or question, a query. Whoever
    /// sent it, the reply may still come.
    Stray,
    /// Too short for a header.
    NoMessage,
    /// It has our number, and cannot be read.
    Malformed(String),
}

/// A reply to the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the server says of the question.
    pub code: Code,
    /// It is an authority for the name (AA).
    pub authoritative: bool,
    /// Not everything fitted in (TC).
    pub truncated: bool,
    /// It knows EDNS.
    pub edns: bool,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authority: Vec<Record>,
}

/// RCODE, RFC 1035 section 4.1.1 and RFC 2136 section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// NOERROR.
    NoError,
    /// NXDOMAIN: the name does not exist.
    NxDomain,
    /// SERVFAIL.
    ServFail,
    /// REFUSED.
    Refused,
    /// NOTAUTH: no authority for the zone.
    NotAuth,
    /// FORMERR, NOTIMP and all others.
    Other(u16),
}

impl Code {
    fn of(code: ResponseCode) -> Self {
        match code {
            ResponseCode::NoError => Self::NoError,
            ResponseCode::NXDomain => Self::NxDomain,
            ResponseCode::ServFail => Self::ServFail,
            ResponseCode::Refused => Self::Refused,
            ResponseCode::NotAuth => Self::NotAuth,
            other => Self::Other(other.into()),
        }
    }

    /// Whether the server found the query itself unreadable: FORMERR or NOTIMP.
    pub fn is_complaint_about_the_query(self) -> bool {
        matches!(self, Self::Other(1 | 4))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoError => "NOERROR",
            Self::NxDomain => "NXDOMAIN",
            Self::ServFail => "SERVFAIL",
            Self::Refused => "REFUSED",
            Self::NotAuth => "NOTAUTH",
            Self::Other(1) => "FORMERR",
            Self::Other(4) => "NOTIMP",
            Self::Other(number) => return write!(f, "RCODE {number}"),
        })
    }
}

/// One resource record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub name: Name,
    /// Time to live, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What a record says, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Data {
    /// A or AAAA.
    Address(IpAddr),
    /// The name's canonical one.
    Cname(Name),
    /// A mail exchanger.
    Mx {
        /// Less is tried earlier.
        preference: u16,
        /// The host.
        host: Name,
    },
    /// A name server.
    Ns(Name),
    /// The name of an address.
    Ptr(Name),
    /// The zone's serial number.
    Soa {
        /// It grows with each change.
        serial: u32,
    },
    /// Where a service is (RFC 2782).
    Srv {
        /// Less is tried earlier.
        priority: u16,
        /// The share among equals.
        weight: u16,
        /// The port.
        port: u16,
        /// The host.
        target: Name,
    },
    /// A text, its pieces joined.
    Txt(Vec<u8>),
    /// A type that was not asked for.
    Other,
}

impl Data {
    /// The type of record it is; none for those that were not asked for.
    pub fn kind(&self) -> Option<Type> {
        Some(match self {
            Self::Address(IpAddr::V4(_)) => Type::A,
            Self::Address(IpAddr::V6(_)) => Type::Aaaa,
            Self::Cname(_) => Type::Cname,
            Self::Mx { .. } => Type::Mx,
            Self::Ns(_) => Type::Ns,
            Self::Ptr(_) => Type::Ptr,
            Self::Soa { .. } => Type::Soa,
            Self::Srv { .. } => Type::Srv,
            Self::Txt(_) => Type::Txt,
            Self::Other => return None,
        })
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Cname(name) => write!(f, "CNAME {name}"),
            Self::Mx { preference, host } => write!(f, "MX {preference} {host}"),
            Self::Ns(name) => write!(f, "NS {name}"),
            Self::Ptr(name) => write!(f, "PTR {name}"),
            Self::Soa { serial } => write!(f, "SOA serial {serial}"),
            Self::Srv {
                priority,
                weight,
                port,
                target,
            } => write!(f, "SRV {priority} {weight} {port} {target}"),
            Self::Txt(text) => write!(f, "TXT '{}'", quoted(text, 200)),
            Self::Other => f.write_str("a record of another type"),
        }
    }
}

/// Reads a datagram, or a message by TCP, as the reply to `query`.
///
/// # Errors
/// It is none, or it cannot be read.
pub fn read(bytes: &[u8], query: &Query) -> Result<Reply, Unfit> {
    let header = bytes.get(..HEADER).ok_or(Unfit::NoMessage)?;
    let id = u16::from_be_bytes([header[0], header[1]]);
    let is_response = header[2] & 0x80 != 0;
    let opcode = (header[2] >> 3) & 0x0f;
    if id != query.id || !is_response || opcode != 0 {
        return Err(Unfit::Stray);
    }
    let message = Message::from_vec(bytes).map_err(|error| Unfit::Malformed(error.to_string()))?;
    let code = Code::of(message.metadata.response_code);
    match message.queries.as_slice() {
        [asked] if is_asked(asked, &query.question) => {}
        // A server that could not read the query, or would not, need not repeat it.
        [] if !matches!(code, Code::NoError | Code::NxDomain) => {}
        _ => return Err(Unfit::Stray),
    }
    Ok(Reply {
        code,
        authoritative: message.metadata.authoritative,
        truncated: message.metadata.truncation,
        edns: message.edns.is_some(),
        answers: records(&message.answers),
        authority: records(&message.authorities),
    })
}

fn is_asked(asked: &Asked, question: &Question) -> bool {
    asked.query_type() == RecordType::from(question.kind)
        && asked.query_class() == DNSClass::IN
        && Name::from(asked.name()) == question.name
}

fn records(read: &[rr::Record]) -> Vec<Record> {
    let of_the_internet = read
        .iter()
        .filter(|record| record.dns_class == DNSClass::IN);
    let record = |record: &rr::Record| Record {
        name: Name::from(&record.name),
        ttl: record.ttl,
        data: data(&record.data),
    };
    of_the_internet.map(record).collect()
}

fn data(read: &RData) -> Data {
    match read {
        RData::A(a) => Data::Address(a.0.into()),
        RData::AAAA(aaaa) => Data::Address(aaaa.0.into()),
        RData::CNAME(name) => Data::Cname(Name::from(&name.0)),
        RData::MX(mx) => Data::Mx {
            preference: mx.preference,
            host: Name::from(&mx.exchange),
        },
        RData::NS(name) => Data::Ns(Name::from(&name.0)),
        RData::PTR(name) => Data::Ptr(Name::from(&name.0)),
        RData::SOA(soa) => Data::Soa { serial: soa.serial },
        RData::SRV(srv) => Data::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: Name::from(&srv.target),
        },
        RData::TXT(txt) => Data::Txt(txt.txt_data.concat()),
        _ => Data::Other,
    }
}

#[cfg(test)]
mod tests;
