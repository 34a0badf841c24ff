//! The kernel's IPVS connections, from `/proc/net/ip_vs_conn` (`ip_vs_conn_seq_show` in
//! `net/netfilter/ipvs/ip_vs_conn.c`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// One connection, or one persistence template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// `TCP`, `UDP`, `SCTP`, or `IP` for a template of a marked service.
    pub protocol: String,
    /// The client; port 0 in a template.
    pub client: SocketAddr,
    /// The address the client asked for; in a template of a marked service the mark.
    pub virtual_address: SocketAddr,
    /// The real server.
    pub destination: SocketAddr,
    /// The state, such as `ESTABLISHED`.
    pub state: String,
    /// How long it lives without a further packet.
    pub expires: Duration,
}

impl Connection {
    /// A template stands for a client's persistence, not for a connection.
    pub fn is_template(&self) -> bool {
        self.client.port() == 0
    }
}

/// Reads all connections; a kernel without IPVS has none.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read() -> io::Result<Vec<Connection>> {
    // The thread's own namespace, as everywhere.
    match std::fs::read_to_string("/proc/thread-self/net/ip_vs_conn") {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The connections of such a text; the heading, and what later kernels may add, are passed over.
pub fn parse(text: &str) -> Vec<Connection> {
    text.lines().filter_map(connection).collect()
}

fn connection(line: &str) -> Option<Connection> {
    let mut words = line.split_whitespace();
    let protocol = words.next()?.to_owned();
    let mut socket = || {
        Some(SocketAddr::new(
            address(words.next()?)?,
            port(words.next()?)?,
        ))
    };
    let (client, virtual_address, destination) = (socket()?, socket()?, socket()?);
    let state = words.next()?.to_owned();
    let expires = Duration::from_secs(words.next()?.parse().ok()?);
    Some(Connection {
        protocol,
        client,
        virtual_address,
        destination,
        state,
        expires,
    })
}

/// Eight hexadecimal digits in host order, or IPv6 in eight groups of four.
fn address(word: &str) -> Option<IpAddr> {
    let word = word.trim_start_matches('[').trim_end_matches(']');
    if word.contains(':') {
        return word.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let digits = u32::from_str_radix(word, 16)
        .ok()
        .filter(|_| word.len() == 8)?;
    Some(IpAddr::V4(Ipv4Addr::from(digits)))
}

fn port(word: &str) -> Option<u16> {
    u16::from_str_radix(word, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a Debian 6.1 kernel with the original set-up.
    const TEXT: &str = "\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP C0A8010A 9C5E C0A80123 0019 0A000101 0019 ESTABLISHED     899
IP  C0A8010A 0000 00000050 0000 0A000101 0000 NONE            599
TCP 2001:0db8:0000:0000:0000:0000:0000:0010 9C5E 2001:0db8:0000:0000:0000:0000:0000:0035 0019 \
fd00:0000:0000:0000:0000:0000:0000:0001 0019 TIME_WAIT        119
";

    #[test]
    fn connections_and_templates_are_read_in_both_families() {
        let read = parse(TEXT);
        assert_eq!(read.len(), 3);
        assert_eq!(read[0].client.to_string(), "192.168.1.10:40030");
        assert_eq!(read[0].virtual_address.to_string(), "192.168.1.35:25");
        assert_eq!(read[0].destination.to_string(), "10.0.1.1:25");
        assert_eq!(
            (read[0].state.as_str(), read[0].expires.as_secs()),
            ("ESTABLISHED", 899)
        );
        assert!(read[1].is_template() && !read[0].is_template());
        assert_eq!(read[2].destination.to_string(), "[fd00::1]:25");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text: String) {
            parse(&text);
        }
    }
}
