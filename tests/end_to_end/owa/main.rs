//! The web check against the look-alike of IIS, a real nginx, and beside Debian's checks of the
//! same.
//!
//! `tests/end_to_end/install-servers` installs what is needed; whatever is missing is a failure.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test program"
)]

mod ask;
mod catalogue;
mod faults;
mod hook;
mod logon;
mod nginx;
mod peers;
mod several;
mod trust;
