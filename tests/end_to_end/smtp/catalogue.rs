//! Each row of the catalogue by name, judged in this process.

use std::time::{Duration, Instant};

use lookalike::smtp::Behaviour;
use plugins::smtp::Options;
use shared::threshold::Thresholds;
use shared::verdict::{Advice, Condition, Kind, Verdict};

use crate::asking::{assert_found, in_process, ports};
use crate::cases::{CASES, Case};
use crate::exchange::{DELAYS, Exchange};

const PATIENCE: Duration = Duration::from_secs(60);

fn judged(case: &Case) -> Verdict {
    let exchange = Exchange::with(case.number(), case.behaviour);
    in_process(exchange.address, &ports(&[case.port]), case.budget())
}

/// Every case of a row gets its verdict.
#[track_caller]
fn assert_row(row: &str) {
    let cases = CASES.iter().filter(|case| case.row == row);
    let mut count = 0;
    for case in cases {
        assert_found(&judged(case), case.expected, case.words);
        count += 1;
    }
    assert!(count > 0, "no case in row {row}");
}

#[test]
fn s1_a_late_greeting_is_slow_by_threshold_and_its_time_is_told() {
    assert_row("S1");
    let exchange = Exchange::with(25, Behaviour::BannerLate);
    let options = Options {
        time: Thresholds {
            warning: "1".parse().ok(),
            critical: None,
        },
        ..ports(&["25"])
    };
    let verdict = in_process(exchange.address, &options, PATIENCE);
    assert_eq!(verdict.condition, Condition::Healthy, "{}", verdict.summary);
    let [advisory] = verdict.advisories.as_slice() else {
        panic!("{:?}", verdict.advisories);
    };
    assert_eq!((advisory.advice, advisory.kind), (Advice::Time, Kind::Slow));
    let banner = verdict
        .perfdata
        .iter()
        .find(|value| value.label == "25_banner");
    let banner = banner.expect("the phase is timed").value;
    assert!(banner >= DELAYS.banner.as_secs_f64(), "{banner}");
    assert_eq!(verdict.perfdata[0].label, "time");
    assert!(verdict.perfdata[0].value >= banner);
}

#[test]
fn s2_a_greeting_of_several_lines_is_one_and_a_drip_ends_by_the_deadline() {
    assert_row("S2");
}

#[test]
fn s3_maintenance_as_greeting() {
    assert_row("S3");
}

#[test]
fn s4_greetings_that_are_none() {
    assert_row("S4");
}

#[test]
fn s5_missing_capabilities_and_firewalls_that_rewrite_ehlo() {
    assert_row("S5");
}

#[test]
fn s6_starttls_refused_broken_or_injected() {
    assert_row("S6");
}

#[test]
fn s7_certificates_by_the_policy_of_the_port() {
    assert_row("S7");
    let advised = |port: &str, behaviour, sni: Option<&str>| {
        let exchange = Exchange::with(port.parse().unwrap(), behaviour);
        let options = Options {
            sni: sni.map(|name| name.parse().unwrap()),
            ..ports(&[port])
        };
        let verdict = in_process(exchange.address, &options, PATIENCE);
        assert_eq!(verdict.condition, Condition::Healthy, "{}", verdict.summary);
        let told = verdict.advisories.iter();
        told.map(|advisory| {
            assert_eq!(advisory.advice, Advice::Certificate);
            advisory.summary.clone()
        })
        .collect::<Vec<_>>()
        .join("\n")
    };
    for port in ["25", "465", "587", "2525"] {
        let expired = advised(port, Behaviour::CertificateExpired, None);
        assert!(expired.contains("expired"), "{port}: {expired}");
        assert_eq!(advised(port, Behaviour::Healthy, None), "", "self-signed");
    }
    let name = Some("EX1.exch.test");
    assert_eq!(advised("25", Behaviour::Healthy, name), "");
    assert!(advised("587", Behaviour::Healthy, name).contains("signed by itself"));
    let other = Behaviour::CertificateOtherName;
    assert!(advised("25", other, name).contains("expected ex1.exch.test"));
    assert_eq!(advised("2525", other, name), "", "Exchange's own");
}

#[test]
fn s8_maintenance_in_answer_to_mail() {
    assert_row("S8");
}

#[test]
fn s9_back_pressure_by_452_and_by_a_late_answer() {
    assert_row("S9");
}

#[test]
fn s10_a_refusal_of_strangers_is_healthy_and_its_tarpit_is_not_slow() {
    assert_row("S10");
    let exchange = Exchange::start(lookalike::smtp::Delays {
        tarpit: Duration::from_secs(5),
        ..DELAYS
    });
    let options = Options {
        time: Thresholds {
            warning: "3".parse().ok(),
            critical: None,
        },
        ..ports(&["25", "587", "2525"])
    };
    let begun = Instant::now();
    let verdict = in_process(exchange.address, &options, PATIENCE);
    let took = begun.elapsed();
    assert_found(
        &verdict,
        (Condition::Healthy, Kind::Ok),
        "ports 25, 587 and 2525",
    );
    assert!(took >= Duration::from_secs(5), "it waited for the answer");
    assert!(took < Duration::from_secs(9), "all ports at once: {took:?}");
    assert_eq!(verdict.advisories, []);
    assert!(verdict.perfdata[0].value < 3.0, "{:?}", verdict.perfdata[0]);
}

#[test]
fn s11_a_front_end_without_a_back_end_is_told_by_its_code() {
    assert_row("S11");
}

#[test]
fn s12_limits_are_no_maintenance() {
    assert_row("S12");
}

#[test]
fn s13_implicit_tls_is_told_with_what_to_do() {
    assert_row("S13");
}

#[test]
fn s14_a_server_that_vanishes_after_ehlo_fails_by_the_deadline() {
    assert_row("S14");
    let exchange = Exchange::with(587, Behaviour::HalfOpen);
    let plain = ports(&["587/plain"]);
    let verdict = in_process(exchange.address, &plain, Duration::from_secs(8));
    assert_found(&verdict, (Condition::Failed, Kind::Timeout), "MAIL FROM");
    // Less time than the tarpit takes: it may be that.
    let verdict = in_process(exchange.address, &plain, Duration::from_secs(3));
    assert_found(
        &verdict,
        (Condition::Degraded, Kind::Timeout),
        "give more time",
    );
}

#[test]
fn healthy_connectors_silence_and_other_replies() {
    for row in ["healthy", "silence", "replies", "certificate"] {
        assert_row(row);
    }
}

#[test]
fn a_server_behind_a_proxy_is_reached_with_either_header() {
    assert_row("proxy");
    let exchange = Exchange::with(25, Behaviour::ExpectsProxy);
    for version in [
        plugins::smtp::ProxyVersion::V1,
        plugins::smtp::ProxyVersion::V2,
    ] {
        let options = Options {
            proxy_protocol: Some(version),
            ..ports(&["25"])
        };
        let verdict = in_process(exchange.address, &options, PATIENCE);
        assert_found(&verdict, (Condition::Healthy, Kind::Ok), "answers");
    }
}

#[test]
fn the_worst_port_is_named_with_its_reason_and_the_share_told() {
    let exchange = Exchange::with(587, Behaviour::BackPressure);
    exchange.on(2525).behave(Behaviour::Starttls454);
    let verdict = in_process(exchange.address, &Options::default(), PATIENCE);
    assert_found(
        &verdict,
        (Condition::Failed, Kind::TlsFailed),
        "port 2525: ",
    );
    assert!(verdict.summary.contains("454 4.7.0"), "{}", verdict.summary);
    assert!(
        verdict
            .summary
            .ends_with("also look at port 587; port 25 works"),
        "{}",
        verdict.summary
    );
    let share = verdict.share.expect("a share");
    assert_eq!((share.working, share.of), (1, 3));
    assert_eq!(verdict.port, None);
}

#[test]
fn every_behaviour_of_the_look_alike_has_a_verdict() {
    for behaviour in Behaviour::ALL {
        let known = CASES.iter().any(|case| case.behaviour == *behaviour);
        assert!(known, "{} has no case", behaviour.name());
    }
}
