//! One question to one server: by UDP from a socket of its own, and by TCP where the answer does
//! not fit.
//!
//! The socket is connected, so that the kernel drops what others send, and a closed port is known
//! at once. What still does not answer the question is counted and waited past.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use shared::deadline::{Deadline, Expired};
use shared::dial::{self, Fault, Target};
use shared::verdict::{Condition, Finding, Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::super::evidence::{Answer, Silence};
use super::super::wire::{self, Query, Question, Recursion, Reply, Unfit};

/// How long the first try is waited for; each further one twice as long as the one before.
const FIRST_TRY: Duration = Duration::from_secs(1);

/// The longest datagram. Samba sends more than was asked for, and does not say so.
const DATAGRAM_MOST: usize = 65_535;

/// Asks, again and again, until the reply comes or the time is over.
pub(super) async fn ask(
    server: &Target,
    question: &Question,
    recursion: Recursion,
    deadline: &Deadline,
) -> Answer {
    let started = Instant::now();
    let mut heard = Heard::default();
    let query = Query::new(question.clone(), recursion);
    let outcome = match deadline.run(by_udp(server, query, &mut heard)).await {
        Ok(Ok((reply, query))) if reply.truncated => by_tcp(server, &query, deadline).await,
        Ok(outcome) => outcome.map(|(reply, _)| reply),
        Err(expired) => Err(heard.nothing_in_time(expired)),
    };
    Answer {
        outcome,
        took: started.elapsed(),
        bogus: heard.bogus,
    }
}

/// What came that was not the reply.
#[derive(Default)]
struct Heard {
    bogus: u32,
    headless: u32,
}

impl Heard {
    fn nothing_in_time(&self, expired: Expired) -> Silence {
        match expired {
            Expired::OwnStall { .. } => own_stall(expired),
            // Everything that came was too short for a message: the server speaks something else.
            Expired::Timeout if self.bogus > 0 && self.headless == self.bogus => {
                Silence::Malformed("datagrams too short for a header".to_owned())
            }
            Expired::Timeout => Silence::Timeout,
        }
    }
}

/// Sends the query until a reply comes; gives the query as it was answered.
async fn by_udp(
    server: &Target,
    mut query: Query,
    heard: &mut Heard,
) -> Result<(Reply, Query), Silence> {
    let socket = connected(server).await?;
    let mut patience = FIRST_TRY;
    loop {
        let bytes = query.bytes().ok_or_else(too_long)?;
        socket
            .send(&bytes)
            .await
            .map_err(|error| silence(server, error))?;
        match timeout(patience, listen(&socket, &query, heard)).await {
            Ok(Ok(reply)) if is_complaint_about_edns(&reply, &query) => {
                query = query.without_edns();
            }
            Ok(reply) => return Ok((reply.map_err(|failure| failure.silence(server))?, query)),
            Err(_) => patience = patience.saturating_mul(2),
        }
    }
}

fn is_complaint_about_edns(reply: &Reply, query: &Query) -> bool {
    reply.code.is_complaint_about_the_query() && query.has_edns() && !reply.edns
}

async fn connected(server: &Target) -> Result<UdpSocket, Silence> {
    let any = match server.address {
        SocketAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0_u16; 8], 0)),
    };
    let from = server
        .source
        .map_or(any, |source| SocketAddr::new(source, 0));
    let socket = UdpSocket::bind(from)
        .await
        .map_err(|error| Silence::Ours(Fault::Setup(error).finding(server, Duration::ZERO)))?;
    socket
        .connect(server.address)
        .await
        .map_err(|error| silence(server, error))?;
    Ok(socket)
}

/// Why a reply could not be had from a socket.
enum Failure {
    Socket(io::Error),
    Malformed(String),
}

impl Failure {
    fn silence(self, server: &Target) -> Silence {
        match self {
            Self::Socket(error) => silence(server, error),
            Self::Malformed(why) => Silence::Malformed(why),
        }
    }
}

/// Waits for the reply, past everything that is none.
async fn listen(socket: &UdpSocket, query: &Query, heard: &mut Heard) -> Result<Reply, Failure> {
    let mut buffer = vec![0; DATAGRAM_MOST];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(Failure::Socket)?;
        match wire::read(buffer.get(..length).unwrap_or_default(), query) {
            Ok(reply) => return Ok(reply),
            Err(Unfit::Malformed(why)) => return Err(Failure::Malformed(why)),
            Err(Unfit::Stray) => heard.bogus = heard.bogus.saturating_add(1),
            Err(Unfit::NoMessage) => {
                heard.bogus = heard.bogus.saturating_add(1);
                heard.headless = heard.headless.saturating_add(1);
            }
        }
    }
}

/// Asks the same by TCP (RFC 7766).
async fn by_tcp(server: &Target, query: &Query, deadline: &Deadline) -> Result<Reply, Silence> {
    let truncated = |why: &str| Silence::Truncated(why.to_owned());
    let (mut stream, _) = dial::connect(server, deadline)
        .await
        .map_err(|fault| match fault {
            Fault::Refused => truncated("its TCP port is closed"),
            Fault::Setup(_) | Fault::Local(_) | Fault::Expired(Expired::OwnStall { .. }) => {
                Silence::Ours(fault.finding(server, deadline.elapsed()))
            }
            Fault::KernelTimeout | Fault::Expired(_) => truncated("nothing answers by TCP"),
            Fault::Unreachable(_) => truncated("it is unreachable by TCP"),
            Fault::Reset => truncated("it resets the connection by TCP"),
        })?;
    let talk = async {
        let bytes = query.bytes().ok_or_else(too_long)?;
        let length = u16::try_from(bytes.len()).map_err(|_| too_long())?;
        let mut message = length.to_be_bytes().to_vec();
        message.extend(bytes);
        let broken = |error: io::Error| truncated(&format!("by TCP: {error}"));
        stream.write_all(&message).await.map_err(broken)?;
        let length = stream.read_u16().await.map_err(broken)?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await.map_err(broken)?;
        match wire::read(&answer, query) {
            Ok(reply) if reply.truncated => Err(truncated("it is truncated by TCP too")),
            Ok(reply) => Ok(reply),
            Err(Unfit::Malformed(why)) => Err(Silence::Malformed(format!("by TCP: {why}"))),
            Err(Unfit::Stray | Unfit::NoMessage) => Err(Silence::Malformed(
                "by TCP: not an answer to the question".to_owned(),
            )),
        }
    };
    match deadline.run(talk).await {
        Ok(outcome) => outcome,
        Err(expired @ Expired::OwnStall { .. }) => Err(own_stall(expired)),
        Err(Expired::Timeout) => Err(truncated("by TCP no whole answer came in time")),
    }
}

/// What an error of a UDP socket tells of the server.
fn silence(server: &Target, error: io::Error) -> Silence {
    match Fault::of(error) {
        Fault::Refused | Fault::Reset => Silence::PortClosed,
        Fault::KernelTimeout => Silence::Timeout,
        Fault::Unreachable(error) => Silence::Unreachable(error.to_string()),
        fault => Silence::Ours(fault.finding(server, Duration::ZERO)),
    }
}

fn own_stall(expired: Expired) -> Silence {
    Silence::Ours(expired.finding(|| Finding::failed(Kind::Timeout, "no answer in time")))
}

fn too_long() -> Silence {
    let summary = "a name that is to be asked for is too long for DNS; check the arguments";
    Silence::Ours(Finding::new(Condition::Unknown, Kind::Usage, summary))
}
