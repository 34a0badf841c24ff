//! The check inside the hook and the check as a program say the same of every fault.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use hook::config::{Config, Probe};
use hook::health::Reading;
use lookalike::iis::{Iis, Page};
use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::Verdict;

use crate::ask::{HOST, iis, verdict};

/// The hook's options, from a file as an operator writes it.
fn configured(vdirs: &str) -> plugins::owa::Options {
    let text = format!(
        "[director]\nbackend = \"memory\"\n\
         [checks.owa]\nowa = {{ host = \"{HOST}\", vdirs = {vdirs}, expect_server = \"{{server}}\" }}\n\
         [servers.ex1]\naddress = \"127.0.0.1\"\n\
         [services.exchange]\nfwmark = 80\nscheduler = \"wlc\"\nforward = \"nat\"\n\
         servers = [\"ex1\"]\nchecks = [\"owa\"]\n"
    );
    let config =
        Config::parse(Path::new("g.toml"), &text).unwrap_or_else(|faults| panic!("{faults}"));
    match config.checks[0].on(&config.servers[0]).probe {
        Probe::Owa { options, .. } => options,
        other => panic!("{other:?}"),
    }
}

fn in_process(iis: &Iis, options: &plugins::owa::Options, budget: Duration) -> Verdict {
    let target = Target {
        name: "127.0.0.1".to_owned(),
        address: iis.address(),
        source: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let check = plugins_tls::owa::check(&target, options, Deadline::after(budget));
    runtime.block_on(check)
}

/// Texts without what differs from run to run: numbers.
fn without_numbers(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_ascii_digit())
        .collect::<String>()
        .replace('.', "")
}

fn by_exec(address: SocketAddr, seconds: u64) -> [String; 3] {
    let words =
        format!("--vdir owa --vdir ews --expect-server ex1 --http-host {HOST} -t {seconds}");
    let verdict = verdict(address, &words);
    ["condition", "kind", "summary"].map(|key| without_numbers(verdict[key].as_str().unwrap()))
}

fn folded(verdict: &Verdict) -> [String; 3] {
    let folded = verdict.clone().folding(|advisory| Some(advisory.condition));
    let condition = serde_json::to_value(folded.condition).unwrap();
    [
        condition.as_str().unwrap().to_owned(),
        folded.kind.name(),
        without_numbers(&folded.summary),
    ]
}

/// How the two differ on a fault, if they do.
fn difference(fault: &str, options: &plugins::owa::Options) -> Option<String> {
    let iis = iis();
    iis.services()[0].switch(fault).unwrap();
    let never_ends = ["hangs", "drips_head", "drips_body", "handshake_hangs"];
    let seconds = if never_ends.contains(&fault) { 6 } else { 60 };
    let ours = folded(&in_process(&iis, options, Duration::from_secs(seconds)));
    let exec = by_exec(iis.address(), seconds);
    (ours != exec).then(|| format!("{fault}: {ours:?} {exec:?}"))
}

#[test]
fn every_fault_gets_the_same_verdict_in_the_hook_and_by_the_program() {
    let options = &configured(r#"["owa", "ews"]"#);
    let faults: Vec<&str> = iis().services()[0].behaviours();
    let differences = &Mutex::new(Vec::new());
    // A few at a time: those that never end wait side by side.
    for some in faults.chunks(8) {
        std::thread::scope(|scope| {
            for fault in some {
                scope.spawn(move || {
                    let difference = difference(fault, options);
                    differences.lock().unwrap().extend(difference);
                });
            }
        });
    }
    let differences = differences.lock().unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(faults.len() > 40, "every fault was switched: {faults:?}");
}

#[test]
fn a_health_page_closed_without_an_answer_is_maintenance_that_the_hook_infers() {
    let iis = iis();
    let options = configured(r#"["owa", "ews"]"#);
    let reading = |iis: &Iis| Reading::from(&in_process(iis, &options, Duration::from_secs(60)));
    assert_eq!(reading(&iis), Reading::Success);
    iis.behave_at("ews", Page::Offline);
    assert_eq!(reading(&iis), Reading::InferredMaintenance);
    iis.behave_at("ews", Page::Resets);
    assert_eq!(reading(&iis), Reading::Failure);
}
