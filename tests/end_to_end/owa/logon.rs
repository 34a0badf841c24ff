//! The logon by form: its results, and where its secret does not appear.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lookalike::iis::{Iis, Logon, PASSWORD, Page, USER};
use serde_json::Value;

use crate::ask::{HOST, PATIENT, assert_found, check, check_for, iis};

/// The options of one who logs on, and the file with the password.
struct Account {
    words: String,
    _folder: tempfile::TempDir,
}

fn account(password: &str) -> Account {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{password}\n")).unwrap();
    Account {
        words: format!(
            "-t {PATIENT} --http-host {HOST} --logon-user {USER} --logon-password-file {}",
            file.display()
        ),
        _folder: folder,
    }
}

fn verdict(iis: &Iis, account: &Account) -> Value {
    crate::ask::verdict(iis.address(), &account.words)
}

#[test]
fn a_logon_that_works_is_ended_by_a_log_off() {
    let iis = iis();
    let verdict = verdict(&iis, &account(PASSWORD));
    assert_found(&verdict, "healthy ok", "logon of monitor@exch.test at");
    assert_found(&verdict, "healthy ok", "works");
    assert_eq!(verdict["facts"]["logged_off"], "yes");
    assert_eq!(
        iis.requests(),
        [
            "GET /owa/healthcheck.htm",
            "POST /owa/auth.owa",
            "GET /owa/logoff.owa"
        ]
    );
    let values = verdict["perfdata"].to_string();
    assert!(values.contains("\"logon\""), "{values}");
}

#[test]
fn the_password_may_come_from_the_environment() {
    let iis = iis();
    let words = format!("-t {PATIENT} --http-host {HOST} --logon-user {USER}");
    let output = check(iis.address(), &words)
        .env("CHECK_OWA_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    let verdict = serde_json::from_slice(&output.stdout).unwrap();
    assert_found(&verdict, "healthy ok", "works");
}

#[test]
fn every_result_of_a_logon_has_its_own_words() {
    for (logon, expected, words) in [
        (
            Logon::BadCredentials,
            "failed refused_by_server",
            "bad credentials",
        ),
        (
            Logon::ChangePassword,
            "failed refused_by_server",
            "must be changed",
        ),
        (
            Logon::Blocked,
            "failed refused_by_server",
            "client access rule",
        ),
        (Logon::Timeout, "failed http_status", "the answer is 440"),
        (Logon::BadRequest, "failed http_status", "refused as bad"),
        (Logon::ErrorPage, "failed http_status", "httpCode 503"),
        (Logon::BackEndDown, "failed http_status", "port 444"),
        (Logon::NoSession, "failed content", "without the cookies"),
    ] {
        let iis = iis();
        iis.log_on(logon);
        let verdict = verdict(&iis, &account(PASSWORD));
        assert_found(&verdict, expected, words);
        assert_eq!(verdict["facts"]["logged_off"], Value::Null, "{logon:?}");
    }
    let wrong = verdict(&iis(), &account("wrong"));
    assert_found(&wrong, "failed refused_by_server", "(reason=2)");
}

#[test]
fn no_password_is_sent_to_a_server_that_is_ill_or_another() {
    for page in [Page::Offline, Page::LogonPage, Page::WrongServer] {
        let iis = crate::ask::everywhere(page);
        let mut account = account(PASSWORD);
        account.words.push_str(" --expect-server ex1");
        let verdict = verdict(&iis, &account);
        assert!(verdict.to_string().contains("was not tried"), "{verdict}");
        assert!(
            !iis.requests().iter().any(|it| it.starts_with("POST")),
            "{page:?}"
        );
    }
}

#[test]
fn a_password_that_cannot_be_had_is_usage_before_any_packet() {
    let iis = iis();
    for words in [
        "--logon-user u --logon-password-file /nonexistent/password",
        "--logon-user u --logon-password-file /dev/null",
        "--logon-password-file /etc/hostname",
        "--logon-user u",
    ] {
        let verdict = crate::ask::verdict(iis.address(), words);
        assert_eq!(verdict["kind"], "usage", "{words}: {verdict}");
        let nanny = check_for("nanny", iis.address(), words).output().unwrap();
        assert_eq!(nanny.stdout, b"FAIL\n", "{words}");
    }
    assert_eq!(iis.connections(), 0);
}

#[test]
fn the_secret_appears_in_no_output_and_in_no_process_list() {
    for logon in [Logon::Works, Logon::BadCredentials, Logon::BackEndDown] {
        let iis = iis();
        iis.log_on(logon);
        for mode in ["json", "nagios", "nanny", "keepalived"] {
            let account = account(PASSWORD);
            let words = format!("{} -vvv", account.words);
            let output = check_for(mode, iis.address(), &words).output().unwrap();
            assert_secret_free(&format!("{output:?}"));
        }
        let asked = iis.requests();
        let forms = asked.iter().filter(|it| it.starts_with("POST"));
        assert_eq!(forms.count(), 4, "each of them logged on: {asked:?}");
    }
    let hangs = crate::ask::everywhere(Page::Hangs);
    let account = account(PASSWORD);
    let mut running = check(hangs.address(), &account.words)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(60);
    while hangs.requests().is_empty() {
        assert!(Instant::now() < patience, "the check asks");
        std::thread::sleep(Duration::from_millis(10));
    }
    let list = Command::new("ps")
        .args(["axww", "-o", "args"])
        .output()
        .unwrap();
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(
        list.contains("check_over_tls owa"),
        "both programs are listed: {list}"
    );
    assert_secret_free(&list);
    running.kill().unwrap();
    running.wait().unwrap();
}

/// Neither the password nor its forms on the wire, nor a cookie of the session.
fn assert_secret_free(text: &str) {
    for secret in [PASSWORD, "Pass%26w0rd", "w0rd", "xcadata"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
