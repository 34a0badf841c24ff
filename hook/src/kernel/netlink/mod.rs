//! What every netlink family shares: one blocking socket, and datagrams taken apart
//! (RFC 3549 section 2.3, `linux/netlink.h`).

mod answer;
mod channel;
mod kept;

#[cfg(test)]
mod tests;

pub(super) use answer::{Refusal, Reply};
pub(super) use channel::{Channel, EncodeError, Failure};
pub(super) use kept::Kept;
