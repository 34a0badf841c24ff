//! The rows H1 to H12 of the fault catalogue, each by name. H9 compares servers and belongs to
//! `check_exchange --pool`; H10 is a trap for other checks, which the manual names.

use std::net::TcpStream;
use std::time::Duration;

use lookalike::iis::{Page, Site};
use serde_json::Value;

use crate::ask::{
    HOST, PATIENT, SHORT, assert_found, built, check, everywhere, iis, site, verdict,
};

fn of(page: Page, words: &str) -> Value {
    verdict(everywhere(page).address(), &format!("-t {PATIENT} {words}"))
}

fn of_site(it: Site, words: &str) -> Value {
    verdict(site(it).address(), &format!("-t {PATIENT} {words}"))
}

/// Of one that never ends.
fn in_vain(page: Page) -> Value {
    verdict(everywhere(page).address(), &format!("-t {SHORT}"))
}

#[test]
fn h1_a_connection_closed_without_an_answer_is_a_component_offline() {
    let verdict = of(Page::Offline, "");
    assert_found(&verdict, "maintenance offline", "component offline");
    let summary = verdict["summary"].as_str().unwrap();
    for words in ["maintenance or Managed Availability", "OwaProxy", "/owa"] {
        assert!(summary.contains(words), "{summary}");
    }
    assert_eq!(verdict["state"], 1);
}

#[test]
fn h2_503_of_http_sys_is_an_application_pool_that_is_down() {
    let verdict = of(Page::PoolDown, "");
    assert_found(&verdict, "failed http_status", "application pool down");
    assert_found(&verdict, "failed http_status", "MSExchangeOWAAppPool");
    // The application's own 503 is told apart.
    let verdict = of(Page::Unavailable, "");
    assert_found(&verdict, "failed http_status", "answers 503, from EX1");
}

#[test]
fn h3_200_with_a_logon_or_an_error_page_is_not_health() {
    let verdict = of(Page::LogonPage, "");
    assert_found(&verdict, "failed content", "a page titled 'Outlook'");
    assert_found(&verdict, "failed content", "body is not '200 OK<br/>FQDN'");
    let verdict = of(Page::ErrorPage, "");
    assert_found(&verdict, "failed content", "a page titled 'Error'");
}

#[test]
fn h4_redirects_are_told_by_where_they_lead_and_never_followed() {
    for (page, words) in [
        (Page::RedirectToLogon, "the logon page"),
        (Page::RedirectToError, "the error page of OWA"),
        (Page::RedirectToHttp, "plain HTTP"),
        (Page::RedirectToHost, "another host"),
        (Page::RedirectLoop, "another page"),
    ] {
        let iis = everywhere(page);
        let verdict = verdict(iis.address(), &format!("-t {PATIENT} --http-host {HOST}"));
        assert_found(&verdict, "failed http_status", words);
        assert_found(&verdict, "failed http_status", "answers 302");
        assert_eq!(iis.requests(), ["GET /owa/healthcheck.htm"], "{page:?}");
    }
}

#[test]
fn h5_a_body_shorter_than_announced_is_truncated() {
    for page in [Page::Truncated, Page::TruncatedChunked] {
        assert_found(&of(page, ""), "failed closed_early", "truncated");
    }
    assert_found(
        &of(Page::BrokenChunk, ""),
        "failed malformed",
        "malformed body",
    );
}

#[test]
fn h6_drips_end_by_the_deadline() {
    assert_found(&in_vain(Page::DripsHead), "failed timeout", "of the head");
    assert_found(&in_vain(Page::DripsBody), "failed timeout", "of the body");
}

#[test]
fn h6_bodies_and_heads_without_measure_are_cut() {
    for page in [Page::EndlessBody, Page::HugeBody] {
        assert_found(&of(page, ""), "failed content", "more than 16 KiB");
    }
    for page in [Page::HugeHead, Page::ManyHeaders] {
        assert_found(&of(page, ""), "failed malformed", "64 KiB or 100 headers");
    }
}

#[test]
fn h7_another_server_than_expected_is_the_wrong_one() {
    let verdict = of(Page::WrongServer, "--expect-server ex1");
    assert_found(
        &verdict,
        "failed wrong_server",
        "ex9.exch.test, expected ex1",
    );
    for expected in ["ex1", "EX1.exch.test"] {
        let verdict = of(Page::Healthy, &format!("--expect-server {expected}"));
        assert_found(&verdict, "healthy ok", "answered by ex1.exch.test");
    }
}

#[test]
fn h8_401_is_pre_authentication_in_path() {
    let verdict = of(Page::PreAuthentication, "");
    assert_found(&verdict, "failed http_status", "pre-authentication in path");
    assert_found(&verdict, "failed http_status", "Basic");
}

#[test]
fn h10_the_manual_says_that_head_is_no_health_request_and_none_is_sent() {
    let manual = std::process::Command::new(built("check_owa"))
        .arg("--help")
        .output()
        .unwrap();
    let manual = String::from_utf8(manual.stdout).unwrap();
    assert!(
        manual.contains("to HEAD and POST Exchange answers as"),
        "{manual}"
    );
    let iis = iis();
    verdict(iis.address(), "--vdir owa --vdir ews");
    assert_eq!(
        iis.requests(),
        ["GET /owa/healthcheck.htm", "GET /ews/healthcheck.htm"]
    );
}

#[test]
fn h11_tls_1_0_is_named_and_not_called_down() {
    let verdict = of_site(Site::Tls10, "");
    assert_found(&verdict, "degraded insecure", "TLS 1.0, which is retired");
}

#[test]
fn h11_a_certificate_is_told_by_what_is_wrong_with_it() {
    for (it, options, words) in [
        (Site::Expired, "", "expired on"),
        (
            Site::OtherName,
            "",
            "is for default.exch.test, expected mail.exch.test",
        ),
        (
            Site::UnknownAuthority,
            "--require-trust",
            "issued by An Authority",
        ),
    ] {
        let verdict = of_site(it, options);
        assert_found(&verdict, "degraded certificate", words);
    }
}

#[test]
fn h11_what_is_no_tls_is_told_apart() {
    for (it, expected, words) in [
        (Site::PlainHttp, "failed tls_failed", "got 'HTTP/1.1 400"),
        (Site::Ssh, "failed tls_failed", "got 'SSH-2.0"),
        (Site::HandshakeResets, "failed tcp_reset", "TLS"),
        (Site::HandshakeCloses, "failed closed_early", "TLS"),
    ] {
        assert_found(&of_site(it, ""), expected, words);
    }
    let hangs = site(Site::HandshakeHangs);
    let verdict = verdict(hangs.address(), &format!("-t {SHORT}"));
    assert_found(&verdict, "failed silent", "no answer to the ClientHello");
}

#[test]
fn h12_a_clock_that_is_wrong_is_told() {
    for (page, words) in [
        (Page::ClockAhead, "ahead of this machine's"),
        (Page::ClockBehind, "behind this machine's"),
    ] {
        assert_found(&of(page, ""), "degraded skew", words);
    }
}

#[test]
fn a_port_that_nothing_listens_on_is_refused() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    assert!(TcpStream::connect(port).is_err());
    assert_found(
        &verdict(port, ""),
        "failed tcp_refused",
        "connection refused",
    );
}

#[test]
fn one_byte_a_second_ends_by_the_deadline() {
    let drips = everywhere(Page::DripsHead);
    let started = std::time::Instant::now();
    let output = check(drips.address(), "-t 2").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    // The deadline, and as much as a loaded machine may need to start two programs.
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}
