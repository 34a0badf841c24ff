//! From OpenSSL's view of a connection to plain data. Every text is made printable and bounded:
//! it comes from the server.

use std::net::IpAddr;
use std::time::Instant;

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::ssl::{SslRef, SslVersion};
use openssl::x509::{GeneralNameRef, X509NameRef, X509Ref};
use shared::date::UnixTime;
use shared::text::quoted;
use shared::tls::{Certificate, Session, Version};

use crate::shown::{Chain, Memory};

/// The longest DNS name.
const NAME_MOST: usize = 253;
/// The most names of one certificate that are looked at.
const NAMES_MOST: usize = 32;
/// The most certificates of a chain that are named.
const CHAIN_MOST: usize = 8;

/// What the handshake showed, with the `chain` in it; an error says what is missing or broken.
pub(crate) fn of(ssl: &SslRef, chain: &Chain) -> Result<Session, String> {
    static READ: Memory<Result<Certificates, String>> = Memory::new();
    let version = match ssl.version2() {
        Some(SslVersion::SSL3) => Version::Ssl3,
        Some(SslVersion::TLS1) => Version::Tls10,
        Some(SslVersion::TLS1_1) => Version::Tls11,
        Some(SslVersion::TLS1_2) => Version::Tls12,
        Some(SslVersion::TLS1_3) => Version::Tls13,
        _ => return Err(format!("an unknown version, {}", ssl.version_str())),
    };
    let Certificates { leaf, chain } = READ.recall(chain, Instant::now(), || certificates(ssl))?;
    Ok(Session {
        version,
        cipher: ssl
            .current_cipher()
            .map_or_else(String::new, |cipher| cipher.name().to_owned()),
        leaf,
        chain,
    })
}

/// What the certificates of a handshake say.
#[derive(Clone)]
struct Certificates {
    leaf: Certificate,
    chain: Vec<String>,
}

fn certificates(ssl: &SslRef) -> Result<Certificates, String> {
    let leaf = ssl
        .peer_certificate()
        .ok_or("the server showed no certificate")?;
    let chain = ssl.peer_cert_chain();
    Ok(Certificates {
        leaf: certificate(&leaf)
            .map_err(|error| format!("the server's certificate cannot be read: {error}"))?,
        chain: chain.map_or_else(Vec::new, |chain| {
            let certificates = chain.iter().take(CHAIN_MOST);
            certificates
                .map(|certificate| common_name(certificate.subject_name()))
                .collect()
        }),
    })
}

fn certificate(leaf: &X509Ref) -> Result<Certificate, ErrorStack> {
    let digest = leaf.digest(MessageDigest::sha256())?;
    let mut sha256 = [0; 32];
    sha256
        .iter_mut()
        .zip(digest.iter())
        .for_each(|(to, from)| *to = *from);
    let subject = common_name(leaf.subject_name());
    let names = alternative_names(leaf);
    Ok(Certificate {
        names: match (names.is_empty(), subject.is_empty()) {
            (true, false) => vec![subject.clone()],
            _ => names,
        },
        subject,
        issuer: common_name(leaf.issuer_name()),
        not_before: unix_time(leaf.not_before())?,
        not_after: unix_time(leaf.not_after())?,
        sha256,
        self_signed: is_same(leaf.subject_name(), leaf.issuer_name()),
    })
}

fn is_same(subject: &X509NameRef, issuer: &X509NameRef) -> bool {
    matches!(subject.try_cmp(issuer), Ok(std::cmp::Ordering::Equal))
}

fn common_name(name: &X509NameRef) -> String {
    let first = name.entries_by_nid(Nid::COMMONNAME).next();
    let text = first.and_then(|entry| entry.data().to_string().ok());
    text.map_or_else(String::new, |text| quoted(text.as_bytes(), NAME_MOST))
}

fn alternative_names(leaf: &X509Ref) -> Vec<String> {
    let names = leaf.subject_alt_names();
    names.map_or_else(Vec::new, |names| {
        let names = names.iter().take(NAMES_MOST);
        names.filter_map(alternative_name).collect()
    })
}

fn alternative_name(name: &GeneralNameRef) -> Option<String> {
    if let Some(name) = name.dnsname() {
        return Some(quoted(name.as_bytes(), NAME_MOST));
    }
    let bytes = name.ipaddress()?;
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(bytes).to_string());
    }
    let bytes = <[u8; 16]>::try_from(bytes).ok()?;
    Some(IpAddr::from(bytes).to_string())
}

fn unix_time(time: &Asn1TimeRef) -> Result<UnixTime, ErrorStack> {
    let difference = Asn1Time::from_unix(0)?.diff(time)?;
    Ok(UnixTime(
        i64::from(difference.days) * 86_400 + i64::from(difference.secs),
    ))
}
