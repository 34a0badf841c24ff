//! Does an RDP server answer, and with what security?
//!
//! The kernel completes TCP connections for a service that hangs, so an open port proves
//! nothing. This check sends an X.224 Connection Request and judges the Connection Confirm, which
//! only the service itself can send; asked to, it goes on to the TLS handshake and to the NTLM
//! challenge.
//!
//! Nothing here links a TLS library. The whole ladder is put together where one is linked, in
//! the package `plugins-tls`, from the parts that are here.

mod arguments;
pub mod conversation;
pub mod credssp;
mod judgement;
pub mod nla;
mod options;
pub mod wire;

use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::{Condition, Finding, Kind, Verdict};

pub use arguments::Arguments;
pub use judgement::judge;
pub use options::{Depth, Options, Require, Tls};

/// The check's name.
pub const NAME: &str = "x224";

/// The registered port of RDP.
pub const PORT: u16 = 3389;

/// Checks one server over one connection, which is closed before this returns, as deep as can be
/// done without TLS: options that ask for more are refused as a defect of the caller's.
pub async fn check(target: &Target, options: &Options, deadline: Deadline) -> Verdict {
    if options.depth.tls().is_some() {
        let summary = "this program speaks no TLS and was asked to; please report this defect";
        let finding = Finding::new(Condition::Unknown, Kind::Internal, summary);
        return Verdict::new(NAME, &target.name, Some(target.address.port()), finding);
    }
    let (evidence, connection) = conversation::confirm(target, &deadline).await;
    drop(connection);
    judge(target, options, &evidence)
}
