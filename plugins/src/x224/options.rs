//! What is asked of an RDP server.

use shared::threshold::Thresholds;
use shared::tls::{DaysLeft, Expected};

use crate::Skew;

/// What is asked of the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// How far up the check goes.
    pub depth: Depth,
    /// The least security that it must choose. Unset, Standard RDP security is Degraded and
    /// everything better is Healthy.
    pub require: Option<Require>,
    /// Advisory: how long the whole check may take, in seconds.
    pub time: Thresholds,
}

/// How far up the check goes; each step includes those before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Depth {
    /// To the X.224 Connection Confirm.
    #[default]
    Confirm,
    /// To the end of the TLS handshake.
    Tls(Tls),
    /// To the NTLM challenge of CredSSP. No credentials are sent.
    Nla {
        /// What is asked of the TLS handshake before it.
        tls: Tls,
        /// The server that must answer, by its NetBIOS or DNS name.
        expect_name: Option<String>,
        /// Advisory: how much its clock may differ.
        skew: Skew,
    },
}

impl Depth {
    /// What is asked of the TLS handshake, where there is to be one.
    pub fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Confirm => None,
            Self::Tls(tls) | Self::Nla { tls, .. } => Some(tls),
        }
    }
}

/// What is asked of the TLS handshake.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// Advisory: the name that the certificate must be for; unset, any name will do.
    pub certificate_name: Option<Expected>,
    /// Advisory: how long the certificate must still be valid.
    pub certificate_days: Option<DaysLeft>,
}

/// The least security that a server must choose, from the weakest up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Require {
    /// Standard RDP security will do.
    Rdp,
    /// TLS.
    Tls,
    /// TLS with Network Level Authentication (CredSSP).
    Nla,
}
