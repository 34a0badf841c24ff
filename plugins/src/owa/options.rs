//! What is asked of a web server.

use shared::threshold::Thresholds;
use shared::tls::{DaysLeft, Expected};

use super::logon::Logon;
use super::vdir::Vdir;

/// What is asked of the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The virtual directories that must be healthy; at least one.
    pub vdirs: Vec<Vdir>,
    /// The name that the TLS handshake asks for (SNI); unset, none.
    pub sni: Option<String>,
    /// The `Host` header.
    pub http_host: String,
    /// The server that must answer, by its NetBIOS or DNS name.
    pub expect_server: Option<String>,
    /// Advisory: what is asked of the certificate.
    pub certificate: Certificate,
    /// Who logs on, where somebody does.
    pub logon: Option<Logon>,
    /// Advisory: how long the whole check may take, in seconds.
    pub time: Thresholds,
}

/// What is asked of the certificate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Certificate {
    /// The name that it must be for; unset, any name will do.
    pub name: Option<Expected>,
    /// How long it must still be valid.
    pub days: Option<DaysLeft>,
    /// Whether its chain must lead to an authority that this machine knows. Otherwise that is told
    /// and changes nothing: Exchange installs a certificate that nobody knows, and the authority
    /// of a company need not be known to its directors.
    pub require_trust: bool,
}

/// Whether `text` is a name as DNS has them, which the TLS library takes and a header can carry.
pub fn is_host_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    Expected::host(text).is_some() && text.len() <= 253 && text.bytes().all(plain)
}
