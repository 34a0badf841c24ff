//! One connection, served.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::ssl::{Ssl, SslStream};

use super::certificate::Certificates;
use super::{Behaviour, Connector, Delays};
use crate::rdp::challenge;

/// How an NTLM negotiate message begins in base64: "NTLMSSP\0", type 1.
const NTLM_NEGOTIATE: &str = "TlRMTVNTUAAB";

/// How long a connection may stay without a word from the client.
const LONGEST_CONNECTION: Duration = Duration::from_secs(90);

/// What is said in place of a greeting of a megabyte, of a hundred, of a drip.
const MEGABYTE: usize = 1024 * 1024;

const NOT_AVAILABLE: &str = "421 4.3.2 Service not available";
const NOT_ACTIVE: &str = "421 4.3.2 Service not active";
const PROXY_FAILED: &str = "451 4.7.0 Temporary server error. Please try again later.";
const SHORT_OF_RESOURCES: &str = "452 4.3.1 Insufficient system resources";
const TOO_MANY: &str = "421 4.3.2 The maximum number of concurrent";

/// One connection's server.
pub(super) struct Session {
    /// The name that the server gives itself.
    pub(super) name: Arc<str>,
    pub(super) connector: Connector,
    pub(super) behaviour: Behaviour,
    pub(super) delays: Delays,
    pub(super) certificates: Arc<Certificates>,
    pub(super) heard: Arc<Mutex<Vec<String>>>,
}

/// What follows a command.
enum Next {
    Go,
    Starttls,
    Close,
    /// Not a word more.
    Silence,
}

impl Session {
    /// Serves the connection until the client or the behaviour ends it.
    pub(super) fn serve(&self, stream: TcpStream) {
        let _ = self.converse(stream);
    }

    fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LONGEST_CONNECTION))?;
        match self.behaviour {
            Behaviour::Closes => return Ok(()),
            Behaviour::Resets => {
                return socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            }
            Behaviour::Silent => return wait(&mut stream),
            Behaviour::ImplicitTls => {
                let mut secured = self.shake_hands(stream)?;
                self.greet(&mut secured)?;
                return self.commands(&mut secured, true).map(|_| ());
            }
            Behaviour::ExpectsProxy => read_proxy_header(&mut stream)?,
            _ => {}
        }
        if !self.greet(&mut stream)? {
            return wait(&mut stream);
        }
        if !self.commands(&mut stream, false)? {
            return Ok(());
        }
        match self.behaviour {
            // With the ClientHello unread, the kernel would reset.
            Behaviour::TlsCloses => stream.read(&mut [0; 4096]).map(|_| ()),
            Behaviour::TlsSilent => wait(&mut stream),
            Behaviour::StarttlsInjection | Behaviour::StarttlsInjectionLate => wait(&mut stream),
            _ => {
                let mut secured = self.shake_hands(stream)?;
                self.commands(&mut secured, true)?;
                let _ = secured.shutdown();
                Ok(())
            }
        }
    }

    fn shake_hands(&self, stream: TcpStream) -> io::Result<SslStream<TcpStream>> {
        let ssl = Ssl::new(self.certificates.of(self.behaviour))?;
        ssl.accept(stream).map_err(io::Error::other)
    }

    /// Greets; whether a conversation follows.
    fn greet(&self, stream: &mut (impl Read + Write)) -> io::Result<bool> {
        let name = self.called();
        let banner = format!(
            "220 {name} Microsoft ESMTP MAIL Service ready at Tue, 25 Nov 2025 19:03:49 +0000"
        );
        let instead: &[u8] = match self.behaviour {
            Behaviour::BannerLate => {
                sleep(self.delays.banner);
                b""
            }
            Behaviour::BannerMultiline => {
                send(stream, &format!("220-{name} one moment"))?;
                send(stream, "220-and another")?;
                b""
            }
            Behaviour::BannerDrip => return self.drip(stream),
            Behaviour::BannerLongLine => return self.pour(stream, 1),
            Behaviour::BannerEndless => return self.pour(stream, 100),
            Behaviour::Banner554 => b"554 5.7.1 No SMTP service here\r\n",
            Behaviour::BannerGarbage => b"\xde\xad\xbe\xef\x00 no greeting at all\r\n",
            Behaviour::BannerNoCrlf => b"220 mail.exch.test Microsoft ESMTP MAIL Service ready",
            Behaviour::BannerLfAlone => b"220 mail.exch.test Microsoft ESMTP MAIL Service ready\n",
            Behaviour::Http => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            Behaviour::Ssh => b"SSH-2.0-OpenSSH_for_Windows_8.1\r\n",
            Behaviour::Rdp => b"\x03\x00\x00\x0b\x06\xd0\x00\x00\x12\x34\x00",
            _ => b"",
        };
        if !instead.is_empty() {
            stream.write_all(instead)?;
            return Ok(false);
        }
        let front_end_drains = self.behaviour == Behaviour::Draining && !self.connector.is_hub();
        let refusal = match self.behaviour {
            Behaviour::MaintenanceBanner => Some(NOT_AVAILABLE.to_owned()),
            Behaviour::Draining if front_end_drains => Some(NOT_AVAILABLE.to_owned()),
            Behaviour::BackPressureBanner => Some(SHORT_OF_RESOURCES.to_owned()),
            Behaviour::ConnectionLimit => Some(format!(
                "{TOO_MANY} server connections has exceeded a limit, closing transmission channel"
            )),
            Behaviour::ConnectionLimitPerSource => Some(format!(
                "{TOO_MANY} connections has exceeded a limit, closing transmission channel"
            )),
            _ => None,
        };
        match refusal {
            Some(refusal) => {
                send(stream, &refusal)?;
                Err(ErrorKind::ConnectionAborted.into())
            }
            None => send(stream, &banner).map(|()| true),
        }
    }

    /// The name of the server that answers.
    fn called(&self) -> String {
        match self.behaviour {
            Behaviour::OtherServer => "ex2.exch.test".to_owned(),
            _ => self.name.to_string(),
        }
    }

    /// The first line of a greeting, then a byte at a time that is never the end.
    fn drip(&self, stream: &mut impl Write) -> io::Result<bool> {
        send(stream, &format!("220-{} one moment", self.name))?;
        for byte in b"220-and more ".iter().cycle() {
            stream.write_all(&[*byte])?;
            sleep(self.delays.drip);
        }
        Ok(false)
    }

    /// So many megabytes: one as a single line, more as lines of a reply that does not end.
    fn pour(&self, stream: &mut impl Write, megabytes: usize) -> io::Result<bool> {
        let line = match megabytes {
            1 => [b"220 ".to_vec(), vec![b'x'; MEGABYTE]].concat(),
            _ => b"220-and so on, and so on, and so on, and so on, and so on\r\n".repeat(1024),
        };
        let mut sent = 0;
        while sent < megabytes * MEGABYTE {
            stream.write_all(&line)?;
            sent += line.len();
        }
        Ok(false)
    }

    /// Answers commands; whether TLS is to begin.
    fn commands<S: Read + Write>(&self, stream: &mut S, over_tls: bool) -> io::Result<bool> {
        let mut unread = Vec::new();
        loop {
            let Some(command) = read_line(stream, &mut unread)? else {
                return Ok(false);
            };
            self.heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(command.clone());
            match self.answer(stream, &command, over_tls)? {
                Next::Go => {}
                Next::Starttls => return Ok(true),
                Next::Close => return Ok(false),
                Next::Silence => return wait(stream).map(|()| false),
            }
        }
    }

    fn answer(&self, stream: &mut impl Write, command: &str, over_tls: bool) -> io::Result<Next> {
        let verb = command.split([' ', ':']).next().unwrap_or_default();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" if self.behaviour == Behaviour::Ehlo501 => {
                send(stream, "501 5.5.4 Invalid domain name")?;
                Ok(Next::Go)
            }
            "EHLO" => self.ehlo(stream, over_tls),
            "HELO" => {
                let hello = format!("250 {} Hello [10.0.1.254]", self.name);
                send(stream, &hello).map(|()| Next::Go)
            }
            "STARTTLS" if !over_tls => self.starttls(stream),
            "MAIL" => self.mail(stream),
            "AUTH" => self.auth(stream, command),
            _ if command.starts_with(NTLM_NEGOTIATE) => self.challenge(stream),
            "*" => send(stream, "501 5.7.0 Authentication cancelled").map(|()| Next::Go),
            "RSET" | "NOOP" => send(stream, "250 2.0.0 OK").map(|()| Next::Go),
            "QUIT" if self.behaviour == Behaviour::QuitSilent => Ok(Next::Silence),
            "QUIT" => {
                send(stream, "221 2.0.0 Service closing transmission channel")?;
                Ok(Next::Close)
            }
            _ => send(stream, "500 5.3.3 Unrecognized command").map(|()| Next::Go),
        }
    }

    fn ehlo(&self, stream: &mut impl Write, over_tls: bool) -> io::Result<Next> {
        let keywords = self.connector.capabilities(self.behaviour, over_tls);
        let mut text = format!("250-{} Hello [10.0.1.254]\r\n", self.name);
        for (at, keyword) in keywords.iter().enumerate() {
            let separator = if at + 1 == keywords.len() { ' ' } else { '-' };
            text.push_str(&format!("250{separator}{keyword}\r\n"));
        }
        stream.write_all(text.as_bytes())?;
        match self.behaviour {
            Behaviour::HalfOpen => Ok(Next::Silence),
            _ => Ok(Next::Go),
        }
    }

    fn starttls(&self, stream: &mut impl Write) -> io::Result<Next> {
        let (answer, next) = match self.behaviour {
            Behaviour::Starttls454 => (
                "454 4.7.0 Cannot accept TLS as maximum TLS rate exceeded",
                Next::Go,
            ),
            Behaviour::Starttls554 => (
                "554 5.7.3 Unable to initialize security subsystem",
                Next::Go,
            ),
            Behaviour::StarttlsSilent => return Ok(Next::Silence),
            Behaviour::StarttlsInjection => (
                "220 2.0.0 SMTP server ready\r\n250-mail.exch.test Hello\r\n250 AUTH PLAIN",
                Next::Starttls,
            ),
            _ => ("220 2.0.0 SMTP server ready", Next::Starttls),
        };
        send(stream, answer)?;
        if self.behaviour == Behaviour::StarttlsInjectionLate {
            sleep(Duration::from_millis(100));
            send(stream, "250-mail.exch.test Hello\r\n250 AUTH PLAIN")?;
        }
        Ok(next)
    }

    /// AUTH NTLM in the steps of MS-SMTPNTLM section 3.1.5.
    fn auth(&self, stream: &mut impl Write, command: &str) -> io::Result<Next> {
        let is_ntlm = command.eq_ignore_ascii_case("AUTH NTLM");
        let answer = match self.behaviour {
            Behaviour::NtlmRefused => "504 5.7.4 Unrecognized authentication type",
            _ if !is_ntlm => "504 5.7.4 Unrecognized authentication type",
            _ => "334 NTLM supported",
        };
        send(stream, answer).map(|()| Next::Go)
    }

    fn challenge(&self, stream: &mut impl Write) -> io::Result<Next> {
        let ahead = match self.behaviour {
            Behaviour::NtlmClock => 400,
            _ => 0,
        };
        let name = self.called();
        let computer = name.split('.').next().unwrap_or_default();
        let challenge = challenge::ntlm(&computer.to_ascii_uppercase(), ahead);
        let line = match self.behaviour {
            Behaviour::NtlmMalformed => "334 one moment".to_owned(),
            _ => format!("334 {}", STANDARD.encode(challenge)),
        };
        send(stream, &line).map(|()| Next::Go)
    }

    fn mail(&self, stream: &mut impl Write) -> io::Result<Next> {
        let hub = self.connector.is_hub();
        let refusal = match self.behaviour {
            Behaviour::RateLimit => {
                "421 4.4.2 Message submission rate for this client has exceeded the configured limit"
                    .to_owned()
            }
            Behaviour::Draining => NOT_AVAILABLE.to_owned(),
            Behaviour::BackPressure => SHORT_OF_RESOURCES.to_owned(),
            Behaviour::Inactive if !hub => NOT_ACTIVE.to_owned(),
            Behaviour::Inactive412 => NOT_ACTIVE.replace("421", "412"),
            Behaviour::Prx2 => format!("{PROXY_FAILED} PRX2"),
            Behaviour::Cprx3 => format!("{PROXY_FAILED} CPRX3"),
            Behaviour::MailRefused => "550 5.7.1 Sender is refused".to_owned(),
            _ => return self.permission(stream),
        };
        send(stream, &refusal)?;
        Ok(match refusal.starts_with("42") {
            true => Next::Close,
            false => Next::Go,
        })
    }

    /// Whether the sender may: judged after what the server itself cannot do.
    fn permission(&self, stream: &mut impl Write) -> io::Result<Next> {
        if self.behaviour == Behaviour::BackPressureTarpit {
            sleep(self.delays.back_pressure);
        }
        let refused = self.behaviour == Behaviour::MailUnauthenticated;
        if self.connector.takes_strangers() && !refused {
            return send(stream, "250 2.1.0 Sender OK").map(|()| Next::Go);
        }
        if self.connector.has_tarpit() {
            sleep(self.delays.tarpit);
        }
        send(stream, "530 5.7.1 Client was not authenticated")?;
        Ok(Next::Close)
    }
}

fn send(stream: &mut impl Write, line: &str) -> io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes())
}

/// The next command without its end; nothing when the client has gone.
fn read_line(stream: &mut impl Read, unread: &mut Vec<u8>) -> io::Result<Option<String>> {
    let mut bytes = [0; 512];
    loop {
        if let Some(at) = unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = unread.drain(..=at).collect();
            return Ok(Some(
                String::from_utf8_lossy(line.trim_ascii_end()).into_owned(),
            ));
        }
        match stream.read(&mut bytes)? {
            0 => return Ok(None),
            count => unread.extend(bytes.iter().take(count)),
        }
    }
}

/// Reads a header of the PROXY protocol, of either version.
fn read_proxy_header(stream: &mut TcpStream) -> io::Result<()> {
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    if start == *b"\r\n\r\n\0\r\nQUIT\n" {
        let mut head = [0; 4];
        stream.read_exact(&mut head)?;
        let [_, _, high, low] = head;
        let mut addresses = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        return stream.read_exact(&mut addresses);
    }
    if !start.starts_with(b"PROXY TCP") {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut byte = [0];
    while byte != *b"\n" {
        stream.read_exact(&mut byte)?;
    }
    Ok(())
}

/// Reads until the client goes.
fn wait(stream: &mut impl Read) -> io::Result<()> {
    let mut bytes = [0; 512];
    while stream.read(&mut bytes)? > 0 {}
    Ok(())
}
