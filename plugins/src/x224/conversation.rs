//! One connection: connect, send the Connection Request, read until a reply is complete.

use std::io;
use std::time::Duration;

use shared::deadline::{Deadline, Expired};
use shared::dial::{self, Fault, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::wire::{self, CONNECTION_REQUEST, REPLY_MOST, Reply, Wrong};

/// How much of another protocol's greeting is worth quoting.
const GREETING: usize = 48;
/// How long to wait for the rest of another protocol's greeting.
const GREETING_PATIENCE: Duration = Duration::from_millis(250);

/// What happened, for the judgement.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) outcome: Outcome,
    /// How long the TCP connect took.
    pub(super) connect: Option<Duration>,
    /// From the end of the connect to the complete reply.
    pub(super) confirm: Option<Duration>,
    /// From the start of the check to its end.
    pub(super) total: Duration,
    /// Every byte that came, at most [`REPLY_MOST`].
    pub(super) received: Vec<u8>,
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
    /// The network or this machine broke it.
    Broken(Fault),
}

pub(super) async fn converse(target: &Target, deadline: &Deadline) -> Evidence {
    let before = deadline.elapsed();
    let mut evidence = Evidence {
        outcome: Outcome::Ended(Ending::Closed),
        connect: None,
        confirm: None,
        total: Duration::ZERO,
        received: Vec::new(),
    };
    evidence.outcome = match dial::connect(target, deadline).await {
        Err(fault) => Outcome::NotConnected(fault),
        Ok((stream, took)) => {
            evidence.connect = Some(took);
            let connected = deadline.elapsed();
            let outcome = ask(stream, &mut evidence.received, deadline).await;
            if matches!(outcome, Outcome::Replied(_)) {
                evidence.confirm = Some(deadline.elapsed().saturating_sub(connected));
            }
            outcome
        }
    };
    evidence.total = deadline.elapsed().saturating_sub(before);
    evidence
}

async fn ask(mut stream: TcpStream, received: &mut Vec<u8>, deadline: &Deadline) -> Outcome {
    // A server that has already gone makes this fail; whether it closed or reset shows in the
    // read that follows.
    let sent = deadline.run(stream.write_all(&CONNECTION_REQUEST)).await;
    if let Err(expired) = sent {
        return Outcome::Ended(Ending::Expired(expired));
    }
    loop {
        if let Err(ending) = read_more(&mut stream, received, deadline).await {
            return Outcome::Ended(ending);
        }
        match wire::parse(received) {
            Ok(None) => {}
            Ok(Some(reply)) => return Outcome::Replied(reply),
            Err(wrong) => {
                if wrong == Wrong::NotTpkt {
                    read_greeting(&mut stream, received, deadline).await;
                }
                return Outcome::Wrong(wrong);
            }
        }
    }
}

/// Appends what the next read gives. The parser asks for more only below the cap.
async fn read_more(
    stream: &mut TcpStream,
    received: &mut Vec<u8>,
    deadline: &Deadline,
) -> Result<(), Ending> {
    let mut bytes = [0; 256];
    let room = REPLY_MOST.saturating_sub(received.len()).min(bytes.len());
    let (room, _) = bytes.split_at_mut(room);
    match deadline.run(stream.read(room)).await {
        Err(expired) => Err(Ending::Expired(expired)),
        Ok(Ok(0)) => Err(Ending::Closed),
        Ok(Ok(count)) => {
            received.extend(room.iter().take(count));
            Ok(())
        }
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Ending::Reset,
            _ => Ending::Broken(Fault::of(error)),
        }),
    }
}

/// Waits a moment for the rest of the first line of another protocol, for a human to read.
async fn read_greeting(stream: &mut TcpStream, received: &mut Vec<u8>, deadline: &Deadline) {
    let patience = Deadline::after(GREETING_PATIENCE.min(deadline.remaining()));
    while received.len() < GREETING && !received.contains(&b'\n') {
        if read_more(stream, received, &patience).await.is_err() {
            return;
        }
    }
}
