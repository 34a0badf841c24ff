//! Collecting what is wrong: the same about several servers is said once, the worst first.

use shared::dial::Target;
use shared::verdict::{Condition, Finding, Kind};

use super::super::PORT;
use super::super::evidence::Witness;

/// What is wrong, in words that follow the names of the servers: a verb and the rest.
pub(super) struct Complaint {
    pub(super) condition: Condition,
    pub(super) kind: Kind,
    /// As of one server: "answers", "has".
    pub(super) verb: &'static str,
    pub(super) rest: String,
}

impl Complaint {
    pub(super) fn failed(kind: Kind, verb: &'static str, rest: String) -> Self {
        Self {
            condition: Condition::Failed,
            kind,
            verb,
            rest,
        }
    }

    pub(super) fn degraded(kind: Kind, verb: &'static str, rest: String) -> Self {
        Self {
            condition: Condition::Degraded,
            ..Self::failed(kind, verb, rest)
        }
    }
}

/// Everything that is wrong.
pub(super) struct Complaints<'a> {
    witnesses: &'a [Witness],
    about: Vec<(Complaint, Vec<usize>)>,
    findings: Vec<Finding>,
    /// What could not be judged and is nobody's fault.
    pub(super) remarks: Vec<String>,
}

impl<'a> Complaints<'a> {
    pub(super) fn new(witnesses: &'a [Witness]) -> Self {
        Self {
            witnesses,
            about: Vec::new(),
            findings: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// About the server with the index `at`.
    pub(super) fn about(&mut self, at: usize, complaint: Complaint) {
        let same = |(known, _): &&mut (Complaint, Vec<usize>)| {
            known.condition == complaint.condition
                && known.kind == complaint.kind
                && known.rest == complaint.rest
        };
        match self.about.iter_mut().find(same) {
            Some((_, servers)) if servers.contains(&at) => {}
            Some((_, servers)) => servers.push(at),
            None => self.about.push((complaint, vec![at])),
        }
    }

    /// About no single server.
    pub(super) fn general(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    pub(super) fn remark(&mut self, remark: String) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// The servers with these indices by name and address.
    pub(super) fn who(&self, servers: &[usize]) -> String {
        let servers = servers.iter().filter_map(|at| self.witnesses.get(*at));
        listed(servers.map(|witness| label(&witness.server)).collect())
    }

    /// All findings, the worst first.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let told = self.about.iter().map(|(complaint, servers)| {
            let who = self.who(servers);
            let verb = match servers.len() {
                1 => complaint.verb,
                _ => plural(complaint.verb),
            };
            let summary = format!("{who} {verb} {}", complaint.rest);
            Finding::new(complaint.condition, complaint.kind, summary)
        });
        let mut findings: Vec<Finding> = told.chain(self.findings.iter().cloned()).collect();
        findings.sort_by_cached_key(|finding| {
            let worst_first = std::cmp::Reverse(finding.condition);
            (worst_first, rank(finding.kind), finding.kind.name())
        });
        findings
    }
}

/// A server by its name and address, as a human knows it.
pub(super) fn label(server: &Target) -> String {
    let ip = server.address.ip();
    let address = match server.address.port() {
        PORT => ip.to_string(),
        _ => server.address.to_string(),
    };
    let bare = server.name.trim_start_matches('[').trim_end_matches(']');
    if bare.parse() == Ok(ip) {
        address
    } else {
        format!("{} ({address})", server.name)
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(mut words: Vec<String>) -> String {
    let Some(last) = words.pop() else {
        return String::new();
    };
    match words.is_empty() {
        true => last,
        false => format!("{} and {last}", words.join(", ")),
    }
}

fn plural(verb: &'static str) -> &'static str {
    match verb {
        "has" => "have",
        "is" => "are",
        "does" => "do",
        verb => verb.strip_suffix('s').unwrap_or(verb),
    }
}

/// What a human must hear of first, of findings in the same condition: what clients suffer from,
/// before what explains it.
fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::DnsForbidden => 0,
        Kind::DnsDisagree => 1,
        Kind::DnsUnexpected => 2,
        Kind::DnsNxdomain | Kind::DnsNodata => 3,
        _ => 4,
    }
}
