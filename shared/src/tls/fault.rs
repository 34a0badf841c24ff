//! Why a handshake, or a conversation inside TLS, came to nothing.

use std::time::Duration;

use crate::deadline::Expired;
use crate::dial;
use crate::text::{quoted, spoken};
use crate::verdict::{Condition, Finding, Kind};

/// How many bytes of a stranger's answer are quoted.
const QUOTED: usize = 48;

/// Why a handshake came to nothing.
#[derive(Debug)]
pub enum Fault {
    /// The time was over.
    Expired(Expired),
    /// The server closed the connection in an orderly way (FIN).
    Closed,
    /// The server reset the connection (RST).
    Reset,
    /// The server sent a fatal alert (RFC 8446 section 6), its number.
    Alert(u8),
    /// What came is not TLS; its beginning.
    NotTls(Vec<u8>),
    /// The server broke the protocol, in the words of the TLS library.
    Protocol(String),
    /// The network or this machine broke the connection.
    Broken(dial::Fault),
    /// The TLS library of this machine failed, in its words.
    Own(String),
}

/// How far the handshake had come: what is needed for the words of a finding.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// Whom to check.
    pub target: &'a dial::Target,
    /// How long it was waited for.
    pub waited: Duration,
    /// How many bytes had come.
    pub received: usize,
}

impl Fault {
    /// The finding.
    pub fn finding(&self, way: &Way<'_>) -> Finding {
        let address = way.target.address;
        let count = way.received;
        match self {
            Self::Expired(expired) => expired.finding(|| silence(way)),
            Self::Closed => Finding::failed(
                Kind::ClosedEarly,
                format!(
                    "TLS: {address} closed the connection (FIN) {}; look at the server's \
                     certificate, its private key and its TLS settings",
                    before(count)
                ),
            ),
            Self::Reset => Finding::failed(
                Kind::TcpReset,
                format!(
                    "TLS: {address} reset the connection (RST) {}; look at the server's \
                     certificate, its private key and its TLS settings",
                    before(count)
                ),
            ),
            Self::Alert(number) => Finding::failed(
                Kind::TlsFailed,
                format!(
                    "TLS: {address} refused the handshake with alert {} ({number}); look at the \
                     server's certificate, its private key and its TLS settings",
                    alert_name(*number)
                ),
            ),
            Self::NotTls(bytes) => Finding::failed(
                Kind::TlsFailed,
                format!(
                    "TLS: plaintext instead of a handshake from {address}: got '{}'",
                    quoted(bytes.trim_ascii_end(), QUOTED)
                ),
            ),
            Self::Protocol(why) => Finding::failed(
                Kind::TlsFailed,
                format!("TLS: the handshake with {address} failed: {why}"),
            ),
            Self::Broken(fault) => fault.finding(way.target, way.waited),
            Self::Own(why) => Finding::new(
                Condition::Unknown,
                Kind::Internal,
                format!(
                    "the TLS library of this machine failed: {why}; nothing is known of the \
                     server's TLS; look at the installation of OpenSSL"
                ),
            ),
        }
    }
}

fn silence(way: &Way<'_>) -> Finding {
    let (address, waited) = (way.target.address, spoken(way.waited));
    Finding::failed(
        Kind::Timeout,
        match way.received {
            0 => format!(
                "timeout: TLS: no answer to the ClientHello from {address} in {waited}: the \
                 service accepted the connection and hangs in TLS (Windows: look at Schannel \
                 events in the System log)"
            ),
            count => format!(
                "timeout: TLS: the handshake with {address} stopped after {count} bytes, not \
                 complete in {waited}"
            ),
        },
    )
}

fn before(count: usize) -> String {
    match count {
        0 => "in answer to the ClientHello".to_owned(),
        count => format!("after {count} bytes of the handshake"),
    }
}

/// RFC 8446 section 6 and, for the older numbers, RFC 5246 section 7.2.
fn alert_name(number: u8) -> &'static str {
    match number {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => "of an unknown kind",
    }
}
