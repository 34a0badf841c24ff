//! Look-alike RDP servers as the tests need them: on a port of their own, with what they saw.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lookalike::certificate::Wish;
use lookalike::rdp::peer::{Closing, Inside, Opening, Peer, Tls};
use lookalike::rdp::selects;
use tokio::net::TcpListener;

/// A server that selects TLS.
pub(crate) fn tls(tls: Tls) -> Peer {
    Peer {
        opening: Opening::Answers(selects(1)),
        tls,
        inside: Inside::Waits,
        drip: None,
    }
}

/// A server that selects NLA.
pub(crate) fn nla(inside: Inside) -> Peer {
    Peer {
        opening: Opening::Answers(selects(8)),
        inside,
        ..tls(good())
    }
}

/// What the server EX1 shows.
pub(crate) fn certificate() -> Wish<'static> {
    Wish::of_rdp("EX1.exch.test")
}

/// A handshake without a fault.
pub(crate) fn good() -> Tls {
    Tls::of(certificate()).unwrap()
}

/// Serves until the test ends, one connection at a time.
pub(crate) async fn serve(peer: Peer) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let (tell, closed) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            // The client decides when it is over; what it leaves unread is not the point.
            let ended = peer.talk(stream).await;
            let _ = tell.send(ended.unwrap_or(Closing::Abrupt));
        }
    });
    Running {
        address,
        connections,
        closed,
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    closed: tokio::sync::mpsc::UnboundedReceiver<Closing>,
}

impl Running {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits for the end of a connection.
    pub(crate) async fn closed(&mut self) -> Closing {
        let closed = tokio::time::timeout(Duration::from_secs(5), self.closed.recv());
        closed.await.expect("the client closes").unwrap()
    }
}
