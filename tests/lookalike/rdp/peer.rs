//! The conversation of one RDP server, layer by layer: X.224, TLS, CredSSP. What it does in each
//! layer is data.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{Ssl, SslContext, SslVersion};
use plugins::x224::credssp::CHALLENGE_REQUEST;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_openssl::SslStream;

use super::challenge;
use crate::certificate::{MODERN, Wish};

/// How much a flood is, and in what pieces it is sent.
const FLOOD: usize = 100 * 1024 * 1024;
static WAVE: [u8; 65_536] = [0x41; 65_536];

/// What a server does with a connection.
#[derive(Debug)]
pub struct Peer {
    /// In X.224.
    pub opening: Opening,
    /// In TLS, behind a confirm.
    pub tls: Tls,
    /// Inside TLS.
    pub inside: Inside,
    /// At most so many bytes at once, a gap after each.
    pub drip: Option<(usize, Duration)>,
}

/// How the server opens the conversation.
#[derive(Debug)]
pub enum Opening {
    /// It reads the Connection Request, answers this, and goes on to TLS.
    Answers(Vec<u8>),
    /// It reads and says nothing.
    Hangs,
    /// It reads the request and closes (FIN), after these bytes.
    Closes(Vec<u8>),
    /// It reads the request and resets.
    Resets,
    /// It resets as soon as the connection is accepted.
    ResetsAtOnce,
    /// It greets with this, as servers of other protocols do, and waits for the client to go.
    Greets(Vec<u8>),
    /// It reads the request, sends this and 100 MB more.
    Floods(Vec<u8>),
    /// It goes on to TLS at once.
    Skipped,
}

/// What the server does behind the Connection Confirm.
#[derive(Debug)]
pub enum Tls {
    /// It reads and says nothing.
    Silent,
    /// It reads the ClientHello, sends this, and waits for the client to go.
    Says(Vec<u8>),
    /// It reads the ClientHello and closes (FIN).
    Closes,
    /// It reads the ClientHello and resets.
    Resets,
    /// It reads the ClientHello, sends this and 100 MB more.
    Floods(Vec<u8>),
    /// It shakes hands.
    Shakes(SslContext),
}

impl Tls {
    /// Shakes hands with that certificate in any of these versions.
    ///
    /// # Errors
    /// The library cannot.
    pub fn with(
        certificate: Wish<'_>,
        versions: (SslVersion, SslVersion),
    ) -> Result<Self, ErrorStack> {
        Ok(Self::Shakes(certificate.issue()?.context(versions)?))
    }

    /// The same in the versions that are not retired.
    ///
    /// # Errors
    /// The library cannot.
    pub fn of(certificate: Wish<'_>) -> Result<Self, ErrorStack> {
        Self::with(certificate, MODERN)
    }
}

/// What the server does inside TLS.
#[derive(Clone, Debug)]
pub enum Inside {
    /// It waits for the client to go.
    Waits,
    /// It reads a TSRequest, sends this, and waits for the client to go.
    Answers(Vec<u8>),
    /// It reads a TSRequest, sends its challenge, and waits for the client to go.
    Challenges {
        /// Its NetBIOS name, which may be empty.
        computer: String,
        /// How many seconds its clock is ahead of ours.
        ahead: i64,
    },
    /// It reads a TSRequest and closes.
    Closes,
    /// It reads a TSRequest and resets.
    Resets,
    /// It reads a TSRequest, sends this and 100 MB more.
    Floods(Vec<u8>),
}

/// How the client went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// With close_notify.
    Orderly,
    /// Without a word, or it was the server that went.
    Abrupt,
}

impl Peer {
    /// Has the conversation with one client.
    ///
    /// # Errors
    /// The client went, or sent something else than a check does.
    pub async fn talk(&self, stream: TcpStream) -> io::Result<Closing> {
        stream.set_nodelay(true)?;
        let mut stream = Dripping {
            inner: stream,
            drip: self.drip,
            asleep: None,
        };
        match &self.opening {
            Opening::Answers(bytes) => {
                read_request(&mut stream).await?;
                stream.write_all(bytes).await?;
            }
            Opening::Hangs => return wait(&mut stream).await,
            Opening::Closes(bytes) => {
                read_request(&mut stream).await?;
                stream.write_all(bytes).await?;
                stream.inner.shutdown().await?;
                return Ok(Closing::Abrupt);
            }
            Opening::Resets => {
                read_request(&mut stream).await?;
                return reset(&stream.inner);
            }
            Opening::ResetsAtOnce => return reset(&stream.inner),
            Opening::Greets(bytes) => {
                stream.write_all(bytes).await?;
                return wait(&mut stream).await;
            }
            Opening::Floods(bytes) => {
                read_request(&mut stream).await?;
                return flood(&mut stream, bytes).await;
            }
            Opening::Skipped => {}
        }
        self.go_on_to_tls(stream).await
    }

    async fn go_on_to_tls(&self, mut stream: Dripping) -> io::Result<Closing> {
        match &self.tls {
            Tls::Silent => wait(&mut stream).await,
            Tls::Says(bytes) => {
                hear(&mut stream).await?;
                stream.write_all(bytes).await?;
                wait(&mut stream).await
            }
            Tls::Closes => {
                hear(&mut stream).await?;
                stream.inner.shutdown().await?;
                Ok(Closing::Abrupt)
            }
            Tls::Resets => {
                hear(&mut stream).await?;
                reset(&stream.inner)
            }
            Tls::Floods(bytes) => {
                hear(&mut stream).await?;
                flood(&mut stream, bytes).await
            }
            Tls::Shakes(context) => {
                let ssl = Ssl::new(context)?;
                let mut stream = SslStream::new(ssl, stream)?;
                let accepted = Pin::new(&mut stream).accept().await;
                accepted.map_err(io::Error::other)?;
                self.go_inside(stream).await
            }
        }
    }

    async fn go_inside(&self, mut stream: SslStream<Dripping>) -> io::Result<Closing> {
        if !matches!(self.inside, Inside::Waits) {
            let mut request = [0; CHALLENGE_REQUEST.len()];
            stream.read_exact(&mut request).await?;
            if request != CHALLENGE_REQUEST {
                return Err(io::Error::other("not the TSRequest that checks send"));
            }
        }
        match &self.inside {
            Inside::Waits => {}
            Inside::Answers(bytes) => stream.write_all(bytes).await?,
            Inside::Challenges { computer, ahead } => {
                stream.write_all(&challenge::of(computer, *ahead)).await?;
            }
            Inside::Closes => {
                stream.shutdown().await?;
                return Ok(Closing::Abrupt);
            }
            Inside::Resets => return reset(&stream.get_ref().inner),
            Inside::Floods(bytes) => return flood(&mut stream, bytes).await,
        }
        // End of file without an error means that close_notify came.
        wait(&mut stream).await.map(|_| Closing::Orderly)
    }
}

/// A TPKT as long as it says (T.123 section 8); what is none is waited for as real servers wait.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let length = u16::from_be_bytes([header[2], header[3]]);
    let mut rest = vec![0; usize::from(length).saturating_sub(header.len())];
    stream.read_exact(&mut rest).await?;
    Ok(())
}

async fn wait(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Closing> {
    tokio::io::copy(stream, &mut tokio::io::sink()).await?;
    Ok(Closing::Abrupt)
}

/// The ClientHello comes in one piece.
async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut hello = [0; 4096];
    match stream.read(&mut hello).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

async fn flood(stream: &mut (impl AsyncWrite + Unpin), beginning: &[u8]) -> io::Result<Closing> {
    stream.write_all(beginning).await?;
    for _ in 0..FLOOD / WAVE.len() {
        stream.write_all(&WAVE).await?;
    }
    Ok(Closing::Abrupt)
}

fn reset(stream: &TcpStream) -> io::Result<Closing> {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
    Ok(Closing::Abrupt)
}

/// A connection that sends in pieces.
struct Dripping {
    inner: TcpStream,
    drip: Option<(usize, Duration)>,
    asleep: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Dripping {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Dripping {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some((size, gap)) = self.drip else {
            return Pin::new(&mut self.inner).poll_write(context, bytes);
        };
        if let Some(asleep) = &mut self.asleep {
            std::task::ready!(asleep.as_mut().poll(context));
            self.asleep = None;
        }
        let piece = bytes.get(..size.min(bytes.len())).unwrap_or_default();
        let written = std::task::ready!(Pin::new(&mut self.inner).poll_write(context, piece))?;
        self.asleep = Some(Box::pin(tokio::time::sleep(gap)));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
