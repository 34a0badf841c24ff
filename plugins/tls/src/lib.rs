//! The checks as far as they need TLS.
//!
//! This package alone links OpenSSL, and links the distribution's shared library, so that its
//! security updates reach the checks. The programs that hosts start do not depend on it: they
//! start `check_over_tls` instead. The hook depends on it and checks in its own process.

pub mod exchange;
mod handshake;
pub mod owa;
mod recorded;
mod session;
pub mod smtp;
pub mod startup;
mod trust;
pub mod x224;
