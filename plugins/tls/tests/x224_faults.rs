//! Every fault of an RDP server above the Connection Confirm, played on loopback.
#![allow(clippy::unwrap_used, reason = "a test program")]

mod peer;

use std::time::{Duration, Instant};

use lookalike::certificate::Wish;
use lookalike::rdp::peer::{Closing, Inside, Opening, Peer, Tls};
use lookalike::rdp::{challenge, selects};
use openssl::ssl::SslVersion;
use peer::{Running, good, serve};
use plugins::Skew;
use plugins::x224::{self, Depth, Options, Require};
use plugins_tls::x224::check;
use proptest::prelude::*;
use shared::deadline::Deadline;
use shared::dial::Target;
use shared::tls::Expected;
use shared::verdict::{Advice, Condition, Kind, Verdict};

const BUDGET: Duration = Duration::from_secs(5);
/// Long enough for everything on loopback, short enough to wait for.
const SHORT: Duration = Duration::from_millis(400);

fn tls() -> Options {
    Options {
        depth: Depth::Tls(x224::Tls::default()),
        ..Options::default()
    }
}

fn nla(expect_name: Option<&str>) -> Options {
    Options {
        depth: Depth::Nla {
            tls: x224::Tls::default(),
            expect_name: expect_name.map(str::to_owned),
            skew: Skew::default(),
        },
        ..Options::default()
    }
}

async fn verdict_on(server: &Running, options: &Options, budget: Duration) -> Verdict {
    let target = Target {
        name: "10.0.1.1".to_owned(),
        address: server.address,
        source: None,
    };
    let verdict = check(&target, options, Deadline::after(budget)).await;
    assert!(server.connections() <= 1, "one connection a run");
    verdict
}

async fn judged(peer: Peer, options: &Options, budget: Duration) -> Verdict {
    verdict_on(&serve(peer).await, options, budget).await
}

async fn answered(bytes: Vec<u8>, options: &Options) -> Verdict {
    judged(peer::nla(Inside::Answers(bytes)), options, BUDGET).await
}

#[track_caller]
fn assert_found(verdict: &Verdict, condition: Condition, kind: Kind, words: &str) {
    let found = (verdict.condition, verdict.kind);
    assert_eq!(found, (condition, kind), "{}", verdict.summary);
    assert!(
        verdict.summary.contains(words),
        "no '{words}' in: {}",
        verdict.summary
    );
}

#[track_caller]
fn assert_advised(verdict: &Verdict, advice: Advice, condition: Condition, words: &str) {
    assert_eq!(verdict.condition, Condition::Healthy, "{}", verdict.summary);
    let [advisory] = verdict.advisories.as_slice() else {
        panic!("{:?}", verdict.advisories);
    };
    assert_eq!(
        (advisory.advice, advisory.condition),
        (advice, condition),
        "{}",
        advisory.summary
    );
    assert!(
        advisory.summary.contains(words),
        "no '{words}' in: {}",
        advisory.summary
    );
}

#[tokio::test]
async fn a_self_signed_certificate_is_healthy_and_told() {
    let verdict = judged(peer::tls(good()), &tls(), BUDGET).await;
    assert_found(&verdict, Condition::Healthy, Kind::Ok, "security TLS 1.3");
    assert_eq!(verdict.advisories, []);
    let fact = |name: &str| verdict.facts[name].as_str();
    assert_eq!(fact("tls_version"), "TLS 1.3");
    assert!(fact("tls_cipher").starts_with("TLS_"));
    assert_eq!(fact("certificate_subject"), "EX1.exch.test");
    assert_eq!(fact("certificate_issuer"), "itself");
    assert_eq!(fact("certificate_names"), "EX1.exch.test");
    assert_eq!(fact("certificate_chain"), "EX1.exch.test");
    assert_eq!(fact("certificate_sha256").len(), 32 * 3 - 1);
    let days = verdict
        .perfdata
        .iter()
        .find(|value| value.label == "certificate_days")
        .expect("days");
    assert_eq!(days.value, 180.0);
}

#[tokio::test]
async fn every_phase_is_timed_and_time_comes_first() {
    let verdict = answered(challenge::of("EX1", 0), &nla(None)).await;
    let labels: Vec<_> = verdict
        .perfdata
        .iter()
        .map(|value| value.label.as_str())
        .collect();
    assert_eq!(
        labels,
        [
            "time",
            "connect",
            "confirm",
            "tls",
            "certificate_days",
            "nla",
            "skew"
        ]
    );
}

#[tokio::test]
async fn the_connection_is_closed_with_close_notify() {
    for options in [tls(), nla(None)] {
        let mut server = peer::nla(Inside::Answers(challenge::of("EX1", 0)));
        if matches!(options.depth, Depth::Tls(_)) {
            server.inside = Inside::Waits;
        }
        let mut server = serve(server).await;
        verdict_on(&server, &options, BUDGET).await;
        assert_eq!(server.closed().await, Closing::Orderly);
    }
}

#[tokio::test]
async fn a_handshake_and_a_challenge_in_fragments_are_put_together() {
    let mut server = peer::nla(Inside::Answers(challenge::of("EX1", 0)));
    server.drip = Some((97, Duration::from_millis(20)));
    let verdict = judged(server, &nla(Some("EX1")), BUDGET).await;
    assert_found(&verdict, Condition::Healthy, Kind::Ok, "EX1.exch.test");
}

#[tokio::test]
async fn old_servers_are_named_and_not_called_down() {
    for (version, words) in [
        (SslVersion::TLS1, "over TLS 1.0"),
        (SslVersion::TLS1_1, "over TLS 1.1"),
    ] {
        let old = Tls::with(peer::certificate(), (version, version)).unwrap();
        let verdict = judged(peer::tls(old), &tls(), BUDGET).await;
        assert_found(&verdict, Condition::Degraded, Kind::Insecure, words);
    }
}

#[tokio::test]
async fn r13_silence_behind_the_confirm_is_a_timeout() {
    let verdict = judged(peer::tls(Tls::Silent), &tls(), SHORT).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::Timeout,
        "timeout: TLS: no answer to the ClientHello",
    );
}

#[tokio::test]
async fn r13_half_a_handshake_is_a_timeout_too() {
    let record_that_promises_more = vec![0x16, 3, 3, 0, 0x40, 2, 0, 0, 0x3c];
    let says = Tls::Says(record_that_promises_more);
    let verdict = judged(peer::tls(says), &tls(), SHORT).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::Timeout,
        "stopped after 9 bytes",
    );
}

#[tokio::test]
async fn r13_an_alert_is_named() {
    for (number, words) in [
        (40, "alert handshake_failure (40)"),
        (70, "alert protocol_version (70)"),
        (80, "alert internal_error (80)"),
        (222, "alert of an unknown kind (222)"),
    ] {
        let alert = Tls::Says(vec![0x15, 3, 3, 0, 2, 2, number]);
        let verdict = judged(peer::tls(alert), &tls(), BUDGET).await;
        assert_found(&verdict, Condition::Failed, Kind::TlsFailed, words);
    }
}

#[tokio::test]
async fn r13_plaintext_is_quoted() {
    for (text, words) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "got 'HTTP/1.1 400",
        ),
        (b"\x03\x00\x00\x09\x02\xf0\x80\x21\x80", "got '\\x03\\x00"),
    ] {
        let verdict = judged(peer::tls(Tls::Says(text.to_vec())), &tls(), BUDGET).await;
        assert_found(&verdict, Condition::Failed, Kind::TlsFailed, words);
    }
}

#[tokio::test]
async fn r13_a_close_and_a_reset_are_told_apart() {
    let verdict = judged(peer::tls(Tls::Closes), &tls(), BUDGET).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::ClosedEarly,
        "TLS: 127.0.0.1",
    );
    assert!(verdict.summary.contains("(FIN)"), "{}", verdict.summary);
    let verdict = judged(peer::tls(Tls::Resets), &tls(), BUDGET).await;
    assert_found(&verdict, Condition::Failed, Kind::TcpReset, "(RST)");
}

#[tokio::test]
async fn r13_a_broken_handshake_is_told_in_words() {
    let server_hello_of_nonsense = vec![0x16, 3, 3, 0, 6, 2, 0, 0, 2, 0xff, 0xff];
    let verdict = judged(
        peer::tls(Tls::Says(server_hello_of_nonsense)),
        &tls(),
        BUDGET,
    )
    .await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::TlsFailed,
        "the handshake with",
    );
}

#[tokio::test]
async fn r13_a_drip_ends_at_the_overall_deadline() {
    let started = Instant::now();
    let mut server = peer::tls(good());
    server.drip = Some((1, SHORT / 10));
    let verdict = judged(server, &tls(), SHORT).await;
    assert_found(&verdict, Condition::Failed, Kind::Timeout, "timeout");
    assert!(started.elapsed() < 2 * SHORT, "{:?}", started.elapsed());
}

#[tokio::test]
async fn r14_dates_of_the_certificate_are_advisory() {
    for (from, to, words) in [
        (-90, -3, "EX1.exch.test expired on"),
        (2, 90, "is not valid before"),
    ] {
        let certificate = Wish {
            days: (from, to),
            ..peer::certificate()
        };
        let server = peer::tls(Tls::of(certificate).unwrap());
        let verdict = judged(server, &tls(), BUDGET).await;
        assert_advised(&verdict, Advice::Certificate, Condition::Degraded, words);
        assert_eq!(verdict.advisories[0].enforced, Condition::Failed);
        let strict = verdict.enforcing(&[Advice::Certificate]);
        assert_eq!(
            (strict.condition, strict.kind),
            (Condition::Failed, Kind::Certificate)
        );
    }
}

#[tokio::test]
async fn r14_a_certificate_for_another_name_is_advisory() {
    let certificate = Wish {
        alternative_names: Some(&["ex2.exch.test", "mail.test"]),
        ..peer::certificate()
    };
    let server = serve(peer::tls(Tls::of(certificate).unwrap())).await;
    let expecting = |name: &str| Options {
        depth: Depth::Tls(x224::Tls {
            certificate_name: Expected::host(name),
            certificate_days: None,
        }),
        ..Options::default()
    };
    let verdict = verdict_on(&server, &expecting("EX1"), BUDGET).await;
    let words = "for ex2.exch.test, mail.test, expected ex1";
    assert_advised(&verdict, Advice::Certificate, Condition::Degraded, words);
}

#[tokio::test]
async fn r14_days_left_are_judged_by_the_thresholds() {
    for (left, condition) in [(20, Condition::Degraded), (5, Condition::Failed)] {
        let certificate = Wish {
            days: (-1, left),
            ..peer::certificate()
        };
        let options = Options {
            depth: Depth::Tls(x224::Tls {
                certificate_name: None,
                certificate_days: "30,7".parse().ok(),
            }),
            ..Options::default()
        };
        let server = peer::tls(Tls::of(certificate).unwrap());
        let verdict = judged(server, &options, BUDGET).await;
        let words = format!("in {left} days");
        assert_advised(&verdict, Advice::Certificate, condition, &words);
    }
}

#[tokio::test]
async fn the_challenge_tells_name_domain_build_and_clock() {
    let verdict = answered(challenge::of("EX1", 0), &nla(Some("ex1.EXCH.test"))).await;
    assert_found(
        &verdict,
        Condition::Healthy,
        Kind::Ok,
        "RDP of EX1.exch.test",
    );
    assert_eq!(verdict.advisories, []);
    let fact = |name: &str| verdict.facts[name].as_str();
    assert_eq!(fact("server_name"), "EX1");
    assert_eq!(fact("server_dns_name"), "EX1.exch.test");
    assert_eq!(fact("server_domain"), "EXCH");
    assert_eq!(fact("server_dns_domain"), "exch.test");
    assert_eq!(fact("server_build"), "10.0.17763");
    assert!(fact("clock_skew").contains("ms"), "{}", fact("clock_skew"));
}

#[tokio::test]
async fn r15_another_server_than_the_expected_one_fails() {
    for expected in ["EX1", "ex1.exch.test", "EX2.other.test"] {
        let verdict = answered(challenge::of("EX2", 0), &nla(Some(expected))).await;
        let words = format!("answered by EX2.exch.test, expected {expected}");
        assert_found(&verdict, Condition::Failed, Kind::WrongServer, &words);
    }
    for expected in ["EX2", "ex2", "ex2.exch.test"] {
        let verdict = answered(challenge::of("EX2", 0), &nla(Some(expected))).await;
        assert_found(&verdict, Condition::Healthy, Kind::Ok, "EX2");
    }
}

#[tokio::test]
async fn r15_a_server_without_a_name_cannot_be_told_from_another() {
    let verdict = answered(challenge::of("", 0), &nla(Some("EX1"))).await;
    assert_found(
        &verdict,
        Condition::Degraded,
        Kind::WrongServer,
        "names no server",
    );
    let verdict = answered(challenge::of("", 0), &nla(None)).await;
    assert_found(&verdict, Condition::Healthy, Kind::Ok, "answers");
}

#[tokio::test]
async fn r15_a_clock_that_differs_is_advisory() {
    for (ahead, condition, words) in [
        (90, Condition::Degraded, "90 s ahead of"),
        (-90, Condition::Degraded, "90 s behind"),
        (-400, Condition::Failed, "400 s behind"),
    ] {
        let verdict = answered(challenge::of("EX1", ahead), &nla(None)).await;
        assert_advised(&verdict, Advice::Skew, condition, words);
    }
    let verdict = answered(challenge::of("EX1", 30), &nla(None)).await;
    assert_eq!(verdict.advisories, []);
}

#[tokio::test]
async fn r16_an_error_code_is_told_in_words() {
    for (status, words) in [
        (0xc000_005e, "0xc000005e, STATUS_NO_LOGON_SERVERS"),
        (0xc000_018d, "its trust in the domain is broken"),
        (0xc012_3456, "0xc0123456, a status without a name"),
    ] {
        let verdict = answered(challenge::error(status), &nla(None)).await;
        assert_found(&verdict, Condition::Failed, Kind::RefusedByServer, words);
    }
}

#[tokio::test]
async fn r16_oversized_or_broken_der_is_malformed() {
    for (bytes, words) in [
        (vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff], "2147483653 bytes"),
        (vec![0x30, 0x82, 0xff, 0xff], "65539 bytes"),
        (b"HTTP/1.1 400".to_vec(), "begins with 0x48"),
        (challenge::token(b"no NTLM"), "not NTLM"),
        (challenge::token(b"NTLMSSP\0\x03\0\0\0"), "type 3"),
    ] {
        let verdict = answered(bytes, &nla(None)).await;
        assert_found(&verdict, Condition::Failed, Kind::Malformed, words);
    }
}

#[tokio::test]
async fn an_authority_that_hangs_or_goes_is_told_by_how_it_does() {
    let silent = peer::nla(Inside::Answers(Vec::new()));
    let verdict = judged(silent, &nla(None), SHORT).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::Timeout,
        "gave no NTLM challenge",
    );
    let verdict = judged(peer::nla(Inside::Closes), &nla(None), BUDGET).await;
    assert_found(&verdict, Condition::Failed, Kind::ClosedEarly, "NLA");
    let verdict = judged(peer::nla(Inside::Resets), &nla(None), BUDGET).await;
    assert_found(&verdict, Condition::Failed, Kind::TcpReset, "NLA");
}

#[tokio::test]
async fn what_the_server_does_not_offer_is_said_not_to_be_judged() {
    let verdict = judged(peer::tls(good()), &nla(Some("EX1")), BUDGET).await;
    assert_found(
        &verdict,
        Condition::Healthy,
        Kind::Ok,
        "name and clock could not be judged",
    );
    for (require, condition) in [
        (None, Condition::Degraded),
        (Some(Require::Rdp), Condition::Healthy),
        (Some(Require::Tls), Condition::Failed),
    ] {
        let mut server = peer::tls(Tls::Silent);
        server.opening = Opening::Answers(selects(0));
        let options = Options { require, ..tls() };
        let verdict = judged(server, &options, BUDGET).await;
        assert_eq!(verdict.condition, condition, "{}", verdict.summary);
        assert!(
            verdict
                .summary
                .contains("TLS and certificate could not be judged"),
            "{}",
            verdict.summary
        );
    }
}

#[tokio::test]
async fn a_required_nla_that_is_not_chosen_fails_whatever_tls_shows() {
    let options = Options {
        require: Some(Require::Nla),
        ..tls()
    };
    let verdict = judged(peer::tls(good()), &options, BUDGET).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::Insecure,
        "NLA is not enforced",
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_a_server_sends_behind_the_confirm_there_is_a_verdict_in_time(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            prop::collection::vec(any::<u8>(), 0..200).prop_map(|tail| [&[0x16, 3, 3], &tail[..]].concat()),
        ],
    ) {
        let budget = Duration::from_millis(60);
        let (verdict, took) = run(peer::tls(Tls::Says(bytes)), &tls(), budget);
        prop_assert!(took < budget + Duration::from_millis(400), "{:?}", took);
        prop_assert_eq!(verdict.condition, Condition::Failed, "{}", verdict.summary);
    }

    #[test]
    fn whatever_a_server_sends_inside_tls_there_is_a_verdict_in_time(
        at in 0..300usize, byte: u8, cut in 0..400usize,
    ) {
        let mut bytes = challenge::of("EX1", 0);
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(cut);
        let budget = Duration::from_millis(200);
        let (verdict, took) = run(peer::nla(Inside::Answers(bytes)), &nla(None), budget);
        prop_assert!(took < budget + Duration::from_millis(400), "{:?}", took);
        prop_assert!(verdict.kind != Kind::Internal && !verdict.summary.is_empty());
    }
}

fn run(peer: Peer, options: &Options, budget: Duration) -> (Verdict, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let started = Instant::now();
    let verdict = runtime.block_on(judged(peer, options, budget));
    (verdict, started.elapsed())
}
