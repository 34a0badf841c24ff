//! What the kernel sends back: a datagram, taken apart into messages (RFC 3549 section 2.3,
//! `linux/netlink.h`, `linux/genetlink.h`).

use std::fmt;
use std::io;

use netlink_packet_core::{
    DecodeError, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR,
    NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer, NlasIterator, parse_i32, parse_string, parse_u16,
};

const NETLINK_HEADER: usize = 16;
const GENERIC_HEADER: usize = 4;
/// `NLMSGERR_ATTR_MSG`: the kernel's own words for an error.
const ERROR_TEXT: u16 = 1;
/// `CTRL_ATTR_FAMILY_ID`.
const FAMILY_ID: u16 = 1;

/// One message of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// Data: the attributes behind the generic netlink header.
    Reply(&'a [u8]),
    /// All was done, or the dump is complete.
    End,
    /// Nothing was done.
    Refused(Refusal),
}

/// The messages of one datagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    /// In the order of their arrival.
    pub(super) answers: Vec<Answer<'a>>,
    /// The list that is being dumped changed since the datagram before (`NLM_F_DUMP_INTR`).
    pub(super) interrupted: bool,
}

/// The kernel's refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// An `errno`, above 0.
    pub(super) code: i32,
    /// The kernel's own words, where it has any (`NETLINK_EXT_ACK`).
    pub(super) text: Option<String>,
}

impl Refusal {
    /// The refusal as an error of the operating system.
    pub(super) fn to_io(&self) -> io::Error {
        io::Error::from_raw_os_error(self.code)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "{} (the kernel says: {text})", self.to_io()),
            None => self.to_io().fmt(f),
        }
    }
}

/// Takes a datagram apart. Every message must answer the request with this sequence number.
pub(super) fn split(datagram: &[u8], sequence: u32) -> Result<Datagram<'_>, DecodeError> {
    let mut parts = Datagram::default();
    let mut rest = datagram;
    while !rest.is_empty() {
        let message = NetlinkBuffer::new_checked(rest)?;
        if message.sequence_number() != sequence {
            return Err(DecodeError::from(format!(
                "an answer to request {} came, one to request {sequence} was expected",
                message.sequence_number()
            )));
        }
        parts.answers.extend(answer(&message)?);
        parts.interrupted |= message.flags() & NLM_F_DUMP_INTR != 0;
        // Messages start at multiples of 4 bytes; the last one may end without the padding.
        let length = usize::try_from(message.length()).unwrap_or(usize::MAX);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(parts)
}

fn answer<'a>(message: &NetlinkBuffer<&'a [u8]>) -> Result<Option<Answer<'a>>, DecodeError> {
    let payload = message.payload();
    match message.message_type() {
        NLMSG_NOOP => Ok(None),
        NLMSG_OVERRUN => Err(DecodeError::from("the kernel reports lost data")),
        NLMSG_ERROR => verdict(message.flags(), payload).map(Some),
        NLMSG_DONE if payload.is_empty() => Ok(Some(Answer::End)),
        NLMSG_DONE => verdict(message.flags(), payload).map(Some),
        _ => payload
            .get(GENERIC_HEADER..)
            .map(|attributes| Some(Answer::Reply(attributes)))
            .ok_or_else(|| DecodeError::from("a message ends within its header")),
    }
}

fn verdict<'a>(flags: u16, payload: &[u8]) -> Result<Answer<'a>, DecodeError> {
    let number = payload
        .get(..4)
        .ok_or_else(|| DecodeError::from("a message ends within its error code"))?;
    match parse_i32(number)?.checked_neg() {
        Some(0) => Ok(Answer::End),
        Some(code) if code > 0 => Ok(Answer::Refused(Refusal {
            code,
            text: kernel_text(flags, payload),
        })),
        _ => Err(DecodeError::from(format!("error code {number:02x?}"))),
    }
}

/// The text of an extended acknowledgement: it stands behind the error code, the header of the
/// request and, unless capped, the rest of the request. Without a readable one, none.
fn kernel_text(flags: u16, payload: &[u8]) -> Option<String> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    let request = payload.get(4..)?;
    let skip = if flags & NLM_F_CAPPED == 0 {
        let length = u32::from_ne_bytes(*request.first_chunk()?);
        usize::try_from(length).ok()?.checked_next_multiple_of(4)?
    } else {
        NETLINK_HEADER
    };
    NlasIterator::new(request.get(skip..)?)
        .filter_map(Result::ok)
        .find(|attribute| attribute.kind() == ERROR_TEXT)
        .and_then(|attribute| parse_string(attribute.value()).ok())
}

/// The number of the family, out of the controller's reply.
pub(super) fn family_id(attributes: &[u8]) -> Result<u16, DecodeError> {
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute?;
        if attribute.kind() == FAMILY_ID {
            return parse_u16(attribute.value());
        }
    }
    Err(DecodeError::from("the controller's reply has no family id"))
}

/// The inside of the top-level attribute `kind`, out of a reply of the family IPVS.
pub(super) fn inside(attributes: &[u8], kind: u16) -> Result<Option<&[u8]>, DecodeError> {
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute?;
        if attribute.kind() == kind {
            let inner = attribute.into_inner();
            let end = usize::from(attribute.length());
            return Ok(inner.get(netlink_packet_core::NLA_HEADER_SIZE..end));
        }
    }
    Ok(None)
}
