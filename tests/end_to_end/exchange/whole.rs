//! One server: all of its parts in one verdict.

use lookalike::iis::{Page, Site};
use lookalike::rdp::Behaviour;
use lookalike::smtp::Behaviour as Mail;
use serde_json::json;

use crate::ask::{assert_found, whole};
use crate::server::{Server, dns};

#[test]
fn a_server_that_works_has_one_verdict_with_the_measurements_and_facts_of_all_parts() {
    let server = Server::alone();
    let verdict = whole(server.address, "--rdp-nla");
    let name = server.address;
    assert_found(
        &verdict,
        "healthy ok",
        &format!("rdp, smtp and owa of {name} work"),
    );
    assert_eq!(verdict["check"], "exchange");
    assert_eq!(verdict["perfdata"][0]["label"], "time");
    let labels: Vec<&str> = verdict["perfdata"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|value| value["label"].as_str())
        .collect();
    for label in ["rdp_time", "rdp_nla", "smtp_25_mail", "owa_owa"] {
        assert!(labels.contains(&label), "no {label} in {labels:?}");
    }
    let facts = &verdict["facts"];
    assert_eq!(facts["rdp_server_dns_name"], "EX1.exch.test");
    assert_eq!(facts["owa_server_name"], "EX1.exch.test");
    assert_eq!(facts["smtp_server_name"], "EX1.exch.test");
    assert_eq!(verdict["share"], json!({"working": 3, "of": 3}));
}

#[test]
fn the_part_that_fails_is_named_with_its_reason() {
    let server = Server::alone();
    server.iis.behave(Site::Everywhere(Page::PoolDown));
    let verdict = whole(server.address, "");
    assert_found(&verdict, "failed http_status", "owa: ");
    assert_found(&verdict, "failed http_status", "; rdp and smtp work");
}

#[test]
fn a_part_that_hangs_hides_no_other_and_costs_no_more_than_the_one_deadline() {
    let server = Server::alone();
    server.rdp.behave(Behaviour::Hangs).unwrap();
    server.smtp.behave(Mail::Inactive);
    let verdict = whole(server.address, "-t 4");
    assert_found(&verdict, "failed silent", "rdp: timeout");
    let details = verdict["details"].to_string();
    assert!(details.contains("smtp maintenance"), "{details}");
    let time = verdict["perfdata"][0]["value"].as_f64().unwrap();
    assert!((3.5..8.0).contains(&time), "{time}");
}

#[test]
fn a_policy_decides_how_much_must_work() {
    let server = Server::alone();
    server.rdp.behave(Behaviour::Refuses(3)).unwrap();
    let found = |words: &str| {
        let verdict = whole(server.address, words);
        format!("{} {}", crate::ask::found(&verdict), verdict["share"])
    };
    let share = r#"{"of":3,"working":2}"#;
    assert_eq!(found(""), format!("failed refused_by_server {share}"));
    assert_eq!(found("--policy any"), format!("healthy ok {share}"));
    assert_eq!(
        found("--policy 2"),
        format!("degraded refused_by_server {share}")
    );
    assert_eq!(
        found("--policy 3"),
        format!("failed refused_by_server {share}")
    );
    let share = r#"{"of":5,"working":2}"#;
    assert_eq!(
        found("--policy 3 --part-weight rdp=3"),
        format!("failed refused_by_server {share}")
    );
}

#[test]
fn parts_can_be_left_out() {
    let server = Server::alone();
    server.rdp.behave(Behaviour::Hangs).unwrap();
    let verdict = whole(server.address, "--without rdp");
    assert_found(&verdict, "healthy ok", "smtp and owa of");
    let verdict = whole(server.address, "--only owa");
    assert_found(&verdict, "healthy ok", "owa of");
    assert_eq!(verdict["port"], 443);
}

#[test]
fn dns_is_asked_where_a_dns_server_is_named() {
    let (server, dns) = (Server::alone(), dns());
    let named = format!(
        "--dns-server {} --dns-hostname ex1.exch.test",
        dns.address()
    );
    let verdict = whole(server.address, &named);
    assert_found(&verdict, "healthy ok", "rdp, smtp, owa and dns of");
    let verdict = whole(
        server.address,
        &format!("{named} --dns-forbid 192.0.2.0/24"),
    );
    assert_found(&verdict, "failed dns_forbidden", "dns: ");
}

#[test]
fn what_a_part_advises_is_advised_of_the_whole() {
    let server = Server::alone();
    server.rdp.behave(Behaviour::ClockAhead).unwrap();
    let verdict = whole(server.address, "--rdp-nla");
    assert_found(&verdict, "failed skew", "rdp: the clock of the server");
    let verdict = whole(server.address, "--rdp-nla --policy 2");
    assert_found(&verdict, "degraded skew", "rdp: the clock of the server");
}

#[test]
fn without_a_part_over_tls_the_second_program_is_not_needed() {
    let server = Server::alone();
    let words = format!("-m json -H {} --only rdp", server.address);
    let verdict = crate::ask::run_alone(&words);
    assert_found(&verdict, "healthy ok", "rdp of");
    let words = format!("-m json -H {} --only rdp,owa", server.address);
    let verdict = crate::ask::run_alone(&words);
    assert_found(&verdict, "unknown internal", "check_over_tls");
}
