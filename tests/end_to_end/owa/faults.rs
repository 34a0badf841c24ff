//! Faults beside the catalogue.

use lookalike::iis::Page;

use crate::ask::{PATIENT, SHORT, assert_found, everywhere, iis, verdict};

#[test]
fn a_worker_process_that_hangs_is_silent() {
    let hangs = everywhere(Page::Hangs);
    let verdict = verdict(hangs.address(), &format!("-t {SHORT}"));
    assert_found(
        &verdict,
        "failed silent",
        "the worker process hangs; recycle MSExchangeOWAAppPool",
    );
}

#[test]
fn a_reset_is_no_maintenance() {
    let resets = everywhere(Page::Resets);
    let verdict = verdict(resets.address(), &format!("-t {PATIENT}"));
    assert_found(&verdict, "failed tcp_reset", "instead of answering /owa");
}

#[test]
fn other_statuses_have_their_own_words() {
    for (page, words) in [
        (Page::BadRequest, "refuses foreign host names"),
        (Page::Forbidden, "forbidden"),
        (Page::Missing, "there is no /owa on the site"),
        (Page::LogonTimeout, "expired logon"),
        (Page::ServerError, "fails inside the server"),
    ] {
        let verdict = verdict(everywhere(page).address(), &format!("-t {PATIENT}"));
        assert_found(&verdict, "failed http_status", words);
    }
}

#[test]
fn what_is_not_http_is_quoted() {
    let verdict_on = |page| verdict(everywhere(page).address(), &format!("-t {PATIENT}"));
    let verdict = verdict_on(Page::NotHttp);
    assert_found(&verdict, "failed not_the_protocol", "got '* OK IMAP4");
    assert_found(
        &verdict_on(Page::Malformed),
        "failed malformed",
        "malformed answer",
    );
}

#[test]
fn a_healthy_server_is_told_with_its_name_build_and_times() {
    let verdict = verdict(iis().address(), "--vdir owa --vdir ews");
    assert_found(&verdict, "healthy ok", "/owa, /ews at 127.0.0.1:");
    assert_found(&verdict, "healthy ok", "answered by ex1.exch.test, TLS 1.3");
    let facts = &verdict["facts"];
    assert_eq!(facts["server_name"], "ex1.exch.test");
    assert_eq!(facts["front_end_server"], "EX1");
    assert_eq!(facts["server_build"], "15.2.1118.7");
    assert_eq!(facts["http_connections"], "1");
    let labels: Vec<&str> = verdict["perfdata"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value["label"].as_str().unwrap())
        .collect();
    assert_eq!(
        labels,
        ["time", "connect", "tls", "owa", "ews", "certificate_days"]
    );
    assert_eq!(verdict["share"]["working"], 2);
}

#[test]
fn an_answer_in_chunks_of_a_byte_is_healthy() {
    let verdict = verdict(
        everywhere(Page::Fragments).address(),
        "--vdir owa --vdir ews",
    );
    assert_found(&verdict, "healthy ok", "answered by ex1");
}

#[test]
fn contradicting_or_impossible_options_are_usage_before_any_packet() {
    let iis = iis();
    for bad in [
        "--vdir ../x",
        "--sni 10.0.0.1",
        "--http-host a/b",
        "--certificate soon",
        "--no-such-option",
    ] {
        let verdict = verdict(iis.address(), bad);
        assert_eq!(verdict["kind"], "usage", "{verdict}");
        assert_eq!(verdict["state"], 3, "{verdict}");
    }
    assert_eq!(iis.connections(), 0);
}
