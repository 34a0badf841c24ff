//! What the evidence says about the server: pure.

mod advice;
mod answer;
mod connection;
mod logon;
mod telling;

use shared::dial::Target;
use shared::tls::Session;
use shared::verdict::{Condition, Finding, Kind, Share, Verdict};

use super::evidence::{Asked, Evidence, Outcome, Reply};
use super::{NAME, Options};

/// The verdict.
pub fn judge(target: &Target, options: &Options, evidence: &Evidence) -> Verdict {
    let found: Vec<(&Asked, Finding)> = evidence
        .asked
        .iter()
        .filter_map(|asked| Some((asked, of_one(target, options, asked)?)))
        .collect();
    let health = of_all(target, options, evidence, &found);
    let logon = logon::judge(target, options, &evidence.logon);
    let finding = with_logon(health, logon.as_ref());
    let mut verdict = Verdict::new(NAME, &target.name, Some(target.address.port()), finding);
    let ill = found.iter().map(|(_, finding)| finding).chain(&logon);
    verdict.details = ill
        .filter(|other| !is_well(other) && !verdict.summary.starts_with(&other.summary))
        .map(|other| other.summary.clone())
        .collect();
    verdict.share = Some(Share {
        working: count(found.iter().filter(|(_, finding)| is_well(finding)).count()),
        of: count(evidence.asked.len()),
    });
    verdict.perfdata = telling::perfdata(options, evidence);
    verdict.facts.extend(telling::facts(evidence));
    verdict.transcript = telling::transcript(options, evidence);
    verdict.advisories = advice::all(options, evidence);
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

/// The worse of both; a logon that works is told beside health.
fn with_logon(health: Finding, logon: Option<&Finding>) -> Finding {
    match logon {
        None => health,
        Some(logon) if logon.condition > health.condition => logon.clone(),
        Some(logon) if is_well(&health) => Finding {
            summary: format!("{}; {}", health.summary, logon.summary),
            ..health
        },
        Some(_) => health,
    }
}

/// Whether a password may be sent: to a healthy server only, and the one that is expected.
pub fn may_log_on(target: &Target, options: &Options, asked: &[Asked]) -> bool {
    let finding = |asked: &Asked| of_one(target, options, asked);
    let well = |asked| finding(asked).is_some_and(|finding| is_well(&finding));
    !asked.is_empty() && asked.iter().all(well)
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
    let servers = telling::servers(evidence);
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
    let untrusted = evidence.first.distrust.as_deref();
    let trust = untrusted.map_or_else(String::new, |why| format!(" (not trusted here: {why})"));
    summary.push_str(&format!(
        ", {}, certificate until {until}{trust}",
        session.version
    ));
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
