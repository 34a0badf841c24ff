//! The server's side of TLS, with certificates that it makes for itself, as Exchange does at its
//! installation.

use openssl::error::ErrorStack;
use openssl::ssl::SslContext;

use super::Behaviour;
use crate::certificate::{MODERN, OLD, Wish};

/// A context for each behaviour that has its own.
pub(super) struct Certificates {
    good: SslContext,
    old_protocol: SslContext,
    expired: SslContext,
    other_name: SslContext,
}

impl Certificates {
    pub(super) fn issue(name: &str) -> Result<Self, ErrorStack> {
        let good = Wish::of(name);
        let expired = Wish {
            days: (-365, -1),
            ..good
        };
        let other_name = Wish::of("elsewhere.example.test");
        Ok(Self {
            good: good.issue()?.context(MODERN)?,
            old_protocol: good.issue()?.context(OLD)?,
            expired: expired.issue()?.context(MODERN)?,
            other_name: other_name.issue()?.context(MODERN)?,
        })
    }

    pub(super) fn of(&self, behaviour: Behaviour) -> &SslContext {
        match behaviour {
            Behaviour::Tls10 => &self.old_protocol,
            Behaviour::CertificateExpired => &self.expired,
            Behaviour::CertificateOtherName => &self.other_name,
            _ => &self.good,
        }
    }
}
