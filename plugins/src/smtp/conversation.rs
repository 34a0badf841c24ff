//! One connection to one port, from the greeting to QUIT.

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use shared::date::UnixTime;
use shared::deadline::Deadline;
use shared::dial::{self, Fault, Target};
use shared::tls::{self, Session};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::implicit_tls;
use super::line::{Broken, Exchange, Line, Phase};
use super::ntlm_challenge;
use super::options::{Options, Port, Security, Witness};
use super::proxy_protocol;
use super::wire::Capabilities;

/// How long the answers to AUTH NTLM are waited for, at most: whether mail is taken is known then.
const AUTH_PATIENCE: Duration = Duration::from_secs(5);
/// How long the answer to QUIT is waited for where everything else has been said.
const QUIT_PATIENCE: Duration = Duration::from_secs(2);
/// The same where something went wrong before.
const SHORT_QUIT_PATIENCE: Duration = Duration::from_millis(500);
/// How long sending a QUIT may take when the time is over: it is one small write.
const PARTING: Duration = Duration::from_millis(50);
/// How long a port may stay silent before it is tried whether it waits for TLS, at most.
const SILENCE: Duration = Duration::from_secs(2);

/// How far a conversation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// To `MAIL FROM:<>`, which tells maintenance and back pressure.
    Mail,
    /// To EHLO, inside TLS where there is TLS: for callers that ask more often than a server lets
    /// them send MAIL.
    Ehlo,
}

/// Whoever can turn a connection into one over TLS.
pub trait Tls {
    /// The connection over TLS.
    type Secured: AsyncRead + AsyncWrite + Unpin + Send;

    /// Shakes hands as a client that looks for `name`.
    fn shake_hands(
        &self,
        connection: TcpStream,
        name: Option<&str>,
        deadline: &Deadline,
    ) -> impl Future<Output = Result<(Self::Secured, Session), Unshaken>> + Send;

    /// Ends the connection in an orderly way, without waiting for the other side's word.
    fn close(&self, secured: Self::Secured) -> impl Future<Output = ()> + Send;
}

/// A handshake that came to nothing, and how many bytes came in answer.
#[derive(Debug)]
pub struct Unshaken {
    /// Why.
    pub fault: tls::Fault,
    /// How many bytes came.
    pub received: usize,
}

/// What happened on one port, for the judgement.
#[derive(Debug)]
pub(super) struct Evidence {
    pub(super) target: Target,
    pub(super) port: Port,
    pub(super) depth: Depth,
    /// Why the conversation ended before its end.
    pub(super) trouble: Option<Trouble>,
    /// How long the TCP connect took.
    pub(super) connect: Option<Duration>,
    /// Every reply that came, with what it answers.
    pub(super) exchanges: Vec<Exchange>,
    /// The completed TLS handshake.
    pub(super) tls: Option<Handshake>,
    /// From the start of the check to the end of this conversation.
    pub(super) total: Duration,
}

/// A completed TLS handshake.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) session: Session,
    pub(super) took: Duration,
    /// When it was complete, by this machine's clock.
    pub(super) now: UnixTime,
}

/// Why a conversation ended before its end.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There was no connection.
    NotConnected(Fault),
    /// The port said nothing, and a second connection showed that it waits for TLS.
    WaitsForTls,
    /// There was no reply.
    Broken(Broken),
    /// The last reply says something else than it should.
    Refused,
    /// STARTTLS is not offered and must be.
    NoStarttls,
    /// Plaintext came behind the reply to STARTTLS.
    Injected(Vec<u8>),
    /// The TLS handshake came to nothing.
    TlsFailed { unshaken: Unshaken, took: Duration },
}

impl Evidence {
    /// The reply of a phase, where there is one.
    pub(super) fn exchange(&self, phase: Phase) -> Option<&Exchange> {
        let mut exchanges = self.exchanges.iter();
        exchanges.find(|exchange| exchange.phase == phase)
    }

    /// What the server announced before TLS, or first inside it.
    pub(super) fn capabilities(&self) -> Option<Capabilities> {
        let ehlo = self
            .exchange(Phase::Ehlo)
            .or(self.exchange(Phase::EhloOverTls));
        ehlo.map(|exchange| Capabilities::of(&exchange.reply))
    }

    /// Whether the last EHLO offers NTLM.
    pub(super) fn offers_ntlm(&self) -> bool {
        let ehlo = self
            .exchange(Phase::EhloOverTls)
            .or(self.exchange(Phase::Ehlo));
        ehlo.is_some_and(|exchange| Capabilities::of(&exchange.reply).offers("AUTH", "NTLM"))
    }
}

/// Asks one port of `target`, whose address names the port, and closes the connection.
pub(super) async fn converse<T: Tls>(
    tls: &T,
    target: &Target,
    options: &Options,
    port: Port,
    depth: Depth,
    deadline: &Deadline,
) -> Evidence {
    let mut call = Call {
        tls,
        options,
        deadline,
        evidence: Evidence {
            target: target.clone(),
            port,
            depth,
            trouble: None,
            connect: None,
            exchanges: Vec::new(),
            tls: None,
            total: Duration::ZERO,
        },
        name: String::new(),
    };
    let trouble = call.make().await.err();
    Evidence {
        trouble,
        total: deadline.elapsed(),
        ..call.evidence
    }
}

/// A conversation under way.
struct Call<'a, T> {
    tls: &'a T,
    options: &'a Options,
    deadline: &'a Deadline,
    evidence: Evidence,
    /// What we call ourselves.
    name: String,
}

impl<T: Tls> Call<'_, T> {
    async fn make(&mut self) -> Result<(), Trouble> {
        let connected = dial::connect(&self.evidence.target, self.deadline).await;
        let (mut stream, took) = connected.map_err(Trouble::NotConnected)?;
        self.evidence.connect = Some(took);
        // Commands are short and each waits for its answer; a failure costs time alone.
        let _ = stream.set_nodelay(true);
        self.name = own_name(self.options, stream.local_addr().ok());
        let header = self.proxy_header(&stream);
        // What a failed write means shows in the read that follows.
        let _ = self.deadline.run(stream.write_all(&header)).await;
        match self.evidence.port.security {
            Security::Tls => {
                let secured = self.shake_hands(stream).await?;
                self.inside_tls(secured, Beginning::Greeting).await
            }
            _ => self.in_plaintext(stream).await,
        }
    }

    fn proxy_header(&self, stream: &TcpStream) -> Vec<u8> {
        match (self.options.proxy_protocol, stream.local_addr()) {
            (Some(version), Ok(own)) => {
                proxy_protocol::header(version, own, self.evidence.target.address)
            }
            _ => Vec::new(),
        }
    }

    async fn in_plaintext(&mut self, stream: TcpStream) -> Result<(), Trouble> {
        let mut line = Line::new(stream);
        match self.up_to_starttls(&mut line).await {
            Ok(true) => {}
            Ok(false) => {
                let said = self.body(&mut line).await;
                return self.leave(&mut line, said).await;
            }
            Err(trouble) => return self.leave(&mut line, Err(trouble)).await,
        }
        let (stream, behind) = line.into_parts();
        if !behind.is_empty() {
            // The connection is not to be trusted with another word.
            return Err(Trouble::Injected(behind));
        }
        let secured = self.shake_hands(stream).await?;
        self.inside_tls(secured, Beginning::Ehlo).await
    }

    /// Greeting, EHLO and STARTTLS; whether TLS is to begin.
    async fn up_to_starttls(&mut self, line: &mut Line<TcpStream>) -> Result<bool, Trouble> {
        self.greeting(line).await?;
        let capabilities = self.ehlo(line, Phase::Ehlo).await?;
        match (self.evidence.port.security, capabilities.has("STARTTLS")) {
            (Security::Starttls, false) => Err(Trouble::NoStarttls),
            (Security::Starttls | Security::StarttlsIfOffered, true) => {
                self.ask(line, Phase::Starttls, "STARTTLS", 220).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn shake_hands(&mut self, stream: TcpStream) -> Result<T::Secured, Trouble> {
        let before = self.deadline.elapsed();
        let target = &self.evidence.target.name;
        let by_target = tls::Expected::host(target).map(|_| target.as_str());
        let name = self.options.sni.as_ref().map(|name| name.as_str());
        let shaken = self
            .tls
            .shake_hands(stream, name.or(by_target), self.deadline)
            .await;
        let took = self.deadline.elapsed().saturating_sub(before);
        match shaken {
            Ok((secured, session)) => {
                let now = SystemTime::now().into();
                self.evidence.tls = Some(Handshake { session, took, now });
                Ok(secured)
            }
            Err(unshaken) => Err(Trouble::TlsFailed { unshaken, took }),
        }
    }

    async fn inside_tls(
        &mut self,
        secured: T::Secured,
        beginning: Beginning,
    ) -> Result<(), Trouble> {
        let mut line = Line::new(secured);
        let said = self.said_inside(&mut line, beginning).await;
        let said = self.leave(&mut line, said).await;
        let (secured, _) = line.into_parts();
        self.tls.close(secured).await;
        said
    }

    async fn said_inside(
        &mut self,
        line: &mut Line<T::Secured>,
        beginning: Beginning,
    ) -> Result<(), Trouble> {
        if beginning == Beginning::Greeting {
            let greeting = line.reply(Phase::Banner, self.deadline).await;
            self.note(greeting, 220)?;
        }
        self.ehlo(line, Phase::EhloOverTls).await?;
        self.body(line).await
    }

    /// Waits for the greeting in plaintext. Where it does not come, a second connection tries
    /// whether the port waits for TLS meanwhile.
    async fn greeting(&mut self, line: &mut Line<TcpStream>) -> Result<(), Trouble> {
        let patience = SILENCE.min(self.deadline.remaining() / 3);
        let suspicion = async {
            tokio::time::sleep(patience).await;
            let version = self.options.proxy_protocol;
            implicit_tls::is_waited_for(&self.evidence.target, version, self.deadline).await
        };
        let greeting = tokio::select! {
            biased;
            greeting = line.reply(Phase::Banner, self.deadline) => greeting,
            () = suspicion => return Err(Trouble::WaitsForTls),
        };
        self.note(greeting, 220)
    }

    async fn ehlo<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        line: &mut Line<S>,
        phase: Phase,
    ) -> Result<Capabilities, Trouble> {
        let command = format!("EHLO {}", self.name);
        self.ask(line, phase, &command, 250).await?;
        let last = self.evidence.exchange(phase);
        Ok(last.map_or_else(Capabilities::default, |exchange| {
            Capabilities::of(&exchange.reply)
        }))
    }

    /// What is said after EHLO: the null sender, which the strictest rules of a server are for,
    /// and then that nothing was meant by it.
    async fn body<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        line: &mut Line<S>,
    ) -> Result<(), Trouble> {
        if self.evidence.depth == Depth::Ehlo {
            return Ok(());
        }
        self.ask(line, Phase::Mail, "MAIL FROM:<>", 250).await?;
        self.ask(line, Phase::Rset, "RSET", 250).await?;
        if self.options.identity.witness == Witness::Challenge && self.evidence.offers_ntlm() {
            self.ask_for_challenge(line).await;
        }
        Ok(())
    }

    /// Asks for the NTLM challenge. What comes of it does not change whether mail is taken.
    async fn ask_for_challenge<S: AsyncRead + AsyncWrite + Unpin>(&mut self, line: &mut Line<S>) {
        let deadline = Deadline::after(self.deadline.remaining().min(AUTH_PATIENCE));
        let negotiate = ntlm_challenge::negotiate();
        for (phase, command) in [
            (Phase::Auth, ntlm_challenge::BEGIN),
            (Phase::Negotiate, negotiate.as_str()),
            (Phase::Cancel, ntlm_challenge::CANCEL),
        ] {
            let Ok(exchange) = line.command(phase, command, &deadline).await else {
                return;
            };
            let goes_on = exchange.reply.code == 334;
            self.evidence.exchanges.push(exchange);
            if !goes_on {
                return;
            }
        }
    }

    /// Says QUIT and waits for its answer, whatever happened before. Where EHLO was the last that
    /// was asked, the answer to QUIT belongs to what was asked.
    async fn leave<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        line: &mut Line<S>,
        said: Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        if self.evidence.exchanges.is_empty() {
            // It has not spoken yet, and a client must not before (RFC 5321 section 4.3.1).
            return said;
        }
        let left = self.deadline.remaining();
        let (patience, counts) = match (&said, self.evidence.depth) {
            (Ok(()), Depth::Ehlo) => (left, true),
            (Ok(()), Depth::Mail) => (left.min(QUIT_PATIENCE), false),
            (Err(_), _) => (left.min(SHORT_QUIT_PATIENCE).max(PARTING), false),
        };
        let deadline = Deadline::after(patience);
        match line.command(Phase::Quit, "QUIT", &deadline).await {
            Ok(exchange) => self.evidence.exchanges.push(exchange),
            Err(broken) if counts => return Err(Trouble::Broken(broken)),
            Err(_) => {}
        }
        said
    }

    async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        line: &mut Line<S>,
        phase: Phase,
        command: &str,
        expected: u16,
    ) -> Result<(), Trouble> {
        let answer = line.command(phase, command, self.deadline).await;
        self.note(answer, expected)
    }

    /// Keeps what came; trouble unless it is the reply expected.
    fn note(&mut self, answer: Result<Exchange, Broken>, expected: u16) -> Result<(), Trouble> {
        let exchange = answer.map_err(Trouble::Broken)?;
        let code = exchange.reply.code;
        self.evidence.exchanges.push(exchange);
        match code == expected {
            true => Ok(()),
            false => Err(Trouble::Refused),
        }
    }
}

/// How a conversation inside TLS begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// With the server's greeting: TLS from the first byte.
    Greeting,
    /// With EHLO: after STARTTLS.
    Ehlo,
}

/// The name for EHLO: as asked for, else our own address as a literal (RFC 5321 section 4.1.3).
fn own_name(options: &Options, own: Option<SocketAddr>) -> String {
    match (&options.ehlo, own) {
        (Some(name), _) => name.as_str().to_owned(),
        (None, Some(SocketAddr::V4(own))) => format!("[{}]", own.ip()),
        (None, Some(SocketAddr::V6(own))) => format!("[IPv6:{}]", own.ip()),
        (None, None) => "[127.0.0.1]".to_owned(),
    }
}
