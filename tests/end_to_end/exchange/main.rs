//! The check of a whole server, and of a pool of them, against look-alikes of all its parts.
//!
//! They listen on the ports of a real one, as root, each server on a loopback address of its own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test program"
)]

mod ask;
mod modes;
mod options;
mod pool;
mod server;
mod whole;
