//! Certificates that the server makes for itself, as Exchange does at its installation.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::ssl::{SslContext, SslMethod, SslVersion};
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Name};

use super::Behaviour;
use super::connector::NAME;

const DAY: i64 = 86_400;

/// The server's side of TLS, for each behaviour that has its own.
pub(super) struct Certificates {
    good: SslContext,
    old_protocol: SslContext,
    expired: SslContext,
    other_name: SslContext,
}

impl Certificates {
    pub(super) fn issue() -> io::Result<Self> {
        let modern = (SslVersion::TLS1_2, SslVersion::TLS1_3);
        Ok(Self {
            good: context(NAME, (-1, 365), modern)?,
            old_protocol: context(NAME, (-1, 365), (SslVersion::TLS1, SslVersion::TLS1))?,
            expired: context(NAME, (-365, -1), modern)?,
            other_name: context("elsewhere.example.test", (-1, 365), modern)?,
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

/// A context with a certificate for `name`, valid from and to so many days from now.
fn context(
    name: &str,
    days: (i64, i64),
    versions: (SslVersion, SslVersion),
) -> Result<SslContext, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let mut subject = X509Name::builder()?;
    subject.append_entry_by_nid(Nid::COMMONNAME, name)?;
    let subject = subject.build();
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let number = BigNum::from_u32(1)?.to_asn1_integer()?;
    builder.set_serial_number(&number)?;
    builder.set_subject_name(&subject)?;
    builder.set_issuer_name(&subject)?;
    let (from, to) = (in_days(days.0)?, in_days(days.1)?);
    builder.set_not_before(&from)?;
    builder.set_not_after(&to)?;
    builder.set_pubkey(&key)?;
    let names = SubjectAlternativeName::new()
        .dns(name)
        .build(&builder.x509v3_context(None, None))?;
    builder.append_extension(names)?;
    builder.sign(&key, MessageDigest::sha256())?;

    let mut context = SslContext::builder(SslMethod::tls_server())?;
    context.set_security_level(0);
    context.set_cipher_list("DEFAULT@SECLEVEL=0")?;
    context.set_min_proto_version(Some(versions.0))?;
    context.set_max_proto_version(Some(versions.1))?;
    context.set_certificate(&builder.build())?;
    context.set_private_key(&key)?;
    Ok(context.build())
}

fn in_days(days: i64) -> Result<Asn1Time, ErrorStack> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    Asn1Time::from_unix(i64::try_from(now).unwrap_or_default() + days * DAY)
}
