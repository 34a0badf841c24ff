//! Servers on loopback that follow a script.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// One thing that a server does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Read 19 bytes.
    ReadRequest,
    Send(Vec<u8>),
    Pause(Duration),
    /// Read until the client closes.
    AwaitClose,
    /// Close in an orderly way.
    Close,
    /// Close with RST.
    Reset,
}

#[derive(Clone, Debug)]
pub(crate) struct Script(pub(crate) Vec<Step>);

impl Script {
    /// Reads the request, answers, waits for the client to close.
    pub(crate) fn reply(bytes: &[u8]) -> Self {
        Self(vec![
            Step::ReadRequest,
            Step::Send(bytes.to_vec()),
            Step::AwaitClose,
        ])
    }

    /// The same with the answer in pieces, a pause before each.
    pub(crate) fn fragmented(bytes: &[u8], size: usize, gap: Duration) -> Self {
        let pieces = bytes.chunks(size);
        let answer = pieces.flat_map(|piece| [Step::Pause(gap), Step::Send(piece.to_vec())]);
        let steps = std::iter::once(Step::ReadRequest).chain(answer);
        Self(steps.chain([Step::AwaitClose]).collect())
    }
}

/// A server that plays its script to every client.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heard: Option<oneshot::Receiver<Vec<u8>>>,
}

impl Server {
    pub(crate) async fn play(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let (tell, heard) = oneshot::channel();
        tokio::spawn(async move {
            let mut tell = Some(tell);
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let received = follow(&script, stream).await;
                if let Some(tell) = tell.take() {
                    let _ = tell.send(received);
                }
            }
        });
        Self {
            address,
            connections,
            heard: Some(heard),
        }
    }

    /// A port on which nothing listens.
    pub(crate) async fn closed() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            heard: None,
        }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What the first client sent, once its script is played to the end.
    pub(crate) async fn heard_until_close(self) -> Vec<u8> {
        let heard = self.heard.expect("the server is open");
        let patience = Duration::from_secs(5);
        tokio::time::timeout(patience, heard)
            .await
            .expect("the client closes")
            .unwrap()
    }
}

async fn follow(script: &Script, mut stream: TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    for step in &script.0 {
        let done = match step {
            Step::ReadRequest => {
                let mut request = [0; 19];
                let read = stream.read_exact(&mut request).await;
                received.extend_from_slice(&request);
                read.map(|_| ())
            }
            Step::Send(bytes) => stream.write_all(bytes).await,
            Step::Pause(gap) => {
                tokio::time::sleep(*gap).await;
                Ok(())
            }
            Step::AwaitClose => stream.read_to_end(&mut received).await.map(|_| ()),
            Step::Close => stream.shutdown().await,
            Step::Reset => {
                let socket = socket2::SockRef::from(&stream);
                socket.set_linger(Some(Duration::ZERO))
            }
        };
        if done.is_err() {
            break;
        }
    }
    received
}

/// A port whose backlog is full, so that the kernel drops SYN, and what keeps it so.
pub(crate) fn full_backlog() -> (SocketAddr, impl Sized) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let waiting = std::net::TcpStream::connect(address).unwrap();
    (address, (socket, waiting))
}
