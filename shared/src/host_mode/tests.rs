use super::*;
use crate::perfdata::Value;
use crate::verdict::{Advisory, Share};
use proptest::prelude::*;

fn verdict(condition: Condition, kind: Kind) -> Verdict {
    let finding = Finding::new(condition, kind, "what was found");
    let mut verdict = Verdict::new("x224", "rs1", Some(3389), finding);
    verdict.perfdata = vec![Value::seconds("time", Duration::from_millis(5))];
    verdict
}

fn said(mode: HostMode, verdict: &Verdict, wishes: &Wishes) -> (String, u8) {
    let answer = mode.answer(verdict, wishes);
    (
        String::from_utf8(answer.stdout).expect("UTF-8"),
        answer.code,
    )
}

/// Exit codes by condition, in the order Healthy, Degraded, Maintenance, Failed, Unknown.
const CODES: [(HostMode, [u8; 5]); 6] = [
    (HostMode::Nagios, [0, 1, 1, 2, 3]),
    (HostMode::Json, [0, 1, 1, 2, 3]),
    (HostMode::Nanny, [0, 0, 0, 0, 0]),
    (HostMode::Keepalived, [0, 0, 1, 1, 1]),
    (HostMode::KeepalivedWeight, [12, 12, 2, 1, 1]),
    (HostMode::Ldirectord, [0, 0, 1, 1, 1]),
];

const OUTCOMES: [(Condition, Kind); 5] = [
    (Condition::Healthy, Kind::Ok),
    (Condition::Degraded, Kind::Insecure),
    (Condition::Maintenance, Kind::Maintenance),
    (Condition::Failed, Kind::Silent),
    (Condition::Unknown, Kind::Resolve),
];

#[test]
fn every_condition_has_its_exit_code_in_every_mode() {
    let wishes = Wishes {
        weight: 10,
        ..Wishes::default()
    };
    for (mode, codes) in CODES {
        for ((condition, kind), code) in OUTCOMES.into_iter().zip(codes) {
            let (_, said) = said(mode, &verdict(condition, kind), &wishes);
            assert_eq!(said, code, "{mode:?} {condition:?}");
        }
    }
}

#[test]
fn nanny_hears_one_word_and_nothing_else() {
    for ((condition, kind), works) in OUTCOMES.into_iter().zip([true, true, false, false, false]) {
        let (text, _) = said(
            HostMode::Nanny,
            &verdict(condition, kind),
            &Wishes::default(),
        );
        assert_eq!(text, if works { "OK\n" } else { "FAIL\n" }, "{condition:?}");
    }
}

#[test]
fn bad_arguments_and_defects_fail_in_every_mode_even_where_unknown_passes() {
    for (mode, codes) in CODES {
        for kind in [Kind::Usage, Kind::Internal] {
            let failing = mode.failing("x224", kind, "bad", &[]);
            assert_eq!(failing.code, codes[4], "{mode:?}");
            let lenient = Wishes {
                on_unknown: OnUnknown::Ok,
                ..Wishes::default()
            };
            assert_eq!(
                mode.answer(&verdict(Condition::Unknown, kind), &lenient)
                    .code,
                codes[4]
            );
        }
    }
    assert_eq!(
        HostMode::Nanny
            .failing("x224", Kind::Usage, "bad", &[])
            .stdout,
        b"FAIL\n"
    );
}

#[test]
fn an_unknown_server_works_where_the_operator_says_so() {
    let wishes = Wishes {
        on_unknown: OnUnknown::Ok,
        weight: 10,
        ..Wishes::default()
    };
    let unknown = verdict(Condition::Unknown, Kind::Resolve);
    assert_eq!(
        said(HostMode::Nanny, &unknown, &wishes),
        ("OK\n".to_owned(), 0)
    );
    assert_eq!(said(HostMode::Keepalived, &unknown, &wishes).1, 0);
    assert_eq!(said(HostMode::KeepalivedWeight, &unknown, &wishes).1, 12);
    assert_eq!(said(HostMode::Ldirectord, &unknown, &wishes).1, 0);
    assert_eq!(said(HostMode::Nagios, &unknown, &wishes).1, 3);
}

#[test]
fn an_advisory_finding_counts_for_nagios_and_elsewhere_only_where_enforced() {
    let mut slow = verdict(Condition::Healthy, Kind::Ok);
    slow.advisories = vec![Advisory {
        advice: Advice::Time,
        condition: Condition::Failed,
        enforced: Condition::Failed,
        kind: Kind::Slow,
        summary: "slow".to_owned(),
    }];
    let enforcing = Wishes {
        enforced: vec![Advice::Time],
        ..Wishes::default()
    };
    assert_eq!(said(HostMode::Nagios, &slow, &Wishes::default()).1, 2);
    assert_eq!(said(HostMode::Json, &slow, &Wishes::default()).1, 2);
    for mode in [HostMode::Keepalived, HostMode::Ldirectord] {
        assert_eq!(said(mode, &slow, &Wishes::default()).1, 0, "{mode:?}");
        assert_eq!(said(mode, &slow, &enforcing).1, 1, "{mode:?}");
    }
    assert_eq!(said(HostMode::Nanny, &slow, &Wishes::default()).0, "OK\n");
    assert_eq!(said(HostMode::Nanny, &slow, &enforcing).0, "FAIL\n");
}

#[test]
fn a_finding_that_only_warns_fails_where_its_class_is_enforced() {
    let mut expired = verdict(Condition::Healthy, Kind::Ok);
    expired.advisories = vec![Advisory {
        advice: Advice::Certificate,
        condition: Condition::Degraded,
        enforced: Condition::Failed,
        kind: Kind::Certificate,
        summary: "expired".to_owned(),
    }];
    let enforcing = Wishes {
        enforced: vec![Advice::Certificate],
        ..Wishes::default()
    };
    assert_eq!(said(HostMode::Nagios, &expired, &Wishes::default()).1, 1);
    assert_eq!(said(HostMode::Nagios, &expired, &enforcing).1, 2);
    assert_eq!(
        said(HostMode::Nanny, &expired, &Wishes::default()).0,
        "OK\n"
    );
    assert_eq!(said(HostMode::Nanny, &expired, &enforcing).0, "FAIL\n");
}

#[test]
fn the_value_of_a_verdict_is_what_the_line_says() {
    let mut told = verdict(Condition::Maintenance, Kind::Maintenance);
    told.transcript = vec!["sent 03".to_owned()];
    let (text, _) = said(HostMode::Json, &told, &Wishes::default());
    let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json::value(&told), line);
}

#[test]
fn a_server_that_works_in_part_gets_that_part_of_its_weight_and_at_least_one() {
    for (working, of, weight, code) in [(1, 2, 10, 7), (1, 100, 10, 3), (2, 2, 253, 255)] {
        let mut part = verdict(Condition::Degraded, Kind::Offline);
        part.share = Some(Share { working, of });
        let wishes = Wishes {
            weight,
            ..Wishes::default()
        };
        assert_eq!(
            said(HostMode::KeepalivedWeight, &part, &wishes).1,
            code,
            "{working}/{of}"
        );
    }
}

#[test]
fn the_state_of_a_timeout_can_be_chosen_for_nagios_and_json_alone() {
    let wishes = Wishes {
        on_timeout: Some(Condition::Unknown),
        ..Wishes::default()
    };
    let silent = verdict(Condition::Failed, Kind::Silent);
    assert_eq!(said(HostMode::Nagios, &silent, &wishes).1, 3);
    assert_eq!(said(HostMode::Json, &silent, &wishes).1, 3);
    assert_eq!(said(HostMode::Ldirectord, &silent, &wishes).1, 1);
    let refused = verdict(Condition::Failed, Kind::TcpRefused);
    assert_eq!(said(HostMode::Nagios, &refused, &wishes).1, 2);
}

#[test]
fn nagios_reads_one_status_line_with_performance_data() {
    let (text, _) = said(
        HostMode::Nagios,
        &verdict(Condition::Healthy, Kind::Ok),
        &Wishes::default(),
    );
    assert_eq!(text, "X224 OK: what was found | time=0.005s;;;0\n");
}

#[test]
fn verbosity_adds_details_then_facts_then_the_transcript() {
    let mut told = verdict(Condition::Healthy, Kind::Ok);
    told.details = vec!["a detail".to_owned()];
    told.facts.insert("protocol".to_owned(), "tls".to_owned());
    told.transcript = vec!["sent 03".to_owned()];
    let lines = |verbosity| {
        let wishes = Wishes {
            verbosity,
            ..Wishes::default()
        };
        let (text, _) = said(HostMode::Nagios, &told, &wishes);
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(0), Vec::<String>::new());
    assert_eq!(lines(1), ["a detail"]);
    assert_eq!(lines(2), ["a detail", "protocol: tls"]);
    assert_eq!(lines(3), ["a detail", "protocol: tls", "sent 03"]);
}

#[test]
fn json_is_one_line_with_the_promised_keys() {
    let (text, _) = said(
        HostMode::Json,
        &verdict(Condition::Failed, Kind::Silent),
        &Wishes::default(),
    );
    assert_eq!(text.matches('\n').count(), 1);
    let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(line["schema"], 1);
    assert_eq!(line["check"], "x224");
    assert_eq!(line["server"], "rs1");
    assert_eq!(line["port"], 3389);
    assert_eq!(line["condition"], "failed");
    assert_eq!(line["kind"], "silent");
    assert_eq!(line["state"], 2);
    assert_eq!(line["summary"], "what was found");
    assert_eq!(line["perfdata"][0]["label"], "time");
    assert_eq!(line["perfdata"][0]["unit"], "s");
    assert!(line["facts"].is_object() && line["details"].is_array());
}

proptest! {
    #[test]
    fn whatever_a_server_says_nagios_reads_it_alike(
        summary in "(?s).{0,2000}", detail in "(?s).{0,2000}", labels in prop::collection::vec("(?s).{0,80}", 0..20)
    ) {
        let mut wild = verdict(Condition::Failed, Kind::NotTheProtocol);
        wild.summary = summary;
        wild.details = vec![detail];
        let extra = labels.iter().map(|label| Value::number(label, 1.0, "s"));
        wild.perfdata.extend(extra);
        let wishes = Wishes { verbosity: 3, ..Wishes::default() };
        let (text, code) = said(HostMode::Nagios, &wild, &wishes);
        let first = text.lines().next().unwrap_or_default();
        prop_assert_eq!(code, 2);
        prop_assert_eq!(text.matches('|').count(), 1);
        prop_assert!(first.contains("| time=0.005s"), "{}", first);
        prop_assert!(first.len() < 1024 && text.len() <= 8192);
        prop_assert!(!first.split('|').next().unwrap_or_default().contains(';'));
        prop_assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()));
    }

    #[test]
    fn whatever_a_server_says_json_stays_one_line(summary in "(?s).*") {
        let mut wild = verdict(Condition::Failed, Kind::NotTheProtocol);
        wild.summary = summary.clone();
        let (text, _) = said(HostMode::Json, &wild, &Wishes::default());
        prop_assert_eq!(text.matches('\n').count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(line["summary"].as_str(), Some(summary.as_str()));
    }
}
