//! Does an RDP server answer, and with what security?
//!
//! The kernel completes TCP connections for a service that hangs, so an open port proves
//! nothing. This check sends an X.224 Connection Request and judges the Connection Confirm, which
//! only the service itself can send.

mod arguments;
mod conversation;
mod judgement;
pub mod wire;

use shared::deadline::Deadline;
use shared::dial::Target;
use shared::threshold::Range;
use shared::verdict::Verdict;

pub use arguments::Arguments;

/// The check's name.
pub const NAME: &str = "x224";

/// The registered port of RDP.
pub const PORT: u16 = 3389;

/// What is asked of the server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The least security that it must choose. Unset, Standard RDP security is Degraded and
    /// everything better is Healthy.
    pub require: Option<Require>,
    /// Advisory: Degraded when the time in seconds alerts here.
    pub warning: Option<Range>,
    /// Advisory: Failed when the time in seconds alerts here.
    pub critical: Option<Range>,
}

/// The least security that a server must choose, from the weakest up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Require {
    /// Standard RDP security will do.
    Rdp,
    /// TLS.
    Tls,
    /// TLS with Network Level Authentication (CredSSP).
    Nla,
}

/// Checks one server over one connection, which is closed before this returns.
pub async fn check(target: &Target, options: &Options, deadline: Deadline) -> Verdict {
    let evidence = conversation::converse(target, &deadline).await;
    judgement::judge(target, options, &evidence)
}
