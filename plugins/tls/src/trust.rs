//! Whether a chain of certificates leads to an authority that this machine knows.
//!
//! It is looked at after the handshake, which verifies nothing, so that the finding is told beside
//! what else the server says. Names and dates are judged elsewhere.

use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::ssl::SslFiletype;
use openssl::ssl::SslRef;
use openssl::x509::store::{X509Lookup, X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509StoreContext, X509VerifyResult};

/// Where Debian, and OpenSSL by default, has the authorities, each in a file that is named after
/// its subject: only those that a chain asks for are read. The one file with all of them takes a
/// hundred times as long to read.
const DIRECTORY: &str = "/etc/ssl/certs";
/// Where distributions without such a directory have them.
const BUNDLE: &str = "/etc/pki/tls/certs/ca-bundle.crt";

/// How long a finding holds: the authorities that this machine knows change by hand, and rarely, and a
/// director sees the same chain every few seconds.
const HOLDS: Duration = Duration::from_secs(60);
/// The most chains that are remembered.
const MOST: usize = 64;

/// What is wrong with the chain that the server showed, in the words of OpenSSL (X509_verify_cert
/// (3)); nothing if this machine trusts it. A store that cannot be had trusts nobody.
pub(crate) fn distrust(ssl: &SslRef) -> Option<String> {
    static KNOWN: Mutex<Known> = Mutex::new(Known(Vec::new()));
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let chain = fingerprints(ssl);
    if let Some(finding) = known().of(&chain, now) {
        return finding;
    }
    let finding = verify(ssl).unwrap_or_else(|error| Some(error.to_string()));
    known().remember(chain, finding.clone(), now);
    finding
}

/// What was found of chains not long ago.
struct Known(Vec<Finding>);

struct Finding {
    chain: Vec<u8>,
    distrust: Option<String>,
    at: Instant,
}

impl Known {
    fn of(&self, chain: &[u8], now: Instant) -> Option<Option<String>> {
        let mut findings = self.0.iter();
        let known = findings.find(|it| it.chain == chain && now.duration_since(it.at) < HOLDS)?;
        Some(known.distrust.clone())
    }

    fn remember(&mut self, chain: Vec<u8>, distrust: Option<String>, at: Instant) {
        self.0
            .retain(|it| it.chain != chain && at.duration_since(it.at) < HOLDS);
        if self.0.len() < MOST {
            self.0.push(Finding {
                chain,
                distrust,
                at,
            });
        }
    }
}

/// The SHA-256 of each certificate that the server showed; a client's chain begins with the leaf
/// (SSL_get_peer_cert_chain(3)).
fn fingerprints(ssl: &SslRef) -> Vec<u8> {
    let chain = ssl.peer_cert_chain().into_iter().flatten();
    let digests = chain.flat_map(|certificate| certificate.digest(MessageDigest::sha256()));
    digests.flat_map(|digest| digest.to_vec()).collect()
}

fn verify(ssl: &SslRef) -> Result<Option<String>, ErrorStack> {
    static STORE: OnceLock<X509Store> = OnceLock::new();
    let store = match STORE.get() {
        Some(store) => store,
        None => {
            let built = store()?;
            STORE.get_or_init(|| built)
        }
    };
    let (Some(leaf), Some(chain)) = (ssl.peer_certificate(), ssl.peer_cert_chain()) else {
        return Ok(Some("no certificate".to_owned()));
    };
    let mut context = X509StoreContext::new()?;
    let result = context.init(store, &leaf, chain, |context| {
        context.verify_cert()?;
        Ok(context.error())
    })?;
    let trusted = result == X509VerifyResult::OK;
    Ok((!trusted).then(|| result.error_string().to_owned()))
}

/// By the environment as OpenSSL has it (SSL_CERT_DIR, SSL_CERT_FILE), else by the distribution.
fn store() -> Result<X509Store, ErrorStack> {
    let mut builder = X509StoreBuilder::new()?;
    builder.set_flags(X509VerifyFlags::NO_CHECK_TIME)?;
    let named = std::env::var("SSL_CERT_DIR");
    let directories = named.as_deref().unwrap_or(DIRECTORY);
    let lookup = builder.add_lookup(X509Lookup::hash_dir())?;
    for directory in directories.split(':').filter(|path| !path.is_empty()) {
        lookup.add_dir(directory, SslFiletype::PEM)?;
    }
    let file = std::env::var("SSL_CERT_FILE").ok();
    let file = file.or_else(|| Path::new(BUNDLE).exists().then(|| BUNDLE.to_owned()));
    if let Some(file) = file {
        let lookup = builder.add_lookup(X509Lookup::file())?;
        lookup.load_cert_file(file, SslFiletype::PEM)?;
    }
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_holds_for_its_chain_and_for_its_time() {
        let mut known = Known(Vec::new());
        let began = Instant::now();
        known.remember(vec![1], Some("self-signed certificate".to_owned()), began);
        known.remember(vec![2], None, began);
        let soon = began + HOLDS / 2;
        assert_eq!(
            known.of(&[1], soon),
            Some(Some("self-signed certificate".to_owned()))
        );
        assert_eq!(known.of(&[2], soon), Some(None));
        assert_eq!(known.of(&[3], soon), None);
        assert_eq!(known.of(&[1], began + HOLDS), None);
        known.remember(vec![1], None, began + HOLDS);
        assert_eq!(known.of(&[1], began + HOLDS), Some(None));
    }

    #[test]
    fn no_more_than_a_few_chains_are_remembered() {
        let mut known = Known(Vec::new());
        let now = Instant::now();
        for chain in 0..200 {
            known.remember(vec![chain], None, now);
        }
        assert_eq!(known.0.len(), MOST);
        known.remember(vec![250], None, now + HOLDS);
        assert_eq!(known.of(&[250], now + HOLDS), Some(None));
    }
}
