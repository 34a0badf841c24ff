//! Whether a chain of certificates leads to an authority that this machine knows.
//!
//! It is looked at after the handshake, which verifies nothing, so that the finding is told beside
//! what else the server says. Names and dates are judged elsewhere.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use openssl::error::ErrorStack;
use openssl::ssl::SslFiletype;
use openssl::ssl::SslRef;
use openssl::x509::store::{X509Lookup, X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509StoreContext, X509VerifyResult};

use crate::shown::{Chain, Memory};

/// Where Debian, and OpenSSL by default, has the authorities, each in a file that is named after
/// its subject: only those that a chain asks for are read. The one file with all of them takes a
/// hundred times as long to read.
const DIRECTORY: &str = "/etc/ssl/certs";
/// Where distributions without such a directory have them.
const BUNDLE: &str = "/etc/pki/tls/certs/ca-bundle.crt";

/// What is wrong with the chain that the server showed, in the words of OpenSSL (X509_verify_cert
/// (3)); nothing if this machine trusts it. A store that cannot be had trusts nobody.
pub(crate) fn distrust(ssl: &SslRef, chain: &Chain) -> Option<String> {
    static FOUND: Memory<Option<String>> = Memory::new();
    let find = || verify(ssl).unwrap_or_else(|error| Some(error.to_string()));
    FOUND.recall(chain, Instant::now(), find)
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
