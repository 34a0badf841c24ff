//! The SMTP check on every state and fault of an Exchange server, on a real Postfix, and beside
//! both what Debian's `check_smtp` says of them.
//!
//! `tests/end_to_end/install-servers` installs what is needed; whatever is missing is a failure.
//! As root: the look-alike listens on the ports of mail, on loopback addresses of its own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test program"
)]

mod asking;
mod cases;
mod catalogue;
mod conduct;
mod director;
mod exchange;
mod identity;
mod limits;
mod modes;
mod postfix;
mod table;
