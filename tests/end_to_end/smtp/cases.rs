//! The fault catalogue's rows: each state of an Exchange server, and its verdict.

use std::time::Duration;

use lookalike::smtp::Behaviour::{self, *};
use shared::verdict::Condition::{self, Degraded, Failed, Maintenance};
use shared::verdict::Kind;

/// A state of one connector, and what must be said of it.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// The row of the catalogue, or what else it belongs to.
    pub(crate) row: &'static str,
    pub(crate) behaviour: Behaviour,
    /// The port as the option `-p` has it.
    pub(crate) port: &'static str,
    pub(crate) expected: (Condition, Kind),
    /// Words that the summary must contain.
    pub(crate) words: &'static str,
    /// Whether the verdict needs the whole time.
    waits: bool,
}

impl Case {
    pub(crate) fn number(&self) -> u16 {
        let number = self.port.split('/').next();
        number.and_then(|number| number.parse().ok()).unwrap()
    }

    /// The time it is given: little where the server never answers, much for a loaded machine
    /// where it does.
    pub(crate) fn budget(&self) -> Duration {
        Duration::from_secs(if self.waits { 3 } else { 60 })
    }
}

const fn case(
    row: &'static str,
    behaviour: Behaviour,
    port: &'static str,
    expected: (Condition, Kind),
    words: &'static str,
) -> Case {
    Case {
        row,
        behaviour,
        port,
        expected,
        words,
        waits: false,
    }
}

const fn waiting(
    row: &'static str,
    behaviour: Behaviour,
    port: &'static str,
    expected: (Condition, Kind),
    words: &'static str,
) -> Case {
    Case {
        waits: true,
        ..case(row, behaviour, port, expected, words)
    }
}

const OK: (Condition, Kind) = (Condition::Healthy, Kind::Ok);
const DRAINED: (Condition, Kind) = (Maintenance, Kind::Maintenance);
const LIMIT: (Condition, Kind) = (Degraded, Kind::Limit);
const PRESSURE: (Condition, Kind) = (Degraded, Kind::BackPressure);
const REFUSED: (Condition, Kind) = (Failed, Kind::RefusedByServer);
const STRANGER: (Condition, Kind) = (Failed, Kind::NotTheProtocol);
const MALFORMED: (Condition, Kind) = (Failed, Kind::Malformed);
const TIMEOUT: (Condition, Kind) = (Failed, Kind::Timeout);
const NO_TLS: (Condition, Kind) = (Failed, Kind::TlsFailed);
const INJECTED: (Condition, Kind) = (Failed, Kind::StarttlsInjection);
const LACKING: (Condition, Kind) = (Degraded, Kind::CapabilityMissing);

pub(crate) const CASES: &[Case] = &[
    case("healthy", Healthy, "25", OK, "takes MAIL FROM"),
    // Nobody has asked who it is.
    case("identity", OtherServer, "25", OK, "takes MAIL FROM"),
    case("identity", NtlmClock, "25", OK, "takes MAIL FROM"),
    case("identity", NtlmRefused, "25", OK, "takes MAIL FROM"),
    case("identity", NtlmMalformed, "25", OK, "takes MAIL FROM"),
    case("healthy", Healthy, "25/plain", OK, "without TLS"),
    case(
        "healthy",
        Healthy,
        "717",
        OK,
        "refuses strangers as it should",
    ),
    case("S1", BannerLate, "25", OK, "answers"),
    case("S2", BannerMultiline, "25", OK, "answers"),
    waiting("S2", BannerDrip, "25", TIMEOUT, "bytes of the greeting"),
    case("S3", MaintenanceBanner, "25", DRAINED, "is in maintenance"),
    case("S3", Draining, "587", DRAINED, "greets with '421 4.3.2"),
    case("S4", Banner554, "25", REFUSED, "greets with '554 5.7.1"),
    case("S4", BannerGarbage, "25", STRANGER, "not SMTP: got"),
    waiting("S4", BannerNoCrlf, "25", TIMEOUT, "no end of it"),
    case("S4", BannerLfAlone, "25", MALFORMED, "carriage return"),
    case(
        "S4",
        BannerLongLine,
        "25",
        MALFORMED,
        "a line of more than 2048",
    ),
    case(
        "S4",
        BannerEndless,
        "25",
        MALFORMED,
        "a reply of more than 32768",
    ),
    case("S4", Http, "25", STRANGER, "a web server answers"),
    case("S4", Ssh, "25", STRANGER, "an SSH server answers"),
    case("S4", Rdp, "25", STRANGER, "an RDP server answers"),
    case(
        "S5",
        NoStarttls,
        "25",
        (Failed, Kind::CapabilityMissing),
        "STARTTLS",
    ),
    case("S5", NoStarttls, "25/plain", OK, "without TLS"),
    case(
        "S5",
        NoAnonymousTls,
        "2525",
        LACKING,
        "X-ANONYMOUSTLS, X-EXPS",
    ),
    case("S5", NoSize, "587", LACKING, "does not announce SIZE"),
    case(
        "S5",
        Rewritten,
        "25",
        (Failed, Kind::CapabilityMissing),
        "XXXXXXXA",
    ),
    case("S5", RewrittenOther, "25", LACKING, "a firewall rewrites"),
    case("S6", Starttls454, "25", NO_TLS, "454 4.7.0"),
    case("S6", Starttls554, "25", NO_TLS, "554 5.7.3"),
    waiting("S6", StarttlsSilent, "25", TIMEOUT, "no answer to STARTTLS"),
    case("S6", StarttlsInjection, "25", INJECTED, "injects"),
    case("S6", StarttlsInjectionLate, "25", INJECTED, "injects"),
    case("S6", TlsCloses, "25", (Failed, Kind::ClosedEarly), "TLS: "),
    waiting("S6", TlsSilent, "25", TIMEOUT, "ClientHello"),
    case("S7", Tls10, "587", (Degraded, Kind::Insecure), "TLS 1.0"),
    case("S8", Inactive, "25", DRAINED, "Service not active"),
    case("S8", Inactive412, "25", DRAINED, "412 4.3.2"),
    case("S8", Draining, "2525", DRAINED, "Service not available"),
    // A transport service refuses strangers before it looks at its component.
    case("S8", Inactive, "2525", OK, "refuses strangers"),
    case("S9", BackPressure, "25", PRESSURE, "452 4.3.1"),
    case("S9", BackPressureBanner, "25", PRESSURE, "greets with"),
    case("S9", BackPressureTarpit, "25", PRESSURE, "only after 10 s"),
    case("S10", Healthy, "587", OK, "refuses strangers as it should"),
    case("S10", Healthy, "465", OK, "refuses strangers as it should"),
    case("S10", Healthy, "2525", OK, "refuses strangers as it should"),
    case("S10", MailUnauthenticated, "25", REFUSED, "AnonymousUsers"),
    case("S11", Prx2, "25", REFUSED, "check the DNS servers"),
    case("S11", Cprx3, "587", REFUSED, "CPRX3: it cannot connect"),
    case("S12", ConnectionLimit, "25", LIMIT, "limit of connections"),
    case(
        "S12",
        ConnectionLimitPerSource,
        "25",
        LIMIT,
        "limit of connections",
    ),
    case("S12", RateLimit, "587", LIMIT, "limit of messages"),
    case("S13", ImplicitTls, "465", STRANGER, "-p 465/tls"),
    case("S13", ImplicitTls, "465/tls", OK, "over TLS 1.3"),
    case("S13", Healthy, "465/tls", NO_TLS, "-p 465/starttls"),
    waiting("S14", HalfOpen, "25", TIMEOUT, "answer to STARTTLS"),
    waiting("S14", HalfOpen, "25/plain", TIMEOUT, "MAIL FROM"),
    waiting(
        "silence",
        Silent,
        "25",
        (Failed, Kind::Silent),
        "no SMTP greeting",
    ),
    case(
        "silence",
        Closes,
        "25",
        (Failed, Kind::ClosedEarly),
        "before its greeting",
    ),
    case("silence", Resets, "25", (Failed, Kind::TcpReset), "RST"),
    case("replies", Ehlo501, "25", REFUSED, "answers EHLO with '501"),
    case("replies", MailRefused, "25", REFUSED, "null sender"),
    case("replies", QuitSilent, "25", OK, "takes MAIL FROM"),
    waiting(
        "proxy",
        ExpectsProxy,
        "25",
        (Failed, Kind::Silent),
        "no SMTP greeting",
    ),
    case("certificate", CertificateExpired, "25", OK, "answers"),
    case("certificate", CertificateOtherName, "25", OK, "answers"),
];
