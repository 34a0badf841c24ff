//! The director's state as OpenMetrics text, for Prometheus. The names are relied on: add to
//! them, change none.

use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::operate::status::{PairStatus, ServerStatus, ServiceStatus, Status, WishStatus};

/// OpenMetrics 1.0.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a server's health can be: one sample for each, the present one 1.
const HEALTH: [&str; 4] = ["up", "down", "maintenance", "unknown"];

/// What a director can be by VRRP: one sample for each, the present one 1.
const STATES: [&str; 5] = ["master", "backup", "fault", "stop", "unknown"];

/// What a check can find: one sample for each, the last finding 1.
const CONDITIONS: [&str; 5] = ["healthy", "degraded", "maintenance", "failed", "unknown"];

type Labels = Vec<(&'static str, String)>;
type Whole = Family<Labels, Gauge>;
type Fraction = Gauge<f64, AtomicU64>;
type Real = Family<Labels, Fraction>;

/// The whole text.
///
/// # Errors
/// None in practice: text is written to memory.
pub(super) fn text(status: &Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("governess");
    of_director(&mut registry, status);
    if let Some(pair) = &status.pair {
        of_pair(&mut registry, pair, &status.config_digest);
    }
    of_services(&mut registry, status);
    of_checks(&mut registry, status);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn of_director(registry: &mut Registry, status: &Status) {
    let words = [
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("backend", status.backend.clone()),
        ("config_digest", status.config_digest.clone()),
    ];
    registry.register(
        "config",
        "The program and the configuration that it carries out",
        Info::new(words.to_vec()),
    );
    let ready = i64::from(status.not_ready.is_empty());
    let help = "Whether all verdicts are fresh and the table can be driven";
    single(registry, "ready", help, ready);
    let help = "Whether reading or writing the table failed the last time";
    single(
        registry,
        "table_error",
        help,
        i64::from(status.table_error.is_some()),
    );
    let problems = i64::try_from(status.host_problems.len()).unwrap_or(i64::MAX);
    let help = "How many parts of the host's set-up are not as wanted";
    single(registry, "host_problems", help, problems);
    let uptime = Fraction::default();
    uptime.set(status.uptime);
    let help = "Time since the director's start";
    registry.register_with_unit("uptime", help, Unit::Seconds, uptime);
    let events = Family::<Labels, Counter>::default();
    for (event, count) in &status.events {
        events
            .get_or_create(&vec![("event", event.clone())])
            .inc_by(*count);
    }
    registry.register(
        "events",
        "Events since the director's start, as in its journal",
        events,
    );
}

fn of_pair(registry: &mut Registry, pair: &PairStatus, ours: &str) {
    if let Some(score) = pair.score {
        let help =
            "What keepalived is told of this director's own fitness: 0, or less if it is unfit";
        single(registry, "pair_score", help, score.into());
    }
    if let Some(digest) = &pair.partner_digest {
        let help = "Whether the other director carries out another configuration";
        single(registry, "pair_drift", help, i64::from(digest != ours));
    }
    let state = Whole::default();
    one_of(&state, &Labels::new(), "state", &STATES, pair.state.name());
    let help = "What this director is by VRRP: 1 at the present state";
    registry.register("pair_state", help, state);
}

fn single(registry: &mut Registry, name: &str, help: &str, value: i64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn of_services(registry: &mut Registry, status: &Status) {
    let fail_open = Whole::default();
    let (health, wanted, kernel) = (Whole::default(), Whole::default(), Whole::default());
    let (wish, connections) = (Whole::default(), Whole::default());
    for service in &status.services {
        let of_service = vec![("service", service.name.clone())];
        set(&fail_open, of_service, i64::from(service.fail_open));
        for server in &service.servers {
            let labels = labels(service, server);
            one_of(&health, &labels, "health", &HEALTH, &server.health);
            set(&wanted, labels.clone(), server.weight_wanted);
            if let Some(weight) = server.weight_kernel {
                set(&kernel, labels.clone(), weight);
            }
            if let Some(weight) = server.wish.as_ref().and_then(WishStatus::weight) {
                set(&wish, labels.clone(), weight);
            }
            for (state, count) in [("active", server.active), ("inactive", server.inactive)] {
                set(&connections, with(&labels, "state", state), count);
            }
        }
    }
    for (name, help, metric) in [
        (
            "fail_open",
            "Whether servers are kept that are not known to work",
            fail_open,
        ),
        (
            "server_health",
            "The health of a server in a service: 1 at the present one",
            health,
        ),
        (
            "server_weight_wanted",
            "The weight that the policy wants",
            wanted,
        ),
        (
            "server_weight_kernel",
            "The weight in the table; absent if it is not there",
            kernel,
        ),
        (
            "server_weight_wish",
            "The weight that was set by hand; absent if none was",
            wish,
        ),
        (
            "server_connections",
            "Connections as the table counts them",
            connections,
        ),
    ] {
        registry.register(name, help, metric);
    }
}

/// Checks are shared between services; each is told once.
fn of_checks(registry: &mut Registry, status: &Status) {
    let (duration, age) = (Real::default(), Real::default());
    let (condition, stale) = (Whole::default(), Whole::default());
    let servers = status.services.iter().flat_map(|service| &service.servers);
    for server in servers {
        for (check, verdict) in &server.checks {
            let labels = vec![("server", server.name.clone()), ("check", check.clone())];
            let found = verdict["condition"].as_str().unwrap_or("unknown");
            one_of(&condition, &labels, "condition", &CONDITIONS, found);
            set(&stale, labels.clone(), server.stale.contains(check));
            if let Some(seconds) = server.ages.get(check) {
                set_real(&age, &labels, *seconds);
            }
            if let Some(seconds) = seconds_taken(verdict) {
                set_real(&duration, &labels, seconds);
            }
        }
    }
    let help = "What the last run of a check found: 1 at that condition";
    registry.register("check_condition", help, condition);
    let help = "Whether a check has not answered for longer than stale_after";
    registry.register("check_stale", help, stale);
    let help = "How long the last run of a check took";
    registry.register_with_unit("check_duration", help, Unit::Seconds, duration);
    let help = "The age of a check's last verdict";
    registry.register_with_unit("check_age", help, Unit::Seconds, age);
}

/// The first measured value is a check's whole time, by the plugins' contract.
fn seconds_taken(verdict: &serde_json::Value) -> Option<f64> {
    let first = verdict["perfdata"].as_array()?.first()?;
    (first["unit"] == "s")
        .then(|| first["value"].as_f64())
        .flatten()
}

fn labels(service: &ServiceStatus, server: &ServerStatus) -> Labels {
    vec![
        ("service", service.name.clone()),
        ("server", server.name.clone()),
    ]
}

fn with(labels: &Labels, name: &'static str, value: &str) -> Labels {
    let mut labels = labels.clone();
    labels.push((name, value.to_owned()));
    labels
}

fn one_of(family: &Whole, labels: &Labels, name: &'static str, all: &[&str], present: &str) {
    for value in all {
        set(family, with(labels, name, value), *value == present);
    }
}

fn set(family: &Whole, labels: Labels, value: impl Into<i64>) {
    family.get_or_create(&labels).set(value.into());
}

fn set_real(family: &Real, labels: &Labels, value: f64) {
    family.get_or_create(labels).set(value);
}
