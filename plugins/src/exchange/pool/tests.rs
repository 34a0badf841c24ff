use super::*;
use std::time::Duration;

use Condition::{Degraded, Failed, Healthy};

fn rule() -> Rule {
    Rule {
        policy: Default::default(),
        weights: Vec::new(),
        enforced: Vec::new(),
        time: Default::default(),
        took: Duration::from_millis(20),
    }
}

/// A server whose web part tells these facts.
fn server(name: &str, facts: &[(&str, &str)]) -> Examined {
    let finding = Finding::new(Healthy, Kind::Ok, "answers");
    let mut verdict = Verdict::new("owa", name, None, finding);
    verdict.perfdata = vec![
        Value::seconds("time", Duration::from_millis(5)),
        Value::seconds("connect", Duration::from_millis(1)),
    ];
    let facts = facts.iter();
    verdict.facts = facts
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Examined {
        name: name.to_owned(),
        parts: Ok(vec![(Part::Owa, verdict)]),
    }
}

fn failing(name: &str) -> Examined {
    let finding = Finding::failed(Kind::TcpRefused, "connection refused");
    Examined {
        name: name.to_owned(),
        parts: Ok(vec![(Part::Owa, Verdict::new("owa", name, None, finding))]),
    }
}

/// As hosts with four states hear it.
fn heard(servers: &[Examined]) -> Verdict {
    judge(&rule(), servers, None).folding(|advisory| Some(advisory.condition))
}

#[test]
fn servers_with_all_in_common_work_and_agree() {
    let facts = [
        ("certificate_sha256", "65:55:4a:c0"),
        ("server_build", "15.2.1118.7"),
        ("clock_offset", "0.100"),
    ];
    let servers = [server("10.0.1.1", &facts), server("10.0.1.2", &facts)];
    let verdict = heard(&servers);
    assert_eq!((verdict.condition, verdict.kind), (Healthy, Kind::Ok));
    assert_eq!(verdict.summary, "10.0.1.1 and 10.0.1.2 work and agree");
    let labels: Vec<&str> = verdict
        .perfdata
        .iter()
        .map(|it| it.label.as_str())
        .collect();
    assert_eq!(labels, ["time", "10_0_1_1_owa_time", "10_0_1_2_owa_time"]);
}

#[test]
fn the_worst_server_decides() {
    let servers = [server("ex1", &[]), failing("ex2"), server("ex3", &[])];
    let verdict = heard(&servers);
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Failed, Kind::TcpRefused)
    );
    assert_eq!(
        verdict.summary,
        "ex2: owa: connection refused; ex1 and ex3 work"
    );
    assert_eq!(verdict.share, Some(Share { working: 2, of: 3 }));
}

#[test]
fn h9_certificates_that_differ_break_logons_and_who_differs_is_named() {
    let one = |name, sha256| server(name, &[("certificate_sha256", sha256)]);
    let servers = [
        one("ex1", "65:55:4a:c0:4a:85"),
        one("ex2", "65:55:4a:c0:4a:85"),
        one("ex3", "f6:ec:a2:cc:00:01"),
    ];
    let verdict = heard(&servers);
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Degraded, Kind::Certificate)
    );
    assert!(
        verdict
            .summary
            .contains("ex1 and ex2 show 65:55:4a:c0, ex3 shows f6:ec:a2:cc"),
        "{}",
        verdict.summary
    );
    assert!(verdict.summary.contains("thrown back at each reschedule"));
    let enforced = judge(&rule(), &servers, None).enforcing(&[Advice::Certificate]);
    assert_eq!(enforced.condition, Failed);
}

#[test]
fn certificates_that_begin_alike_still_differ() {
    let one = |name, sha256| server(name, &[("certificate_sha256", sha256)]);
    let servers = [
        one("ex1", "65:55:4a:c0:4a:85"),
        one("ex2", "65:55:4a:c0:4a:86"),
    ];
    assert_eq!(heard(&servers).kind, Kind::Certificate);
}

#[test]
fn builds_that_differ_are_worth_a_look() {
    let one = |name, build| server(name, &[("server_build", build)]);
    let verdict = heard(&[one("ex1", "15.2.1118.7"), one("ex2", "15.2.986.5")]);
    assert_eq!((verdict.condition, verdict.kind), (Degraded, Kind::Content));
    assert!(
        verdict.summary.contains("ex2 shows 15.2.986.5"),
        "{}",
        verdict.summary
    );
}

#[test]
fn clocks_are_compared_with_each_other_and_not_with_ours_alone() {
    let one = |name, offset| server(name, &[("clock_offset", offset)]);
    let kind = |one_offset, other_offset| {
        let verdict = heard(&[one("ex1", one_offset), one("ex2", other_offset)]);
        (verdict.condition, verdict.kind)
    };
    assert_eq!(kind("-40.000", "40.000"), (Degraded, Kind::Skew));
    assert_eq!(kind("-200.000", "200.000"), (Failed, Kind::Skew));
    assert_eq!(kind("-20.000", "30.000"), (Healthy, Kind::Ok));
    assert_eq!(kind("500.000", "500.000"), (Healthy, Kind::Ok));
}

#[test]
fn one_server_behind_two_addresses_is_the_wrong_one_behind_one_of_them() {
    let one = |name, own: &str| server(name, &[("server_name", own)]);
    let servers = [
        one("10.0.1.1", "ex1.exch.test"),
        one("10.0.1.2", "EX1.exch.test"),
    ];
    let verdict = heard(&servers);
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Failed, Kind::WrongServer)
    );
    assert!(
        verdict
            .summary
            .starts_with("10.0.1.1 and 10.0.1.2 are answered by one server, ex1.exch.test"),
        "{}",
        verdict.summary
    );
}

#[test]
fn l2_servers_that_work_behind_an_address_that_does_not_point_to_the_director() {
    let servers = [server("10.0.1.1", &[]), server("10.0.1.2", &[])];
    let verdict = judge(&rule(), &servers, Some(&failing("192.168.1.35")));
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Failed, Kind::TcpRefused)
    );
    assert!(verdict.summary.contains("director"), "{}", verdict.summary);
    assert!(
        verdict.summary.contains("return path"),
        "{}",
        verdict.summary
    );
    let both = [failing("10.0.1.1"), failing("10.0.1.2")];
    let verdict = judge(&rule(), &both, Some(&failing("192.168.1.35")));
    assert!(!verdict.summary.contains("director"), "{}", verdict.summary);
}

#[test]
fn the_way_to_the_pool_is_compared_with_no_server() {
    let one = |name| server(name, &[("server_name", "ex1.exch.test")]);
    let servers = [
        one("10.0.1.1"),
        server("10.0.1.2", &[("server_name", "ex2")]),
    ];
    let verdict = judge(&rule(), &servers, Some(&one("192.168.1.35")));
    assert_eq!(verdict.condition, Healthy, "{}", verdict.summary);
}
