//! Does an Exchange server take mail, on each of the ports that mail comes in by?
//!
//! A greeting proves little: a server in maintenance greets, answers EHLO, and refuses only at
//! MAIL; a front end without a back end is healthy up to there. This check asks every port at once
//! as far as `MAIL FROM:<>`, over TLS where there is TLS, and tells maintenance, back pressure,
//! limits and firewalls that rewrite the conversation apart.
//!
//! Nothing here links a TLS library: the conversation asks whoever it is given for a handshake
//! ([`Tls`]), and `plugins-tls` has one.

mod arguments;
mod connector;
mod conversation;
mod greeting;
mod implicit_tls;
mod judgement;
mod line;
mod ntlm_challenge;
mod options;
mod plain;
mod proxy_protocol;
pub mod wire;

use std::time::Duration;

use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::{Condition, Finding, Kind, Verdict};

pub use arguments::Arguments;
pub use connector::Connector;
pub use conversation::{Depth, Tls, Unshaken};
pub use judgement::{PortVerdict, combine};
pub use options::{
    EhloName, HostName, Identity, NamedPort, Options, Port, Ports, ProxyVersion, Security, Witness,
};

/// The check's name.
pub const NAME: &str = "exchange_smtp";

/// What is kept of the time for QUIT and the end of TLS on connections whose time is over, on a
/// machine under load too.
const PARTING: Duration = Duration::from_millis(300);

/// Asks every port of a server at once, each over one connection, which is closed before this
/// returns, to the depth that `depth` gives for it. The port in `target` does not matter.
pub async fn ask<T: Tls>(
    tls: &T,
    target: &Target,
    options: &Options,
    depth: impl Fn(u16) -> Depth,
    deadline: &Deadline,
) -> Vec<PortVerdict> {
    let left = deadline.remaining();
    let talking = Deadline::after(left.saturating_sub(PARTING.min(left / 8)));
    let conversations = options.ports.iter().map(|port| {
        let mut target = target.clone();
        target.address.set_port(port.number);
        let (port, depth, talking) = (*port, depth(port.number), &talking);
        async move {
            let talk = conversation::converse(tls, &target, options, port, depth, talking);
            judgement::judge_port(options, &talk.await)
        }
    });
    crate::all::all(conversations).await
}

/// Checks a server as far as can be done without TLS: options that ask for more are refused as a
/// defect of the caller's.
pub async fn check(target: &Target, options: &Options, deadline: Deadline) -> Verdict {
    if options.needs_tls() {
        let summary = "this program speaks no TLS and was asked to; please report this defect";
        let finding = Finding::new(Condition::Unknown, Kind::Internal, summary);
        return Verdict::new(NAME, &target.name, None, finding);
    }
    let ports = ask(&plain::NoTls, target, options, |_| Depth::Mail, &deadline).await;
    combine(&target.name, options, &ports)
}
