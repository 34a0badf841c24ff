//! Whether a port that says nothing waits for a client to begin TLS.

use std::net::SocketAddr;

use shared::deadline::Deadline;
use shared::dial::{self, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::options::ProxyVersion;
use super::proxy_protocol;

/// A ClientHello for TLS 1.2 (RFC 5246 section 7.4.1.2) with ciphers that every server knows, one
/// group and the usual signatures. What the server thinks of it does not matter: an alert proves
/// TLS as well as a ServerHello. The random is not random: nobody goes on from here.
const CLIENT_HELLO: &[u8] = &[
    0x16, 0x03, 0x01, 0x00, 0x55, // record: handshake, TLS 1.0, 85 bytes
    0x01, 0x00, 0x00, 0x51, // ClientHello, 81 bytes
    0x03, 0x03, // TLS 1.2
    0x67, 0x6f, 0x76, 0x65, 0x72, 0x6e, 0x65, 0x73, 0x73, 0x67, 0x6f, 0x76, 0x65, 0x72, 0x6e, 0x65,
    0x73, 0x73, 0x67, 0x6f, 0x76, 0x65, 0x72, 0x6e, 0x65, 0x73, 0x73, 0x67, 0x6f, 0x76, 0x65,
    0x72, // random
    0x00, // no session
    0x00, 0x0c, // six cipher suites:
    0xc0, 0x2f, 0xc0, 0x2b, 0xc0, 0x30, 0xc0, 0x2c, 0x00, 0x9c, 0x00, 0x2f, 0x01,
    0x00, // no compression
    0x00, 0x1c, // extensions, 28 bytes
    0x00, 0x0a, 0x00, 0x06, 0x00, 0x04, 0x00, 0x17, 0x00, 0x18, // groups: P-256, P-384
    0x00, 0x0b, 0x00, 0x02, 0x01, 0x00, // uncompressed points
    0x00, 0x0d, 0x00, 0x08, 0x00, 0x06, 0x04, 0x01, 0x04, 0x03, 0x08,
    0x04, // RSA, ECDSA and RSA-PSS with SHA-256
];

/// Returns when a server is found to answer TLS, and never else.
pub(super) async fn is_waited_for(
    target: &Target,
    proxy: Option<ProxyVersion>,
    deadline: &Deadline,
) {
    if !answers_tls(target, proxy, deadline).await.unwrap_or(false) {
        std::future::pending::<()>().await;
    }
}

async fn answers_tls(
    target: &Target,
    proxy: Option<ProxyVersion>,
    deadline: &Deadline,
) -> Option<bool> {
    let (mut stream, _) = dial::connect(target, deadline).await.ok()?;
    let own: SocketAddr = stream.local_addr().ok()?;
    let mut bytes = match proxy {
        Some(version) => proxy_protocol::header(version, own, target.address),
        None => Vec::new(),
    };
    bytes.extend(CLIENT_HELLO);
    deadline.run(stream.write_all(&bytes)).await.ok()?.ok()?;
    let mut answer = [0; 2];
    deadline
        .run(stream.read_exact(&mut answer))
        .await
        .ok()?
        .ok()?;
    // A record of the handshake or an alert, of TLS (RFC 5246 section 6.2.1).
    Some(matches!(answer, [0x15 | 0x16, 3]))
}

#[cfg(test)]
mod tests {
    use super::CLIENT_HELLO;

    #[test]
    fn the_lengths_in_the_client_hello_agree() {
        let length =
            |at: usize| usize::from(CLIENT_HELLO[at]) << 8 | usize::from(CLIENT_HELLO[at + 1]);
        assert_eq!(length(3), CLIENT_HELLO.len() - 5);
        assert_eq!(length(7), CLIENT_HELLO.len() - 9);
        // Version, random, session and ciphers, compression.
        let extensions = 9 + 2 + 32 + 1 + 14 + 2;
        assert_eq!(length(extensions), CLIENT_HELLO.len() - extensions - 2);
    }
}
