//! The server's side of TLS, with certificates that it makes for itself, as Exchange does at its
//! installation.

use std::io;

use openssl::error::ErrorStack;
use openssl::ssl::{SslContext, SslMethod, SslVersion};

use super::Behaviour;
use super::connector::NAME;
use crate::certificate::Wish;

/// A context for each behaviour that has its own.
pub(super) struct Certificates {
    good: SslContext,
    old_protocol: SslContext,
    expired: SslContext,
    other_name: SslContext,
}

impl Certificates {
    pub(super) fn issue() -> io::Result<Self> {
        let good = Wish::of(NAME);
        let expired = Wish {
            days: (-365, -1),
            ..good
        };
        let modern = (SslVersion::TLS1_2, SslVersion::TLS1_3);
        Ok(Self {
            good: context(good, modern)?,
            old_protocol: context(good, (SslVersion::TLS1, SslVersion::TLS1))?,
            expired: context(expired, modern)?,
            other_name: context(Wish::of("elsewhere.example.test"), modern)?,
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

fn context(wish: Wish<'_>, versions: (SslVersion, SslVersion)) -> Result<SslContext, ErrorStack> {
    let own = wish.issue()?;
    let mut context = SslContext::builder(SslMethod::tls_server())?;
    context.set_security_level(0);
    context.set_cipher_list("DEFAULT@SECLEVEL=0")?;
    context.set_min_proto_version(Some(versions.0))?;
    context.set_max_proto_version(Some(versions.1))?;
    context.set_certificate(&own.certificate)?;
    context.set_private_key(&own.key)?;
    Ok(context.build())
}
