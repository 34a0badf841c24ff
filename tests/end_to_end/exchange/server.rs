//! Look-alikes of whole servers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

use lookalike::certificate::{Certificate, Wish};
use lookalike::dns::Dns;
use lookalike::iis::Iis;
use lookalike::rdp::Rdp;
use lookalike::smtp::{Connector, Smtp};

/// The name that clients use.
pub(crate) const MAIL: &str = "mail.exch.test";

/// A server with RDP, mail on 25, and the web.
pub(crate) struct Server {
    pub(crate) address: IpAddr,
    pub(crate) rdp: Rdp,
    pub(crate) smtp: Smtp,
    pub(crate) iis: Iis,
}

impl Server {
    /// Starts one in health, of that NetBIOS name, with that certificate for the web.
    pub(crate) fn start(name: &str, certificate: &Certificate) -> Self {
        let address = own_address();
        let at = |port| SocketAddr::new(address, port);
        let dns_name = format!("{name}.exch.test");
        Self {
            address,
            rdp: Rdp::listen_as(at(3389), name).expect("the port of RDP"),
            smtp: Smtp::listen(at(25), &dns_name, Connector::DefaultFrontend)
                .expect("port 25, as root"),
            iis: Iis::listen(at(443), &dns_name, certificate.clone()).expect("443, as root"),
        }
    }

    /// One with a certificate of its own.
    pub(crate) fn alone() -> Self {
        Self::start("EX1", &certificate())
    }

    /// Two, EX1 and EX2, with one certificate.
    pub(crate) fn pair() -> (Self, Self) {
        let certificate = certificate();
        (
            Self::start("EX1", &certificate),
            Self::start("EX2", &certificate),
        )
    }
}

/// A certificate for the name that clients use.
pub(crate) fn certificate() -> Certificate {
    Wish::of(MAIL).issue().unwrap()
}

/// The same renewed on one server alone.
pub(crate) fn renewed_certificate() -> Certificate {
    let renewed = Wish {
        days: (-1, 365),
        ..Wish::of(MAIL)
    };
    renewed.issue().unwrap()
}

/// An address that nothing listens on, in this test program and in those beside it.
pub(crate) fn own_address() -> IpAddr {
    static STARTED: AtomicU8 = AtomicU8::new(1);
    let [low, high, ..] = std::process::id().to_le_bytes();
    let own = STARTED.fetch_add(1, Ordering::SeqCst);
    IpAddr::from(Ipv4Addr::new(127, 192 + high % 32, low, own))
}

/// A DNS server that holds the address of ex1.exch.test.
pub(crate) fn dns() -> Dns {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Dns::listen(any, &["exch.test"], "ex1.exch.test 1200 A 192.0.2.11").unwrap()
}
