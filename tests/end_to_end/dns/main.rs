//! `check_ad_dns` against DNS servers: Samba and BIND, and look-alikes for what none of them does.
//!
//! `tests/end_to_end/install-servers` installs what is needed; whatever is missing is a failure.
//! As root: the real servers run in network namespaces of the tests' own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test program"
)]

mod asking;
mod bind;
mod catalogue;
mod place;
mod samba;
mod watch;
