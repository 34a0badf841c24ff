use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Instant;

use super::*;

fn shell(script: &str) -> Exec {
    Exec {
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".to_owned(), script.to_owned()],
    }
}

async fn run(exec: &Exec, budget: Duration) -> Verdict {
    let address = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1));
    let server = Server {
        name: "ex1".to_owned(),
        address,
        weight: 1,
        port: None,
        management: None,
    };
    check("store", exec, Some(&server), Deadline::after(budget)).await
}

async fn verdict_of(script: &str) -> Verdict {
    run(&shell(script), Duration::from_secs(20)).await
}

#[tokio::test]
async fn exit_codes_0_to_2_are_the_three_states_and_3_teaches_nothing() {
    for (code, condition) in [
        (0, Condition::Healthy),
        (1, Condition::Degraded),
        (2, Condition::Failed),
        (3, Condition::Unknown),
    ] {
        let verdict = verdict_of(&format!("echo 'STORE says it | a=1'; exit {code}")).await;
        assert_eq!(
            (verdict.condition, verdict.summary.as_str()),
            (condition, "STORE says it")
        );
    }
}

#[tokio::test]
async fn a_plugin_of_ours_in_mode_json_says_more_than_its_exit_code() {
    let json = "{\"schema\":1,\"condition\":\"maintenance\",\"kind\":\"offline\",\"summary\":\"down for CU14\"}";
    let verdict = verdict_of(&format!("echo '{json}'; exit 1")).await;
    assert_eq!(
        (verdict.condition, verdict.kind, verdict.summary.as_str()),
        (Condition::Maintenance, Kind::Offline, "down for CU14")
    );
    let other = verdict_of(&format!("echo '{}'; exit 2", json.replace(":1", ":2"))).await;
    assert_eq!(other.condition, Condition::Failed);
}

#[tokio::test]
async fn other_exit_codes_and_signals_teach_nothing() {
    for (script, word) in [("exit 127", "127"), ("kill -SEGV $$", "signal 11")] {
        let verdict = verdict_of(script).await;
        assert_eq!(verdict.condition, Condition::Unknown);
        assert!(verdict.summary.contains(word), "{}", verdict.summary);
    }
}

#[tokio::test]
async fn a_program_that_does_not_answer_is_a_failure_of_the_server_and_is_ended() {
    let pid_file = tempfile::NamedTempFile::new().unwrap();
    let script = format!(
        "trap '' TERM; echo $$ > {}; sleep 600",
        pid_file.path().display()
    );
    let verdict = run(&shell(&script), Duration::from_millis(500)).await;
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Condition::Failed, Kind::Timeout)
    );
    let pid: i32 = std::fs::read_to_string(pid_file.path())
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let gone = nix::sys::signal::kill(Pid::from_raw(pid), None);
    assert_eq!(
        gone,
        Err(nix::errno::Errno::ESRCH),
        "neither running nor a zombie"
    );
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipe_open_does_not_hold_us() {
    let began = Instant::now();
    let verdict = verdict_of("echo all is well; sleep 30 & exit 0").await;
    assert_eq!(
        (verdict.condition, verdict.summary.as_str()),
        (Condition::Healthy, "all is well")
    );
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_flood_of_output_is_capped_and_the_program_can_end() {
    let verdict = verdict_of("yes flood | head -c 5000000; exit 1").await;
    assert_eq!(
        (verdict.condition, verdict.summary.as_str()),
        (Condition::Degraded, "flood")
    );
}

#[tokio::test]
async fn a_program_that_vanished_is_our_failure_not_the_servers() {
    let exec = Exec {
        program: PathBuf::from("/nonexistent/check_it"),
        arguments: Vec::new(),
    };
    let verdict = run(&exec, Duration::from_secs(5)).await;
    assert_eq!(
        (verdict.condition, verdict.kind),
        (Condition::Unknown, Kind::Resources)
    );
    assert!(verdict.summary.contains("check_it"), "{}", verdict.summary);
}
