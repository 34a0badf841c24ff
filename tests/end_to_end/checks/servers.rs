//! Servers that the checks are run against.

use std::net::{SocketAddr, TcpListener};

use crate::challenge;
use crate::peer::{Inside, Peer};

/// A server with TLS and NLA, for as long as the test runs.
pub(crate) fn healthy() -> SocketAddr {
    serve(Peer::nla(Inside::Answers(challenge::of("EX1", 0))))
}

/// Runs a server for as long as the test runs. It serves one connection at a time.
pub(crate) fn serve(peer: Peer) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let running = peer.serve().await;
            tell.send(running.address).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap()
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
