//! The TLS handshake, with every way to fail told apart.

use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslMethod, SslMode, SslOptions, SslSessionCacheMode, SslVerifyMode,
    SslVersion,
};
use shared::deadline::Deadline;
use shared::dial;
use shared::tls::{Fault, Session};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_openssl::SslStream;

use crate::recorded::Recorded;
use crate::session;
use crate::shown::Chain;

/// How long saying goodbye may take: it is one small write.
const GOODBYE: Duration = Duration::from_millis(100);

/// How much of another protocol's greeting is worth quoting, and how long to wait for it.
const GREETING: usize = 49;
const GREETING_PATIENCE: Duration = Duration::from_millis(250);

/// The code that OpenSSL gives to its SSL library (err.h, ERR_LIB_SSL).
const LIBRARY_SSL: i32 = 20;
/// A received alert is reported with its number above this (ssl.h, SSL_AD_REASON_OFFSET).
const ALERTS_FROM: i32 = 1000;
/// The connection ended without close_notify (sslerr.h, SSL_R_UNEXPECTED_EOF_WHILE_READING).
const UNEXPECTED_EOF: i32 = 294;

/// Servers without RFC 5746 may be connected to (ssl.h, SSL_OP_LEGACY_SERVER_CONNECT); the crate
/// has no name for it.
const LEGACY_SERVER_CONNECT: u64 = 1 << 2;

/// An established connection.
pub(crate) struct Established<S> {
    pub(crate) stream: SslStream<Recorded<S>>,
    pub(crate) session: Session,
    pub(crate) chain: Chain,
}

/// A handshake that came to nothing, and how many bytes came in answer.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) fault: Fault,
    pub(crate) received: usize,
}

/// Shakes hands as a client on a fresh connection. `name` is what the server is told that we
/// look for (SNI), where it has one.
///
/// Nothing is verified: a certificate that no client would take shall be reported, not end the
/// check.
pub(crate) async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    connection: S,
    name: Option<&str>,
    deadline: &Deadline,
) -> Result<Established<S>, Broken> {
    let connection = Recorded::new(connection);
    let stream = new_ssl(name).and_then(|ssl| SslStream::new(ssl, connection));
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(error) => return Err(before_the_first_byte(&error)),
    };
    let mut fault = match deadline.run(Pin::new(&mut stream).connect()).await {
        Ok(Ok(())) => {
            let chain = Chain::of(stream.ssl());
            match session::of(stream.ssl(), &chain) {
                Ok(session) => {
                    return Ok(Established {
                        stream,
                        session,
                        chain,
                    });
                }
                Err(why) => Fault::Protocol(why),
            }
        }
        Ok(Err(error)) => fault(error, stream.get_ref().beginning()),
        Err(expired) => Fault::Expired(expired),
    };
    if let Fault::NotTls(beginning) = &mut fault {
        *beginning = read_greeting(stream.get_mut(), deadline).await;
    }
    let received = stream.get_ref().count();
    Err(Broken { fault, received })
}

/// Waits a moment for the rest of the first line of another protocol, for a human to read.
async fn read_greeting<S: AsyncRead + Unpin>(
    connection: &mut Recorded<S>,
    deadline: &Deadline,
) -> Vec<u8> {
    let patience = Deadline::after(GREETING_PATIENCE.min(deadline.remaining()));
    let is_whole = |beginning: &[u8]| beginning.len() >= GREETING || beginning.contains(&b'\n');
    let mut bytes = [0; GREETING];
    while !is_whole(connection.beginning()) {
        match patience.run(connection.read(&mut bytes)).await {
            Ok(Ok(1..)) => {}
            _ => break,
        }
    }
    connection.beginning().to_vec()
}

/// Ends the connection in an orderly way, without waiting for the other side's word.
pub(crate) async fn close<S: AsyncRead + AsyncWrite + Unpin>(mut stream: SslStream<Recorded<S>>) {
    // A server that has gone needs no goodbye.
    let _ = tokio::time::timeout(GOODBYE, stream.shutdown()).await;
}

fn new_ssl(name: Option<&str>) -> Result<Ssl, ErrorStack> {
    static CONTEXT: OnceLock<SslContext> = OnceLock::new();
    let context = match CONTEXT.get() {
        Some(context) => context,
        None => {
            let built = new_context()?;
            CONTEXT.get_or_init(|| built)
        }
    };
    let mut ssl = Ssl::new(context)?;
    if let Some(name) = name {
        ssl.set_hostname(name)?;
    }
    Ok(ssl)
}

/// As lenient as OpenSSL can be made: it shall be the verdict that says what is wrong with an old
/// server, not a handshake that fails for reasons of ours.
fn new_context() -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_verify(SslVerifyMode::NONE);
    context.set_security_level(0);
    context.set_cipher_list("DEFAULT@SECLEVEL=0")?;
    context.set_min_proto_version(Some(SslVersion::TLS1))?;
    context.set_options(
        SslOptions::from_bits_retain(LEGACY_SERVER_CONNECT)
            | SslOptions::IGNORE_UNEXPECTED_EOF
            | SslOptions::NO_TICKET,
    );
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    context.set_mode(SslMode::RELEASE_BUFFERS);
    // Else every record takes two reads, one for its header.
    context.set_read_ahead(true);
    Ok(context.build())
}

fn before_the_first_byte(error: &ErrorStack) -> Broken {
    Broken {
        fault: Fault::Own(error.to_string()),
        received: 0,
    }
}

fn fault(error: openssl::ssl::Error, beginning: &[u8]) -> Fault {
    if error.code() == ErrorCode::ZERO_RETURN {
        return Fault::Closed;
    }
    let reasons = || {
        let errors = error.ssl_error().map_or(&[][..], ErrorStack::errors);
        let of_tls = errors
            .iter()
            .filter(|error| error.library_code() == LIBRARY_SSL);
        of_tls.map(|error| (error.reason_code(), error.reason()))
    };
    let alert = reasons().find_map(|(code, _)| u8::try_from(code - ALERTS_FROM).ok());
    if let Some(alert) = alert {
        return Fault::Alert(alert);
    }
    if reasons().any(|(code, _)| code == UNEXPECTED_EOF) {
        return Fault::Closed;
    }
    if let Some((code, reason)) = reasons().next() {
        return match (is_tls(beginning), reason) {
            (false, _) => Fault::NotTls(beginning.to_vec()),
            (true, Some(reason)) => Fault::Protocol(reason.to_owned()),
            (true, None) => Fault::Protocol(format!("OpenSSL's error {code}")),
        };
    }
    match error.into_io_error() {
        Ok(error) if error.kind() == io::ErrorKind::UnexpectedEof => Fault::Closed,
        Ok(error) => match dial::Fault::of(error) {
            dial::Fault::Reset => Fault::Reset,
            other => Fault::Broken(other),
        },
        Err(error) if error.code() == ErrorCode::SYSCALL => Fault::Closed,
        Err(error) => Fault::Protocol(error.to_string()),
    }
}

/// Whether bytes begin as a TLS record does: a content type of RFC 8446 section 5.1 and the major
/// version 3.
fn is_tls(beginning: &[u8]) -> bool {
    match beginning {
        [kind, version, ..] => (20..=23).contains(kind) && *version == 3,
        _ => true,
    }
}
