//! What each host is told of each condition, by the built program.

use lookalike::smtp::Behaviour;

use crate::asking::run;
use crate::exchange::Exchange;

/// Exit codes by host: healthy, degraded, maintenance, failed, bad usage.
const MODES: [(&str, [i32; 5]); 6] = [
    ("nagios", [0, 1, 1, 2, 3]),
    ("json", [0, 1, 1, 2, 3]),
    ("nanny", [0, 0, 0, 0, 0]),
    ("keepalived", [0, 0, 1, 1, 1]),
    ("keepalived-weight", [3, 3, 2, 1, 1]),
    ("ldirectord", [0, 0, 1, 1, 1]),
];

#[test]
fn every_condition_has_its_answer_in_every_mode() {
    let exchange = Exchange::with(25, Behaviour::Healthy);
    let outcomes = [
        (Behaviour::Healthy, &["-p", "25"][..]),
        (Behaviour::BackPressure, &["-p", "25"]),
        (Behaviour::Inactive, &["-p", "25"]),
        (Behaviour::Starttls554, &["-p", "25"]),
        (Behaviour::Healthy, &["-p", "25/ssl"]),
    ];
    for (at, (behaviour, options)) in outcomes.into_iter().enumerate() {
        exchange.on(25).behave(behaviour);
        for (mode, codes) in MODES {
            let output = run(exchange.address, &[&["-m", mode], options].concat());
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(
                output.status.code(),
                Some(codes[at]),
                "{mode}, {at}: {text}"
            );
            assert!(output.stderr.is_empty(), "{mode}: {output:?}");
            match mode {
                "nagios" => {
                    let words = ["OK", "WARNING", "WARNING", "CRITICAL", "UNKNOWN"];
                    assert!(
                        text.starts_with(&format!("EXCHANGE_SMTP {}: ", words[at])),
                        "{text}"
                    );
                }
                "nanny" => assert_eq!(text, if at < 2 { "OK\n" } else { "FAIL\n" }),
                "json" => assert_eq!(text.lines().count(), 1, "{text}"),
                _ => assert_eq!(text, "", "{mode}"),
            }
        }
    }
}

#[test]
fn the_weight_is_the_share_of_ports_that_take_mail() {
    let exchange = Exchange::with(587, Behaviour::BackPressure);
    let output = run(
        exchange.address,
        &["-m", "keepalived-weight", "--weight", "9"],
    );
    assert_eq!(output.status.code(), Some(2 + 6), "{output:?}");
}

#[test]
fn ldirectord_passes_its_four_words_and_the_tarpit_outlasts_its_patience_without_harm() {
    let exchange = Exchange::start(lookalike::smtp::Delays::default());
    let server = exchange.address.to_string();
    for port in ["25", "587", "2525"] {
        let mut command = std::process::Command::new(crate::asking::built("check_exchange_smtp"));
        command.args(["-m", "ldirectord", "80", "0", &server, port]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{port}: {output:?}");
        assert!(output.stdout.is_empty());
    }
}
