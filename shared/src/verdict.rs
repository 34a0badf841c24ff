//! The one type that every part of governess exchanges: what a check found out about a server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::perfdata::Value;

/// How a server fares, in the order in which the worst of several is chosen: a later variant is
/// worse than an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It works.
    Healthy,
    /// It works, and a human should look at it.
    Degraded,
    /// The check itself could not be carried out; nothing is known of the server.
    Unknown,
    /// The server says of itself that it is drained or inactive.
    Maintenance,
    /// It does not work.
    Failed,
}

/// What was found, by its stable machine name (`snake_case` in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing is wrong.
    Ok,
    /// An answer came later than a threshold allows.
    Slow,
    /// The certificate is expired, not yet valid, for another name, or near its end.
    Certificate,
    /// The server's clock differs from ours.
    Skew,
    /// The server accepts connections without the security that was asked for.
    Insecure,
    /// The server says that it is in maintenance.
    Maintenance,
    /// The server is short of resources and defers mail.
    BackPressure,
    /// A connection or rate limit of the server was reached.
    Limit,
    /// The port is closed.
    TcpRefused,
    /// No answer to the TCP connect.
    TcpTimeout,
    /// No route to the server.
    TcpUnreachable,
    /// The server reset the connection.
    TcpReset,
    /// The port accepted and not one byte came.
    Silent,
    /// The server closed the connection before its answer was complete.
    ClosedEarly,
    /// Something else than the expected protocol answered.
    NotTheProtocol,
    /// The protocol is the right one, the message is not well-formed.
    Malformed,
    /// A well-formed refusal.
    RefusedByServer,
    /// The TLS handshake failed.
    TlsFailed,
    /// Plaintext was left in the buffer after STARTTLS.
    StarttlsInjection,
    /// A capability that the server should announce is missing.
    CapabilityMissing,
    /// The content differs from what was expected.
    Content,
    /// An HTTP status other than the expected one.
    HttpStatus,
    /// Another server than the one asked for answered.
    WrongServer,
    /// A component of the server is offline.
    Offline,
    /// The name does not exist in DNS.
    DnsNxdomain,
    /// The name exists without a record of that type.
    DnsNodata,
    /// The DNS server failed.
    DnsServfail,
    /// The DNS server refused.
    DnsRefused,
    /// The DNS server is not authoritative for the zone.
    DnsLame,
    /// The DNS answer is truncated and TCP does not help.
    DnsTruncated,
    /// An address from a forbidden network.
    DnsForbidden,
    /// Another record set than the expected one.
    DnsUnexpected,
    /// DNS servers disagree.
    DnsDisagree,
    /// A director's wishes are not in force, or its configuration is another than expected.
    Drift,
    /// A director keeps servers of which none is known to work.
    FailOpen,
    /// A director has not heard from its checks for too long.
    Stale,
    /// Bad arguments.
    Usage,
    /// The name of the server to check does not resolve.
    Resolve,
    /// This machine ran short of something: descriptors, ports, memory.
    Resources,
    /// This process was not scheduled in time; the server is not to blame.
    OwnStall,
    /// The answer was incomplete when the time was over.
    Timeout,
    /// Another program's verdict, passed on.
    External,
    /// The check itself failed in a way that its authors did not foresee.
    Internal,
}

impl Kind {
    /// The stable machine name, as in JSON.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => format!("{self:?}"),
        }
    }
}

/// A class of findings that is reported everywhere and, in most hosts, takes no server out
/// unless the operator asks for it by `--enforce`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// A time threshold was passed.
    Time,
    /// Something about the certificate.
    Certificate,
    /// Something about the server's clock.
    Skew,
}

/// An advisory finding: what the verdict becomes where it counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advisory {
    /// Which class it belongs to.
    pub advice: Advice,
    /// The condition that hosts with four states are told.
    pub condition: Condition,
    /// The condition where the operator enforces the class.
    pub enforced: Condition,
    /// The kind where it counts.
    pub kind: Kind,
    /// One line for a human.
    pub summary: String,
}

/// How much of something works, such as 2 of 3 ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The parts that work.
    pub working: u32,
    /// All parts.
    pub of: u32,
}

/// What a check found out about one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The check's name without `check_`, such as `x224`.
    pub check: String,
    /// The server as the caller named it.
    pub server: String,
    /// The TCP or UDP port, where there is exactly one.
    pub port: Option<u16>,
    /// How the server fares, advisory findings left aside.
    pub condition: Condition,
    /// What was found.
    pub kind: Kind,
    /// One line for a tired human: the cause and, where known, the remedy.
    pub summary: String,
    /// Further lines.
    pub details: Vec<String>,
    /// How much of the server works, where the check looked at several parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Measured values, each phase of the conversation timed.
    pub perfdata: Vec<Value>,
    /// What the server told of itself, by name.
    pub facts: BTreeMap<String, String>,
    /// Findings that count only where their class is enforced.
    pub advisories: Vec<Advisory>,
    /// What was sent and received, bounded, secrets removed.
    pub transcript: Vec<String>,
}

impl Verdict {
    /// A verdict without measurements; the caller adds what it has.
    pub fn new(check: &str, server: &str, port: Option<u16>, finding: Finding) -> Self {
        Self {
            check: check.to_owned(),
            server: server.to_owned(),
            port,
            condition: finding.condition,
            kind: finding.kind,
            summary: finding.summary,
            details: Vec::new(),
            share: None,
            perfdata: Vec::new(),
            facts: BTreeMap::new(),
            advisories: Vec::new(),
            transcript: Vec::new(),
        }
    }

    /// The verdict with every advisory finding of the `enforced` classes folded in.
    pub fn enforcing(self, enforced: &[Advice]) -> Self {
        self.folding(|advisory| {
            let counts = enforced.contains(&advisory.advice);
            counts.then_some(advisory.enforced)
        })
    }

    /// The verdict with its advisory findings folded in, each with the condition that `counts`
    /// gives it: the worst condition decides, and a finding that is not worse, or does not count,
    /// becomes a detail.
    pub fn folding(mut self, counts: impl Fn(&Advisory) -> Option<Condition>) -> Self {
        for advisory in &self.advisories {
            match counts(advisory) {
                Some(condition) if condition > self.condition => {
                    self.condition = condition;
                    self.kind = advisory.kind;
                    let before = std::mem::replace(&mut self.summary, advisory.summary.clone());
                    self.details.push(before);
                }
                _ => self.details.push(advisory.summary.clone()),
            }
        }
        self
    }
}

/// The core of a verdict: what was found, without where and how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How the server fares.
    pub condition: Condition,
    /// What was found.
    pub kind: Kind,
    /// One line for a human.
    pub summary: String,
}

impl Finding {
    /// A finding from its three parts.
    pub fn new(condition: Condition, kind: Kind, summary: impl Into<String>) -> Self {
        Self {
            condition,
            kind,
            summary: summary.into(),
        }
    }

    /// The server does not work.
    pub fn failed(kind: Kind, summary: impl Into<String>) -> Self {
        Self::new(Condition::Failed, kind, summary)
    }
}
