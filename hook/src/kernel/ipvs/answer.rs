//! What the kernel sends back: the attributes behind the generic netlink header
//! (`linux/genetlink.h`).

use netlink_packet_core::{DecodeError, NlasIterator, parse_u16};

use crate::kernel::netlink::Reply;

const GENERIC_HEADER: usize = 4;
/// `CTRL_ATTR_FAMILY_ID`.
const FAMILY_ID: u16 = 1;

/// The attributes of a reply.
pub(super) fn attributes<'a>(reply: &Reply<'a>) -> Result<&'a [u8], DecodeError> {
    reply
        .payload
        .get(GENERIC_HEADER..)
        .ok_or_else(|| DecodeError::from("a message ends within its header"))
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
