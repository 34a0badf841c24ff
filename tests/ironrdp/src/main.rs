//! An RDP server of IronRDP's on loopback, as far as the checks go: up to the NTLM challenge.
//!
//! `ironrdp_peer PORT none|tls|hybrid CERTIFICATE.pem KEY.pem`

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use ironrdp_server::tokio_rustls::TlsAcceptor;
use ironrdp_server::tokio_rustls::rustls::ServerConfig;
use ironrdp_server::tokio_rustls::rustls::pki_types::pem::PemObject;
use ironrdp_server::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ironrdp_server::{Credentials, RdpServer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [port, security, certificate, key] = words.as_slice() else {
        bail!("usage: ironrdp_peer PORT none|tls|hybrid CERTIFICATE.pem KEY.pem");
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?));
    let tls = acceptor(certificate.as_ref(), key.as_ref())?;
    let builder = RdpServer::builder().with_addr(address);
    let builder = match security.as_str() {
        "none" => builder.with_no_security(),
        "tls" => builder.with_tls(tls),
        // The public key is bound to the session after the challenge, where no check goes.
        "hybrid" => builder.with_hybrid(tls, Vec::new()),
        other => bail!("no such security: {other}"),
    };
    let mut server = builder.with_no_input().with_no_display().build();
    server.set_credentials(Some(Credentials {
        username: "user".to_owned(),
        password: "password".to_owned(),
        domain: None,
    }));
    server.run().await
}

fn acceptor(certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the certificate and the key do not fit")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
