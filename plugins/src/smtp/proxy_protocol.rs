//! The header of the PROXY protocol (HAProxy, proxy-protocol.txt, sections 2.1 and 2.2): who we
//! are, for a server that believes to stand behind a proxy.

use std::net::{IpAddr, SocketAddr};

use super::options::ProxyVersion;

/// The twelve bytes that version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, command PROXY.
const PROXY: u8 = 0x21;
/// TCP over IPv4, and over IPv6.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// The header for a connection from `from` to `to`.
pub(super) fn header(version: ProxyVersion, from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    match version {
        ProxyVersion::V1 => {
            let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
            let (source, destination) = (from.ip(), to.ip());
            let (source_port, port) = (from.port(), to.port());
            format!("PROXY {family} {source} {destination} {source_port} {port}\r\n").into_bytes()
        }
        ProxyVersion::V2 => {
            let mut addresses = Vec::new();
            for address in [from.ip(), to.ip()] {
                match address {
                    IpAddr::V4(address) => addresses.extend(address.octets()),
                    IpAddr::V6(address) => addresses.extend(address.octets()),
                }
            }
            for port in [from.port(), to.port()] {
                addresses.extend(port.to_be_bytes());
            }
            let family = if from.is_ipv4() { TCP4 } else { TCP6 };
            // 12 or 36 bytes.
            let length = addresses.len() as u16;
            let mut header = SIGNATURE.to_vec();
            header.extend([PROXY, family]);
            header.extend(length.to_be_bytes());
            header.extend(addresses);
            header
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: ProxyVersion, from: &str, to: &str) -> Vec<u8> {
        let address = |text: &str| text.parse().expect("an address");
        header(version, address(from), address(to))
    }

    #[test]
    fn version_1_is_one_line() {
        assert_eq!(
            of(ProxyVersion::V1, "10.0.1.254:40000", "10.0.1.1:25"),
            b"PROXY TCP4 10.0.1.254 10.0.1.1 40000 25\r\n"
        );
        assert_eq!(
            of(ProxyVersion::V1, "[fd00::fe]:40000", "[fd00::1]:25"),
            b"PROXY TCP6 fd00::fe fd00::1 40000 25\r\n"
        );
    }

    #[test]
    fn version_2_is_the_bytes_of_the_specification() {
        let four = of(ProxyVersion::V2, "10.0.1.254:40000", "10.0.1.1:25");
        let expected = [
            &b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a\x21\x11\x00\x0c"[..],
            &[10, 0, 1, 254, 10, 0, 1, 1, 0x9c, 0x40, 0, 25],
        ];
        assert_eq!(four, expected.concat());
        let six = of(ProxyVersion::V2, "[fd00::fe]:40000", "[fd00::1]:25");
        assert_eq!(
            (six.len(), &six[12..16]),
            (16 + 36, &[0x21, 0x21, 0, 36][..])
        );
    }
}
