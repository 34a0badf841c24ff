//! The checks as far as they need TLS.
//!
//! This package alone links OpenSSL. The programs that hosts start do not depend on it: they start
//! `check_over_tls` instead, which is linked statically where OpenSSL's archives are installed and
//! tells by `--version` whose code is in it. The hook links the shared library and checks in its
//! own process.

pub mod exchange;
mod handshake;
pub mod owa;
mod recorded;
mod session;
mod shown;
pub mod smtp;
pub mod startup;
mod trust;
pub mod x224;
