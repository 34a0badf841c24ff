//! An Icinga that is wrong in every way: named, tried again within bounds, and never a reason to
//! change a weight.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use lookalike::certificate::{Certificate, Wish};

use crate::built::until;
use crate::governess::Governess;
use crate::scripted_icinga::{Behaviour, Scripted, Then, event};

const NAME: &str = "icinga.example.test";

/// An authority, and what it issued to the look-alike.
fn issued() -> &'static (Certificate, Certificate) {
    static ISSUED: OnceLock<(Certificate, Certificate)> = OnceLock::new();
    ISSUED.get_or_init(|| {
        let wish = Wish {
            is_authority: true,
            ..Wish::of("Test CA")
        };
        let authority = wish.issue().unwrap();
        let issuer = Some(&authority);
        let certificate = Wish {
            issuer,
            ..Wish::of(NAME)
        }
        .issue()
        .unwrap();
        (authority, certificate)
    })
}

/// An event stream that stays open and says this.
fn says(bytes: &[u8]) -> Behaviour {
    Behaviour::Streams(bytes.to_vec(), Then::StaysOpen)
}

/// A director that takes from Icinga, and with `more` does more.
fn director(folder: &Path, port: u16, more: &str) -> Governess {
    let at = |name: &str| folder.join(name).display().to_string();
    let authority = issued().0.certificate.to_pem().unwrap();
    std::fs::write(at("ca.pem"), authority).unwrap();
    std::fs::write(at("password"), "open sesame\n").unwrap();
    std::fs::set_permissions(at("password"), PermissionsExt::from_mode(0o600)).unwrap();
    let section = format!(
        "[checks.store]\nreported = {{}}\n\n[icinga]\nurl = \"https://127.0.0.1:{port}\"\n\
         name = \"{NAME}\"\nca = \"{}\"\nuser = \"governess\"\npassword_file = \"{}\"\n\
         take = [\"store\"]\n{more}\n",
        at("ca.pem"),
        at("password")
    );
    Governess::start(folder, "\"rdp\", \"store\"", &section)
}

fn until_problem(governess: &Governess, words: &str) {
    until(&format!("a problem: {words}"), || {
        let problems = governess.status()?["host_problems"].to_string();
        problems.contains(words).then_some(())
    });
}

fn until_weights(governess: &Governess, what: &str, weights: [u64; 2]) {
    until(what, || (governess.weights()? == weights).then_some(()));
}

/// Takes ex1 out by what Icinga found, lets a fault strike, and sees that it is named with these
/// words and that ex1 stays out and ex2 in; then Icinga is well again and ex1 comes back.
fn a_fault_is_named_and_moves_no_weight(fault: Behaviour, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let icinga = Scripted::listen(&issued().1, says(b""));
    icinga.hold(&[("ex1", 2, "dismounted"), ("ex2", 0, "mounted")]);
    let more = "give = true\ninterval = \"1s\"";
    let governess = director(folder.path(), icinga.address.port(), more);
    until_weights(&governess, "what Icinga found takes ex1 out", [0, 1]);
    let asked = icinga.asked("/v1/events");
    assert!(asked[0].authorization.starts_with("Basic "), "{asked:?}");
    assert_eq!(asked[0].body["types"][0], "CheckResult");
    until("our own result is given", || {
        let given = icinga.asked("/v1/actions/process-check-result");
        given
            .iter()
            .any(|asked| asked.body["service"] == "ex2!rdp")
            .then_some(())
    });

    icinga.behave(fault);
    until_problem(&governess, words);
    assert_eq!(governess.weights(), Some([0, 1]));
    let journal = std::fs::read_to_string(folder.path().join("state/events.jsonl")).unwrap();
    assert!(journal.contains(words), "{journal}");
    assert!(!journal.contains("sesame"), "{journal}");

    icinga.hold(&[("ex1", 0, "mounted"), ("ex2", 0, "mounted")]);
    icinga.behave(says(b""));
    until_weights(&governess, "Icinga is well, and says that ex1 is", [1, 1]);
    until("nothing is wrong with it any more", || {
        let problems = governess.status()?["host_problems"].to_string();
        (!problems.contains("Icinga")).then_some(())
    });
}

#[test]
fn an_icinga_that_answers_401_is_named_and_moves_no_weight() {
    a_fault_is_named_and_moves_no_weight(
        Behaviour::Refuses("401 Unauthorized"),
        "it answers 401 (as the test says): are user and password those of an ApiUser?",
    );
}

#[test]
fn an_icinga_that_answers_403_is_named_with_the_permission_that_it_lacks() {
    a_fault_is_named_and_moves_no_weight(
        Behaviour::Refuses("403 Forbidden"),
        "does the ApiUser have the permission objects/query/service",
    );
}

#[test]
fn an_icinga_that_answers_503_is_named_and_moves_no_weight() {
    a_fault_is_named_and_moves_no_weight(
        Behaviour::Refuses("503 Service Unavailable"),
        "it answers 503 (as the test says): Icinga starts, or is overloaded",
    );
}

#[test]
fn an_icinga_without_our_services_is_named_with_them() {
    let none = Behaviour::Refuses("404 Not Found");
    a_fault_is_named_and_moves_no_weight(none, "no result is taken for");
}

#[test]
fn an_icinga_that_gives_no_answer_is_named_and_moves_no_weight() {
    a_fault_is_named_and_moves_no_weight(Behaviour::IsSilent, "no answer within 10 s");
}

/// A stream that breaks in the middle of the news that ex2 is out: they are not believed by half.
fn cut(then: Then, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut line = event("ex2", 2, "dismounted");
    line.truncate(line.len() - 10);
    let icinga = Scripted::listen(&issued().1, Behaviour::Streams(line, then));
    icinga.hold(&[("ex1", 0, "mounted"), ("ex2", 0, "mounted")]);
    let governess = director(folder.path(), icinga.address.port(), "");
    until_problem(&governess, words);
    assert_eq!(governess.weights(), Some([1, 1]));
    // The whole of it is in the state that is read at the next connection.
    icinga.hold(&[("ex1", 0, "mounted"), ("ex2", 2, "dismounted")]);
    icinga.behave(says(b""));
    until_weights(&governess, "what was missed is found", [1, 0]);
}

#[test]
fn a_stream_cut_within_a_line_is_named_and_what_was_missed_is_read() {
    cut(Then::Ends, "the event stream ended within a line");
    cut(Then::BreaksOff, "the connection broke off");
}

/// A bad line, then a good one: the first is named, the second counts.
fn passed_over(bad: &[u8], words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = bad.to_vec();
    lines.push(b'\n');
    lines.extend(event("ex2", 2, "dismounted"));
    let icinga = Scripted::listen(&issued().1, says(&lines));
    let governess = director(folder.path(), icinga.address.port(), "");
    until_weights(&governess, "the line after it counts", [1, 0]);
    until("it is in the journal", || {
        let journal = std::fs::read_to_string(folder.path().join("state/events.jsonl")).unwrap();
        journal.contains(words).then_some(())
    });
    assert_eq!(icinga.asked("/v1/events").len(), 1, "the stream goes on");
}

#[test]
fn a_garbage_line_is_named_and_the_next_one_counts() {
    passed_over(b"<html>\xff</html>", "a line that is no result of a check");
    passed_over(b"{\"type\":\"CheckResult\"}", "missing field `host`");
}

#[test]
fn an_over_long_line_is_named_and_the_next_one_counts() {
    passed_over(
        &vec![b'x'; 3 * 1024 * 1024],
        "a line of more than 1048576 bytes",
    );
}

/// A certificate that proves nothing: no question is asked, so that no password is shown.
fn untrusted(certificate: &Certificate, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let icinga = Scripted::listen(certificate, says(&event("ex1", 2, "dismounted")));
    let governess = director(folder.path(), icinga.address.port(), "give = true");
    until_problem(&governess, words);
    assert_eq!(governess.weights(), Some([1, 1]));
    for path in [
        "/v1/events",
        "/v1/objects/services",
        "/v1/actions/process-check-result",
    ] {
        assert!(icinga.asked(path).is_empty(), "{path}");
    }
}

#[test]
fn a_wrong_certificate_is_named_and_is_shown_no_password() {
    let nobodys = Wish::of(NAME).issue().unwrap();
    untrusted(
        &nobodys,
        "its certificate is not one for icinga.example.test of ",
    );
    let issuer = Some(&issued().0);
    let of_another = Wish {
        issuer,
        ..Wish::of("ex1.example.test")
    }
    .issue()
    .unwrap();
    untrusted(&of_another, "ostname mismatch");
    let expired = Wish {
        issuer,
        days: (-30, -2),
        ..Wish::of(NAME)
    };
    untrusted(&expired.issue().unwrap(), "certificate has expired");
}

#[test]
fn a_refused_connection_is_named_and_moves_no_weight() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let governess = director(folder.path(), port, "give = true");
    until_problem(&governess, "it cannot be reached: Connection refused");
    assert_eq!(governess.weights(), Some([1, 1]));
}

#[test]
fn an_icinga_that_refuses_is_asked_ever_more_rarely() {
    let folder = tempfile::tempdir().unwrap();
    let icinga = Scripted::listen(&issued().1, Behaviour::Refuses("503 Service Unavailable"));
    let _governess = director(folder.path(), icinga.address.port(), "");
    let asked = until("four attempts", || {
        let asked = icinga.asked("/v1/events");
        (asked.len() >= 4).then_some(asked)
    });
    // Half of 1 s, 2 s and 4 s at least.
    for (pair, least) in asked.windows(2).zip([500, 1000, 2000]) {
        let pause = pair[1].at - pair[0].at;
        assert!(
            pause >= Duration::from_millis(least),
            "{pause:?}, not {least} ms"
        );
    }
}

#[test]
fn a_result_that_would_be_stale_is_named_and_taken_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let icinga = Scripted::listen(&issued().1, says(b""));
    let long_ago = Duration::from_secs(7200);
    icinga.hold_since(long_ago, &[("ex1", 2, "dismounted"), ("ex2", 0, "mounted")]);
    let governess = director(folder.path(), icinga.address.port(), "");
    until_problem(&governess, "was checked longer ago than stale_after");
    assert_eq!(governess.weights(), Some([1, 1]));
    let status = governess.status().unwrap();
    let checks = &status["services"][0]["servers"][0]["checks"];
    assert!(checks.get("store").is_none(), "{checks}");
}
