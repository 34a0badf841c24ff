//! What the evidence says about the server: pure.

mod answer;
mod connection;

use std::time::{Duration, SystemTime};

use shared::date::UnixTime;
use shared::dial::Target;
use shared::perfdata::Value;
use shared::text::spoken;
use shared::tls::{Session, advisories, days_left};
use shared::verdict::{Advice, Advisory, Condition, Finding, Kind, Share, Verdict};

use super::evidence::{Asked, Evidence, Outcome, Reply};
use super::{NAME, Options, wire};

/// How far the server's clock may be away before a human should look at it. Logons by Kerberos end
/// at 300 s (RFC 4120 section 1.6); the check is there to tell before that.
const SKEW: Duration = Duration::from_secs(60);
/// `Date` is in whole seconds (RFC 9110 section 5.6.7).
const SECOND: Duration = Duration::from_secs(1);

/// The verdict.
pub fn judge(target: &Target, options: &Options, evidence: &Evidence) -> Verdict {
    let found: Vec<(&Asked, Finding)> = evidence
        .asked
        .iter()
        .filter_map(|asked| Some((asked, of_one(target, options, asked)?)))
        .collect();
    let finding = of_all(target, options, evidence, &found);
    let mut verdict = Verdict::new(NAME, &target.name, Some(target.address.port()), finding);
    let ill = found.iter().map(|(_, finding)| finding);
    verdict.details = ill
        .filter(|other| !is_well(other) && !verdict.summary.starts_with(&other.summary))
        .map(|other| other.summary.clone())
        .collect();
    verdict.share = Some(Share {
        working: count(found.iter().filter(|(_, finding)| is_well(finding)).count()),
        of: count(evidence.asked.len()),
    });
    verdict.perfdata = perfdata(options, evidence);
    verdict.facts.extend(facts(evidence));
    verdict.transcript = transcript(options, evidence);
    if let Some((session, now)) = &evidence.first.session {
        verdict.facts.extend(session.facts());
        let now = UnixTime::from(*now);
        let Options { certificate, .. } = options;
        verdict.advisories = advisories(
            &session.leaf,
            certificate.name.as_ref(),
            certificate.days,
            now,
        );
    }
    if let Some(worst) = replies(evidence).filter_map(skew).max_by_key(Skew::apart) {
        verdict.facts.insert("clock_skew".to_owned(), worst.words());
        verdict.advisories.extend(worst.advisory());
    }
    if replies(evidence).next().is_some() {
        verdict.advisories.extend(slowness(options, evidence.total));
    }
    verdict
}

/// What one virtual directory says about the server; nothing where it was not asked.
fn of_one(target: &Target, options: &Options, asked: &Asked) -> Option<Finding> {
    Some(match &asked.outcome {
        Outcome::NotAsked => return None,
        Outcome::Replied(reply) => answer::judge(target, options, asked, reply),
        Outcome::NotConnected(fault) => fault.finding(target, asked.took),
        Outcome::NoTls { fault, received } => {
            connection::no_tls(target, asked.took, fault, *received)
        }
        Outcome::NoHead {
            ending,
            received,
            beginning,
        } => connection::no_head(target, asked, ending, *received, beginning),
    })
}

/// The worst of them, and how much works beside it.
fn of_all(
    target: &Target,
    options: &Options,
    evidence: &Evidence,
    found: &[(&Asked, Finding)],
) -> Finding {
    // Of two that are equally bad, the one asked for first.
    let worst = found
        .iter()
        .rev()
        .max_by_key(|(_, finding)| finding.condition);
    let Some((_, worst)) = worst else {
        let summary = "no virtual directory was asked for; please report this defect";
        return Finding::new(Condition::Unknown, Kind::Internal, summary);
    };
    if worst.condition == Condition::Healthy {
        return all_well(target, evidence);
    }
    let mut finding = worst.clone();
    finding.summary.push_str(&beside(options, found));
    finding
}

/// What is to be said of several virtual directories beside the worst of them.
fn beside(options: &Options, found: &[(&Asked, Finding)]) -> String {
    let all = options.vdirs.len();
    if all < 2 || found.len() < all {
        return String::new();
    }
    let number = |wanted: fn(&Finding) -> bool| found.iter().filter(|(_, it)| wanted(it)).count();
    if number(|finding| finding.kind == Kind::Offline) == all {
        return format!("; all {all} virtual directories are: look at ServerWideOffline first");
    }
    format!("; {} of {all} virtual directories work", number(is_well))
}

fn all_well(target: &Target, evidence: &Evidence) -> Finding {
    let names: Vec<String> = evidence
        .asked
        .iter()
        .map(|asked| asked.vdir.to_string())
        .collect();
    let mut summary = format!("{} at {} healthy", names.join(", "), target.address);
    let servers = servers(evidence);
    if !servers.is_empty() {
        summary.push_str(&format!(", answered by {}", servers.join(" and ")));
    }
    let Some((session, _)) = &evidence.first.session else {
        return Finding::new(Condition::Healthy, Kind::Ok, summary);
    };
    if session.version.is_retired() {
        return over_retired(session, &summary);
    }
    let until = session.leaf.not_after;
    summary.push_str(&format!(", {}, certificate until {until}", session.version));
    Finding::new(Condition::Healthy, Kind::Ok, summary)
}

/// An old server is named, not called down.
fn over_retired(session: &Session, summary: &str) -> Finding {
    let version = session.version;
    Finding::new(
        Condition::Degraded,
        Kind::Insecure,
        format!(
            "{summary}, but over {version}, which is retired (RFC 8996); enable TLS 1.2 or newer on \
             the server"
        ),
    )
}

fn is_well(finding: &Finding) -> bool {
    finding.condition <= Condition::Degraded
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn replies(evidence: &Evidence) -> impl Iterator<Item = &Reply> {
    evidence
        .asked
        .iter()
        .filter_map(|asked| match &asked.outcome {
            Outcome::Replied(reply) => Some(reply),
            _ => None,
        })
}

/// `time`, each phase of the first connection, and what each virtual directory took.
fn perfdata(options: &Options, evidence: &Evidence) -> Vec<Value> {
    let mut values = vec![Value::seconds("time", evidence.total).judged_by(&options.time)];
    let first = &evidence.first;
    let phases = [("connect", first.connect), ("tls", first.handshake)];
    let phases = phases
        .into_iter()
        .filter_map(|(label, took)| Some(Value::seconds(label, took?)));
    values.extend(phases);
    let answered = evidence
        .asked
        .iter()
        .filter(|asked| matches!(asked.outcome, Outcome::Replied(_)));
    values.extend(answered.map(|asked| Value::seconds(&asked.vdir.label(), asked.took)));
    if let Some((session, now)) = &first.session {
        let now = UnixTime::from(*now);
        values.push(days_left(&session.leaf, options.certificate.days, now));
    }
    values
}

/// What the answers tell of the server; where they differ, each.
fn facts(evidence: &Evidence) -> Vec<(String, String)> {
    let of = |tell: fn(&Reply) -> Option<String>| different(replies(evidence).filter_map(tell));
    [
        ("server_name", servers(evidence)),
        ("front_end_server", of(|reply| reply.head.front_end.clone())),
        ("server_build", of(|reply| reply.head.build.clone())),
        ("http_server", of(|reply| reply.head.server.clone())),
        ("http_connections", vec![evidence.connections.to_string()]),
    ]
    .into_iter()
    .filter(|(_, values)| !values.is_empty())
    .map(|(name, values)| (name.to_owned(), values.join(", ")))
    .collect()
}

/// The servers that the health pages name.
fn servers(evidence: &Evidence) -> Vec<String> {
    different(replies(evidence).filter_map(|reply| wire::healthy_server(&reply.body)))
}

fn different(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut different = Vec::new();
    for value in values {
        if !different.contains(&value) {
            different.push(value);
        }
    }
    different
}

fn slowness(options: &Options, total: Duration) -> Option<Advisory> {
    let condition = options.time.judge(total.as_secs_f64());
    (condition != Condition::Healthy).then(|| Advisory {
        advice: Advice::Time,
        condition,
        enforced: condition,
        kind: Kind::Slow,
        summary: format!(
            "the answers took {}, outside the range asked for",
            spoken(total)
        ),
    })
}

/// How far a server's clock is from ours, at least.
enum Skew {
    Ahead(Duration),
    Behind(Duration),
}

impl Skew {
    fn apart(&self) -> Duration {
        match self {
            Self::Ahead(apart) | Self::Behind(apart) => *apart,
        }
    }

    fn words(&self) -> String {
        let side = match self {
            Self::Ahead(_) => "ahead of",
            Self::Behind(_) => "behind",
        };
        format!("{} {side}", spoken(self.apart()))
    }

    fn advisory(&self) -> Option<Advisory> {
        (self.apart() > SKEW).then(|| Advisory {
            advice: Advice::Skew,
            condition: Condition::Degraded,
            enforced: Condition::Degraded,
            kind: Kind::Skew,
            summary: format!(
                "the clock of the server is {} this machine's (HTTP Date); Kerberos bears 300 s; \
                 look at the time service of both",
                self.words()
            ),
        })
    }
}

/// The server wrote its date, cut to a whole second, after the request was sent and before the
/// answer was read.
fn skew(reply: &Reply) -> Option<Skew> {
    let date = u64::try_from(reply.head.date?.0).ok()?;
    let date = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(date))?;
    let (from, to) = reply.between;
    Some(match date.duration_since(to) {
        Ok(ahead) => Skew::Ahead(ahead),
        Err(_) => Skew::Behind(from.duration_since(date + SECOND).unwrap_or_default()),
    })
}

/// What was asked and what came, a line each.
fn transcript(options: &Options, evidence: &Evidence) -> Vec<String> {
    let lines = evidence.asked.iter().flat_map(|asked| {
        let sent = format!(
            "sent GET {} HTTP/1.1, Host: {}",
            asked.vdir.health_page(),
            options.http_host
        );
        let received = match &asked.outcome {
            Outcome::Replied(reply) => answer::transcribed(reply),
            Outcome::NoHead { beginning, .. } => connection::transcribed(beginning),
            _ => return Vec::new(),
        };
        vec![sent, received]
    });
    lines.collect()
}
