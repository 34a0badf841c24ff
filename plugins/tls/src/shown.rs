//! The certificates that a server showed. A director sees the same ones every few seconds; what
//! they say takes longer to read and to verify than to compare.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use openssl::ssl::SslRef;

/// How long a finding holds: the authorities that this machine knows change by hand, and rarely.
const HOLDS: Duration = Duration::from_secs(60);
/// The most chains that are remembered.
const MOST: usize = 64;

/// A chain in DER, the server's own certificate first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain(Arc<[u8]>);

impl Chain {
    /// A client's chain begins with the leaf (SSL_get_peer_cert_chain(3)).
    pub(crate) fn of(ssl: &SslRef) -> Self {
        let certificates = ssl.peer_cert_chain().into_iter().flatten();
        let in_der = certificates.filter_map(|certificate| certificate.to_der().ok());
        Self(in_der.collect::<Vec<_>>().concat().into())
    }
}

/// What was found of chains not long ago.
pub(crate) struct Memory<T>(Mutex<Vec<Finding<T>>>);

struct Finding<T> {
    chain: Chain,
    what: T,
    at: Instant,
}

impl<T: Clone> Memory<T> {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// What was found of `chain` before, or else what `find` finds now.
    pub(crate) fn recall(&self, chain: &Chain, now: Instant, find: impl FnOnce() -> T) -> T {
        let holds = |it: &Finding<T>| now.duration_since(it.at) < HOLDS;
        let findings = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = findings()
            .iter()
            .find(|it| it.chain == *chain && holds(it))
            .map(|it| it.what.clone());
        if let Some(what) = known {
            return what;
        }
        let what = find();
        let mut findings = findings();
        findings.retain(|it| it.chain != *chain && holds(it));
        if findings.len() < MOST {
            findings.push(Finding {
                chain: chain.clone(),
                what: what.clone(),
                at: now,
            });
        }
        what
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(byte: u8) -> Chain {
        Chain([byte].into())
    }

    #[test]
    fn a_finding_holds_for_its_chain_and_for_its_time() {
        let memory = Memory::new();
        let began = Instant::now();
        assert_eq!(memory.recall(&chain(1), began, || "first"), "first");
        assert_eq!(memory.recall(&chain(2), began, || "another"), "another");
        let soon = began + HOLDS / 2;
        assert_eq!(memory.recall(&chain(1), soon, || "anew"), "first");
        assert_eq!(memory.recall(&chain(2), soon, || "anew"), "another");
        let later = began + HOLDS;
        assert_eq!(memory.recall(&chain(1), later, || "anew"), "anew");
        assert_eq!(memory.recall(&chain(1), later, || "again"), "anew");
    }

    #[test]
    fn no_more_than_a_few_chains_are_remembered() {
        let memory = Memory::new();
        let now = Instant::now();
        let findings = || memory.0.lock().unwrap().len();
        for byte in 0..200 {
            assert_eq!(memory.recall(&chain(byte), now, || byte), byte);
        }
        assert_eq!(findings(), MOST);
        memory.recall(&chain(250), now + HOLDS, || 0);
        assert_eq!(findings(), 1, "those whose time is over make room");
    }
}
