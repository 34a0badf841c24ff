//! One connection: connect, send the Connection Request, read until a reply is complete.

use std::io;
use std::time::Duration;

use shared::date::UnixTime;
use shared::deadline::{Deadline, Expired};
use shared::dial::{self, Fault, Target};
use shared::tls;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::nla::Exchange;
use super::wire::{self, CONNECTION_REQUEST, Reply, Wrong};

/// How much of another protocol's greeting is worth quoting.
const GREETING: usize = 49;
/// How long to wait for the rest of another protocol's greeting.
const GREETING_PATIENCE: Duration = Duration::from_millis(250);

/// What happened, for the judgement.
#[derive(Debug)]
pub struct Evidence {
    pub(super) outcome: Outcome,
    /// How long the TCP connect took.
    pub(super) connect: Option<Duration>,
    /// From the end of the connect to the complete reply.
    pub(super) confirm: Option<Duration>,
    /// From the start of the check to its end.
    pub(super) total: Duration,
    /// Every byte of X.224 that came, at most [`wire::REPLY_MOST`].
    pub(super) received: Vec<u8>,
    /// What came of the layers above.
    pub(super) upper: Upper,
}

/// What came of the layers above X.224.
#[derive(Debug)]
pub enum Upper {
    /// They were not asked for, or the server did not choose TLS.
    NotTried,
    /// The TLS handshake came to nothing.
    TlsFailed {
        /// Why.
        fault: tls::Fault,
        /// How long it was tried.
        took: Duration,
        /// How many bytes came in answer.
        received: usize,
    },
    /// The TLS handshake is complete.
    Tls {
        /// What it showed.
        session: Box<tls::Session>,
        /// How long it took.
        took: Duration,
        /// When it was complete, by this machine's clock.
        now: UnixTime,
        /// What came of CredSSP, where the server chose it and it was asked for.
        nla: Option<Exchange>,
    },
}

impl Evidence {
    /// Whether the server chose a protocol that begins with TLS.
    pub fn chose_tls(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Replied(Reply::Selected {
                protocol: 1 | 2 | 8,
                ..
            })
        )
    }

    /// Whether the server chose CredSSP over TLS.
    pub fn chose_nla(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Replied(Reply::Selected {
                protocol: 2 | 8,
                ..
            })
        )
    }

    /// The evidence completed by what came of the layers above, up to now.
    pub fn with_upper(self, upper: Upper, deadline: &Deadline) -> Self {
        Self {
            upper,
            total: deadline.elapsed(),
            ..self
        }
    }
}

/// How the conversation ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// There was no connection.
    NotConnected(Fault),
    /// The connection ended, or the time, before a reply was complete.
    Ended(Ending),
    /// Bytes came that are no reply.
    Wrong(Wrong),
    /// A reply came.
    Replied(Reply),
}

/// Why no more bytes came.
#[derive(Debug)]
pub(super) enum Ending {
    /// The time was over.
    Expired(Expired),
    /// The server closed the connection in an orderly way (FIN).
    Closed,
    /// The server reset the connection (RST).
    Reset,
    /// The TLS layer below broke it, in the words of its library.
    Tls(String),
    /// The network or this machine broke it.
    Broken(Fault),
}

/// Connects and asks. Where the server answered, its connection comes back open.
pub async fn confirm(target: &Target, deadline: &Deadline) -> (Evidence, Option<TcpStream>) {
    let mut evidence = Evidence {
        outcome: Outcome::Ended(Ending::Closed),
        connect: None,
        confirm: None,
        total: Duration::ZERO,
        received: Vec::new(),
        upper: Upper::NotTried,
    };
    let mut open = None;
    evidence.outcome = match dial::connect(target, deadline).await {
        Err(fault) => Outcome::NotConnected(fault),
        Ok((mut stream, took)) => {
            evidence.connect = Some(took);
            let connected = deadline.elapsed();
            let outcome = ask(&mut stream, &mut evidence.received, deadline).await;
            if matches!(outcome, Outcome::Replied(_)) {
                evidence.confirm = Some(deadline.elapsed().saturating_sub(connected));
                open = Some(stream);
            }
            outcome
        }
    };
    evidence.total = deadline.elapsed();
    (evidence, open)
}

async fn ask(stream: &mut TcpStream, received: &mut Vec<u8>, deadline: &Deadline) -> Outcome {
    // A server that has already gone makes this fail; whether it closed or reset shows in the
    // read that follows.
    let sent = deadline.run(stream.write_all(&CONNECTION_REQUEST)).await;
    if let Err(expired) = sent {
        return Outcome::Ended(Ending::Expired(expired));
    }
    loop {
        let missing = wire::missing(received);
        if let Err(ending) = read_more(stream, received, missing, deadline).await {
            return Outcome::Ended(ending);
        }
        match wire::parse(received) {
            Ok(None) => {}
            Ok(Some(reply)) => return Outcome::Replied(reply),
            Err(wrong) => {
                if wrong == Wrong::NotTpkt {
                    read_greeting(stream, received, deadline).await;
                }
                return Outcome::Wrong(wrong);
            }
        }
    }
}

/// Appends what the next read gives, at most `most` bytes.
pub(super) async fn read_more<S: AsyncRead + Unpin>(
    stream: &mut S,
    received: &mut Vec<u8>,
    most: usize,
    deadline: &Deadline,
) -> Result<(), Ending> {
    let mut bytes = [0; 1024];
    let (room, _) = bytes.split_at_mut(most.min(1024));
    match deadline.run(stream.read(room)).await {
        Err(expired) => Err(Ending::Expired(expired)),
        Ok(Ok(0)) => Err(Ending::Closed),
        Ok(Ok(count)) => {
            received.extend(room.iter().take(count));
            Ok(())
        }
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Ending::Reset,
            _ if error.raw_os_error().is_none() => Ending::Tls(error.to_string()),
            _ => Ending::Broken(Fault::of(error)),
        }),
    }
}

/// Waits a moment for the rest of the first line of another protocol, for a human to read.
async fn read_greeting(stream: &mut TcpStream, received: &mut Vec<u8>, deadline: &Deadline) {
    let patience = Deadline::after(GREETING_PATIENCE.min(deadline.remaining()));
    while received.len() < GREETING && !received.contains(&b'\n') {
        let room = GREETING - received.len();
        if read_more(stream, received, room, &patience).await.is_err() {
            return;
        }
    }
}
