//! What must be said of each server.

use crate::table::{OPTIONS, Row};

/// What must be said of one server.
pub(crate) struct Expected {
    /// Condition and kind by set of options.
    verdicts: [&'static str; OPTIONS.len()],
    /// The negotiated protocol, or the failure, as the facts name it.
    protocol: &'static str,
    /// Words that the summary with `--nla` must contain.
    words: &'static str,
    /// check_tcp's verdict without TLS.
    check_tcp: &'static str,
}

const OK: &str = "healthy ok";
const WEAK: &str = "degraded insecure";
const TOO_WEAK: &str = "failed insecure";

/// Chooses TLS without NLA, and its certificate is for another name than EX1.
const TLS: Expected = Expected {
    verdicts: [OK, OK, OK, "degraded certificate", OK, TOO_WEAK],
    protocol: "tls",
    words: "it chose TLS without NLA",
    check_tcp: "0, TCP OK",
};

/// Has Standard RDP security alone.
const STANDARD: Expected = Expected {
    verdicts: [WEAK, WEAK, WEAK, WEAK, TOO_WEAK, TOO_WEAK],
    protocol: "rdp",
    words: "enable TLS or NLA on the server",
    check_tcp: "0, TCP OK",
};

pub(crate) const XRDP: [Expected; 6] = [
    TLS,
    TLS,
    STANDARD,
    Expected {
        verdicts: ["failed refused_by_server"; 6],
        protocol: "ssl_cert_not_on_server",
        words: "no valid certificate",
        check_tcp: "0, TCP OK",
    },
    Expected {
        verdicts: ["failed silent"; 6],
        protocol: "",
        words: "the RDP service hangs",
        check_tcp: "0, TCP OK",
    },
    Expected {
        verdicts: ["failed tcp_refused"; 6],
        protocol: "",
        words: "refused",
        check_tcp: "2, connect to address 127.0.0.1 and port 3395: Connection refused",
    },
];

pub(crate) const FREERDP: [Expected; 3] = [
    Expected {
        verdicts: [OK, OK, OK, "failed wrong_server", OK, OK],
        protocol: "nla",
        words: "security NLA over TLS 1.3",
        check_tcp: "0, TCP OK",
    },
    TLS,
    Expected {
        protocol: "ssl_not_allowed_by_server",
        ..STANDARD
    },
];

pub(crate) const IRONRDP: [Expected; 3] = [
    STANDARD,
    TLS,
    Expected {
        // Its library begins the epoch of file times at 00:01:01 (sspi 0.21.3), and tells no name.
        verdicts: [OK, OK, "degraded skew", "degraded wrong_server", OK, OK],
        protocol: "nla_ex",
        words: "61 s behind",
        check_tcp: "0, TCP OK",
    },
];

impl Expected {
    /// How what was said differs.
    pub(crate) fn differences(&self, row: &Row) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, said: &str, agrees: bool, expected: &str| {
            if !agrees {
                let server = &row.server;
                differences.push(format!("{server}, {what}: '{said}', expected '{expected}'"));
            }
        };
        for ((options, verdict), expected) in OPTIONS.iter().zip(&row.verdicts).zip(self.verdicts) {
            let word = |key: &str| verdict[key].as_str().unwrap_or_default().to_owned();
            let said = format!("{} {}", word("condition"), word("kind"));
            compare(options, &said, said == expected, expected);
            let facts = &verdict["facts"];
            let protocol = [&facts["protocol"], &facts["failure"]];
            let protocol = protocol.into_iter().find_map(|fact| fact.as_str());
            let protocol = protocol.unwrap_or_default();
            compare(
                "its protocol",
                protocol,
                protocol == self.protocol,
                self.protocol,
            );
            if *options == "--nla" {
                let summary = word("summary");
                compare("--nla", &summary, summary.contains(self.words), self.words);
            }
        }
        let said = &row.check_tcp[0];
        compare("check_tcp", said, said == self.check_tcp, self.check_tcp);
        differences
    }
}
