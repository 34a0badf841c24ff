//! What a TLS handshake showed, as plain data, and what it says about the server: pure. The
//! handshake itself is carried out by whoever links a TLS library.

mod certificate;
mod fault;

use std::fmt;

use crate::date::UnixTime;
use crate::text::hex;

pub use certificate::{DaysLeft, Expected, advisories, days_left};
pub use fault::{Fault, Way};

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// SSL 3.0.
    Ssl3,
    /// TLS 1.0.
    Tls10,
    /// TLS 1.1.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl Version {
    /// Whether RFC 8996 retired it.
    pub fn is_retired(self) -> bool {
        self < Self::Tls12
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ssl3 => "SSL 3.0",
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// A completed handshake. Nothing in it is verified: RDP certificates are normally self-signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The version agreed on.
    pub version: Version,
    /// The cipher suite agreed on, by OpenSSL's name.
    pub cipher: String,
    /// The server's own certificate.
    pub leaf: Certificate,
    /// The common names of all certificates that it sent, its own first.
    pub chain: Vec<String>,
}

/// A certificate as far as it is looked at. Every text is printable and bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The subject's common name; may be empty.
    pub subject: String,
    /// The issuer's common name; may be empty.
    pub issuer: String,
    /// The DNS names and addresses that it is for: the subject alternative names, or where there
    /// are none, the common name (as clients of RDP take it).
    pub names: Vec<String>,
    /// It is not valid before this time.
    pub not_before: UnixTime,
    /// It is not valid after this time.
    pub not_after: UnixTime,
    /// The SHA-256 of its DER form.
    pub sha256: [u8; 32],
    /// Whether subject and issuer are the same.
    pub self_signed: bool,
}

impl Session {
    /// What the server told of itself, by name.
    pub fn facts(&self) -> Vec<(String, String)> {
        let leaf = &self.leaf;
        let issuer = match leaf.self_signed {
            true => "itself".to_owned(),
            false => leaf.issuer.clone(),
        };
        [
            ("tls_version", self.version.to_string()),
            ("tls_cipher", self.cipher.clone()),
            ("certificate_subject", leaf.subject.clone()),
            ("certificate_issuer", issuer),
            ("certificate_names", leaf.names.join(", ")),
            ("certificate_not_before", leaf.not_before.to_string()),
            ("certificate_not_after", leaf.not_after.to_string()),
            (
                "certificate_sha256",
                hex(&leaf.sha256, 32).replace(' ', ":"),
            ),
            ("certificate_chain", self.chain.join(" < ")),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}
