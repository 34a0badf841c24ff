use super::*;
use std::collections::BTreeMap;
use std::time::Duration;

use Condition::{Degraded, Failed, Healthy};

fn rule(policy: &str) -> Rule {
    Rule {
        policy: policy.parse().unwrap(),
        weights: Vec::new(),
        enforced: Vec::new(),
        time: Default::default(),
        took: Duration::from_millis(20),
    }
}

fn said(part: Part, condition: Condition, kind: Kind, summary: &str) -> (Part, Verdict) {
    let finding = Finding::new(condition, kind, summary);
    let mut verdict = Verdict::new("part", "ex1", Some(1), finding);
    verdict.perfdata = vec![Value::seconds("time", Duration::from_millis(5))];
    verdict.facts = BTreeMap::from([("server_name".to_owned(), "EX1".to_owned())]);
    (part, verdict)
}

fn well(part: Part) -> (Part, Verdict) {
    said(part, Healthy, Kind::Ok, "answers")
}

fn ill(part: Part) -> (Part, Verdict) {
    said(part, Failed, Kind::TcpRefused, "connection refused")
}

fn judged(rule: &Rule, parts: Vec<(Part, Verdict)>) -> Verdict {
    let server = Examined {
        name: "ex1".to_owned(),
        parts: Ok(parts),
    };
    judge(rule, &server)
}

#[test]
fn the_worst_part_is_named_with_its_reason_and_gives_its_kind() {
    let parts = vec![well(Part::Rdp), ill(Part::Smtp), well(Part::Owa)];
    let verdict = judged(&rule("all"), parts);
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Failed, Kind::TcpRefused)
    );
    assert_eq!(
        verdict.summary,
        "smtp: connection refused; rdp and owa work"
    );
    assert_eq!(verdict.details.len(), 3, "{:?}", verdict.details);
    assert_eq!(
        verdict.details[1],
        "smtp failed, tcp_refused: connection refused"
    );
}

#[test]
fn a_server_that_works_is_said_to_in_all_its_parts() {
    let verdict = judged(&rule("all"), vec![well(Part::Rdp), well(Part::Owa)]);
    assert_eq!(verdict.summary, "rdp and owa of ex1 work");
    assert_eq!((verdict.condition, verdict.kind), (Healthy, Kind::Ok));
}

#[test]
fn under_any_a_part_that_fails_is_told_and_left_aside() {
    let verdict = judged(&rule("any"), vec![ill(Part::Rdp), well(Part::Owa)]);
    assert_eq!((verdict.condition, verdict.kind), (Healthy, Kind::Ok));
    assert_eq!(
        verdict.summary,
        "owa of ex1 works; rdp is left aside: connection refused"
    );
}

#[test]
fn time_comes_first_and_the_values_and_facts_of_parts_carry_their_names() {
    let verdict = judged(&rule("all"), vec![well(Part::Rdp), well(Part::Owa)]);
    let labels: Vec<&str> = verdict
        .perfdata
        .iter()
        .map(|it| it.label.as_str())
        .collect();
    assert_eq!(labels, ["time", "rdp_time", "owa_time"]);
    let facts: Vec<&String> = verdict.facts.keys().collect();
    assert_eq!(facts, ["owa_server_name", "rdp_server_name"]);
}

#[test]
fn what_works_of_the_weight_is_counted_with_the_parts_of_a_degraded_part() {
    let mut rule = rule("2");
    rule.weights = vec![(Part::Owa, 2)];
    let mut smtp = said(Part::Smtp, Degraded, Kind::Limit, "port 25: a limit");
    smtp.1.share = Some(Share { working: 2, of: 3 });
    let verdict = judged(&rule, vec![ill(Part::Rdp), smtp, well(Part::Owa)]);
    assert_eq!(verdict.condition, Degraded);
    // (0 + 2/3 + 2) of 4
    assert_eq!(verdict.share, Some(Share { working: 8, of: 12 }));
}

fn with_advisory(part: Part) -> (Part, Verdict) {
    let (part, mut verdict) = well(part);
    verdict.advisories = vec![Advisory {
        advice: Advice::Certificate,
        condition: Failed,
        enforced: Failed,
        kind: Kind::Certificate,
        summary: "the certificate is expired".to_owned(),
    }];
    (part, verdict)
}

#[test]
fn an_advisory_finding_of_one_part_is_that_of_the_whole_only_if_all_must_work() {
    let parts = || vec![with_advisory(Part::Rdp), well(Part::Owa)];
    let fold = |verdict: Verdict| verdict.folding(|it| Some(it.condition)).condition;
    assert_eq!(fold(judged(&rule("all"), parts())), Failed);
    assert_eq!(fold(judged(&rule("any"), parts())), Degraded);
    assert_eq!(fold(judged(&rule("1"), parts())), Degraded);
}

#[test]
fn what_is_enforced_counts_before_the_policy() {
    let parts = || vec![with_advisory(Part::Rdp), well(Part::Owa)];
    let enforcing = |policy| Rule {
        enforced: vec![Advice::Certificate],
        ..rule(policy)
    };
    let heard = |policy| {
        let verdict = judged(&enforcing(policy), parts());
        verdict.enforcing(&[Advice::Certificate]).condition
    };
    assert_eq!(heard("all"), Failed);
    assert_eq!(heard("2"), Failed);
    assert_eq!(heard("1"), Degraded);
}

#[test]
fn a_whole_that_takes_too_long_is_slow() {
    let mut slow = rule("all");
    slow.time.warning = "0.01".parse().ok();
    let verdict = judged(&slow, vec![well(Part::Rdp)]);
    assert_eq!(verdict.condition, Healthy);
    assert_eq!(verdict.advisories.len(), 1);
    assert_eq!(verdict.advisories[0].kind, Kind::Slow);
}

#[test]
fn a_name_that_does_not_resolve_is_said_once() {
    let server = Examined {
        name: "ex9".to_owned(),
        parts: Err(Finding::new(
            Condition::Unknown,
            Kind::Resolve,
            "no such name",
        )),
    };
    let verdict = judge(&rule("all"), &server);
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Condition::Unknown, Kind::Resolve)
    );
    assert_eq!(verdict.summary, "no such name");
}

#[test]
fn least_multiples_are() {
    assert_eq!(least_multiple(4, 6), 12);
    assert_eq!(least_multiple(1, 3), 3);
}
