//! Why a conversation ended before its end, in words.

use std::time::Duration;

use shared::dial::Target;
use shared::text::{quoted, spoken};
use shared::tls::{self, Way};
use shared::verdict::{Condition, Finding, Kind};

use super::super::connector::TARPIT;
use super::super::conversation::{Evidence, Unshaken};
use super::super::line::{Broken, Phase, Why};
use super::super::options::Security;
use super::super::wire::Wrong;

/// How many bytes of a stranger's answer are quoted.
const QUOTED: usize = 48;

pub(super) fn waits_for_tls(evidence: &Evidence) -> Finding {
    let (address, number) = (evidence.target.address, evidence.port.number);
    Finding::failed(
        Kind::NotTheProtocol,
        format!(
            "{address} sends no greeting and waits for TLS from the first byte (implicit TLS): \
             check it with -p {number}/tls; Exchange speaks STARTTLS there"
        ),
    )
}

pub(super) fn injected(target: &Target, bytes: &[u8]) -> Finding {
    Finding::failed(
        Kind::StarttlsInjection,
        format!(
            "plaintext came from {} where TLS was to begin: '{}'; something on the way injects \
             text before the handshake, or the server is broken; nothing it says is to be trusted",
            target.address,
            quoted(bytes.trim_ascii_end(), QUOTED)
        ),
    )
}

pub(super) fn tls_failed(evidence: &Evidence, unshaken: &Unshaken, took: Duration) -> Finding {
    let number = evidence.port.number;
    let begun = evidence.port.security == Security::Tls;
    match &unshaken.fault {
        tls::Fault::NotTls(bytes) if !begun => injected(&evidence.target, bytes),
        fault => {
            let mut finding = fault.finding(&Way {
                target: &evidence.target,
                waited: took,
                received: unshaken.received,
            });
            if matches!(fault, tls::Fault::NotTls(bytes) if bytes.starts_with(b"220")) {
                let hint = format!("; it greets in plaintext: check it with -p {number}/starttls");
                finding.summary.push_str(&hint);
            }
            finding
        }
    }
}

pub(super) fn no_reply(evidence: &Evidence, broken: &Broken) -> Finding {
    let address = evidence.target.address;
    let Broken {
        phase,
        why,
        received,
        waited,
    } = broken;
    let count = received.len();
    let waited = spoken(*waited);
    match why {
        Why::Expired(expired) => expired.finding(|| late(evidence, broken)),
        Why::Closed => Finding::failed(
            Kind::ClosedEarly,
            format!(
                "{address} closed the connection (FIN) {}",
                before(*phase, count)
            ),
        ),
        Why::Reset => Finding::failed(
            Kind::TcpReset,
            format!(
                "{address} reset the connection (RST) {}",
                before(*phase, count)
            ),
        ),
        Why::Tls(text) => Finding::failed(
            Kind::TlsFailed,
            format!(
                "{address} broke off inside TLS {}: {text}",
                before(*phase, count)
            ),
        ),
        Why::Io(fault) => fault.finding(&evidence.target, broken.waited),
        Why::Wrong(Wrong::NotSmtp) if *phase == Phase::Banner => stranger(evidence, received),
        Why::Wrong(Wrong::NotSmtp) => Finding::failed(
            Kind::Malformed,
            format!(
                "malformed {phase} from {address} after {waited}: got '{}'",
                quoted(received.trim_ascii_end(), QUOTED)
            ),
        ),
        Why::Wrong(Wrong::Malformed(text)) => Finding::failed(
            Kind::Malformed,
            format!("malformed {phase} from {address}: {text}"),
        ),
    }
}

fn before(phase: Phase, count: usize) -> String {
    match count {
        0 => format!("before its {phase}"),
        count => format!("after {count} bytes of its {phase}"),
    }
}

/// The time was over.
fn late(evidence: &Evidence, broken: &Broken) -> Finding {
    let address = evidence.target.address;
    let Broken {
        phase,
        received,
        waited,
        ..
    } = broken;
    let spoken = spoken(*waited);
    let timeout = |summary| Finding::failed(Kind::Timeout, summary);
    match (phase, received.len()) {
        (Phase::Banner, 0) => Finding::failed(
            Kind::Silent,
            format!(
                "timeout: TCP accepted by {address} but no SMTP greeting in {spoken}: the mail \
                 service hangs; restart it (Exchange: MSExchangeFrontEndTransport, \
                 MSExchangeTransport)"
            ),
        ),
        (Phase::Mail, 0) if *waited < TARPIT && evidence.port.connector().has_tarpit() => {
            Finding::new(
                Condition::Degraded,
                Kind::Timeout,
                format!(
                    "timeout: no answer to MAIL FROM from {address} in {spoken}, which is less \
                     than the tarpit of 5 s takes: give more time (-t 10) to be sure"
                ),
            )
        }
        (Phase::Mail, 0) => timeout(format!(
            "timeout: no answer to MAIL FROM from {address} in {spoken}: the mail service hangs, \
             or back pressure delays it (by 55 s at most: -t 60 tells)"
        )),
        (phase, 0) => timeout(format!(
            "timeout: no {phase} from {address} in {spoken}: the mail service hangs or has gone"
        )),
        (phase, count) => timeout(format!(
            "timeout: only {count} bytes of the {phase} from {address} in {spoken}, and no end of \
             it"
        )),
    }
}

/// Something else than SMTP talks.
fn stranger(evidence: &Evidence, received: &[u8]) -> Finding {
    let address = evidence.target.address;
    let got = quoted(received.trim_ascii_end(), QUOTED);
    let number = evidence.port.number;
    let what = match received {
        [0x15 | 0x16, 3, ..] => {
            format!("TLS answers; check it with -p {number}/tls")
        }
        [3, 0, ..] => "an RDP server answers; check the port".to_owned(),
        text if text.starts_with(b"SSH-") => "an SSH server answers; check the port".to_owned(),
        text if text.starts_with(b"HTTP/") => "a web server answers; check the port".to_owned(),
        _ => "check the port and what listens there".to_owned(),
    };
    Finding::failed(
        Kind::NotTheProtocol,
        format!("not SMTP: got '{got}' from {address}; {what}"),
    )
}
