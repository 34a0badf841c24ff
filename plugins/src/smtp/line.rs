//! A connection over which commands go and replies come.

use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use shared::deadline::{Deadline, Expired};
use shared::dial::Fault;
use shared::text::quoted;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::wire::{self, Reply, Wrong};

/// How much of another protocol's greeting is worth quoting.
const GREETING: usize = 49;
/// How long to wait for the rest of another protocol's greeting.
const GREETING_PATIENCE: Duration = Duration::from_millis(250);

/// A step of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The greeting.
    Banner,
    /// The first EHLO.
    Ehlo,
    /// STARTTLS, up to the permission to begin.
    Starttls,
    /// EHLO inside TLS.
    EhloOverTls,
    /// `MAIL FROM:<>`.
    Mail,
    /// RSET.
    Rset,
    /// AUTH NTLM, up to the permission to begin.
    Auth,
    /// The NTLM negotiate message, which the challenge answers.
    Negotiate,
    /// The end of AUTH before anybody has logged on.
    Cancel,
    /// QUIT.
    Quit,
}

/// What the server did not answer, in words.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Banner => "greeting",
            Self::Ehlo => "answer to EHLO",
            Self::Starttls => "answer to STARTTLS",
            Self::EhloOverTls => "answer to EHLO inside TLS",
            Self::Mail => "answer to MAIL FROM",
            Self::Rset => "answer to RSET",
            Self::Auth => "answer to AUTH",
            Self::Negotiate => "NTLM challenge",
            Self::Cancel => "answer to the end of AUTH",
            Self::Quit => "answer to QUIT",
        })
    }
}

/// A reply, and what it answers.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) phase: Phase,
    /// The command, without line end; empty for the greeting.
    pub(super) sent: String,
    pub(super) reply: Reply,
    pub(super) took: Duration,
    /// When the reply was whole, by this machine's clock.
    pub(super) now: SystemTime,
}

/// Why there is no reply.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) phase: Phase,
    pub(super) why: Why,
    /// What came of it.
    pub(super) received: Vec<u8>,
    pub(super) waited: Duration,
}

/// Why there is no reply.
#[derive(Debug)]
pub(super) enum Why {
    /// The time was over.
    Expired(Expired),
    /// The server closed the connection in an orderly way (FIN).
    Closed,
    /// The server reset the connection (RST).
    Reset,
    /// The TLS layer below broke it, in the words of its library.
    Tls(String),
    /// The network or this machine broke it.
    Io(Fault),
    /// Bytes came that are no reply.
    Wrong(Wrong),
}

/// A connection, and what came over it and is not read yet.
pub(super) struct Line<S> {
    stream: S,
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// The connection, and what came that nobody asked for.
    pub(super) fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.unread)
    }

    /// Sends a command and waits for its reply.
    pub(super) async fn command(
        &mut self,
        phase: Phase,
        command: &str,
        deadline: &Deadline,
    ) -> Result<Exchange, Broken> {
        let before = deadline.elapsed();
        self.no_word_out_of_turn(phase)?;
        // A server that has already gone makes this fail; how it went shows in the read that
        // follows.
        let sent = deadline.run(self.send(command)).await;
        if let Err(expired) = sent {
            let waited = deadline.elapsed().saturating_sub(before);
            return Err(self.broken(phase, Why::Expired(expired), waited));
        }
        let exchange = self.reply(phase, deadline).await?;
        Ok(Exchange {
            sent: command.to_owned(),
            took: deadline.elapsed().saturating_sub(before),
            ..exchange
        })
    }

    async fn send(&mut self, command: &str) -> io::Result<()> {
        let line = format!("{command}\r\n");
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.flush().await
    }

    /// A reply that is there before its command answers something that we did not send. A server
    /// may only say, at any time, that it goes: 421 (RFC 5321 section 3.8).
    fn no_word_out_of_turn(&mut self, phase: Phase) -> Result<(), Broken> {
        if self.unread.is_empty() || self.unread.starts_with(b"421") {
            return Ok(());
        }
        let said = quoted(self.unread.trim_ascii_end(), GREETING);
        let wrong = Wrong::Malformed(format!("it talks out of turn: '{said}'"));
        Err(self.broken(phase, Why::Wrong(wrong), Duration::ZERO))
    }

    /// Waits for a reply. It can be given up at any point without losing what came.
    pub(super) async fn reply(
        &mut self,
        phase: Phase,
        deadline: &Deadline,
    ) -> Result<Exchange, Broken> {
        let before = deadline.elapsed();
        loop {
            let why = match wire::parse(&self.unread) {
                Ok(Some((reply, length))) => {
                    self.unread.drain(..length);
                    return Ok(Exchange {
                        phase,
                        sent: String::new(),
                        reply,
                        took: deadline.elapsed().saturating_sub(before),
                        now: SystemTime::now(),
                    });
                }
                Ok(None) => match self.read_more(deadline).await {
                    Ok(()) => continue,
                    Err(why) => why,
                },
                Err(wrong) => {
                    if wrong == Wrong::NotSmtp {
                        self.read_greeting(deadline).await;
                    }
                    Why::Wrong(wrong)
                }
            };
            let waited = deadline.elapsed().saturating_sub(before);
            return Err(self.broken(phase, why, waited));
        }
    }

    fn broken(&mut self, phase: Phase, why: Why, waited: Duration) -> Broken {
        Broken {
            phase,
            why,
            received: std::mem::take(&mut self.unread),
            waited,
        }
    }

    async fn read_more(&mut self, deadline: &Deadline) -> Result<(), Why> {
        let mut bytes = [0; 4096];
        match deadline.run(self.stream.read(&mut bytes)).await {
            Err(expired) => Err(Why::Expired(expired)),
            Ok(Ok(0)) => Err(Why::Closed),
            Ok(Ok(count)) => {
                self.unread.extend(bytes.iter().take(count));
                Ok(())
            }
            Ok(Err(error)) => Err(match error.kind() {
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Why::Reset,
                _ if error.raw_os_error().is_none() => Why::Tls(error.to_string()),
                _ => Why::Io(Fault::of(error)),
            }),
        }
    }

    /// Waits a moment for the rest of the first line of another protocol, for a human to read.
    async fn read_greeting(&mut self, deadline: &Deadline) {
        let patience = Deadline::after(GREETING_PATIENCE.min(deadline.remaining()));
        while self.unread.len() < GREETING && !self.unread.contains(&b'\n') {
            if self.read_more(&patience).await.is_err() {
                return;
            }
        }
    }
}
