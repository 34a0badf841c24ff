//! Certificates as Windows makes them for RDP: self-signed, RSA of 2048 bits, half a year.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Name};

const DAY: i64 = 86_400;

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Its subject and issuer.
    pub name: String,
    /// Its alternative names; Windows gives none.
    pub alternative_names: Vec<String>,
    /// Begin of its validity, in days from now.
    pub from: i64,
    /// End of its validity, in days from now.
    pub to: i64,
}

impl Default for Certificate {
    fn default() -> Self {
        Self::of("EX1.exch.test")
    }
}

impl Certificate {
    /// A good one for that server.
    pub fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            alternative_names: Vec::new(),
            from: -1,
            to: 180,
        }
    }

    pub(super) fn issue(&self) -> Result<(X509, PKey<Private>), ErrorStack> {
        let key = key()?;
        let mut name = X509Name::builder()?;
        name.append_entry_by_nid(Nid::COMMONNAME, &self.name)?;
        let name = name.build();
        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        let number = BigNum::from_u32(1)?.to_asn1_integer()?;
        builder.set_serial_number(&number)?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        let (from, to) = (in_days(self.from)?, in_days(self.to)?);
        builder.set_not_before(&from)?;
        builder.set_not_after(&to)?;
        builder.set_pubkey(&key)?;
        if !self.alternative_names.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for name in &self.alternative_names {
                names.dns(name);
            }
            let names = names.build(&builder.x509v3_context(None, None))?;
            builder.append_extension(names)?;
        }
        builder.sign(&key, MessageDigest::sha256())?;
        Ok((builder.build(), key))
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

/// Half a day is put on, so that a whole number of days is left for the length of a test.
fn in_days(days: i64) -> Result<Asn1Time, ErrorStack> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0));
    Asn1Time::from_unix(now + days * DAY + DAY / 2)
}
