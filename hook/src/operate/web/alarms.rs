//! What somebody should look at now, the worst first.

use crate::operate::status::{ServerStatus, ServiceStatus, Status, WishDetail, WishStatus};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Clients suffer, or will if nobody acts.
    Alarm,
    /// Somebody's intention, or a loss that others make up for.
    Notice,
}

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alarm {
    /// How bad.
    pub(super) level: Level,
    /// In one line.
    pub(super) text: String,
}

fn alarm(text: String) -> Alarm {
    let level = Level::Alarm;
    Alarm { level, text }
}

fn notice(text: String) -> Alarm {
    let level = Level::Notice;
    Alarm { level, text }
}

/// Everything to look at.
pub(super) fn alarms(status: &Status) -> Vec<Alarm> {
    let mut found: Vec<Alarm> = Vec::new();
    found.extend(status.services.iter().filter_map(fail_open));
    let table = status.table_error.iter();
    found.extend(table.map(|error| alarm(format!("the table cannot be driven: {error}"))));
    let problems = status.host_problems.iter();
    found.extend(problems.map(|(thing, words)| alarm(format!("{thing}: {words}"))));
    let unfit = status.pair.iter().filter_map(|pair| pair.unfit.as_ref());
    found.extend(unfit.map(|why| alarm(format!("this director is unfit: {why}"))));
    for service in &status.services {
        let servers = service.servers.iter();
        found.extend(servers.flat_map(|server| of_server(service, server)));
    }
    if found.iter().all(|known| known.level != Level::Alarm) {
        found.extend(starting(status));
    }
    found.sort_by_key(|alarm| alarm.level);
    found
}

/// Without an alarm a director is not ready because its first verdicts are not there yet.
fn starting(status: &Status) -> Option<Alarm> {
    let first = status.not_ready.first()?;
    let text = match status.not_ready.len() - 1 {
        0 => format!("not ready: {first}"),
        more => format!("not ready: {first}, and {more} more"),
    };
    Some(notice(text))
}

fn fail_open(service: &ServiceStatus) -> Option<Alarm> {
    let kept: Vec<&str> = service
        .servers
        .iter()
        .filter(|server| server.weight_wanted > 0)
        .map(|server| server.name.as_str())
        .collect();
    service.fail_open.then(|| {
        alarm(format!(
            "{}: FAIL OPEN: no server is known to work; kept so that the pool is not empty: {}",
            service.name,
            kept.join(", ")
        ))
    })
}

fn of_server(service: &ServiceStatus, server: &ServerStatus) -> Vec<Alarm> {
    let name = format!("{} in {}", server.name, service.name);
    let because = why(server)
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    let mut found = Vec::new();
    match server.health.as_str() {
        "down" => found.push(alarm(format!("{name} is down{because}"))),
        "maintenance" => found.push(notice(format!("{name} is in maintenance{because}"))),
        _ => {}
    }
    found.extend(server.stale.iter().map(|check| {
        let age = server.ages.get(check).copied().unwrap_or_default();
        alarm(format!(
            "{name}: check {check} has not answered for {age:.0} s; its weight stays as it is"
        ))
    }));
    if let Some(wish) = &server.wish {
        let detail = server.wish_detail.as_ref();
        let detail = detail.map(WishDetail::words).unwrap_or_default();
        found.push(notice(match wish {
            WishStatus::Weight(0) => {
                format!("{name}: drained by hand: weight 0 was set by hand{detail}")
            }
            WishStatus::Weight(weight) => {
                format!("{name}: weight {weight} was set by hand{detail}")
            }
            WishStatus::Stand(_) => format!("{name}: {}{detail}", wish.words()),
        }));
    }
    if server.weight_kernel.unwrap_or(0) != server.weight_wanted {
        let kernel = match server.weight_kernel {
            Some(weight) => format!("weight {weight}"),
            None => "no such destination".to_owned(),
        };
        let wanted = server.weight_wanted;
        found.push(alarm(format!(
            "{name}: weight {wanted} is wanted, the kernel has {kernel}"
        )));
    }
    found
}

/// What the first check that is not well says.
fn why(server: &ServerStatus) -> Option<String> {
    let ill = server.checks.iter().find(|(_, verdict)| {
        let condition = verdict["condition"].as_str();
        !matches!(condition, Some("healthy" | "degraded"))
    });
    ill.map(|(check, verdict)| {
        let summary = verdict["summary"].as_str().unwrap_or("?");
        format!("{check}: {summary}")
    })
}
