//! One verdict from those on the ports.

use std::time::Duration;

use shared::perfdata::Value;
use shared::text::{quoted, spoken};
use shared::verdict::{Advice, Advisory, Condition, Finding, Kind, Share, Verdict};

use super::super::{NAME, Options};
use super::port::PortVerdict;

/// The verdict on a server that its caller calls `name`; the worst port decides, of equals the
/// first.
pub fn combine(name: &str, options: &Options, ports: &[PortVerdict]) -> Verdict {
    let finding = worst(ports);
    let one = match ports {
        [port] => Some(port.port),
        _ => None,
    };
    let mut verdict = Verdict::new(NAME, name, one, finding);
    verdict.share = share(ports);
    verdict.details = details(ports);
    let time = ports.iter().map(|port| port.time).max().unwrap_or_default();
    verdict.perfdata = perfdata(options, time, ports);
    verdict.advisories = advisories(ports);
    if verdict.condition != Condition::Failed {
        verdict.advisories.extend(slowness(options, time));
    }
    for port in ports {
        let facts = port.facts.iter();
        let named = facts.map(|(name, value)| (format!("{}_{name}", port.port), value.clone()));
        verdict.facts.extend(named);
    }
    verdict.transcript = transcript(ports);
    verdict.facts.extend(server_name(ports));
    verdict
}

/// The conversations that something is wrong with, the worst first; all if nothing is.
fn transcript(ports: &[PortVerdict]) -> Vec<String> {
    let condition = |port: &&PortVerdict| port.finding.condition;
    let mut told: Vec<&PortVerdict> = ports.iter().collect();
    if told
        .iter()
        .any(|port| condition(port) != Condition::Healthy)
    {
        told.retain(|port| condition(port) != Condition::Healthy);
    }
    told.sort_by_key(|port| std::cmp::Reverse(condition(port)));
    let lines = |port: &PortVerdict| {
        let number = port.port;
        let lines = port.transcript.clone().into_iter();
        lines.map(move |line| format!("port {number}: {line}"))
    };
    told.into_iter().flat_map(lines).collect()
}

fn worst(ports: &[PortVerdict]) -> Finding {
    let mut worst: Option<&PortVerdict> = None;
    for port in ports {
        let is_worse = |other: &PortVerdict| port.finding.condition > other.finding.condition;
        if worst.is_none_or(is_worse) {
            worst = Some(port);
        }
    }
    let Some(worst) = worst else {
        let summary = "no port was checked; please report this defect";
        return Finding::new(Condition::Unknown, Kind::Internal, summary);
    };
    let Finding {
        condition,
        kind,
        summary,
    } = worst.finding.clone();
    let others = |like: fn(Condition) -> bool| {
        let others = ports.iter().filter(|port| port.port != worst.port);
        let like = others.filter(|port| like(port.finding.condition));
        like.map(|port| port.port).collect::<Vec<_>>()
    };
    let summary = match ports {
        [_] => summary,
        _ if condition == Condition::Healthy => healthy(ports),
        _ => {
            let well = others(|condition| condition == Condition::Healthy);
            let ill = others(|condition| condition != Condition::Healthy);
            let mut text = format!("port {}: {summary}", worst.port);
            if !ill.is_empty() {
                text.push_str(&format!("; also look at {}", listed(&ill)));
            }
            if !well.is_empty() {
                let verb = if well.len() == 1 { "works" } else { "work" };
                text.push_str(&format!("; {} {verb}", listed(&well)));
            }
            text
        }
    };
    Finding::new(condition, kind, summary)
}

fn healthy(ports: &[PortVerdict]) -> String {
    let numbers: Vec<u16> = ports.iter().map(|port| port.port).collect();
    let who = match server_name(ports) {
        Some((_, name)) => format!("SMTP of {name}"),
        None => "SMTP".to_owned(),
    };
    format!("{who} answers on {}", listed(&numbers))
}

/// `port 25`, `ports 25 and 587`, `ports 25, 587 and 2525`.
fn listed(ports: &[u16]) -> String {
    let words: Vec<String> = ports.iter().map(u16::to_string).collect();
    match words.split_last() {
        None => "no port".to_owned(),
        Some((last, [])) => format!("port {last}"),
        Some((last, others)) => format!("ports {} and {last}", others.join(", ")),
    }
}

/// How many ports take their part of the mail: a server that defers it, or turns this connection
/// away, does not at the moment.
fn share(ports: &[PortVerdict]) -> Option<Share> {
    let works = |port: &&PortVerdict| match port.finding.condition {
        Condition::Healthy => true,
        Condition::Degraded => !matches!(
            port.finding.kind,
            Kind::BackPressure | Kind::Limit | Kind::Timeout
        ),
        _ => false,
    };
    let count = |count: usize| u32::try_from(count).ok();
    let (working, of) = (ports.iter().filter(works).count(), ports.len());
    Some(Share {
        working: count(working)?,
        of: count(of).filter(|of| *of > 1)?,
    })
}

fn details(ports: &[PortVerdict]) -> Vec<String> {
    let mut details = Vec::new();
    for port in ports {
        let several = ports.len() > 1;
        if several {
            details.push(format!("port {}: {}", port.port, port.finding.summary));
        }
        let remarks = port.remarks.iter();
        details.extend(remarks.map(|remark| format!("port {}: {remark}", port.port)));
    }
    details
}

fn perfdata(options: &Options, time: Duration, ports: &[PortVerdict]) -> Vec<Value> {
    let mut values = vec![Value::seconds("time", time).judged_by(&options.time)];
    let days = ports
        .iter()
        .filter_map(|port| port.certificate_days.clone());
    values.extend(days.min_by(|one, other| one.value.total_cmp(&other.value)));
    let skews = ports.iter().filter_map(|port| port.skew.clone());
    values.extend(skews.max_by(|one, other| one.value.total_cmp(&other.value)));
    for port in ports {
        // Without the least value, so that those of three ports fit on a line.
        let phases = port.phases.iter();
        let phases = phases.map(|(phase, took)| (format!("{}_{phase}", port.port), took));
        values.extend(phases.map(|(label, took)| Value::number(&label, took.as_secs_f64(), "s")));
    }
    values
}

/// The advisory findings, those that several ports share told once.
fn advisories(ports: &[PortVerdict]) -> Vec<Advisory> {
    let mut found: Vec<(Vec<u16>, Advisory)> = Vec::new();
    for port in ports {
        for advisory in &port.advisories {
            match found.iter_mut().find(|(_, known)| known == advisory) {
                Some((shared, _)) => shared.push(port.port),
                None => found.push((vec![port.port], advisory.clone())),
            }
        }
    }
    let told = found.into_iter().map(|(shared, advisory)| Advisory {
        summary: format!("{}: {}", listed(&shared), advisory.summary),
        ..advisory
    });
    told.collect()
}

fn slowness(options: &Options, time: Duration) -> Option<Advisory> {
    let condition = options.time.judge(time.as_secs_f64());
    (condition != Condition::Healthy).then(|| Advisory {
        advice: Advice::Time,
        condition,
        enforced: condition,
        kind: Kind::Slow,
        summary: format!(
            "the answers took {}, outside the range asked for",
            spoken(time)
        ),
    })
}

/// The name in the first greeting: its first word (RFC 5321 section 4.2).
fn server_name(ports: &[PortVerdict]) -> Option<(String, String)> {
    let facts = ports.iter().flat_map(|port| &port.facts);
    let banners = facts.filter(|(name, _)| name == "banner");
    let mut names = banners.filter_map(|(_, banner)| banner.split(' ').nth(1));
    let name = names.find(|name| !name.is_empty())?;
    Some(("server_name".to_owned(), quoted(name.as_bytes(), 253)))
}
