//! The SMTP check, paced.

use std::net::SocketAddr;

use plugins::smtp::{Options, combine};
use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::Verdict;

use super::pacing::Pacing;
use crate::clock::Clock;
use crate::config::Server;

/// Checks one server, as deep as `pacing` lets it, which learns what was asked.
pub(super) async fn check(
    options: &Options,
    server: &Server,
    pacing: &mut Pacing,
    clock: Clock,
    deadline: Deadline,
) -> Verdict {
    let target = Target {
        name: server.address.to_string(),
        // Each port is asked in its turn.
        address: SocketAddr::new(server.address, 0),
        source: None,
    };
    let now = clock.now();
    let depth = |port| pacing.depth(port, now);
    let mut ports = plugins_tls::smtp::ask_ports(&target, options, depth, &deadline).await;
    pacing.settle(&mut ports, clock.now());
    combine(&target.name, options, &ports)
}
