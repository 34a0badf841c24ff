//! One connection to the API: TCP, TLS with a certificate that was looked at, HTTP/1.1.

use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::http::{Fault, PATIENCE};
use crate::config::{Icinga, authorities};

/// An open connection. Dropping it closes it.
pub(super) struct Link {
    pub(super) sender: SendRequest<String>,
    pub(super) host: String,
    pub(super) authorization: String,
    driver: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Opens one. The secret and the authorities are read from their files each time.
pub(super) async fn open(to: &Icinga) -> Result<Link, Fault> {
    let authorization = to.login.header().map_err(Fault::Link)?;
    let connector = connector(to).map_err(Fault::Link)?;
    let opened = timeout(PATIENCE, shake_hands(to, connector)).await;
    let no_answer = || Fault::Link(format!("no answer within {} s", PATIENCE.as_secs()));
    let (sender, driver) = opened.map_err(|_| no_answer())?.map_err(Fault::Link)?;
    Ok(Link {
        sender,
        host: format!("{}:{}", to.name, to.port),
        authorization,
        driver,
    })
}

/// Icinga's own authority and no other, where one is named.
fn connector(to: &Icinga) -> Result<native_tls::TlsConnector, String> {
    let mut builder = native_tls::TlsConnector::builder();
    if let Some(ca) = &to.ca {
        builder.disable_built_in_roots(true);
        for authority in authorities(ca)? {
            builder.add_root_certificate(authority);
        }
    }
    builder.build().map_err(|error| error.to_string())
}

async fn shake_hands(
    to: &Icinga,
    connector: native_tls::TlsConnector,
) -> Result<(SendRequest<String>, AbortHandle), String> {
    let stream = TcpStream::connect((to.host.as_str(), to.port))
        .await
        .map_err(|error| format!("it cannot be reached: {error}"))?;
    keep_alive(&stream).map_err(|error| error.to_string())?;
    let stream = tokio_native_tls::TlsConnector::from(connector)
        .connect(&to.name, stream)
        .await
        .map_err(|error| untrusted(to, &error.to_string()))?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let driver = tokio::spawn(async move {
        // Its fault is that of the question that is under way.
        let _ = connection.await;
    });
    Ok((sender, driver.abort_handle()))
}

/// An event stream may be silent for hours; a peer that vanished is found all the same.
fn keep_alive(stream: &TcpStream) -> std::io::Result<()> {
    let probes = TcpKeepalive::new()
        .with_time(Duration::from_secs(20))
        .with_interval(Duration::from_secs(5))
        .with_retries(3);
    SockRef::from(stream).set_tcp_keepalive(&probes)
}

fn untrusted(to: &Icinga, error: &str) -> String {
    if !error.contains("certificate verify failed") {
        return format!("the TLS handshake fails: {error}");
    }
    // What OpenSSL found wrong stands in the last brackets.
    let why = error.rsplit_once('(').map_or(error, |(_, why)| why);
    let why = why.trim_end_matches(')');
    let of = match &to.ca {
        Some(ca) => format!("of {}", ca.display()),
        None => "of this system's authorities".to_owned(),
    };
    format!(
        "its certificate is not one for {} {of}: {why}; nothing was sent to it",
        to.name
    )
}
