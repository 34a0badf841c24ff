//! Which server answered, and how far its clock is off: by its greeting, or by its NTLM challenge.

use std::time::Duration;

use lookalike::smtp::Behaviour;
use plugins::Skew;
use plugins::smtp::{Identity, Options, Witness};
use shared::verdict::{Condition, Kind, Verdict};

use crate::asking::{assert_found, by_program, in_process, ports};
use crate::exchange::Exchange;

const WRONG: (Condition, Kind) = (Condition::Failed, Kind::WrongServer);
const OK: (Condition, Kind) = (Condition::Healthy, Kind::Ok);

/// The verdict on port 25, or another, of a server that behaves so.
fn verdict(behaviour: Behaviour, port: &str, identity: Identity) -> Verdict {
    let exchange = Exchange::with(25, behaviour);
    let options = Options {
        identity,
        ..ports(&[port])
    };
    in_process(exchange.address, &options, Duration::from_secs(60))
}

fn by(witness: Witness, name: &str) -> Identity {
    Identity {
        witness,
        expect_name: Some(name.to_owned()),
        skew: None,
    }
}

fn fact<'a>(verdict: &'a Verdict, name: &str) -> Option<&'a str> {
    let mut facts = verdict.facts.iter();
    let found = facts.find(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn the_server_that_was_meant_is_known_by_either_witness() {
    for witness in [Witness::Greeting, Witness::Challenge] {
        for name in ["ex1", "EX1.exch.test"] {
            assert_found(
                &verdict(Behaviour::Healthy, "25", by(witness, name)),
                OK,
                "takes MAIL FROM",
            );
        }
    }
}

#[test]
fn another_server_is_found_out_by_either_witness() {
    for (witness, words) in [
        (Witness::Greeting, "answered by ex2.exch.test, expected ex1"),
        (
            Witness::Challenge,
            "answered by EX2.exch.test, expected ex1",
        ),
    ] {
        let verdict = verdict(Behaviour::OtherServer, "25", by(witness, "ex1"));
        assert_found(&verdict, WRONG, words);
    }
}

#[test]
fn the_challenge_tells_name_domain_build_and_clock() {
    let identity = Identity {
        witness: Witness::Challenge,
        expect_name: None,
        skew: Some(Skew::default()),
    };
    let verdict = verdict(Behaviour::Healthy, "25", identity);
    assert_found(&verdict, OK, "takes MAIL FROM");
    for (name, value) in [
        ("25_server_name", "EX1"),
        ("25_server_dns_name", "EX1.exch.test"),
        ("25_server_domain", "EXCH"),
        ("25_server_build", "10.0.17763"),
    ] {
        assert_eq!(fact(&verdict, name), Some(value), "{:?}", verdict.facts);
    }
    let offset: f64 = fact(&verdict, "25_clock_offset").unwrap().parse().unwrap();
    assert!(offset.abs() < 5.0, "{offset}");
    assert!(verdict.perfdata.iter().any(|value| value.label == "skew"));
}

#[test]
fn a_clock_that_is_off_is_told_by_either_witness() {
    let skewed = |behaviour, witness| {
        let identity = Identity {
            witness,
            expect_name: None,
            skew: Some(Skew::default()),
        };
        let verdict = verdict(behaviour, "25", identity);
        let skew = verdict.advisories.iter().find(|it| it.kind == Kind::Skew);
        let skew = skew.unwrap_or_else(|| panic!("{:?}", verdict.advisories));
        (skew.condition, skew.summary.clone())
    };
    let (condition, words) = skewed(Behaviour::NtlmClock, Witness::Challenge);
    assert_eq!(condition, Condition::Failed, "{words}");
    assert!(words.contains("ahead of this machine's"), "{words}");
    // The look-alike's greeting has the date of the reference.
    let (condition, words) = skewed(Behaviour::Healthy, Witness::Greeting);
    assert_eq!(condition, Condition::Failed, "{words}");
    assert!(words.contains("behind this machine's"), "{words}");
}

#[test]
fn where_no_challenge_comes_the_verdict_stands_and_says_so() {
    for (behaviour, port, words) in [
        (Behaviour::NtlmRefused, "25", "answers AUTH NTLM with '504"),
        (Behaviour::NtlmMalformed, "25", "no base64"),
        (Behaviour::Healthy, "587", "only where mail from strangers"),
    ] {
        let verdict = verdict(behaviour, port, by(Witness::Challenge, "ex1"));
        assert_found(&verdict, OK, "");
        let told = verdict.details.join("; ");
        assert!(
            told.contains("name and clock could not be judged"),
            "{told}"
        );
        assert!(told.contains(words), "no '{words}' in {told}");
    }
}

#[test]
fn the_program_takes_the_options() {
    let exchange = Exchange::with(25, Behaviour::OtherServer);
    let asked = |options: &[&str]| {
        let verdict = by_program(exchange.address, &[&["-p", "25"], options].concat());
        let kind = verdict["kind"].as_str().unwrap_or_default().to_owned();
        (kind, verdict.to_string())
    };
    let (kind, verdict) = asked(&["--ntlm", "--expect-name", "ex1"]);
    assert_eq!(kind, "wrong_server", "{verdict}");
    let (kind, verdict) = asked(&["--ntlm", "--expect-name", "ex2", "--skew-warning", "60"]);
    assert_eq!(kind, "ok", "{verdict}");
    let (_, verdict) = asked(&["--skew-critical", "300"]);
    assert!(verdict.contains("behind this machine's"), "{verdict}");
}
