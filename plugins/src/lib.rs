//! governess checks: a library, and one thin binary each.
//!
//! Each check has a wire format (pure), a conversation (the only part that does I/O) and a
//! judgement (pure). What does not belong here: how a verdict is said to a host (`shared`), and
//! what follows from it for a virtual service (`hook`).

pub mod ad_dns;
mod all;
pub mod director;
pub mod exchange;
mod identity;
mod ntlm;
pub mod owa;
pub mod smtp;
pub mod x224;

pub use identity::Skew;
