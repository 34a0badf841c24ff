//! The verdict on one port.

use std::time::Duration;

use shared::dial::Target;
use shared::perfdata::Value;
use shared::text::{quoted, spoken};
use shared::tls::{self, Expected, Way, advisories, days_left};
use shared::verdict::{Advice, Advisory, Condition, Finding, Kind};

use super::super::connector::TARPIT;
use super::super::conversation::{Depth, Evidence, Trouble, Unshaken};
use super::super::line::{Broken, Phase, Why};
use super::super::options::{Options, Security};
use super::super::wire::{Capabilities, Wrong};
use super::reply;

/// How many bytes of a stranger's answer are quoted.
const QUOTED: usize = 48;
/// How many lines of a reply, and bytes of a line, the transcript shows.
const TRANSCRIBED: (usize, usize) = (24, 200);

/// From when on a late answer to MAIL means back pressure: Exchange delays by 10 s first, then by
/// 5 s more each time, up to 55 s (Microsoft, "Understanding back pressure").
const BACK_PRESSURE: Duration = Duration::from_millis(9_500);

/// What was found out about one port.
#[derive(Clone, Debug)]
pub struct PortVerdict {
    /// The port.
    pub port: u16,
    /// What was found.
    pub finding: Finding,
    /// Whether MAIL was sent.
    pub asked_mail: bool,
    pub(super) advisories: Vec<Advisory>,
    /// How long it took, the tarpit left aside.
    pub(super) time: Duration,
    pub(super) certificate_days: Option<Value>,
    pub(super) phases: Vec<(&'static str, Duration)>,
    /// Remarks that change no verdict.
    pub(super) remarks: Vec<String>,
    pub(super) facts: Vec<(String, String)>,
    pub(super) transcript: Vec<String>,
}

impl PortVerdict {
    /// A verdict without measurements.
    pub fn new(port: u16, finding: Finding, asked_mail: bool) -> Self {
        Self {
            port,
            finding,
            asked_mail,
            advisories: Vec::new(),
            time: Duration::ZERO,
            certificate_days: None,
            phases: Vec::new(),
            remarks: Vec::new(),
            facts: Vec::new(),
            transcript: Vec::new(),
        }
    }
}

/// Judges one port.
pub(crate) fn judge_port(options: &Options, evidence: &Evidence) -> PortVerdict {
    let (advisories, certificate_days) = certificate(options, evidence);
    PortVerdict {
        advisories,
        time: evidence.total.saturating_sub(tarpit(evidence)),
        certificate_days,
        phases: phases(evidence),
        remarks: remarks(evidence),
        facts: facts(evidence),
        transcript: transcript(evidence),
        ..PortVerdict::new(
            evidence.port.number,
            finding(evidence),
            asked_mail(evidence),
        )
    }
}

fn finding(evidence: &Evidence) -> Finding {
    match &evidence.trouble {
        None => answered(evidence),
        Some(Trouble::NotConnected(fault)) => fault.finding(&evidence.target, evidence.total),
        Some(Trouble::WaitsForTls) => waits_for_tls(evidence),
        Some(Trouble::Broken(broken)) => self::broken(evidence, broken),
        Some(Trouble::NoStarttls) => no_starttls(evidence),
        Some(Trouble::Injected(bytes)) => injected(&evidence.target, bytes),
        Some(Trouble::TlsFailed { unshaken, took }) => tls_failed(evidence, unshaken, *took),
        Some(Trouble::Refused) => {
            let last = evidence.exchanges.iter().rev();
            let mut last = last.filter(|exchange| exchange.phase != Phase::Quit);
            let refusal = last.next().and_then(|last| reply::refusal(evidence, last));
            refusal.unwrap_or_else(|| answered(evidence))
        }
    }
}

/// Everything was answered as a server that works does; what is still worth a look.
fn answered(evidence: &Evidence) -> Finding {
    let address = evidence.target.address;
    let degraded = |kind, summary| Finding::new(Condition::Degraded, kind, summary);
    let mail = evidence.exchange(Phase::Mail);
    if let Some(mail) = mail.filter(|mail| mail.took >= BACK_PRESSURE) {
        let summary = format!(
            "{address} answers MAIL FROM only after {}: back pressure, short of disk, memory or \
             queue space",
            spoken(mail.took)
        );
        return degraded(Kind::BackPressure, summary);
    }
    if let Some(finding) = missing_capabilities(evidence) {
        return finding;
    }
    let version = evidence.tls.as_ref().map(|tls| tls.session.version);
    if let Some(version) = version.filter(|version| version.is_retired()) {
        let summary = format!(
            "SMTP at {address} answers, but over {version}, which is retired (RFC 8996); enable \
             TLS 1.2 or newer on the server"
        );
        return degraded(Kind::Insecure, summary);
    }
    let over = version.map_or("without TLS".to_owned(), |version| {
        format!("over {version}")
    });
    let mail = match mail.map(|mail| mail.reply.code) {
        None => String::new(),
        Some(530) => ", refuses strangers as it should".to_owned(),
        Some(_) => ", takes MAIL FROM".to_owned(),
    };
    let summary = format!("SMTP at {address} answers {over}{mail}");
    Finding::new(Condition::Healthy, Kind::Ok, summary)
}

/// What an Exchange connector should announce; of other servers SIZE alone is expected, on the
/// ports of mail.
fn missing_capabilities(evidence: &Evidence) -> Option<Finding> {
    let capabilities = evidence.capabilities()?;
    let address = evidence.target.address;
    let rewritten = |keyword: &str| {
        format!(
            "a firewall rewrites what {address} announces ({} among it); switch its SMTP \
             inspection off (Cisco: no inspect esmtp)",
            quoted(keyword.as_bytes(), 40)
        )
    };
    let degraded = |summary| Finding::new(Condition::Degraded, Kind::CapabilityMissing, summary);
    if let Some(keyword) = capabilities.overwritten() {
        return Some(degraded(rewritten(keyword)));
    }
    let connector = evidence.port.connector();
    let exchange = is_exchange(evidence, &capabilities);
    let in_clear = evidence.port.security != Security::Tls;
    let size: &[&str] = match connector {
        super::super::connector::Connector::Other => &[],
        _ => &["SIZE"],
    };
    let of_exchange = if exchange && in_clear {
        connector.expected()
    } else {
        &[]
    };
    let expected = size.iter().chain(of_exchange);
    let missing: Vec<&str> = expected
        .copied()
        .filter(|keyword| !capabilities.has(keyword))
        .collect();
    if missing.is_empty() {
        return None;
    }
    let hint = match missing.iter().any(|keyword| keyword.starts_with("X-")) {
        true => {
            "; other Exchange servers cannot authenticate (5.7.3): a firewall on the way rewrites \
             SMTP, or the receive connector lacks ExchangeServer authentication"
        }
        false => "; look at the receive connector, and at firewalls that rewrite SMTP",
    };
    Some(degraded(format!(
        "{address} does not announce {}{hint}",
        missing.join(", ")
    )))
}

/// Whether an Exchange server speaks: by its greeting, which an administrator can change, by the
/// form of its answer to EHLO, or by what it announces.
fn is_exchange(evidence: &Evidence, capabilities: &Capabilities) -> bool {
    let says = |phase, words| {
        let exchange = evidence.exchange(phase);
        exchange.is_some_and(|exchange| exchange.reply.says(words))
    };
    let own = [
        "X-ANONYMOUSTLS",
        "X-EXPS",
        "XEXCH50",
        "XSHADOWREQUEST",
        "XRDST",
    ];
    says(Phase::Banner, "microsoft esmtp mail service")
        || says(Phase::Ehlo, " hello [")
        || own.iter().any(|keyword| capabilities.has(keyword))
}

fn no_starttls(evidence: &Evidence) -> Finding {
    let address = evidence.target.address;
    let capabilities = evidence.capabilities().unwrap_or_default();
    let why = match capabilities.overwritten() {
        Some(keyword) => format!(
            "a firewall rewrites what it announces ({} among it); switch its SMTP inspection off \
             (Cisco: no inspect esmtp)",
            quoted(keyword.as_bytes(), 40)
        ),
        None => format!(
            "look at its certificate, and at firewalls that rewrite SMTP; a server without TLS is \
             checked with -p {}/plain",
            evidence.port.number
        ),
    };
    let summary = format!("{address} does not offer STARTTLS: {why}");
    Finding::failed(Kind::CapabilityMissing, summary)
}

fn waits_for_tls(evidence: &Evidence) -> Finding {
    let (address, number) = (evidence.target.address, evidence.port.number);
    Finding::failed(
        Kind::NotTheProtocol,
        format!(
            "{address} sends no greeting and waits for TLS from the first byte (implicit TLS): \
             check it with -p {number}/tls; Exchange speaks STARTTLS there"
        ),
    )
}

fn injected(target: &Target, bytes: &[u8]) -> Finding {
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

fn tls_failed(evidence: &Evidence, unshaken: &Unshaken, took: Duration) -> Finding {
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

fn broken(evidence: &Evidence, broken: &Broken) -> Finding {
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

fn asked_mail(evidence: &Evidence) -> bool {
    let unanswered = matches!(
        &evidence.trouble,
        Some(Trouble::Broken(Broken {
            phase: Phase::Mail,
            ..
        }))
    );
    unanswered || evidence.exchange(Phase::Mail).is_some()
}

/// How long a refusal was held back on purpose.
fn tarpit(evidence: &Evidence) -> Duration {
    let mail = evidence.exchange(Phase::Mail);
    let refusal = mail.filter(|mail| (500..600).contains(&mail.reply.code));
    refusal.map_or(Duration::ZERO, |mail| mail.took.min(TARPIT))
}

fn phases(evidence: &Evidence) -> Vec<(&'static str, Duration)> {
    let took = |phase| evidence.exchange(phase).map(|exchange| exchange.took);
    let tls = evidence.tls.as_ref().map(|tls| tls.took);
    [
        ("connect", evidence.connect),
        ("banner", took(Phase::Banner)),
        ("ehlo", took(Phase::Ehlo)),
        ("starttls", took(Phase::Starttls)),
        ("tls", tls),
        ("ehlo_tls", took(Phase::EhloOverTls)),
        ("mail", took(Phase::Mail)),
        ("quit", took(Phase::Quit)),
    ]
    .into_iter()
    .filter_map(|(label, took)| Some((label, took?)))
    .collect()
}

/// What a human may want to know and no verdict follows from.
fn remarks(evidence: &Evidence) -> Vec<String> {
    let mut remarks = Vec::new();
    let answered = evidence.exchange(Phase::Mail).map(|mail| mail.reply.code);
    let quit = evidence.exchange(Phase::Quit).map(|quit| quit.reply.code);
    // After a refusal Exchange closes by itself.
    if answered == Some(250) && quit != Some(221) {
        remarks.push("QUIT was not answered with 221".to_owned());
    }
    if evidence.depth == Depth::Ehlo {
        remarks.push("MAIL FROM was not asked this time".to_owned());
    }
    remarks
}

fn certificate(options: &Options, evidence: &Evidence) -> (Vec<Advisory>, Option<Value>) {
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

fn facts(evidence: &Evidence) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut facts = Vec::new();
    if let Some(banner) = evidence.exchange(Phase::Banner) {
        facts.push(fact("banner", banner.reply.to_string()));
    }
    if let Some(capabilities) = evidence.capabilities() {
        facts.push(fact("capabilities", capabilities.listed()));
    }
    if let Some(mail) = evidence.exchange(Phase::Mail) {
        facts.push(fact("mail", mail.reply.to_string()));
    }
    if let Some(tls) = &evidence.tls {
        facts.extend(tls.session.facts());
    }
    facts
}

fn transcript(evidence: &Evidence) -> Vec<String> {
    let (lines_most, line_most) = TRANSCRIBED;
    let mut transcript = Vec::new();
    for exchange in &evidence.exchanges {
        if !exchange.sent.is_empty() {
            transcript.push(format!(
                "sent {}",
                quoted(exchange.sent.as_bytes(), line_most)
            ));
        }
        let reply = &exchange.reply;
        let lines = reply.lines.iter().take(lines_most);
        transcript.extend(
            lines.map(|line| format!("received {} {}", reply.code, quoted(line, line_most))),
        );
    }
    if let Some(Trouble::Broken(broken)) = &evidence.trouble {
        let rest = quoted(&broken.received, line_most);
        transcript.push(format!("received instead of a reply '{rest}'"));
    }
    transcript
}
