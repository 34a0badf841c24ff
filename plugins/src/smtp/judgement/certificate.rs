//! The certificate of a port.

use shared::perfdata::Value;
use shared::tls::{Expected, advisories, days_left};
use shared::verdict::{Advice, Advisory, Condition, Kind};

use super::super::conversation::Evidence;
use super::super::options::Options;

/// What is wrong with the certificate, by the policy of the port, and how many days it has left.
pub(super) fn judge(options: &Options, evidence: &Evidence) -> (Vec<Advisory>, Option<Value>) {
    let Some(tls) = &evidence.tls else {
        return (Vec::new(), None);
    };
    let connector = evidence.port.connector();
    let named = match &options.sni {
        Some(name) => Expected::host(name.as_str()),
        None => Expected::host(&evidence.target.name),
    };
    let expected = named.filter(|_| connector.has_public_certificate());
    let days = options.certificate_days;
    let leaf = &tls.session.leaf;
    let mut found = advisories(leaf, expected.as_ref(), days, tls.now);
    if leaf.self_signed && expected.is_some() && connector.serves_people() {
        found.push(Advisory {
            advice: Advice::Certificate,
            condition: Condition::Degraded,
            enforced: Condition::Failed,
            kind: Kind::Certificate,
            summary: format!(
                "the certificate of {} is signed by itself, and mail programs refuse it; install \
                 one from an authority that they know",
                leaf.subject
            ),
        });
    }
    (found, Some(days_left(leaf, days, tls.now)))
}
