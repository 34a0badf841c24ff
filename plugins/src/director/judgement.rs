//! From a director's answer to a verdict. Pure.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::time::Duration;

use shared::deadline::Deadline;
use shared::perfdata::Value;
use shared::text::spoken;
use shared::threshold::Thresholds;
use shared::verdict::{Advice, Advisory, Condition, Finding, Kind, Verdict};

use super::NAME;
use super::conversation::Fault;
use super::wire::{Freshness, Server, Service, Status};

/// So many names are told in one line.
const NAMES: usize = 5;

/// What the configuration must be.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// The digest of the file as it is now.
    pub(super) file: Option<String>,
    /// A digest that was named.
    pub(super) digest: Option<String>,
}

/// What was found, with what was counted.
#[derive(Debug)]
pub(super) struct Judged {
    finding: Finding,
    details: Vec<String>,
    counts: Vec<(&'static str, usize)>,
    facts: Vec<(&'static str, String)>,
}

impl From<Finding> for Judged {
    fn from(finding: Finding) -> Self {
        Self {
            finding,
            details: Vec::new(),
            counts: Vec::new(),
            facts: Vec::new(),
        }
    }
}

impl Judged {
    /// The verdict with the time that the answer took.
    pub(super) fn verdict(self, socket: &Path, time: &Thresholds, took: Duration) -> Verdict {
        let mut verdict = Verdict::new(NAME, &socket.to_string_lossy(), None, self.finding);
        verdict.details = self.details;
        let measured = Value::seconds("time", took).judged_by(time);
        let count = |(label, count): (&str, usize)| Value {
            min: Some(0.0),
            ..Value::number(label, count as f64, "")
        };
        verdict.perfdata = std::iter::once(measured)
            .chain(self.counts.into_iter().map(count))
            .collect();
        verdict.facts = self
            .facts
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let condition = time.judge(took.as_secs_f64());
        if condition != Condition::Healthy {
            verdict.advisories.push(Advisory {
                advice: Advice::Time,
                condition,
                enforced: condition,
                kind: Kind::Slow,
                summary: format!(
                    "the answer took {}, outside the range asked for",
                    spoken(took)
                ),
            });
        }
        verdict
    }
}

/// The judgement of `--fresh`.
pub(super) fn freshness(
    socket: &Path,
    answer: Result<Freshness, Fault>,
    deadline: &Deadline,
) -> Judged {
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => return no_answer(socket, fault, deadline).into(),
    };
    let finding = if answer.fresh {
        let summary = format!(
            "the director's {} checks have answered lately",
            answer.checks
        );
        Finding::new(Condition::Healthy, Kind::Ok, summary)
    } else {
        stale(&answer.stale)
    };
    finding.into()
}

/// The judgement of everything. The worst finding is the summary, the others are details.
pub(super) fn status(
    socket: &Path,
    answer: Result<Status, Fault>,
    expected: &Expected,
    deadline: &Deadline,
) -> Judged {
    let status = match answer {
        Ok(status) => status,
        Err(fault) => return no_answer(socket, fault, deadline).into(),
    };
    let mut findings = findings(&status, expected);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.condition));
    let mut findings = findings.into_iter();
    let finding = findings.next().unwrap_or_else(|| all_is_well(&status));
    Judged {
        finding,
        details: findings.map(|finding| finding.summary).collect(),
        counts: counts(&status),
        facts: vec![
            ("backend", status.backend.clone()),
            ("config_digest", status.config_digest.clone()),
        ],
    }
}

fn no_answer(socket: &Path, fault: Fault, deadline: &Deadline) -> Finding {
    let socket = socket.display();
    match fault {
        Fault::NotOpened(error) if error.kind() == io::ErrorKind::PermissionDenied => Finding::new(
            Condition::Unknown,
            Kind::Usage,
            format!("not allowed to open {socket}; run this check as the director's user"),
        ),
        Fault::NotOpened(error) => Finding::failed(
            Kind::Offline,
            format!("no director answers on {socket} ({error}); start governess"),
        ),
        Fault::Cut(error) => Finding::failed(
            Kind::Offline,
            format!("the director on {socket} broke off ({error}); is it being stopped?"),
        ),
        Fault::Silent(expired) => expired.finding(|| {
            Finding::failed(
                Kind::Silent,
                format!(
                    "the director on {socket} accepts and gives no answer in {}: it hangs; look \
                     at its process, then restart it, the table stays",
                    spoken(deadline.budget())
                ),
            )
        }),
        Fault::Nonsense(why) => Finding::failed(
            Kind::Malformed,
            format!("what answers on {socket} is no governess of this version: {why}"),
        ),
    }
}

fn findings(status: &Status, expected: &Expected) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(error) = &status.table_error {
        let summary = format!("the table cannot be driven: {error}");
        findings.push(Finding::failed(Kind::Drift, summary));
    }
    let open = status.services.iter().filter(|service| service.fail_open);
    if let Some(names) = listed(open.map(|service| &service.name)) {
        findings.push(Finding::failed(
            Kind::FailOpen,
            format!("no server is known to work in {names}; the last ones are kept"),
        ));
    }
    if let Some(finding) = silent_checks(status) {
        findings.push(finding);
    }
    findings.extend(drift(status));
    findings.extend(other_configuration(status, expected));
    findings.extend(out(status));
    for (thing, words) in &status.host_problems {
        let summary = format!("{thing}: {words}");
        findings.push(Finding::new(Condition::Degraded, Kind::Offline, summary));
    }
    findings
}

fn silent_checks(status: &Status) -> Option<Finding> {
    let mut names: Vec<String> = members(status)
        .flat_map(|(_, server)| {
            let name = |check| format!("{}/{check}", server.name);
            server.stale.iter().map(name)
        })
        .collect();
    names.sort();
    names.dedup();
    (!names.is_empty()).then(|| stale(&names))
}

fn stale(names: &[String]) -> Finding {
    let names = listed(names.iter()).unwrap_or_default();
    Finding::failed(
        Kind::Stale,
        format!("no answer for too long from {names}; weights stay as they are"),
    )
}

/// Weights that are not as wanted: bad where a server serves that should not, or the other way.
fn drift(status: &Status) -> Vec<Finding> {
    let differs = |(_, server): &(&Service, &Server)| !server.has_the_wanted_weight();
    let serves_wrongly =
        |server: &Server| (server.weight_wanted == 0) != (server.weight_kernel.unwrap_or(0) == 0);
    let (bad, other): (Vec<_>, Vec<_>) = members(status)
        .filter(differs)
        .partition(|(_, server)| serves_wrongly(server));
    let words = |members: Vec<(&Service, &Server)>| {
        listed(members.iter().map(|(service, server)| {
            let kernel = server
                .weight_kernel
                .map_or("none".to_owned(), |weight| weight.to_string());
            format!(
                "{}/{}: wanted {}, kernel {kernel}",
                service.name, server.name, server.weight_wanted
            )
        }))
    };
    let finding = |condition| {
        move |words: String| {
            let summary = format!("weights are not as wanted: {words}");
            Finding::new(condition, Kind::Drift, summary)
        }
    };
    let bad = words(bad).map(finding(Condition::Failed));
    let other = words(other).map(finding(Condition::Degraded));
    bad.into_iter().chain(other).collect()
}

fn other_configuration(status: &Status, expected: &Expected) -> Vec<Finding> {
    let runs = &status.config_digest;
    let differs = |wanted: &Option<String>| wanted.clone().filter(|wanted| wanted != runs);
    let file = differs(&expected.file).map(|digest| {
        format!(
            "the configuration file (digest {digest}) was changed since the director read it \
             ({runs}); restart it, or put the file back"
        )
    });
    let named = differs(&expected.digest)
        .map(|digest| format!("the configuration has digest {runs}, expected {digest}"));
    file.into_iter()
        .chain(named)
        .map(|summary| Finding::new(Condition::Degraded, Kind::Drift, summary))
        .collect()
}

fn out(status: &Status) -> Option<Finding> {
    let is_out = |(_, server): &(&Service, &Server)| {
        matches!(server.health.as_str(), "down" | "maintenance")
    };
    let words = |(service, server): (&Service, &Server)| {
        format!("{}/{} {}", service.name, server.name, server.health)
    };
    let names = listed(members(status).filter(is_out).map(words))?;
    let summary = format!("not all servers work: {names}");
    Some(Finding::new(Condition::Degraded, Kind::Offline, summary))
}

fn all_is_well(status: &Status) -> Finding {
    let summary = format!(
        "{} services, {} servers up, all weights as wanted, backend {}",
        status.services.len(),
        count(status, |server| server.health == "up"),
        status.backend
    );
    Finding::new(Condition::Healthy, Kind::Ok, summary)
}

fn counts(status: &Status) -> Vec<(&'static str, usize)> {
    let open = status.services.iter().filter(|service| service.fail_open);
    vec![
        ("services", status.services.len()),
        ("servers", members(status).count()),
        ("up", count(status, |server| server.health == "up")),
        ("fail_open", open.count()),
        ("stale", count(status, |server| !server.stale.is_empty())),
        (
            "drift",
            count(status, |server| !server.has_the_wanted_weight()),
        ),
    ]
}

fn count(status: &Status, is: impl Fn(&Server) -> bool) -> usize {
    members(status).filter(|(_, server)| is(server)).count()
}

fn members(status: &Status) -> impl Iterator<Item = (&Service, &Server)> {
    status
        .services
        .iter()
        .flat_map(|service| service.servers.iter().map(move |server| (service, server)))
}

/// The first names, and how many more there are; nothing for none.
fn listed(names: impl Iterator<Item: Display>) -> Option<String> {
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    let (shown, more) = names.split_at(names.len().min(NAMES));
    match (shown, more.len()) {
        ([], _) => None,
        (shown, 0) => Some(shown.join("; ")),
        (shown, more) => Some(format!("{}; and {more} more", shown.join("; "))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::decode;
    use super::*;

    const GOOD: &str = r#"{"schema":1,"backend":"ipvs","config_digest":"d1","table_error":null,
        "host_problems":{},"services":[{"name":"exchange","fail_open":false,"servers":[
        {"name":"ex1","health":"up","weight_wanted":1,"weight_kernel":1},
        {"name":"ex2","health":"up","weight_wanted":1,"weight_kernel":1}]}]}"#;

    fn judged(replace: &str, by: &str, expected: &Expected) -> Judged {
        assert!(GOOD.contains(replace), "{replace}");
        let answer = decode(GOOD.replacen(replace, by, 1).as_bytes()).map_err(Fault::Nonsense);
        let deadline = Deadline::after(Duration::from_secs(1));
        status(Path::new("/s"), answer, expected, &deadline)
    }

    fn found(replace: &str, by: &str) -> (Condition, Kind) {
        let finding = judged(replace, by, &Expected::default()).finding;
        (finding.condition, finding.kind)
    }

    #[test]
    fn a_director_whose_wishes_are_in_force_is_healthy() {
        assert_eq!(found("d1", "d2"), (Condition::Healthy, Kind::Ok));
    }

    #[test]
    fn each_fault_has_its_verdict() {
        use Condition::{Degraded, Failed, Healthy};
        let kernel = "\"weight_kernel\":1";
        for (replace, by, verdict) in [
            (
                "\"table_error\":null",
                "\"table_error\":\"EPERM\"",
                (Failed, Kind::Drift),
            ),
            (
                "\"fail_open\":false",
                "\"fail_open\":true",
                (Failed, Kind::FailOpen),
            ),
            (
                kernel,
                "\"weight_kernel\":1,\"stale\":[\"rdp\"]",
                (Failed, Kind::Stale),
            ),
            (kernel, "\"weight_kernel\":0", (Failed, Kind::Drift)),
            (kernel, "\"weight_kernel\":null", (Failed, Kind::Drift)),
            (kernel, "\"weight_kernel\":3", (Degraded, Kind::Drift)),
            (
                "\"weight_wanted\":1",
                "\"weight_wanted\":0",
                (Failed, Kind::Drift),
            ),
            (
                "\"weight_wanted\":1,\"weight_kernel\":1",
                "\"weight_wanted\":0,\"weight_kernel\":null",
                (Healthy, Kind::Ok),
            ),
            (
                "\"health\":\"up\"",
                "\"health\":\"down\"",
                (Degraded, Kind::Offline),
            ),
            ("{}", "{\"nftables\":\"gone\"}", (Degraded, Kind::Offline)),
            ("\"services\"", "\"servants\"", (Failed, Kind::Malformed)),
        ] {
            assert_eq!(found(replace, by), verdict, "{by}");
        }
    }

    #[test]
    fn a_configuration_that_drifted_is_named_with_both_digests() {
        let expected = Expected {
            file: Some("d2".to_owned()),
            digest: Some("d3".to_owned()),
        };
        let judged = judged("d1", "d1", &expected);
        assert_eq!(judged.finding.kind, Kind::Drift);
        let said = format!("{} {:?}", judged.finding.summary, judged.details);
        assert!(
            ["d1", "d2", "d3"]
                .iter()
                .all(|digest| said.contains(digest)),
            "{said}"
        );
    }

    #[test]
    fn the_worst_finding_comes_first_and_the_others_stay_as_details() {
        let by = "\"health\":\"down\",\"stale\":[\"rdp\"]";
        let judged = judged("\"health\":\"up\"", by, &Expected::default());
        assert_eq!(judged.finding.kind, Kind::Stale);
        assert_eq!(judged.details.len(), 1);
    }

    #[test]
    fn a_long_list_is_cut_with_its_number() {
        let names = (0..8).map(|at| format!("ex{at}"));
        assert_eq!(
            listed(names).unwrap(),
            "ex0; ex1; ex2; ex3; ex4; and 3 more"
        );
    }
}
