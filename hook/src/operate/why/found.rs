//! What checks found and what happened, for a reader who has it all on one screen.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::{Finding, Record, text};
use crate::operate::evidence::ADVISORIES;

/// A time of the journal (RFC 3339, UTC) without its fractions; anything else as it is.
pub(super) fn time(ts: &str) -> String {
    match (ts.get(..10), ts.get(11..19), ts.ends_with('Z')) {
        (Some(day), Some(time), true) => format!("{day} {time} UTC"),
        _ => ts.to_owned(),
    }
}

/// Text of a server with its line ends and separators as people write them.
fn readable(text: &str) -> String {
    text.replace("\\x0d\\x0a", "\\r\\n")
        .replace("\\x0a", "\\n")
        .replace("\\x3b", ";")
        .replace("\\x7c", "|")
}

/// Why something happened; what stands under "What was found" is not said twice.
pub(super) fn reason(record: &Record, findings: &BTreeMap<String, Finding>) -> String {
    let out = matches!(record.event.as_str(), "server_down" | "server_maintenance");
    let told = check_of(record).filter(|(check, summary)| {
        findings.get(*check).is_some_and(|finding| {
            let still = !matches!(text(finding, "condition"), "healthy" | "degraded");
            text(finding, "summary") == *summary || (out && still)
        })
    });
    match told {
        Some((check, _)) => format!("by check {check}, see what was found"),
        None => readable(&record.reason),
    }
}

/// The check that an event is about, and what it said.
pub(super) fn check_of(record: &Record) -> Option<(&str, &str)> {
    record.reason.strip_prefix("check ")?.split_once(": ")
}

/// Advisory findings: their kinds and words.
pub(super) fn advisories(finding: &Finding) -> impl Iterator<Item = (&str, &str)> {
    let listed = finding.facts[ADVISORIES].as_array();
    listed
        .into_iter()
        .flatten()
        .filter_map(|advisory| Some((advisory["kind"].as_str()?, advisory["summary"].as_str()?)))
}

/// What each check found: what is ill comes first, and only its conversation is of interest.
pub(super) fn checks(findings: &BTreeMap<String, Finding>, page: &mut String) {
    page.push_str("\nWhat was found\n");
    if findings.is_empty() {
        page.push_str("  nothing: no check has answered yet\n");
    }
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort_by_key(|(_, finding)| urgency(finding));
    for (check, finding) in sorted {
        heading(check, finding, page);
        if text(finding, "condition") == "healthy" {
            for (_, advisory) in advisories(finding) {
                let _ = writeln!(page, "    but {}", readable(advisory));
            }
        } else {
            details(finding, page);
            for line in lines(finding, "transcript") {
                let _ = writeln!(page, "    | {}", readable(line));
            }
        }
    }
}

/// The worst first, advisories before plain health.
fn urgency(finding: &Finding) -> (usize, bool) {
    let order = ["failed", "maintenance", "unknown", "degraded"];
    let condition = text(finding, "condition");
    let at = order.iter().position(|known| *known == condition);
    (
        at.unwrap_or(order.len()),
        advisories(finding).next().is_none(),
    )
}

fn heading(check: &str, finding: &Finding, page: &mut String) {
    let since = match &finding.since {
        Some(since) => format!(", since {}", time(since)),
        None => String::new(),
    };
    let age = match finding.facts["age_ms"].as_u64() {
        Some(age) => format!(", asked {} s ago", age / 1000),
        None => String::new(),
    };
    let _ = writeln!(
        page,
        "  {check}: {} ({}){since}{age}\n    {}",
        text(finding, "condition"),
        text(finding, "kind"),
        readable(text(finding, "summary"))
    );
}

/// The details that the summary does not hold already.
fn details(finding: &Finding, page: &mut String) {
    let summary = text(finding, "summary");
    let told = lines(finding, "details").filter(|line| !summary.contains(line));
    for (ports, words) in by_words(told) {
        let ports = match ports.as_slice() {
            [] => String::new(),
            [port] => format!("port {port}: "),
            ports => format!("ports {}: ", ports.join(", ")),
        };
        let _ = writeln!(page, "    {ports}{}", readable(words));
    }
}

/// Lines of which each begins with the port that it is about, those with the same words together.
fn by_words<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(Vec<&'a str>, &'a str)> {
    let mut grouped: Vec<(Vec<&str>, &str)> = Vec::new();
    for line in lines {
        let split = line
            .strip_prefix("port ")
            .and_then(|rest| rest.split_once(": "));
        let (port, words) = split.map_or((None, line), |(port, words)| (Some(port), words));
        match grouped.iter_mut().find(|(_, known)| *known == words) {
            Some((ports, _)) => ports.extend(port),
            None => grouped.push((port.into_iter().collect(), words)),
        }
    }
    grouped
}

fn lines<'a>(finding: &'a Finding, key: &str) -> impl Iterator<Item = &'a str> {
    let lines = finding.facts[key].as_array();
    lines.into_iter().flatten().filter_map(Value::as_str)
}

/// What happened last, a short line each: the findings stand above in full.
pub(super) fn history(about: &[&Record], page: &mut String) {
    const LAST: usize = 10;
    let told: Vec<&&Record> = about
        .iter()
        .filter(|record| record.event != "reading")
        .collect();
    if told.is_empty() {
        return;
    }
    let _ = writeln!(
        page,
        "\nWhat happened (the last {LAST}; in full: governess events)"
    );
    for record in told.iter().skip(told.len().saturating_sub(LAST)) {
        let _ = writeln!(page, "  {} {}", time(&record.ts), happened(record));
    }
}

fn happened(record: &Record) -> String {
    let about = match &record.service {
        Some(service) => format!("{service}: "),
        None => String::new(),
    };
    let fact = |key: &str| record.text(key).unwrap_or("?");
    match (record.event.as_str(), check_of(record)) {
        ("verdict", _) => format!(
            "check {}: {} ({})",
            fact("check"),
            fact("condition"),
            fact("kind")
        ),
        ("server_up", Some((check, _))) => format!("{about}up, by check {check}"),
        ("server_down", Some((check, _))) => format!("{about}down, by check {check}"),
        ("server_maintenance", Some((check, _))) => {
            format!("{about}in maintenance, by check {check}")
        }
        ("step", _) => format!("{about}{}", readable(&record.reason)),
        (event, _) => format!(
            "{about}{}: {}",
            event.replace('_', " "),
            readable(&record.reason)
        ),
    }
}
