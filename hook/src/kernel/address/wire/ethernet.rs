//! Ethernet II framing.

use crate::kernel::address::Mac;

/// `ETH_P_ARP`, RFC 826.
pub(in crate::kernel::address) const ARP: u16 = 0x0806;
/// `ETH_P_IPV6`, RFC 2464 section 3.
pub(in crate::kernel::address) const IPV6: u16 = 0x86dd;

/// A frame without its trailer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// The sender.
    pub(super) source: Mac,
    /// The type of the payload.
    pub(super) kind: u16,
    /// The payload, with padding behind it if it is short.
    pub(super) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Takes a frame apart.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (_destination, rest) = bytes.split_first_chunk::<6>()?;
        let (source, rest) = rest.split_first_chunk()?;
        let (kind, payload) = rest.split_first_chunk()?;
        Some(Self {
            source: Mac(*source),
            kind: u16::from_be_bytes(*kind),
            payload,
        })
    }
}

/// Puts a payload into a frame; the interface adds padding.
pub(super) fn frame(destination: Mac, source: Mac, kind: u16, payload: &[u8]) -> Vec<u8> {
    [
        &destination.0,
        &source.0,
        kind.to_be_bytes().as_slice(),
        payload,
    ]
    .concat()
}
