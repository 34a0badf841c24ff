//! Certificates for look-alikes: self-signed, or of an authority of their own.

use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

const DAY: i64 = 86_400;

/// A certificate with its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// What is shown to clients.
    pub certificate: X509,
    /// What proves it.
    pub key: PKey<Private>,
}

/// What a certificate says.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Its subject, and its only alternative name.
    pub name: &'a str,
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
            days: (-1, 180),
            issuer: None,
            is_authority: false,
        }
    }

    /// Makes it, with a new key.
    ///
    /// # Errors
    /// The library cannot.
    pub fn issue(self) -> Result<Certificate, ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
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
        if self.is_authority {
            builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        } else {
            let mut names = SubjectAlternativeName::new();
            names.dns(self.name);
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

/// Half a day is put on, so that a whole number of days is left while tests run.
fn in_days(days: i64) -> Result<Asn1Time, ErrorStack> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0));
    Asn1Time::from_unix(now + days * DAY + DAY / 2)
}
