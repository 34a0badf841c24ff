//! What is asked of a web server.

use shared::threshold::Thresholds;
use shared::tls::{DaysLeft, Expected};

use super::vdir::Vdir;

/// What is asked of the server.
#[derive(Clone, Debug, Default)]
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
    /// Advisory: how long the whole check may take, in seconds.
    pub time: Thresholds,
}

/// What is asked of the certificate.
#[derive(Clone, Debug, Default)]
pub struct Certificate {
    /// The name that it must be for; unset, any name will do.
    pub name: Option<Expected>,
    /// How long it must still be valid.
    pub days: Option<DaysLeft>,
}
