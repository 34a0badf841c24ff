//! The receive connectors of an Exchange server, with every state and fault of theirs, switched
//! by name. What they say encodes our reading of Microsoft's documentation and of published
//! transcripts.

mod behaviour;
mod certificate;
mod connector;
mod conversation;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::switch::Switchable;

pub use behaviour::Behaviour;
pub use connector::Connector;

/// How long the server takes for what it delays.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// Before a refusal, where the connector has a tarpit.
    pub tarpit: Duration,
    /// Before the answer to MAIL under back pressure.
    pub back_pressure: Duration,
    /// Before a greeting that comes late.
    pub banner: Duration,
    /// Between two bytes of a drip.
    pub drip: Duration,
}

/// As an Exchange server has them by default, and the fault catalogue.
impl Default for Delays {
    fn default() -> Self {
        Self {
            tarpit: Duration::from_secs(5),
            back_pressure: Duration::from_secs(10),
            banner: Duration::from_secs(8),
            drip: Duration::from_secs(1),
        }
    }
}

/// A running connector; it serves until the process ends.
#[derive(Clone)]
pub struct Smtp {
    connector: Connector,
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Smtp {
    /// Listens on an address, as the server of that name in DNS; port 0 chooses a free one.
    ///
    /// # Errors
    /// The address cannot be bound, or no certificate can be made.
    pub fn listen(address: SocketAddr, name: &str, connector: Connector) -> std::io::Result<Self> {
        Self::listen_with(address, name, connector, Delays::default())
    }

    /// The same with delays of one's own.
    ///
    /// # Errors
    /// The address cannot be bound, or no certificate can be made.
    pub fn listen_with(
        address: SocketAddr,
        name: &str,
        connector: Connector,
        delays: Delays,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let smtp = Self {
            connector,
            address: listener.local_addr()?,
            behaviour: Arc::default(),
            heard: Arc::default(),
        };
        let certificates = Arc::new(certificate::Certificates::issue(name)?);
        let name: Arc<str> = name.into();
        let (behaviour, heard) = (Arc::clone(&smtp.behaviour), Arc::clone(&smtp.heard));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let session = conversation::Session {
                    name: Arc::clone(&name),
                    connector,
                    behaviour: *behaviour.lock().unwrap_or_else(PoisonError::into_inner),
                    delays,
                    certificates: Arc::clone(&certificates),
                    heard: Arc::clone(&heard),
                };
                // A client that goes ends its conversation, as it would end a real one.
                thread::spawn(move || session.serve(stream));
            }
        });
        Ok(smtp)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does with connections from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self
            .behaviour
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// Every command that clients have sent since it was asked last.
    pub fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Switchable for Smtp {
    fn name(&self) -> String {
        format!("smtp/{}", self.connector.port())
    }

    fn behaviours(&self) -> Vec<&'static str> {
        Behaviour::ALL
            .iter()
            .map(|behaviour| behaviour.name())
            .collect()
    }

    fn switch(&self, behaviour: &str) -> Result<(), String> {
        match Behaviour::ALL
            .iter()
            .find(|known| known.name() == behaviour)
        {
            Some(known) => {
                self.behave(*known);
                Ok(())
            }
            None => Err(format!(
                "{} has no behaviour \"{behaviour}\"; known: {}",
                self.name(),
                self.behaviours().join(", ")
            )),
        }
    }
}
