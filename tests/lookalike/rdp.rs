//! An RDP server as far as the X.224 Connection Confirm, with a behaviour that can be switched
//! while it runs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What the server does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Confirms and selects TLS, as xrdp with a certificate does.
    Confirms,
    /// Accepts and says nothing, as a hung service does: the kernel accepts for it.
    Hangs,
    /// Closes without an answer.
    Closes,
}

/// Connection Confirm with RDP_NEG_RSP, flags 1, protocol SSL (MS-RDPBCGR 2.2.1.2).
const CONFIRM_TLS: [u8; 19] = [
    0x03, 0x00, 0x00, 0x13, 0x0e, 0xd0, 0x00, 0x00, 0x12, 0x34, 0x00, 0x02, 0x01, 0x08, 0x00, 0x01,
    0x00, 0x00, 0x00,
];

/// How long a connection may stay without a word from the client.
const LONGEST_CONNECTION: Duration = Duration::from_secs(60);

/// A running look-alike; it serves until the process ends.
#[derive(Clone, Debug)]
pub struct Rdp {
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Rdp {
    /// Listens on an address; port 0 chooses a free one.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn listen(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let rdp = Self {
            address: listener.local_addr()?,
            behaviour: Arc::new(Mutex::new(Behaviour::Confirms)),
        };
        let behaviour = Arc::clone(&rdp.behaviour);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let now = *behaviour.lock().unwrap_or_else(PoisonError::into_inner);
                thread::spawn(move || serve(stream, now));
            }
        });
        Ok(rdp)
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
}

/// Serves one connection; an error of the client ends it, as it would end a real one.
fn serve(mut stream: TcpStream, behaviour: Behaviour) {
    let _ = stream.set_read_timeout(Some(LONGEST_CONNECTION));
    let mut request = [0; 512];
    match behaviour {
        Behaviour::Closes => {}
        Behaviour::Hangs => while matches!(stream.read(&mut request), Ok(1..)) {},
        Behaviour::Confirms => {
            if matches!(stream.read(&mut request), Ok(1..)) {
                let _ = stream.write_all(&CONFIRM_TLS);
                let _ = stream.read(&mut request);
            }
        }
    }
}
