//! Results in both directions: what Nagios and Icinga found moves a director's weights, and what
//! a director found is in Nagios.

use crate::built::{plugins, until};
use crate::core::Service;
use crate::governess::Governess;
use crate::icinga::Icinga;
use crate::nagios::Nagios;

const REPORTED: &str = "[checks.store]\nreported = {}\n";

fn until_weights(governess: &Governess, what: &str, weights: [u64; 2]) {
    until(what, || (governess.weights()? == weights).then_some(()));
}

#[test]
fn a_report_takes_a_server_out_holds_across_a_restart_and_is_replaced_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let mut governess = Governess::start(folder.path(), "\"rdp\", \"store\"", REPORTED);
    until_weights(&governess, "both serve", [1, 1]);
    let report = |governess: &Governess, words: &[&str]| {
        let output = governess.call(&[&["report"], words].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let soft = [
        "--state-type",
        "SOFT",
        "ex1",
        "store",
        "CRITICAL",
        "not yet",
    ];
    assert_eq!(report(&governess, &soft).0, Some(0));
    assert_eq!(governess.weights(), Some([1, 1]));
    assert_eq!(
        report(&governess, &["ex1", "store", "2", "- store", "dismounted"]).0,
        Some(0)
    );
    until_weights(&governess, "ex1 is out", [0, 1]);
    governess.stop();
    governess.run();
    until_weights(&governess, "ex1 is out after a restart", [0, 1]);
    assert_eq!(report(&governess, &["127.0.0.1", "store", "ok"]).0, Some(0));
    until_weights(&governess, "ex1 serves", [1, 1]);

    for (words, code, told) in [
        (&["ex9", "store", "2"][..], 1, "there is no server \"ex9\""),
        (&["ex1", "stroe", "2"], 1, "did you mean \"store\"?"),
        (&["ex1", "rdp", "2"], 1, "reported = {}"),
        (&["ex1", "store", "7"], 64, "expected 0 to 3"),
        (&["ex1", "store"], 64, "<STATE>"),
    ] {
        let (ended, said) = report(&governess, words);
        assert_eq!(ended, Some(code), "{words:?}: {said}");
        assert!(said.contains(told), "{words:?}: {said}");
    }
    assert_eq!(governess.weights(), Some([1, 1]));
    governess.stop();
    let (ended, said) = report(&governess, &["ex1", "store", "2"]);
    assert!(ended == Some(1) && said.contains("control.sock"), "{said}");
}

#[test]
fn nagios_tells_the_director_and_the_director_tells_nagios() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = plugins(folder.path());
    let store = Service::new(
        "store",
        "check_that_breaks",
        &[("hostname", "down"), ("port", "3389")],
    );
    let passive =
        "define service {\n use every-service,governess-passive\n service_description rdp\n}\n";
    let settings = "obsess_over_services=1\nocsp_command=governess_report\n";
    let mut nagios = Nagios::configure(folder.path(), &plugins, &[store], passive, settings);
    nagios.verify();
    let further = format!(
        "{REPORTED}\n[nagios]\ncommand_file = \"{}\"\n",
        nagios.command_file().display()
    );
    let governess = Governess::start(folder.path(), "\"rdp\", \"store\"", &further);
    // No Nagios yet: named, and nothing else follows.
    until("the missing command file is told", || {
        let problems = governess.status()?["host_problems"].to_string();
        problems
            .contains("does the monitoring core run?")
            .then_some(())
    });
    assert_eq!(governess.weights(), Some([1, 1]));

    nagios.start();
    until_weights(
        &governess,
        "the store that Nagios found takes ex1 out",
        [0, 1],
    );
    let status = governess.status().unwrap();
    let found = &status["services"][0]["servers"][0]["checks"]["store"];
    assert_eq!(found["condition"], "failed");
    assert!(
        found["summary"]
            .as_str()
            .unwrap()
            .contains("it accepts and says nothing")
    );
    let rdp = until("the director's result is in Nagios", || {
        nagios.stored().remove("rdp")
    });
    assert_eq!(rdp.state, 0, "{rdp:?} {}", nagios.log());
    assert!(rdp.text.starts_with("X224 OK: RDP at 127.0.0.1"), "{rdp:?}");
    assert!(rdp.perfdata.starts_with("time="), "{rdp:?}");
    until("the command file is no problem any more", || {
        let problems = governess.status()?["host_problems"].to_string();
        (!problems.contains("command file")).then_some(())
    });
}

#[test]
fn icingas_event_handler_tells_the_director_of_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = plugins(folder.path());
    let governess = Governess::start(folder.path(), "\"rdp\", \"store\"", REPORTED);
    let store = "object Service \"store\" {\n  host_name = \"ex1\"\n  check_command = \
         \"check_that_breaks\"\n  check_interval = 2s\n  retry_interval = 2s\n  \
         max_check_attempts = 1\n  event_command = \"governess_report\"\n  \
         vars.that_breaks_hostname = \"down\"\n  vars.that_breaks_port = 3389\n}\n";
    let mut icinga = Icinga::configure(folder.path(), &plugins, &[], store);
    icinga.verify();
    icinga.start();
    until("what Icinga found takes ex1 out", || {
        (governess.weights()? == [0, 1]).then_some(())
    });
    assert!(icinga.log().contains("checker"));
}
