//! A look-alike Exchange server on a loopback address of its own, on the ports of a real one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use lookalike::smtp::{Behaviour, Connector, Delays, Smtp};

/// Short enough to wait for; the back pressure is as long as a real one, since that is how it is
/// told.
pub(crate) const DELAYS: Delays = Delays {
    tarpit: Duration::from_millis(300),
    back_pressure: Duration::from_secs(10),
    banner: Duration::from_millis(1500),
    drip: Duration::from_millis(200),
};

pub(crate) struct Exchange {
    pub(crate) address: IpAddr,
    connectors: Vec<(u16, Smtp)>,
}

impl Exchange {
    /// Starts all connectors, healthy.
    pub(crate) fn start(delays: Delays) -> Self {
        static STARTED: AtomicU8 = AtomicU8::new(1);
        let [low, high, ..] = std::process::id().to_le_bytes();
        // Test programs that run at the same time have addresses of their own.
        let net = 64 + high % 64;
        let own = STARTED.fetch_add(1, Ordering::SeqCst);
        let address = IpAddr::from(Ipv4Addr::new(127, net, low, own));
        let connectors = Connector::ALL.map(|connector| {
            let address = SocketAddr::new(address, connector.port());
            let smtp = Smtp::listen_with(address, "EX1.exch.test", connector, delays);
            (connector.port(), smtp.expect("a port of mail, as root"))
        });
        Self {
            address,
            connectors: connectors.to_vec(),
        }
    }

    /// The same with one connector in that state.
    pub(crate) fn with(port: u16, behaviour: Behaviour) -> Self {
        let exchange = Self::start(DELAYS);
        exchange.on(port).behave(behaviour);
        exchange
    }

    pub(crate) fn on(&self, port: u16) -> &Smtp {
        let found = self.connectors.iter().find(|(known, _)| *known == port);
        &found.expect("a port of Exchange").1
    }
}
