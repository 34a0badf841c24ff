//! How the check behaves towards the server.

use std::time::{Duration, Instant};

use lookalike::smtp::Behaviour;

use crate::asking::{in_process, ports, run};
use crate::exchange::Exchange;

/// What a server has heard when it has heard QUIT.
fn heard_to_the_end(exchange: &Exchange, port: u16) -> Vec<String> {
    let begun = Instant::now();
    let mut heard = Vec::new();
    while begun.elapsed() < Duration::from_secs(10) {
        heard.extend(exchange.on(port).heard());
        if heard.last().is_some_and(|last| last == "QUIT") {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    heard
}

#[test]
fn a_healthy_conversation_is_exactly_this() {
    let exchange = Exchange::with(25, Behaviour::Healthy);
    let options = plugins::smtp::Options {
        ehlo: "director.example.test".parse().ok(),
        ..ports(&["25"])
    };
    in_process(exchange.address, &options, Duration::from_secs(60));
    assert_eq!(
        heard_to_the_end(&exchange, 25),
        [
            "EHLO director.example.test",
            "STARTTLS",
            "EHLO director.example.test",
            "MAIL FROM:<>",
            "RSET",
            "QUIT"
        ]
    );
}

#[test]
fn without_a_name_it_calls_itself_by_its_address() {
    let exchange = Exchange::with(25, Behaviour::Healthy);
    in_process(
        exchange.address,
        &ports(&["25/plain"]),
        Duration::from_secs(60),
    );
    let heard = heard_to_the_end(&exchange, 25);
    assert!(heard[0].starts_with("EHLO [127."), "{heard:?}");
}

#[test]
fn quit_is_said_on_every_path_on_which_the_server_spoke() {
    for behaviour in [
        Behaviour::Ehlo501,
        Behaviour::NoStarttls,
        Behaviour::Starttls454,
        Behaviour::Starttls554,
        Behaviour::MailRefused,
        Behaviour::BackPressure,
        Behaviour::Prx2,
        Behaviour::Tls10,
        Behaviour::NoSize,
        Behaviour::QuitSilent,
    ] {
        let exchange = Exchange::with(25, behaviour);
        in_process(exchange.address, &ports(&["25"]), Duration::from_secs(60));
        let heard = heard_to_the_end(&exchange, 25);
        let name = behaviour.name();
        assert_eq!(
            heard.last().map(String::as_str),
            Some("QUIT"),
            "{name}: {heard:?}"
        );
        assert!(heard.len() <= 6, "{name}: {heard:?}");
    }
}

#[test]
fn nothing_is_sent_where_the_options_contradict_each_other() {
    let exchange = Exchange::with(25, Behaviour::Healthy);
    for (options, words) in [
        (&["-p", "25/plain", "-p", "25/tls"][..], "named twice"),
        (&["-p", "0"], "PORT from 1 to 65535"),
        (&["-p", "65536"], "PORT from 1 to 65535"),
        (&["-p", "25/ssl"], "PORT/starttls"),
        (
            &["-p", "25/plain", "--sni", "mail.example.test"],
            "SNI without TLS",
        ),
        (
            &["-p", "25/plain", "--certificate", "30"],
            "certificate without TLS",
        ),
        (&["--sni", "10.0.1.1"], "is no host name"),
        (&["--ehlo", "a b"], "without blanks"),
        (&["--certificate", "7,30"], "CRIT not above"),
        (&["--proxy-protocol", "v3"], "v3"),
    ] {
        let output = run(exchange.address, options);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(3), "{options:?}: {text}");
        assert!(text.contains(words), "{options:?}: no '{words}' in {text}");
        let as_nanny = run(exchange.address, &[&["-m", "nanny"], options].concat());
        assert_eq!(as_nanny.stdout, b"FAIL\n", "{options:?}");
    }
    for port in [25, 587, 2525] {
        assert_eq!(exchange.on(port).heard(), Vec::<String>::new());
    }
}

#[test]
fn phases_of_every_port_are_told_and_time_comes_first() {
    let exchange = Exchange::with(25, Behaviour::Healthy);
    let output = run(exchange.address, &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let (_, perfdata) = text.split_once(" | ").expect("performance data");
    let labels: Vec<_> = perfdata
        .split_whitespace()
        .filter_map(|value| value.split('=').next())
        .collect();
    assert_eq!(labels[..2], ["time", "certificate_days"]);
    for port in [25, 587, 2525] {
        for phase in [
            "connect", "banner", "ehlo", "starttls", "tls", "mail", "quit",
        ] {
            // A server that has refused a stranger closes without waiting for QUIT.
            if (port, phase) != (587, "quit") && (port, phase) != (2525, "quit") {
                let label = format!("{port}_{phase}");
                assert!(labels.contains(&label.as_str()), "no {label} in {text}");
            }
        }
    }
}
