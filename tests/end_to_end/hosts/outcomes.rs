//! Outcome × host for the hosts that need no kernel's table: nanny's stand-in, Nagios, Icinga. Each
//! cell is what the host made of it. keepalived and ldirectord have theirs in the kernel lab, in
//! the scenario `hosts_table`. Printed with `--nocapture`.

use std::net::Ipv4Addr;
use std::path::Path;

use lookalike::rdp::{Behaviour, Rdp};

use crate::built::{PATIENCE, plugins, until};
use crate::core::{Service, Stored};
use crate::icinga::Icinga;
use crate::nagios::Nagios;
use crate::nanny::{Judged, Nanny};

/// Each outcome with what nanny must make of it, and the state that a core must store.
const OUTCOMES: [(&str, Judged, i32); 7] = [
    ("up", Judged::Up, 0),
    ("degraded", Judged::Up, 1),
    ("maintenance", Judged::Down, 1),
    ("down", Judged::Down, 2),
    ("unknown", Judged::Down, 3),
    ("panic", Judged::Down, 3),
    ("hang", Judged::Down, 3),
];

/// The services of `ex1`: up and down are a look-alike's, the others a check's that is made so.
struct Cast {
    services: Vec<Service>,
    _up: Rdp,
    _down: Rdp,
}

fn cast() -> Cast {
    let listen = || Rdp::listen(([127, 0, 0, 1], 0).into()).unwrap();
    let (up, down) = (listen(), listen());
    down.behave(Behaviour::Hangs).unwrap();
    let services = OUTCOMES.iter().map(|(name, _, _)| {
        let server = match *name {
            "up" => Some(&up),
            "down" => Some(&down),
            _ => None,
        };
        match server {
            Some(server) => {
                let port = server.address().port().to_string();
                let options = [("hostname", "127.0.0.1"), ("port", &port), ("timeout", "2")];
                Service::new(name, "check_x224", &options)
            }
            None => {
                let options = [("hostname", *name), ("port", "3389"), ("timeout", "2")];
                Service::new(name, "check_that_breaks", &options)
            }
        }
    });
    Cast {
        services: services.collect(),
        _up: up,
        _down: down,
    }
}

#[test]
fn every_outcome_is_understood_by_every_host() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = plugins(folder.path());
    let cast = cast();
    let mut nagios = Nagios::configure(folder.path(), &plugins, &cast.services, "", "");
    nagios.verify();
    nagios.start();
    let mut icinga = Icinga::configure(folder.path(), &plugins, &cast.services, "");
    icinga.verify();
    icinga.start();
    let nanny: Vec<Judged> = cast
        .services
        .iter()
        .map(|service| by_nanny(&plugins, service))
        .collect();
    let complete = |stored: std::collections::BTreeMap<String, Stored>| {
        (stored.len() == OUTCOMES.len()).then_some(stored)
    };
    let in_nagios = until("every service checked by Nagios", || {
        complete(nagios.stored())
    });
    let in_icinga = until("every service checked by Icinga", || {
        complete(icinga.stored())
    });

    println!("\n| outcome | nanny (stand-in) | Nagios | Icinga |\n|---|---|---|---|");
    for (at, (name, _, _)) in OUTCOMES.iter().enumerate() {
        let word =
            |stored: &Stored| ["OK", "WARNING", "CRITICAL", "UNKNOWN"][stored.state as usize];
        println!(
            "| {name} | {:?} | {} | {} |",
            nanny[at],
            word(&in_nagios[*name]),
            word(&in_icinga[*name])
        );
    }
    for (at, (name, judged, state)) in OUTCOMES.iter().enumerate() {
        assert_eq!(nanny[at], *judged, "nanny, {name}");
        let ours = cast.services[at].said(&plugins);
        assert_eq!(ours.state, *state, "{name}: {ours:?}");
        for (core, stored, log) in [
            ("Nagios", &in_nagios[*name], nagios.log()),
            ("Icinga", &in_icinga[*name], icinga.log()),
        ] {
            let (found, wanted) = (stored.without_times(), ours.without_times());
            assert_eq!(found, wanted, "{core}, {name}: {log}");
            let numbers = stored
                .perfdata
                .matches(|c: char| c.is_ascii_digit())
                .count();
            assert_eq!(
                numbers > 0,
                !ours.perfdata.is_empty(),
                "{core}, {name}: {stored:?}"
            );
        }
    }
}

fn by_nanny(plugins: &Path, service: &Service) -> Judged {
    let program = plugins.join(format!("{}.nanny", service.check));
    let nanny = Nanny {
        send_program: format!("{} {}", program.display(), service.words().join(" ")),
        expect: Some("OK".to_owned()),
        server: Ipv4Addr::LOCALHOST,
        port: 3389,
    };
    let answer = nanny.ask(PATIENCE);
    assert_eq!(answer.log, None, "nothing is lost: {}", service.name);
    answer.judged
}
