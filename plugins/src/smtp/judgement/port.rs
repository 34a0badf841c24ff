//! The verdict on one port.

use std::time::Duration;

use shared::perfdata::Value;
use shared::text::{quoted, spoken};
use shared::verdict::{Advisory, Condition, Finding, Kind};

use super::super::connector::TARPIT;
use super::super::conversation::{Depth, Evidence, Trouble};
use super::super::line::{Broken, Phase};
use super::super::options::Options;
use super::{capabilities, certificate, identity, reply, trouble};

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
    pub(super) skew: Option<Value>,
    pub(super) phases: Vec<(&'static str, Duration)>,
    /// Remarks that change no verdict.
    pub(super) remarks: Vec<String>,
    pub(super) facts: Vec<(String, String)>,
    /// What was sent and received, a line each.
    pub transcript: Vec<String>,
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
            skew: None,
            phases: Vec::new(),
            remarks: Vec::new(),
            facts: Vec::new(),
            transcript: Vec::new(),
        }
    }
}

/// Judges one port.
pub(crate) fn judge_port(options: &Options, evidence: &Evidence) -> PortVerdict {
    let (mut advisories, certificate_days) = certificate::judge(options, evidence);
    let identity = identity::judge(options, evidence);
    advisories.extend(identity.advisory);
    let found = finding(evidence);
    PortVerdict {
        advisories,
        skew: identity.skew,
        time: evidence.total.saturating_sub(tarpit(evidence)),
        certificate_days,
        phases: phases(evidence),
        remarks: [remarks(evidence), identity.unjudged.into_iter().collect()].concat(),
        facts: [facts(evidence), identity.facts].concat(),
        transcript: transcript(evidence),
        ..PortVerdict::new(
            evidence.port.number,
            // Whoever it is that answered: what it said is not of the server that was meant.
            identity.wrong.filter(|_| answers(&found)).unwrap_or(found),
            asked_mail(evidence),
        )
    }
}

fn finding(evidence: &Evidence) -> Finding {
    match &evidence.trouble {
        None => answered(evidence),
        Some(Trouble::NotConnected(fault)) => fault.finding(&evidence.target, evidence.total),
        Some(Trouble::WaitsForTls) => trouble::waits_for_tls(evidence),
        Some(Trouble::Broken(broken)) => trouble::no_reply(evidence, broken),
        Some(Trouble::NoStarttls) => capabilities::no_starttls(evidence),
        Some(Trouble::Injected(bytes)) => trouble::injected(&evidence.target, bytes),
        Some(Trouble::TlsFailed { unshaken, took }) => {
            trouble::tls_failed(evidence, unshaken, *took)
        }
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
    if let Some(finding) = capabilities::missing(evidence) {
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

/// Whether what was found is that the server answers as one that works, or nearly so.
fn answers(finding: &Finding) -> bool {
    matches!(finding.condition, Condition::Healthy | Condition::Degraded)
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
        ("ntlm", took(Phase::Negotiate)),
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
        let lines: Vec<String> = lines.map(|line| quoted(line, line_most)).collect();
        transcript.push(format!("received {} {}", reply.code, lines.join(", ")));
    }
    if let Some(Trouble::Broken(broken)) = &evidence.trouble {
        let rest = quoted(&broken.received, line_most);
        transcript.push(format!("received instead of a reply '{rest}'"));
    }
    transcript
}
