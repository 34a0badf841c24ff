//! The checks and the director in the hosts that people already run: the real ones where they are
//! to be had without a kernel's table, a stand-in for nanny.
#![allow(clippy::unwrap_used, reason = "a test program")]

mod built;
mod check_director;
mod core;
mod governess;
mod icinga;
mod icinga_api;
mod icinga_faults;
mod keepalived;
mod nagios;
mod nanny;
mod options;
mod outcomes;
mod piranha;
mod push;
mod reports;
mod scripted_icinga;
