//! A connection: the handshake, and one request after the other.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use openssl::ssl::{Ssl, SslContext, SslStream};
use socket2::SockRef;

use super::answer::{self, Next};
use super::behaviour::{Page, Site};
use super::request::Request;
use super::{State, VDIRS};
use crate::certificate::{Certificate, MODERN, OLD, Wish};

/// How long a connection may stay without a word from the client.
const LONGEST_CONNECTION: Duration = Duration::from_secs(60);

/// Serves one connection to its end.
pub(super) fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LONGEST_CONNECTION))?;
    stream.set_write_timeout(Some(LONGEST_CONNECTION))?;
    let site = state.switched().site;
    match site {
        Site::PlainHttp => {
            hear(&stream)?;
            (&stream).write_all(answer::PLAIN_BAD_REQUEST)?;
            linger(&stream)
        }
        Site::Ssh => {
            (&stream).write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n")?;
            linger(&stream)
        }
        Site::HandshakeHangs => linger(&stream),
        Site::HandshakeResets => {
            hear(&stream)?;
            reset(&stream)
        }
        Site::HandshakeCloses => hear(&stream),
        _ => {
            let context = context(site, state)?;
            let stream = Ssl::new(&context)?
                .accept(stream)
                .map_err(io::Error::other)?;
            requests(stream, state)
        }
    }
}

fn context(site: Site, state: &State) -> io::Result<SslContext> {
    let versions = match site {
        Site::Tls10 => OLD,
        _ => MODERN,
    };
    Ok(certificate(site, state)?.context(versions)?)
}

fn certificate(site: Site, state: &State) -> io::Result<Certificate> {
    let own = &state.certificate;
    let name = own
        .certificate
        .subject_name()
        .entries()
        .next()
        .and_then(|entry| entry.data().to_string().ok())
        .unwrap_or_default();
    let wish = Wish::of(&name);
    let other = match site {
        Site::Expired => Wish {
            days: (-90, -3),
            ..wish
        }
        .issue()?,
        Site::OtherName => Wish::of("default.exch.test").issue()?,
        Site::UnknownAuthority => {
            let authority = Wish {
                is_authority: true,
                ..Wish::of("An Authority")
            }
            .issue()?;
            Wish {
                issuer: Some(&authority),
                ..wish
            }
            .issue()?
        }
        _ => own.clone(),
    };
    Ok(other)
}

/// Answers requests until one of the two sides ends the connection.
fn requests(mut stream: SslStream<TcpStream>, state: &State) -> io::Result<()> {
    while let Some(request) = Request::read(&mut stream)? {
        let page = page(&request, state);
        match answer::give(&mut stream, &request, page, state)? {
            Next::Request if request.is_last => break,
            Next::Request => {}
            Next::Close => break,
            Next::Reset => return reset(stream.get_ref()),
            Next::Hang => return linger(stream.get_ref()),
        }
    }
    // A client that has gone needs no goodbye.
    let _ = stream.shutdown();
    stream.get_ref().shutdown(Shutdown::Write)?;
    linger(stream.get_ref())
}

/// What is to be done with a request; nothing where there is no such virtual directory.
fn page(request: &Request, state: &State) -> Page {
    let mut switched = state.switched();
    switched
        .requests
        .push(format!("{} {}", request.method, request.path));
    let vdir = VDIRS
        .into_iter()
        .find(|vdir| vdir.eq_ignore_ascii_case(request.vdir()));
    match (switched.site, vdir) {
        (Site::Everywhere(page), _) => page,
        (_, Some(vdir)) => switched.pages.get(vdir).copied().unwrap_or(Page::Missing),
        (_, None) => Page::Missing,
    }
}

/// The ClientHello comes in one piece.
fn hear(mut stream: &TcpStream) -> io::Result<()> {
    stream.read(&mut [0; 4096]).map(|_| ())
}

fn reset(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// Waits for the client to go, so that what was sent reaches it before the connection ends.
fn linger(mut stream: &TcpStream) -> io::Result<()> {
    let mut rest = [0; 4096];
    while stream.read(&mut rest)? > 0 {}
    Ok(())
}
