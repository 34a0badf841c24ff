use std::path::Path;
use std::time::UNIX_EPOCH;

use serde_json::json;

use super::*;

fn config() -> Config {
    let text = include_str!("../../../../packaging/examples/x224.toml");
    Config::parse(Path::new("g.toml"), text).unwrap()
}

fn record(seq: u64, event: &str, facts: Value) -> Record {
    let service = event.starts_with("server_") || event == "step" || event.starts_with("fail_open");
    Record {
        seq,
        ts: format!("2026-11-23T02:00:{seq:02}.000Z"),
        mono_us: seq * 1_000_000,
        event: event.to_owned(),
        service: service.then(|| "exchange".to_owned()),
        server: (!event.starts_with("fail_open")).then(|| "ex1".to_owned()),
        reason: format!("because of {event}"),
        facts: facts.as_object().cloned().unwrap_or_default(),
    }
}

fn verdict(seq: u64, condition: &str, kind: &str) -> Record {
    let facts = json!({
        "check": "rdp", "condition": condition, "kind": kind, "summary": format!("it is {kind}"),
        "details": ["a detail"], "transcript": ["sent: 03 00", "received: nothing"],
    });
    record(seq, "verdict", facts)
}

#[track_caller]
fn assert_page(records: &[Record], words: &[&str]) -> String {
    let page = page(&config(), "ex1", None, records, UNIX_EPOCH).expect("a page");
    for word in words {
        assert!(page.contains(word), "missing {word:?} in:\n{page}");
    }
    page
}

#[test]
fn a_server_that_is_down_is_explained_from_the_journal_alone() {
    let records = [
        verdict(1, "failed", "silent"),
        record(2, "server_down", json!({})),
        record(3, "step", json!({ "weight": 0 })),
    ];
    assert_page(
        &records,
        &[
            "from the journal alone: no director runs; the last event is of 2026-11-23 02:00:03 UTC",
            "In service exchange: down, weight wanted 0",
            "down since 2026-11-23 02:00:02 UTC: because of server_down",
            "Decided by: down: check rdp failed 3 times in a row (fall = 3)",
            "To change it: check rdp must succeed 2 times in a row (rise = 2)",
            "What to do: [rdp] the service hangs although its port accepts: restart it",
            "rdp: failed (silent), since 2026-11-23 02:00:01 UTC",
            "    | received: nothing",
            "disable > drain > down or maintenance > weight wish > slow start > configured weight",
        ],
    );
}

#[test]
fn what_is_ill_comes_first_and_what_works_shows_no_transcript() {
    let healthy = Record {
        facts: json!({
            "check": "mail", "condition": "healthy", "kind": "ok", "summary": "it answers",
            "transcript": ["sent EHLO"],
        })
        .as_object()
        .cloned()
        .unwrap_or_default(),
        ..record(1, "verdict", json!({}))
    };
    let records = [healthy, verdict(2, "failed", "silent")];
    let page = assert_page(
        &records,
        &["rdp: failed", "mail: healthy", "    | received"],
    );
    assert!(
        page.find("rdp: failed") < page.find("mail: healthy"),
        "{page}"
    );
    assert!(!page.contains("sent EHLO"), "{page}");
}

#[test]
fn the_first_rule_that_matches_is_named() {
    let down = record(2, "server_down", json!({}));
    let up = record(2, "server_up", json!({}));
    let wish = |order: Value| record(3, "wish_set", json!({ "order": order }));
    for (turn, more, words) in [
        (
            &down,
            vec![wish(json!({ "disable": { "even_the_last": false } }))],
            "Decided by: disable",
        ),
        (
            &down,
            vec![wish(json!({ "drain": {} }))],
            "Decided by: drain",
        ),
        (
            &up,
            vec![record(3, "wish_set", json!({ "weight": 0 }))],
            "Decided by: drain",
        ),
        (
            &down,
            vec![wish(json!({ "force": {} }))],
            "Decided by: enable --force",
        ),
        (
            &down,
            vec![wish(json!({ "weight": 5 }))],
            "Decided by: down",
        ),
        (
            &up,
            vec![wish(json!({ "weight": 5 }))],
            "Decided by: weight wish: 5 instead of the configured 1",
        ),
        (
            &up,
            vec![
                wish(json!({ "weight": 5 })),
                record(4, "wish_cleared", json!({})),
            ],
            "Decided by: the configured weight 1",
        ),
        (
            &down,
            vec![
                record(3, "step", json!({ "weight": 1 })),
                record(4, "fail_open", json!({})),
            ],
            "Decided by: never empty the pool",
        ),
        (
            &record(2, "server_maintenance", json!({})),
            vec![],
            "Decided by: maintenance",
        ),
        (
            &record(2, "stale", json!({})),
            vec![],
            "Decided by: not judged yet",
        ),
    ] {
        let mut records = vec![(*turn).clone()];
        records.extend(more);
        assert_page(&records, &[words]);
    }
}

#[test]
fn an_unknown_name_is_corrected() {
    let refusal = page(&config(), "exx1", None, &[], UNIX_EPOCH).expect_err("unknown");
    assert!(refusal.contains("did you mean ex1?"), "{refusal}");
    assert_page(
        &[],
        &[
            "no director runs, and the journal is empty",
            "no check has answered yet",
        ],
    );
}

/// Ten faults of the catalogue, each with the words that a tired reader gets first.
#[test]
fn every_kind_of_finding_has_its_advice() {
    for (kind, advice) in [
        ("tcp_refused", "start the service"),
        ("tcp_timeout", "is the server on"),
        ("tcp_reset", "drops new connections"),
        ("silent", "hangs although its port accepts"),
        ("closed_early", "closes at once"),
        ("not_the_protocol", "something else listens"),
        ("refused_by_server", "refuses by itself"),
        ("tls_failed", "TLS settings"),
        ("wrong_server", "another server answers"),
        ("timeout", "too slowly"),
    ] {
        let records = [
            verdict(1, "failed", kind),
            record(2, "server_down", json!({})),
        ];
        assert_page(&records, &[advice, &format!("it is {kind}")]);
    }
}

#[test]
fn what_was_found_is_said_once() {
    let summary = "it is silent";
    let down = Record {
        reason: format!("check rdp: {summary}"),
        ..record(2, "server_down", json!({}))
    };
    let page = assert_page(
        &[verdict(1, "failed", "silent"), down],
        &[
            "down since 2026-11-23 02:00:02 UTC: by check rdp, see what was found",
            "2026-11-23 02:00:01 UTC check rdp: failed (silent)",
            "2026-11-23 02:00:02 UTC exchange: down, by check rdp",
        ],
    );
    assert_eq!(page.matches(summary).count(), 1, "{page}");
}

#[test]
fn an_advisory_finding_is_shown_though_the_server_serves() {
    let facts = json!({
        "check": "rdp", "condition": "healthy", "kind": "ok", "summary": "it answers",
        "details": ["the certificate expired"], "transcript": ["sent 03"],
        "advisories": [{ "kind": "certificate", "summary": "the certificate expired" }],
    });
    assert_page(
        &[
            record(1, "verdict", facts),
            record(2, "server_up", json!({})),
        ],
        &[
            "Decided by: the configured weight 1: no check that counts speaks against it",
            "What to do: [rdp] renew or correct the certificate",
            "    it answers\n    but the certificate expired\n",
        ],
    );
}
