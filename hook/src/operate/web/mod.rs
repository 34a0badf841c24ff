//! The status page: what the director knows, for browsers, for Prometheus and for probes. It reads
//! and changes nothing; whoever reaches the address may read.
//!
//! It has a thread and a runtime of its own, so that rendering for many clients costs the
//! director's loop nothing but the reading of its state, at most twice a second.

mod alarms;
mod escape;
mod metrics;
mod page;
mod routes;
mod server;
mod snapshot;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::journal::Event;
use super::status::Status;
use crate::host::{HostEvent, Problem};

/// A question for the director's state, with the way back.
pub type Look = oneshot::Sender<Status>;

/// An address that is in use is tried again after this time.
const RETRY: Duration = Duration::from_secs(5);

/// A served page. Dropping it ends its thread and its connections.
#[derive(Debug)]
pub struct Web {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Web {
    /// Serves the page at an address. The director goes on without it while the address is in use:
    /// that is told by `events`, and tried again.
    ///
    /// # Errors
    /// The operating system gave no thread or no runtime.
    pub fn start(
        address: SocketAddr,
        looks: mpsc::Sender<Look>,
        events: mpsc::Sender<HostEvent>,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("page".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(address, looks, &events) => {}
                        // An open connection must not hold up the end of the director.
                        _ = stopped => {}
                    }
                });
                runtime.shutdown_background();
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was told when it happened.
            let _ = thread.join();
        }
    }
}

async fn serve(address: SocketAddr, looks: mpsc::Sender<Look>, events: &mpsc::Sender<HostEvent>) {
    let listener = listen(address, events).await;
    server::serve(listener, routes::router(looks)).await;
}

/// Waits for the address as long as it takes.
async fn listen(address: SocketAddr, events: &mpsc::Sender<HostEvent>) -> TcpListener {
    let mut told: Option<String> = None;
    loop {
        let error = match TcpListener::bind(address).await {
            Ok(listener) => {
                if told.is_some() {
                    let reason = format!("the status page is served at http://{address}/ now");
                    tell(events, address, Event::Repaired, reason, None).await;
                }
                return listener;
            }
            Err(error) => refusal(address, &error),
        };
        if told.as_ref() != Some(&error) {
            told = Some(error.clone());
            tell(
                events,
                address,
                Event::StepFailed,
                error.clone(),
                Some(error),
            )
            .await;
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn refusal(address: SocketAddr, error: &io::Error) -> String {
    let what = match error.kind() {
        io::ErrorKind::AddrInUse => {
            let port = address.port();
            format!("another program has the port; `ss -ltnp sport = :{port}` names it")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine does not have the address {}", address.ip())
        }
        _ => error.to_string(),
    };
    format!(
        "the status page cannot be served at {address}: {what}; the director works without it, \
         and tries again every {} s",
        RETRY.as_secs()
    )
}

async fn tell(
    events: &mpsc::Sender<HostEvent>,
    address: SocketAddr,
    event: Event,
    reason: String,
    words: Option<String>,
) {
    let problem = Problem {
        thing: format!("status page {address}"),
        words,
    };
    let told = HostEvent {
        event,
        reason,
        problem,
    };
    let _ = events.send(told).await;
}
