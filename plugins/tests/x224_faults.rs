//! Every fault of an RDP server that can be seen up to the Connection Confirm, played by
//! scripted servers on loopback.
#![allow(clippy::unwrap_used, reason = "a test program")]

mod scripted;

use std::time::{Duration, Instant};

use plugins::x224::{Options, Require, check, wire};
use proptest::prelude::*;
use scripted::{Script, Server, Step};
use shared::deadline::Deadline;
use shared::dial::Target;
use shared::threshold::Thresholds;
use shared::verdict::{Condition, Kind, Verdict};

const BUDGET: Duration = Duration::from_secs(3);
/// Long enough for everything on loopback, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

fn confirm(negotiation: &[u8]) -> Vec<u8> {
    let length = u8::try_from(11 + negotiation.len()).expect("short");
    let mut bytes = vec![3, 0, 0, length, length - 5, 0xd0, 0, 0, 0x12, 0x34, 0];
    bytes.extend_from_slice(negotiation);
    bytes
}

fn selected(protocol: u8) -> Vec<u8> {
    confirm(&[2, 0x1f, 8, 0, protocol, 0, 0, 0])
}

fn failure(code: u8) -> Vec<u8> {
    confirm(&[3, 0, 8, 0, code, 0, 0, 0])
}

fn target(server: &Server) -> Target {
    Target {
        name: "rs1".to_owned(),
        address: server.address,
        source: None,
    }
}

fn requiring(require: Require) -> Options {
    Options {
        require: Some(require),
        ..Options::default()
    }
}

async fn judged(script: Script, options: &Options, budget: Duration) -> Verdict {
    let server = Server::play(script).await;
    let verdict = check(&target(&server), options, Deadline::after(budget)).await;
    assert!(server.connections() <= 1, "one connection a run");
    verdict
}

/// The verdict on a server that reads the request and answers `reply`.
async fn answered(reply: &[u8], options: &Options) -> Verdict {
    judged(Script::reply(reply), options, BUDGET).await
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

#[tokio::test]
async fn a_server_that_chooses_tls_or_nla_is_healthy() {
    for (protocol, security) in [(1, "TLS"), (2, "NLA"), (8, "NLA")] {
        let verdict = answered(&selected(protocol), &Options::default()).await;
        assert_found(&verdict, Condition::Healthy, Kind::Ok, security);
    }
}

#[tokio::test]
async fn the_request_is_the_one_that_every_known_server_accepts() {
    let server = Server::play(Script::reply(&selected(1))).await;
    check(
        &target(&server),
        &Options::default(),
        Deadline::after(BUDGET),
    )
    .await;
    let heard = server.heard_until_close().await;
    let captured = [
        3, 0, 0, 0x13, 0x0e, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 0x0b, 0, 0, 0,
    ];
    assert_eq!(heard, captured);
}

#[tokio::test]
async fn a_reply_in_single_bytes_is_put_together() {
    for reply in [confirm(&[]), selected(2)] {
        let script = Script::fragmented(&reply, 1, Duration::from_millis(20));
        let verdict = judged(script, &requiring(Require::Rdp), BUDGET).await;
        assert_found(&verdict, Condition::Healthy, Kind::Ok, "answers");
    }
    let script = Script::fragmented(&selected(2), 4, Duration::from_millis(20));
    let verdict = judged(script, &Options::default(), BUDGET).await;
    assert_found(&verdict, Condition::Healthy, Kind::Ok, "NLA");
}

#[tokio::test]
async fn phases_are_timed_and_time_comes_first() {
    let verdict = answered(&selected(2), &Options::default()).await;
    let labels: Vec<_> = verdict
        .perfdata
        .iter()
        .map(|value| value.label.as_str())
        .collect();
    assert_eq!(labels, ["time", "connect", "confirm"]);
    assert!(
        verdict
            .perfdata
            .iter()
            .all(|value| value.unit == "s" && value.value > 0.0)
    );
    assert!(verdict.perfdata[0].value >= verdict.perfdata[2].value);
}

#[tokio::test]
async fn facts_tell_protocol_and_flags() {
    let verdict = answered(&selected(8), &Options::default()).await;
    assert_eq!(verdict.facts["protocol"], "nla_ex");
    assert_eq!(verdict.facts["flags"], "0x1f");
}

#[tokio::test]
async fn a_slow_answer_is_an_advisory_finding_only() {
    let script = Script(vec![
        Step::ReadRequest,
        Step::Pause(Duration::from_millis(60)),
        Step::Send(selected(2)),
        Step::AwaitClose,
    ]);
    let options = Options {
        time: Thresholds {
            warning: "0.01".parse().ok(),
            critical: "0.05".parse().ok(),
        },
        ..Options::default()
    };
    let verdict = judged(script, &options, BUDGET).await;
    assert_found(&verdict, Condition::Healthy, Kind::Ok, "NLA");
    let [advisory] = verdict.advisories.as_slice() else {
        panic!("{:?}", verdict.advisories);
    };
    assert_eq!(
        (advisory.condition, advisory.kind),
        (Condition::Failed, Kind::Slow)
    );
    assert!(verdict.perfdata[0].to_string().contains("s;0.01;0.05;0"));
}

#[tokio::test]
async fn r1_a_closed_port_is_refused() {
    let server = Server::closed().await;
    let verdict = check(
        &target(&server),
        &Options::default(),
        Deadline::after(BUDGET),
    )
    .await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::TcpRefused,
        "connection refused",
    );
}

#[tokio::test]
async fn r2_a_dropped_syn_is_a_tcp_timeout() {
    let (address, _full) = scripted::full_backlog();
    let target = Target {
        name: "rs1".to_owned(),
        address,
        source: None,
    };
    let verdict = check(&target, &Options::default(), Deadline::after(SHORT)).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::TcpTimeout,
        "no answer to TCP connect",
    );
    assert!(verdict.summary.contains("timeout"), "{}", verdict.summary);
}

#[tokio::test]
async fn r3_a_server_that_accepts_and_says_nothing_is_silent() {
    let verdict = judged(Script(vec![Step::AwaitClose]), &Options::default(), SHORT).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::Silent,
        "no X.224 answer in 0.3 s",
    );
    assert!(verdict.summary.contains("timeout"), "{}", verdict.summary);
}

#[tokio::test]
async fn r4_a_close_before_the_answer_is_told_from_a_reset() {
    let closes = Script(vec![Step::ReadRequest, Step::Close]);
    let verdict = judged(closes, &Options::default(), BUDGET).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::ClosedEarly,
        "(FIN) before answering",
    );

    let resets = Script(vec![Step::ReadRequest, Step::Reset]);
    let verdict = judged(resets, &Options::default(), BUDGET).await;
    assert_found(&verdict, Condition::Failed, Kind::TcpReset, "(RST)");
}

#[tokio::test]
async fn r4_a_server_that_goes_at_once_is_told_alike() {
    let verdict = judged(Script(vec![Step::Close]), &Options::default(), BUDGET).await;
    assert_found(&verdict, Condition::Failed, Kind::ClosedEarly, "(FIN)");
    let verdict = judged(Script(vec![Step::Reset]), &Options::default(), BUDGET).await;
    assert_found(&verdict, Condition::Failed, Kind::TcpReset, "(RST)");
}

#[tokio::test]
async fn r4_a_close_in_the_middle_of_the_answer_tells_how_far_it_came() {
    let script = Script(vec![
        Step::ReadRequest,
        Step::Send(vec![3, 0, 0]),
        Step::Close,
    ]);
    let verdict = judged(script, &Options::default(), BUDGET).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::ClosedEarly,
        "after 3 bytes",
    );
}

#[tokio::test]
async fn r5_another_protocol_is_quoted() {
    for (greeting, quoted) in [
        (
            &b"SSH-2.0-OpenSSH_9.2p1\r\n"[..],
            "got 'SSH-2.0-OpenSSH_9.2p1'",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "got 'HTTP/1.1 400 Bad Request'",
        ),
        (
            b"\x02\x00\x00\x0b|;",
            "got '\\x02\\x00\\x00\\x0b\\x7c\\x3b'",
        ),
    ] {
        let verdict = answered(greeting, &Options::default()).await;
        assert_found(&verdict, Condition::Failed, Kind::NotTheProtocol, quoted);
    }
}

#[tokio::test]
async fn r5_a_greeting_in_fragments_is_quoted_whole() {
    let script = Script::fragmented(b"220 mx\r\n", 3, Duration::from_millis(20));
    let verdict = judged(script, &Options::default(), BUDGET).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::NotTheProtocol,
        "got '220 mx'",
    );
}

#[tokio::test]
async fn r6_half_an_answer_is_a_timeout() {
    let mut longer_than_sent = selected(2);
    longer_than_sent[3] = 0x63;
    let script = Script(vec![
        Step::ReadRequest,
        Step::Send(longer_than_sent),
        Step::AwaitClose,
    ]);
    let verdict = judged(script, &Options::default(), SHORT).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::Timeout,
        "timeout: only 19 bytes",
    );
}

#[tokio::test]
async fn r6_a_drip_ends_at_the_overall_deadline() {
    let started = Instant::now();
    let script = Script::fragmented(&selected(2), 1, SHORT / 3);
    let verdict = judged(script, &Options::default(), SHORT).await;
    assert_found(&verdict, Condition::Failed, Kind::Timeout, "timeout");
    assert!(started.elapsed() < 2 * SHORT, "{:?}", started.elapsed());
}

#[tokio::test]
async fn r7_inconsistent_lengths_are_malformed() {
    let mut indicator_too_long = confirm(&[]);
    indicator_too_long[4] = 0x0e;
    for bytes in [
        vec![3, 0, 0, 4],
        vec![3, 0, 0xff, 0xff],
        indicator_too_long,
        confirm(&[2, 0, 8]),
        confirm(&[2, 0, 7, 0, 2, 0, 0, 0]),
    ] {
        let verdict = answered(&bytes, &Options::default()).await;
        assert_found(
            &verdict,
            Condition::Failed,
            Kind::Malformed,
            "malformed answer",
        );
    }
}

#[tokio::test]
async fn r8_standard_rdp_security_is_judged_by_what_is_required() {
    for reply in [confirm(&[]), selected(0)] {
        let verdict = answered(&reply, &Options::default()).await;
        assert_found(
            &verdict,
            Condition::Degraded,
            Kind::Insecure,
            "legacy RDP security",
        );
        let verdict = answered(&reply, &requiring(Require::Rdp)).await;
        assert_found(&verdict, Condition::Healthy, Kind::Ok, "Standard RDP");
        for require in [Require::Tls, Require::Nla] {
            let verdict = answered(&reply, &requiring(require)).await;
            assert_found(
                &verdict,
                Condition::Failed,
                Kind::Insecure,
                "legacy RDP security",
            );
        }
    }
}

#[tokio::test]
async fn r9_every_negotiation_failure_has_its_verdict() {
    use Condition::{Degraded, Failed, Healthy};
    use Kind::{Insecure, Ok, RefusedByServer};
    for (code, condition, kind, words) in [
        (1, Degraded, RefusedByServer, "demands TLS"),
        (2, Degraded, Insecure, "legacy RDP security"),
        (3, Failed, RefusedByServer, "no valid certificate"),
        (4, Failed, RefusedByServer, "inconsistent"),
        (5, Healthy, Ok, "NLA, which it demands"),
        (6, Degraded, RefusedByServer, "client certificate"),
        (99, Failed, RefusedByServer, "unknown failure code"),
    ] {
        let verdict = answered(&failure(code), &Options::default()).await;
        assert_found(&verdict, condition, kind, words);
        assert_eq!(verdict.facts["negotiation"], "failure");
    }
}

#[tokio::test]
async fn r9_what_is_required_changes_only_the_failures_that_tell_of_security() {
    use Condition::{Degraded, Failed, Healthy};
    for (code, rdp, tls) in [
        (1, Degraded, Degraded),
        (2, Healthy, Failed),
        (3, Failed, Failed),
        (5, Healthy, Healthy),
    ] {
        for (require, condition) in [
            (Require::Rdp, rdp),
            (Require::Tls, tls),
            (Require::Nla, tls),
        ] {
            let verdict = answered(&failure(code), &requiring(require)).await;
            assert_eq!(
                verdict.condition, condition,
                "{code} {require:?}: {}",
                verdict.summary
            );
        }
    }
}

#[tokio::test]
async fn r10_less_than_the_required_nla_fails() {
    for protocol in [0, 1] {
        let verdict = answered(&selected(protocol), &requiring(Require::Nla)).await;
        assert_found(&verdict, Condition::Failed, Kind::Insecure, "answers");
    }
    let verdict = answered(&selected(2), &requiring(Require::Nla)).await;
    assert_found(&verdict, Condition::Healthy, Kind::Ok, "NLA");
    let verdict = answered(&selected(1), &requiring(Require::Tls)).await;
    assert_found(&verdict, Condition::Healthy, Kind::Ok, "TLS");
}

#[tokio::test]
async fn r11_a_protocol_that_was_not_offered_is_a_violation() {
    for protocol in [3, 4, 0x10, 0xff] {
        let verdict = answered(&selected(protocol), &Options::default()).await;
        assert_found(
            &verdict,
            Condition::Failed,
            Kind::Malformed,
            "protocol violation",
        );
    }
}

#[tokio::test]
async fn r12_an_mcs_disconnect_is_a_refusal() {
    let ultimatum = [3, 0, 0, 9, 2, 0xf0, 0x80, 0x21, 0x80];
    let verdict = answered(&ultimatum, &Options::default()).await;
    assert_found(
        &verdict,
        Condition::Failed,
        Kind::RefusedByServer,
        "MCS disconnect",
    );
}

#[tokio::test]
async fn the_connection_is_closed_when_the_verdict_is_there() {
    let server = Server::play(Script::reply(&selected(2))).await;
    check(
        &target(&server),
        &Options::default(),
        Deadline::after(BUDGET),
    )
    .await;
    // It would hang here if the connection were still open.
    server.heard_until_close().await;
}

#[tokio::test]
async fn an_endless_answer_is_read_only_up_to_the_cap() {
    let mut endless = vec![3, 0, 0x0f, 0xff];
    endless.resize(1 << 20, 0);
    let verdict = answered(&endless, &Options::default()).await;
    assert_found(&verdict, Condition::Failed, Kind::Malformed, "malformed");
    assert!(
        verdict
            .transcript
            .iter()
            .all(|line| line.len() < wire::REPLY_MOST)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_a_server_sends_there_is_a_verdict_in_time(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..64),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(|tail| [&[3, 0, 0][..], &tail].concat()),
        ],
        closes: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let budget = Duration::from_millis(40);
        let last = if closes { Step::Close } else { Step::AwaitClose };
        let script = Script(vec![Step::ReadRequest, Step::Send(bytes), last]);
        let started = Instant::now();
        let verdict = runtime.block_on(judged(script, &Options::default(), budget));
        prop_assert!(started.elapsed() < budget + Duration::from_millis(400));
        prop_assert!(!verdict.summary.is_empty() && verdict.summary.is_ascii());
        prop_assert!(verdict.kind != Kind::Internal);
    }
}
