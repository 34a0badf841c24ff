//! An RDP server from the X.224 Connection Confirm to the NTLM challenge, with a behaviour that
//! can be switched while it runs. Nobody can log on to it.

mod behaviour;
pub mod challenge;
pub mod peer;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::switch::Switchable;
pub use behaviour::{Behaviour, selects};
use peer::Peer;

/// The name that a server has if nobody gives it another.
const NAME: &str = "EX1";

/// How long a connection may stay.
const LONGEST_CONNECTION: Duration = Duration::from_secs(60);

/// A running look-alike; it serves until the process ends.
#[derive(Clone, Debug)]
pub struct Rdp {
    address: SocketAddr,
    name: String,
    peer: Arc<Mutex<Arc<Peer>>>,
}

impl Rdp {
    /// Listens on an address as the server EX1; port 0 chooses a free one.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn listen(address: SocketAddr) -> io::Result<Self> {
        Self::listen_as(address, NAME)
    }

    /// Listens on an address as the server of that NetBIOS name in the domain exch.test.
    ///
    /// # Errors
    /// The address cannot be bound, or there is no certificate to be had.
    pub fn listen_as(address: SocketAddr, name: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let rdp = Self {
            address: listener.local_addr()?,
            name: name.to_owned(),
            peer: Arc::new(Mutex::new(Arc::new(Behaviour::Confirms.peer(name)?))),
        };
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let peer = Arc::clone(&rdp.peer);
        thread::spawn(move || runtime.block_on(serve(listener, peer)));
        Ok(rdp)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does with connections from now on.
    ///
    /// # Errors
    /// There is no certificate to be had.
    pub fn behave(&self, behaviour: Behaviour) -> io::Result<()> {
        let peer = Arc::new(behaviour.peer(&self.name)?);
        *self.peer.lock().unwrap_or_else(PoisonError::into_inner) = peer;
        Ok(())
    }
}

impl Switchable for Rdp {
    fn name(&self) -> String {
        "rdp".to_owned()
    }

    fn behaviours(&self) -> Vec<&'static str> {
        behaviour::ALL.iter().map(|(name, _)| *name).collect()
    }

    fn switch(&self, behaviour: &str) -> Result<(), String> {
        let known = behaviour::ALL.iter().find(|(name, _)| *name == behaviour);
        let Some((_, behaviour)) = known else {
            let names = self.behaviours().join(" ");
            return Err(format!("rdp knows no {behaviour}; it knows {names}"));
        };
        self.behave(*behaviour).map_err(|error| error.to_string())
    }
}

async fn serve(listener: TcpListener, peer: Arc<Mutex<Arc<Peer>>>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        // A client that is gone before it was accepted is nobody's concern.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let now = Arc::clone(&peer.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::spawn(async move {
            // An error of the client ends its connection, as it would end a real one.
            let _ = tokio::time::timeout(LONGEST_CONNECTION, now.talk(stream)).await;
        });
    }
}
