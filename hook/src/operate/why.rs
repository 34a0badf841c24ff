//! `governess why SERVER`: what was found, when, which rule decided, what would have to change and
//! what to do. Pure; for a reader who was woken up.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::SystemTime;

use serde_json::Value;

use super::events::Record;
use super::evidence::{ORDER, WEIGHT};
use super::status::{ServerStatus, ServiceStatus, Status, WishStatus};
use super::timestamp::rfc3339;
use crate::config::{Config, ServerId};

mod found;
mod words;

/// What decides a server's weight in a service, in the order of what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Disabled,
    Drained,
    /// In whatever its checks say.
    Forced,
    /// Not known to work, and kept so that the pool is not empty.
    Kept,
    Down,
    Maintenance,
    NotJudged,
    Wished(u32),
    Ramping,
    Configured,
}

/// What is known of a server in one service.
#[derive(Clone, Debug)]
struct Place {
    service: String,
    health: String,
    /// The event that last changed the health.
    turned: Option<Record>,
    wanted: Option<u32>,
    kernel: Option<u32>,
    fail_open: bool,
    wish: Option<WishStatus>,
    ramping: bool,
    rise_factor: u32,
}

/// What one check last found.
#[derive(Clone, Debug)]
struct Finding {
    facts: Value,
    /// When it was first found like this.
    since: Option<String>,
}

/// The page on one server at `now`. `reply` is the running director's answer, if one runs.
///
/// # Errors
/// There is no such server in the configuration.
pub fn page(
    config: &Config,
    server: &str,
    reply: Option<&Value>,
    records: &[Record],
    now: SystemTime,
) -> Result<String, String> {
    let Some(id) = config.server_named(server) else {
        let names = config.servers.iter().map(|server| server.name.as_str());
        return Err(match crate::config::nearest(server, names) {
            Some(other) => format!("no server is called {server}; did you mean {other}?"),
            None => format!("no server is called {server}; see `governess status`"),
        });
    };
    let about: Vec<&Record> = records
        .iter()
        .filter(|record| record.server.as_deref() == Some(server))
        .collect();
    let status =
        reply.and_then(|reply| serde_json::from_value::<Status>(reply["status"].clone()).ok());
    let places = match &status {
        Some(status) => from_status(status, server, &about),
        None => from_journal(config, id, records, &about),
    };
    let findings = findings(reply.map(|reply| &reply["checks"]), &about);
    let mut page = header(config, id, status.is_some(), records, now);
    for place in &places {
        service_words(config, id, place, &findings, &mut page);
    }
    if places.is_empty() {
        page.push_str("\nIt is in no service.\n");
    }
    found::checks(&findings, &mut page);
    found::history(&about, &mut page);
    let _ = writeln!(
        page,
        "\nRules, the first that holds decides: {}",
        words::ORDER
    );
    Ok(page)
}

fn header(
    config: &Config,
    id: ServerId,
    runs: bool,
    records: &[Record],
    now: SystemTime,
) -> String {
    let server = &config.servers[id.0];
    let mut text = format!("{} ({})", server.name, server.address);
    match (runs, records.last()) {
        (true, _) => {
            let now = found::time(&rfc3339(now));
            let _ = writeln!(text, ", as the running director knows it at {now}");
        }
        (false, Some(last)) => {
            let _ = writeln!(
                text,
                ", from the journal alone: no director runs; the last event is of {}",
                found::time(&last.ts)
            );
        }
        (false, None) => text.push_str(": no director runs, and the journal is empty\n"),
    }
    text
}

fn from_status(status: &Status, server: &str, about: &[&Record]) -> Vec<Place> {
    let member = |service: &ServiceStatus, member: &ServerStatus| Place {
        service: service.name.clone(),
        health: member.health.clone(),
        turned: turned(about, &service.name),
        wanted: Some(member.weight_wanted),
        kernel: member.weight_kernel,
        fail_open: service.fail_open,
        wish: member.wish.clone(),
        ramping: member.ramping,
        rise_factor: member.rise_factor,
    };
    let services = status.services.iter();
    services
        .flat_map(|service| {
            let members = service.servers.iter().filter(|m| m.name == server);
            members.map(move |found| member(service, found))
        })
        .collect()
}

/// What the events since the last start say. What they do not say is not known.
fn from_journal(
    config: &Config,
    id: ServerId,
    records: &[Record],
    about: &[&Record],
) -> Vec<Place> {
    let services = config.services.iter();
    let members = services.filter(|service| service.servers.contains(&id));
    members
        .map(|service| {
            let turned = turned(about, &service.name);
            let written = about.iter().rfind(|record| {
                record.event == "step"
                    && record.service.as_deref() == Some(service.name.as_str())
                    && record.facts.contains_key(WEIGHT)
            });
            let weight = written.and_then(|record| record.facts[WEIGHT].as_u64());
            let weight = weight.and_then(|weight| u32::try_from(weight).ok());
            let open = records.iter().rfind(|record| {
                record.service.as_deref() == Some(service.name.as_str())
                    && record.event.starts_with("fail_open")
            });
            Place {
                service: service.name.clone(),
                health: turned.as_ref().map_or("unknown", health_of).to_owned(),
                turned,
                wanted: weight,
                kernel: None,
                fail_open: open.is_some_and(|record| record.event == "fail_open"),
                wish: last_wish(about),
                ramping: false,
                rise_factor: 1,
            }
        })
        .collect()
}

fn turned(about: &[&Record], service: &str) -> Option<Record> {
    let turns = |record: &&&Record| {
        record.service.as_deref() == Some(service) && health_of(record) != "unknown"
    };
    about.iter().rfind(turns).map(|record| (*record).clone())
}

fn health_of(record: &Record) -> &'static str {
    match record.event.as_str() {
        "server_up" => "up",
        "server_down" => "down",
        "server_maintenance" => "maintenance",
        _ => "unknown",
    }
}

fn last_wish(about: &[&Record]) -> Option<WishStatus> {
    let last = about
        .iter()
        .rfind(|record| record.event.starts_with("wish_"))?;
    if last.event == "wish_cleared" {
        return None;
    }
    let by_hand = last
        .facts
        .get(WEIGHT)
        .or_else(|| last.facts.get(ORDER)?.get("weight"));
    if let Some(weight) = by_hand.and_then(Value::as_u64) {
        return Some(WishStatus::Weight(
            u32::try_from(weight).unwrap_or(u32::MAX),
        ));
    }
    let order = last.facts.get(ORDER).and_then(Value::as_object);
    let word = match order
        .and_then(|order| order.keys().next())
        .map(String::as_str)
    {
        Some("disable") => "disable",
        Some("force") => "enable",
        // A file in the maintenance folder drains too.
        _ => "drain",
    };
    Some(WishStatus::Stand(word.to_owned()))
}

/// The latest evidence of each check: the director's own, else that of the last change.
fn findings(checks: Option<&Value>, about: &[&Record]) -> BTreeMap<String, Finding> {
    let mut findings = BTreeMap::new();
    for record in about.iter().filter(|record| record.event == "verdict") {
        let Some(check) = record.text("check") else {
            continue;
        };
        let finding = Finding {
            facts: Value::Object(record.facts.clone()),
            since: Some(record.ts.clone()),
        };
        findings.insert(check.to_owned(), finding);
    }
    let told = checks.and_then(Value::as_object);
    for (check, facts) in told.into_iter().flatten() {
        let before = findings.get(check).filter(|before| {
            (&before.facts["condition"], &before.facts["kind"])
                == (&facts["condition"], &facts["kind"])
        });
        let since = before.and_then(|before| before.since.clone());
        let facts = facts.clone();
        findings.insert(check.clone(), Finding { facts, since });
    }
    findings
}

/// Which rule decides: the first that matches.
fn rule(place: &Place) -> Rule {
    let stand = match &place.wish {
        Some(WishStatus::Stand(word)) => word.as_str(),
        Some(WishStatus::Weight(0)) => "drain",
        _ => "",
    };
    match (stand, place.health.as_str(), &place.wish) {
        ("disable", _, _) => Rule::Disabled,
        ("drain", _, _) => Rule::Drained,
        ("enable", "down" | "maintenance" | "unknown", _) => Rule::Forced,
        (_, "down" | "maintenance" | "unknown", _)
            if place.fail_open && place.wanted.unwrap_or(0) > 0 =>
        {
            Rule::Kept
        }
        (_, "down", _) => Rule::Down,
        (_, "maintenance", _) => Rule::Maintenance,
        (_, "unknown", _) => Rule::NotJudged,
        (_, _, Some(WishStatus::Weight(weight))) => Rule::Wished(*weight),
        _ if place.ramping => Rule::Ramping,
        _ => Rule::Configured,
    }
}

fn service_words(
    config: &Config,
    id: ServerId,
    place: &Place,
    findings: &BTreeMap<String, Finding>,
    page: &mut String,
) {
    let number = |weight: Option<u32>| weight.map_or("not known".to_owned(), |w| w.to_string());
    let _ = writeln!(
        page,
        "\nIn service {}: {}, weight wanted {}, in the kernel {}",
        place.service,
        place.health,
        number(place.wanted),
        number(place.kernel)
    );
    if let Some(turned) = &place.turned {
        let _ = writeln!(
            page,
            "  {} since {}: {}",
            place.health,
            found::time(&turned.ts),
            found::reason(turned, findings)
        );
    }
    let rule = rule(place);
    let against = words::against(config, &place.service, findings_conditions(findings));
    let server = &config.servers[id.0];
    let told = words::Told {
        server: &server.name,
        nominal: server.weight,
        service: &place.service,
        rise_factor: place.rise_factor,
        against: &against,
        turned_by: place
            .turned
            .as_ref()
            .and_then(found::check_of)
            .map(|(check, _)| check),
    };
    let _ = writeln!(page, "  Decided by: {}", told.rule(rule));
    let _ = writeln!(page, "  To change it: {}", told.change(rule));
    for advice in told.advice(rule, findings_kinds(findings)) {
        let _ = writeln!(page, "  What to do: {advice}");
    }
}

fn text<'a>(finding: &'a Finding, key: &str) -> &'a str {
    finding.facts[key].as_str().unwrap_or("?")
}

fn findings_conditions(findings: &BTreeMap<String, Finding>) -> Vec<(&str, &str)> {
    findings
        .iter()
        .map(|(check, finding)| (check.as_str(), text(finding, "condition")))
        .collect()
}

/// The kinds of the findings that somebody has to look at, advisory ones too.
fn findings_kinds(findings: &BTreeMap<String, Finding>) -> Vec<(&str, &str)> {
    let kinds = |(check, finding)| {
        let (check, finding): (&'_ String, &'_ Finding) = (check, finding);
        let own = (text(finding, "condition") != "healthy").then(|| text(finding, "kind"));
        let advisory = found::advisories(finding).map(|(kind, _)| kind);
        own.into_iter()
            .chain(advisory)
            .map(|kind| (check.as_str(), kind))
            .collect::<Vec<_>>()
    };
    findings.iter().flat_map(kinds).collect()
}

#[cfg(test)]
mod tests;
