//! The keeper of addresses on a real kernel, with `ip` and a neighbour as witnesses.
//!
//! Each test has two machines of its own: network namespaces, joined by a veth pair. Without root
//! the tests fail; they never pass unrun.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod conflict;
mod holding;
mod reading;
mod world;
