//! What the kernel sends back: a datagram, taken apart into messages (RFC 3549 section 2.3,
//! `linux/netlink.h`).

use std::fmt;
use std::io;

use netlink_packet_core::{
    DecodeError, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR,
    NLMSG_NOOP, NLMSG_OVERRUN, NetlinkBuffer, NlasIterator, parse_i32, parse_string,
};

const NETLINK_HEADER: usize = 16;
/// `NLMSGERR_ATTR_MSG`: the kernel's own words for an error.
const ERROR_TEXT: u16 = 1;

/// One message of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// Data.
    Reply(Reply<'a>),
    /// All was done, or the dump is complete.
    End,
    /// Nothing was done.
    Refused(Refusal),
}

/// One message with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) struct Reply<'a> {
    /// Its type: the number of the family for generic netlink, `RTM_*` for routing.
    pub(in crate::kernel) kind: u16,
    /// What follows the netlink header: the header of the family, then attributes.
    pub(in crate::kernel) payload: &'a [u8],
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
pub(in crate::kernel) struct Refusal {
    /// An `errno`, above 0.
    pub(in crate::kernel) code: i32,
    /// The kernel's own words, where it has any (`NETLINK_EXT_ACK`).
    pub(in crate::kernel) text: Option<String>,
}

impl Refusal {
    /// The refusal as an error of the operating system.
    pub(in crate::kernel) fn to_io(&self) -> io::Error {
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
    for message in messages(datagram)? {
        if message.sequence_number() != sequence {
            return Err(DecodeError::from(format!(
                "an answer to request {} came, one to request {sequence} was expected",
                message.sequence_number()
            )));
        }
        parts.answers.extend(answer(&message)?);
        parts.interrupted |= message.flags() & NLM_F_DUMP_INTR != 0;
    }
    Ok(parts)
}

/// What a datagram tells of requests by their sequence numbers: whether each was refused.
pub(super) fn outcomes(datagram: &[u8]) -> Result<Vec<(u32, bool)>, DecodeError> {
    let mut outcomes = Vec::new();
    for message in messages(datagram)? {
        match answer(&message)? {
            Some(Answer::End) => outcomes.push((message.sequence_number(), false)),
            Some(Answer::Refused(_)) => outcomes.push((message.sequence_number(), true)),
            Some(Answer::Reply(_)) | None => {}
        }
    }
    Ok(outcomes)
}

fn messages(datagram: &[u8]) -> Result<Vec<NetlinkBuffer<&[u8]>>, DecodeError> {
    let mut messages = Vec::new();
    let mut rest = datagram;
    while !rest.is_empty() {
        let message = NetlinkBuffer::new_checked(rest)?;
        // Messages start at multiples of 4 bytes; the last one may end without the padding.
        let length = usize::try_from(message.length()).unwrap_or(usize::MAX);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        messages.push(message);
    }
    Ok(messages)
}

fn answer<'a>(message: &NetlinkBuffer<&'a [u8]>) -> Result<Option<Answer<'a>>, DecodeError> {
    let payload = message.payload();
    match message.message_type() {
        NLMSG_NOOP => Ok(None),
        NLMSG_OVERRUN => Err(DecodeError::from("the kernel reports lost data")),
        NLMSG_ERROR => verdict(message.flags(), payload).map(Some),
        NLMSG_DONE if payload.is_empty() => Ok(Some(Answer::End)),
        NLMSG_DONE => verdict(message.flags(), payload).map(Some),
        kind => Ok(Some(Answer::Reply(Reply { kind, payload }))),
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
