//! The check as the director runs it: from the configuration to the reports.

use std::path::Path;
use std::time::{Duration, Instant};

use hook::clock::Clock;
use hook::config::Config;
use hook::director::Report;
use hook::intake::Checks;
use lookalike::smtp::Behaviour;
use shared::verdict::{Condition, Kind};

use crate::asking::built;
use crate::exchange::Exchange;

/// A configuration with one server and these checks.
fn config(exchange: &Exchange, checks: &str) -> Config {
    let names: Vec<_> = checks
        .lines()
        .filter_map(|line| line.strip_prefix("[checks.")?.strip_suffix(']'))
        .map(|name| format!("\"{name}\""))
        .collect();
    let text = format!(
        "[director]\nbackend = \"memory\"\n{checks}\n[servers.ex1]\naddress = \"{}\"\n\
         [services.mail]\nfwmark = 80\nservers = [\"ex1\"]\nchecks = [{}]\n",
        exchange.address,
        names.join(", ")
    );
    Config::parse(Path::new("governess.toml"), &text).unwrap_or_else(|why| panic!("{why}"))
}

/// The reports that come within `time`, at most `most`.
fn reports(config: &Config, most: usize, time: Duration) -> Vec<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut checks = Checks::new(Clock::start());
        checks.follow(config);
        let ends = Instant::now() + time;
        let mut reports = Vec::new();
        while reports.len() < most {
            let left = ends.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, checks.next()).await {
                Ok(report) => reports.push(report),
                Err(_) => break,
            }
        }
        reports
    })
}

#[test]
fn maintenance_that_mail_shows_is_reported_as_such() {
    let exchange = Exchange::with(25, Behaviour::Inactive);
    let config = config(
        &exchange,
        "[checks.mail]\nsmtp = { ports = [25, 587, 2525] }",
    );
    let reports = reports(&config, 1, Duration::from_secs(60));
    let verdict = &reports[0].verdict;
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Condition::Maintenance, Kind::Maintenance),
        "{}",
        verdict.summary
    );
}

#[test]
fn mail_is_sent_once_in_20_s_however_often_the_check_runs_and_what_it_showed_stands() {
    let exchange = Exchange::with(25, Behaviour::Inactive);
    let check = "[checks.mail]\nsmtp = { ports = [25] }\ninterval = \"500ms\"";
    let reports = reports(&config(&exchange, check), 6, Duration::from_secs(60));
    assert_eq!(reports.len(), 6);
    for report in &reports {
        let verdict = &report.verdict;
        assert_eq!(verdict.kind, Kind::Maintenance, "{}", verdict.summary);
    }
    let heard = exchange.on(25).heard();
    let count = |command: &str| {
        heard
            .iter()
            .filter(|heard| heard.starts_with(command))
            .count()
    };
    assert_eq!(count("MAIL"), 1, "{heard:?}");
    assert!(count("STARTTLS") >= 6, "{heard:?}");
}

#[test]
fn a_failure_at_mail_is_asked_again_when_mail_may_be_sent_and_not_before() {
    let exchange = Exchange::with(25, Behaviour::Prx2);
    let check = "[checks.mail]\nsmtp = { ports = [25] }\nretry_interval = \"100ms\"";
    let reports = reports(&config(&exchange, check), 2, Duration::from_secs(8));
    assert_eq!(reports.len(), 1, "one failure, counted once");
    assert_eq!(reports[0].verdict.condition, Condition::Failed);
}

#[test]
fn a_check_in_the_process_and_the_plugin_by_exec_agree() {
    for (behaviour, condition) in [
        (Behaviour::Healthy, Condition::Healthy),
        (Behaviour::BackPressure, Condition::Degraded),
        (Behaviour::Starttls554, Condition::Failed),
        (Behaviour::Prx2, Condition::Failed),
    ] {
        let exchange = Exchange::with(25, behaviour);
        let plugin = built("check_exchange_smtp");
        let checks = format!(
            "[checks.mail]\nsmtp = {{ ports = [25] }}\n[checks.plugin]\n\
             exec = [\"{}\", \"-H\", \"{{address}}\", \"-p\", \"25\"]\ntimeout = \"30s\"\n\
             interval = \"60s\"",
            plugin.display()
        );
        let reports = reports(&config(&exchange, &checks), 2, Duration::from_secs(60));
        assert_eq!(reports.len(), 2);
        for report in reports {
            let verdict = &report.verdict;
            assert_eq!(verdict.condition, condition, "{}", verdict.summary);
        }
    }
}
