//! Servers that the checks are run against.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use lookalike::dns::Dns;
use lookalike::rdp::{Behaviour, Rdp};
use lookalike::switch::Switchable;

/// A server with TLS and NLA, for as long as the test runs.
pub(crate) fn healthy() -> SocketAddr {
    behaving(Behaviour::Confirms)
}

/// A server that behaves so, for as long as the test runs.
pub(crate) fn behaving(behaviour: Behaviour) -> SocketAddr {
    let rdp = Rdp::listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    rdp.behave(behaviour).unwrap();
    rdp.address()
}

/// A DNS server with that behaviour, for as long as the test runs.
pub(crate) fn dns(behaviour: &str) -> SocketAddr {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let records = "ex1.exch.test 1200 A 192.0.2.11";
    let server = Dns::listen(any, &["exch.test"], records).unwrap();
    server.switch(behaviour).unwrap();
    server.address()
}

/// A port that nothing listens on.
pub(crate) fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A server that accepts and says nothing, for as long as the listener lives.
pub(crate) fn silent() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}
