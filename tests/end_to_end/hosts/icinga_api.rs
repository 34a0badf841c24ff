//! Icinga 2 and a director by Icinga's API, both real: what one found is acted upon by the other,
//! with a restart of Icinga in the middle.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hook::operate::host_name;
use lookalike::rdp::Behaviour;
use serde_json::Value;

use crate::built::{plugins, text, until};
use crate::governess::Governess;
use crate::icinga::{Api, Icinga};

const SECRET: &str = "open sesame";

/// What the packaged user and template need around them, and a check whose result is in a file.
fn objects(folder: &Path, api: &Api) -> String {
    let script = folder.join("store");
    std::fs::write(
        &script,
        "#!/bin/sh\ncat \"$1.text\"\nexit \"$(cat \"$1.state\")\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let packaged = text("packaging/icinga2/governess-api.conf").replace("change this", SECRET);
    let mut objects = api.objects()
        + &packaged
        + &format!(
            "object CheckCommand \"store\" {{\n  command = [ \"{}\", \"$store_file$\" ]\n}}\n",
            script.display()
        );
    for host in ["ex2.exch.test", host_name().as_str()] {
        objects += &format!(
            "object Host \"{host}\" {{\n  check_command = \"dummy\"\n  \
             enable_active_checks = false\n}}\n"
        );
    }
    for host in ["ex1", "ex2.exch.test"] {
        objects += &format!(
            "object Service \"store\" {{\n  host_name = \"{host}\"\n  check_command = \"store\"\n  \
             vars.store_file = \"{}\"\n  check_interval = 1s\n  retry_interval = 1s\n  \
             max_check_attempts = 1\n}}\n",
            folder.join(host).display()
        );
    }
    let machine = host_name();
    for (host, service) in [
        ("ex1", "rdp"),
        ("ex2.exch.test", "rdp"),
        (machine.as_str(), "governess"),
    ] {
        objects += &format!(
            "object Service \"{service}\" {{\n  import \"governess-passive\"\n  \
             host_name = \"{host}\"\n}}\n"
        );
    }
    objects
}

/// What the check `store` of a host will find from now on.
fn store(folder: &Path, host: &str, state: &str, text: &str) {
    std::fs::write(folder.join(format!("{host}.text")), text).unwrap();
    std::fs::write(folder.join(format!("{host}.state")), state).unwrap();
}

fn section(folder: &Path, api: &Api) -> String {
    let password = folder.join("password");
    std::fs::write(&password, format!("{SECRET}\n")).unwrap();
    std::fs::set_permissions(&password, PermissionsExt::from_mode(0o600)).unwrap();
    format!(
        "[checks.store]\nreported = {{}}\n\n[icinga]\nurl = \"https://127.0.0.1:{}\"\n\
         name = \"test\"\nca = \"{}\"\nuser = \"governess\"\npassword_file = \"{}\"\n\
         take = [\"store\"]\ngive = true\ndirector = \"{{machine}}!governess\"\n\
         hosts = {{ ex2 = \"ex2.exch.test\" }}\n",
        api.port,
        api.ca.display(),
        password.display()
    )
}

fn until_weights(governess: &Governess, icinga: &Icinga, what: &str, weights: [u64; 2]) {
    let begun = std::time::Instant::now();
    until(what, || {
        let seen = governess.weights()?;
        assert!(
            begun.elapsed() < crate::built::PATIENCE / 2,
            "{what}: {seen:?}, {:?}\n{}",
            governess.status(),
            icinga.log()
        );
        (seen == weights).then_some(())
    });
}

fn until_problem(governess: &Governess, words: &str) {
    until(&format!("a problem: {words}"), || {
        let problems = governess.status()?["host_problems"].to_string();
        problems.contains(words).then_some(())
    });
}

#[test]
fn icinga_and_the_director_exchange_results_by_its_api_across_a_restart_of_icinga() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let plugins = plugins(folder);
    let api = Api::set_up(folder);
    let mut icinga = Icinga::configure(folder, &plugins, &[], &objects(folder, &api));
    icinga.verify();
    store(folder, "ex1", "2", "store 1 dismounted|size=1");
    store(folder, "ex2.exch.test", "0", "store 2 mounted|size=1");
    let governess = Governess::start(folder, "\"rdp\", \"store\"", &section(folder, &api));
    until_problem(&governess, "it cannot be reached");
    assert_eq!(governess.weights(), Some([1, 1]));

    icinga.start();
    until_weights(
        &governess,
        &icinga,
        "the store that Icinga found takes ex1 out",
        [0, 1],
    );
    let status = governess.status().unwrap();
    let found = &status["services"][0]["servers"][0]["checks"]["store"];
    assert_eq!(found["summary"], "store 1 dismounted", "{found}");
    store(folder, "ex1", "0", "store 1 mounted");
    until_weights(&governess, &icinga, "ex1 serves again", [1, 1]);

    // What happens while nobody listens is found by reading the state.
    icinga.stop();
    until_problem(&governess, "results from Icinga");
    store(folder, "ex2.exch.test", "2", "store 2 dismounted");
    assert_eq!(governess.weights(), Some([1, 1]));
    icinga.start();
    until_weights(
        &governess,
        &icinga,
        "ex2 is out after a restart of Icinga",
        [1, 0],
    );
    store(folder, "ex2.exch.test", "0", "store 2 mounted");
    until_weights(&governess, &icinga, "both serve", [1, 1]);
    until("the exchange is no problem any more", || {
        let problems = governess.status()?["host_problems"].to_string();
        (!problems.contains("results")).then_some(())
    });

    gives_its_own(&governess, &api);
    shows_the_secret_nowhere(&governess, folder);
}

fn gives_its_own(governess: &Governess, api: &Api) {
    let stored = |object: &str, state: f64, words: &str| -> Value {
        until(
            &format!("{object} has state {state} and says {words}"),
            || {
                let attrs = api.service(object)?;
                let last = attrs["last_check_result"].clone();
                let is_ours = last["check_source"] != "test" && last["active"] == false;
                let says = last["output"].as_str()?.starts_with(words);
                (is_ours && says && attrs["state"] == state).then_some(last)
            },
        )
    };
    let rdp = stored("ex1!rdp", 0.0, "X224 OK: RDP at 127.0.0.1");
    let measured = rdp["performance_data"][0].as_str().unwrap();
    assert!(measured.starts_with("time="), "{rdp}");
    let director = format!("{}!governess", host_name());
    let well = "DIRECTOR OK: 1 services, 2 servers up";
    stored(&director, 0.0, well);
    governess.ex1.behave(Behaviour::Hangs).unwrap();
    stored("ex1!rdp", 2.0, "X224 CRITICAL: ");
    let ill = "DIRECTOR WARNING: not all servers work: exchange/ex1 down";
    stored(&director, 1.0, ill);
}

fn shows_the_secret_nowhere(governess: &Governess, folder: &Path) {
    let journal = std::fs::read_to_string(folder.join("state/events.jsonl")).unwrap();
    let log = std::fs::read_to_string(folder.join("governess.log")).unwrap();
    let status = governess.status().unwrap().to_string();
    let arguments = std::fs::read(format!("/proc/{}/cmdline", governess.process())).unwrap();
    let arguments = String::from_utf8_lossy(&arguments).into_owned();
    for text in [journal, log, status, arguments] {
        // `governess:open sesame` in base64 ends so.
        assert!(
            !text.contains(SECRET) && !text.contains("b3BlbiBzZXNhbWU"),
            "{text}"
        );
    }
}
