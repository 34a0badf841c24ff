//! Where verdicts come from: checks that run inside this process, and programs that it starts.

mod checks;
mod exec;
mod pace;
mod pacing;
mod real_path;
pub mod reported;
mod smtp;
mod tcp;
mod timetable;
mod watch;

use std::net::SocketAddr;

use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::Verdict;

use crate::clock::Clock;
use crate::config::{Check, Probe, Server};
use pacing::Pacing;

pub use checks::Checks;
pub use watch::Watches;

/// The large ones are on a heap of their own: room for the largest would cost the small ones more
/// than they do.
async fn probe(check: &Check, server: &Server, pacing: &mut Pacing, clock: Clock) -> Verdict {
    let deadline = Deadline::after(check.timeout);
    match &check.probe {
        Probe::X224 { port, options } => {
            let target = Target {
                name: server.address.to_string(),
                address: SocketAddr::new(server.address, *port),
                source: None,
            };
            Box::pin(plugins_tls::x224::check(&target, options, deadline)).await
        }
        Probe::Tcp(asked) => tcp::check(&check.name, asked, server, deadline).await,
        Probe::Smtp(options) => {
            Box::pin(smtp::check(options, server, pacing, clock, deadline)).await
        }
        Probe::Owa { port, options } => {
            let target = Target {
                name: server.address.to_string(),
                address: SocketAddr::new(server.address, *port),
                source: None,
            };
            Box::pin(plugins_tls::owa::check(&target, options, deadline)).await
        }
        Probe::RealPath(path) => {
            Box::pin(real_path::check(&check.name, path, server, deadline)).await
        }
        // Its results come from elsewhere; it has no task.
        Probe::Reported => std::future::pending().await,
        Probe::Exec(program) => {
            Box::pin(exec::check(&check.name, program, Some(server), deadline)).await
        }
    }
}
