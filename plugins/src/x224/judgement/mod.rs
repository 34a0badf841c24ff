//! What the evidence says about the server: pure.

mod transcript;
mod upper;

use shared::dial::Target;
use shared::perfdata::Value;
use shared::text::{quoted, spoken};
use shared::threshold::Thresholds;
use shared::verdict::{Advice, Advisory, Condition, Finding, Kind, Verdict};

use super::conversation::{Ending, Evidence, Outcome};
use super::wire::{Reply, Wrong};
use super::{NAME, Options, Require};

/// How many bytes of a stranger's answer are quoted.
const QUOTED: usize = 48;
/// How many bytes of the reply the transcript shows.
const TRANSCRIBED: usize = 128;

/// The verdict.
pub fn judge(target: &Target, options: &Options, evidence: &Evidence) -> Verdict {
    let below = finding(target, options, evidence);
    let upper = upper::judge(target, options, evidence);
    // The layers above were reached only where X.224 found nothing that fails.
    let mut finding = match upper.finding {
        Some(above) if below.condition != Condition::Failed => above,
        _ => below,
    };
    for what in &upper.unjudged {
        finding.summary.push_str("; ");
        finding.summary.push_str(what);
    }
    let mut verdict = Verdict::new(NAME, &target.name, Some(target.address.port()), finding);
    let time = Value::seconds("time", evidence.total).judged_by(&options.time);
    let phases = [("connect", evidence.connect), ("confirm", evidence.confirm)];
    let phases = phases
        .into_iter()
        .filter_map(|(label, took)| Some(Value::seconds(label, took?)));
    verdict.perfdata = std::iter::once(time)
        .chain(phases)
        .chain(upper.perfdata)
        .collect();
    if let Outcome::Replied(reply) = &evidence.outcome {
        verdict.facts.extend(facts(reply));
        verdict.advisories.extend(slowness(&options.time, evidence));
    }
    verdict.facts.extend(upper.facts);
    verdict.advisories.extend(upper.advisories);
    if evidence.connect.is_some() {
        verdict.transcript = transcript::below(evidence);
        verdict.transcript.extend(upper.transcript);
    }
    verdict
}

fn slowness(thresholds: &Thresholds, evidence: &Evidence) -> Option<Advisory> {
    let condition = thresholds.judge(evidence.total.as_secs_f64());
    (condition != Condition::Healthy).then(|| Advisory {
        advice: Advice::Time,
        condition,
        enforced: condition,
        kind: Kind::Slow,
        summary: format!(
            "the answer took {}, outside the range asked for",
            spoken(evidence.total)
        ),
    })
}

fn finding(target: &Target, options: &Options, evidence: &Evidence) -> Finding {
    match &evidence.outcome {
        Outcome::NotConnected(fault) => fault.finding(target, evidence.total),
        Outcome::Ended(ending) => ended(target, ending, evidence),
        Outcome::Wrong(Wrong::NotTpkt) => Finding::failed(
            Kind::NotTheProtocol,
            format!(
                "not RDP: got '{}' from {}; check the port and what listens there",
                quoted(evidence.received.trim_ascii_end(), QUOTED),
                target.address
            ),
        ),
        Outcome::Wrong(Wrong::Malformed(why)) => Finding::failed(
            Kind::Malformed,
            format!("malformed answer from {}: {why}", target.address),
        ),
        Outcome::Replied(reply) => replied(target, options.require, reply),
    }
}

fn ended(target: &Target, ending: &Ending, evidence: &Evidence) -> Finding {
    let address = target.address;
    let count = evidence.received.len();
    match (ending, count) {
        (Ending::Expired(expired), 0) => expired.finding(|| {
            Finding::failed(
                Kind::Silent,
                format!(
                    "timeout: TCP accepted by {address} but no X.224 answer in {}: the RDP \
                     service hangs; restart it (Windows: TermService)",
                    spoken(evidence.total)
                ),
            )
        }),
        (Ending::Expired(expired), _) => expired.finding(|| {
            Finding::failed(
                Kind::Timeout,
                format!(
                    "timeout: only {count} bytes of an X.224 answer from {address} in {}",
                    spoken(evidence.total)
                ),
            )
        }),
        (Ending::Closed, _) => Finding::failed(
            Kind::ClosedEarly,
            format!("{address} closed the connection (FIN) {}", before(count)),
        ),
        (Ending::Reset, _) => Finding::failed(
            Kind::TcpReset,
            format!("{address} reset the connection (RST) {}", before(count)),
        ),
        (Ending::Tls(why), _) => Finding::failed(Kind::TlsFailed, why.clone()),
        (Ending::Broken(fault), _) => fault.finding(target, evidence.total),
    }
}

fn before(count: usize) -> String {
    match count {
        0 => "before answering".to_owned(),
        count => format!("after {count} bytes of an answer"),
    }
}

fn replied(target: &Target, require: Option<Require>, reply: &Reply) -> Finding {
    let address = target.address;
    let refused = |why: String| {
        Finding::failed(
            Kind::RefusedByServer,
            format!("{address} refused the request: {why}"),
        )
    };
    match *reply {
        Reply::Bare => standard_security(target, require, "it does not negotiate"),
        Reply::Selected { protocol: 0, .. } => {
            standard_security(target, require, "it chose that although TLS was offered")
        }
        Reply::Selected { protocol: 1, .. } if require == Some(Require::Nla) => Finding::failed(
            Kind::Insecure,
            format!("{address} answers, NLA is not enforced: it chose TLS alone"),
        ),
        Reply::Selected { protocol: 1, .. } => healthy(target, "TLS"),
        Reply::Selected {
            protocol: 2 | 8, ..
        } => healthy(target, "NLA"),
        Reply::Selected { protocol, .. } => Finding::failed(
            Kind::Malformed,
            format!(
                "protocol violation: {address} chose protocol {protocol:#x}, which was not offered"
            ),
        ),
        Reply::Failure { code } => negotiation_failure(target, require, code),
        Reply::McsDisconnect => refused("MCS disconnect".to_owned()),
        Reply::Disconnect { reason } => refused(format!("X.224 disconnect, reason {reason}")),
        Reply::Error { cause } => refused(format!("X.224 error, cause {cause}")),
    }
}

fn healthy(target: &Target, security: &str) -> Finding {
    Finding::new(
        Condition::Healthy,
        Kind::Ok,
        format!("RDP at {} answers, security {security}", target.address),
    )
}

/// Standard RDP security: no TLS, no proof of who the server is.
fn standard_security(target: &Target, require: Option<Require>, why: &str) -> Finding {
    let condition = match require {
        Some(Require::Rdp) => return healthy(target, "Standard RDP"),
        None => Condition::Degraded,
        Some(Require::Tls | Require::Nla) => Condition::Failed,
    };
    Finding::new(
        condition,
        Kind::Insecure,
        format!(
            "{} answers, but with legacy RDP security, without TLS: {why}; enable TLS or NLA on \
             the server",
            target.address
        ),
    )
}

/// RDP_NEG_FAILURE, MS-RDPBCGR 2.2.1.2.2.
fn negotiation_failure(target: &Target, require: Option<Require>, code: u32) -> Finding {
    let address = target.address;
    let refused = |condition, why: &str| {
        Finding::new(
            condition,
            Kind::RefusedByServer,
            format!("{address} answers, but refuses: {why} (RDP negotiation failure {code})"),
        )
    };
    match code {
        1 => refused(
            Condition::Degraded,
            "it demands TLS, which was offered; its configuration contradicts itself",
        ),
        2 => standard_security(target, require, "its configuration forbids it"),
        3 => refused(
            Condition::Failed,
            "the server has no valid certificate, nobody can log on with TLS or NLA; renew or \
             rebind the RDP certificate",
        ),
        4 => refused(Condition::Failed, "it finds the request inconsistent"),
        5 => healthy(target, "NLA, which it demands"),
        6 => refused(Condition::Degraded, "it demands a TLS client certificate"),
        _ => refused(Condition::Failed, "unknown failure code"),
    }
}

/// What the reply tells of the server, by name.
fn facts(reply: &Reply) -> Vec<(String, String)> {
    let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match *reply {
        Reply::Bare => vec![fact("negotiation", "none"), fact("protocol", "rdp")],
        Reply::Selected { flags, protocol } => vec![
            fact("negotiation", "response"),
            fact("protocol", &protocol_name(protocol)),
            fact("flags", &format!("{flags:#04x}")),
        ],
        Reply::Failure { code } => vec![
            fact("negotiation", "failure"),
            fact("failure", &failure_name(code)),
        ],
        Reply::McsDisconnect => vec![fact("refusal", "mcs_disconnect")],
        Reply::Disconnect { .. } => vec![fact("refusal", "x224_disconnect")],
        Reply::Error { .. } => vec![fact("refusal", "x224_error")],
    }
}

/// MS-RDPBCGR 2.2.1.2.1, `selectedProtocol`.
fn protocol_name(protocol: u32) -> String {
    match protocol {
        0 => "rdp".to_owned(),
        1 => "tls".to_owned(),
        2 => "nla".to_owned(),
        4 => "rdstls".to_owned(),
        8 => "nla_ex".to_owned(),
        0x10 => "rdsaad".to_owned(),
        other => format!("{other:#x}"),
    }
}

/// MS-RDPBCGR 2.2.1.2.2, `failureCode`.
fn failure_name(code: u32) -> String {
    match code {
        1 => "ssl_required_by_server".to_owned(),
        2 => "ssl_not_allowed_by_server".to_owned(),
        3 => "ssl_cert_not_on_server".to_owned(),
        4 => "inconsistent_flags".to_owned(),
        5 => "hybrid_required_by_server".to_owned(),
        6 => "ssl_with_user_auth_required_by_server".to_owned(),
        other => other.to_string(),
    }
}
