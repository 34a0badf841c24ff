//! Certificates for look-alikes: self-signed, or of an authority of their own; RSA of 2048 bits,
//! as Windows makes them.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslContext, SslMethod, SslVersion};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

const DAY: i64 = 86_400;

/// The versions of TLS that are not retired.
pub const MODERN: (SslVersion, SslVersion) = (SslVersion::TLS1_2, SslVersion::TLS1_3);

/// TLS 1.0 and nothing newer.
pub const OLD: (SslVersion, SslVersion) = (SslVersion::TLS1, SslVersion::TLS1);

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// What is shown to clients.
    pub certificate: X509,
    /// What proves it.
    pub key: PKey<Private>,
}

impl Certificate {
    /// A server's side of TLS with it, from one version to another.
    ///
    /// # Errors
    /// The library cannot.
    pub fn context(&self, versions: (SslVersion, SslVersion)) -> Result<SslContext, ErrorStack> {
        let mut context = SslContext::builder(SslMethod::tls_server())?;
        context.set_security_level(0);
        context.set_cipher_list("ALL:@SECLEVEL=0")?;
        context.set_min_proto_version(Some(versions.0))?;
        context.set_max_proto_version(Some(versions.1))?;
        context.set_certificate(&self.certificate)?;
        context.set_private_key(&self.key)?;
        Ok(context.build())
    }
}

/// What a certificate says.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Its subject.
    pub name: &'a str,
    /// Its alternative names; the subject alone, if nothing is said.
    pub alternative_names: Option<&'a [&'a str]>,
    /// The days from now on which its validity begins and ends.
    pub days: (i64, i64),
    /// Who issues it; itself, if nobody else.
    pub issuer: Option<&'a Certificate>,
    /// Whether it may issue others.
    pub is_authority: bool,
}

impl<'a> Wish<'a> {
    /// A self-signed certificate of 180 days.
    pub fn of(name: &'a str) -> Self {
        Self {
            name,
            alternative_names: None,
            days: (-1, 180),
            issuer: None,
            is_authority: false,
        }
    }

    /// The same without alternative names: what Windows makes for RDP.
    pub fn of_rdp(name: &'a str) -> Self {
        Self {
            alternative_names: Some(&[]),
            ..Self::of(name)
        }
    }

    /// Makes it.
    ///
    /// # Errors
    /// The library cannot.
    pub fn issue(self) -> Result<Certificate, ErrorStack> {
        let key = key()?;
        let mut name = X509Name::builder()?;
        name.append_entry_by_nid(Nid::COMMONNAME, self.name)?;
        let name = name.build();
        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        let number = BigNum::from_u32(1)?.to_asn1_integer()?;
        builder.set_serial_number(&number)?;
        builder.set_subject_name(&name)?;
        let (from, to) = (in_days(self.days.0)?, in_days(self.days.1)?);
        builder.set_not_before(&from)?;
        builder.set_not_after(&to)?;
        builder.set_pubkey(&key)?;
        let alternative_names = match self.alternative_names {
            Some(names) => names,
            None => &[self.name],
        };
        if self.is_authority {
            builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        } else if !alternative_names.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for name in alternative_names {
                names.dns(name);
            }
            let names = names.build(&builder.x509v3_context(None, None))?;
            builder.append_extension(names)?;
        }
        match self.issuer {
            None => {
                builder.set_issuer_name(&name)?;
                builder.sign(&key, MessageDigest::sha256())?;
            }
            Some(issuer) => {
                builder.set_issuer_name(issuer.certificate.subject_name())?;
                builder.sign(&issuer.key, MessageDigest::sha256())?;
            }
        }
        Ok(Certificate {
            certificate: builder.build(),
            key,
        })
    }
}

/// One key for all look-alikes of a process: making one takes longer than most checks.
fn key() -> Result<PKey<Private>, ErrorStack> {
    static KEY: OnceLock<PKey<Private>> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key.clone());
    }
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    Ok(KEY.get_or_init(|| key).clone())
}

/// Half a day is put on, so that a whole number of days is left while tests run.
fn in_days(days: i64) -> Result<Asn1Time, ErrorStack> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0));
    Asn1Time::from_unix(now + days * DAY + DAY / 2)
}
