//! The size at which keepalived's reload became famous: 2,277 services with 37,205 checks. In a
//! process of its own, for its memory is measured.
//!
//! `cargo test --release -p hook --test scale -- --ignored --nocapture`

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use hook::clock::{Clock, Moment};
use hook::config::Config;
use hook::director::{Director, Records, Report};
use hook::intake::Checks;
use hook::kernel::memory::Memory;
use hook::operate::journal::Journal;
use shared::verdict::{Condition, Finding, Kind, Verdict};

const SERVICES: usize = 2277;
const CHECKS: usize = 37_205;

/// Every server has an address of its own in 127.0.0.0/8, on which nobody listens.
fn text() -> String {
    let mut text = String::from(
        "[director]\nbackend = \"memory\"\n[checks.tcp]\ntcp = { port = 9 }\ninterval = \"20s\"\nfall = 1\n",
    );
    for server in 0..CHECKS {
        let (b, c) = (server / 250, server % 250 + 1);
        let _ = write!(
            text,
            "[servers.s{server}]\naddress = \"127.{}.{}.{c}\"\n",
            1 + b / 250,
            b % 250
        );
    }
    for service in 0..SERVICES {
        let members: Vec<String> = (service..CHECKS)
            .step_by(SERVICES)
            .map(|server| format!("\"s{server}\""))
            .collect();
        let _ = write!(
            text,
            "[services.v{service}]\nfwmark = {}\nservers = [{}]\nchecks = [\"tcp\"]\n",
            service + 1,
            members.join(", ")
        );
    }
    text
}

/// Resident memory in KiB (`/proc/self/statm`, second number, pages).
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("pages");
    pages * 4
}

fn timed<T>(what: &str, act: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = act();
    println!("{what}: {:?}", began.elapsed());
    (done, began.elapsed())
}

fn report(server: &str, condition: Condition, kind: Kind) -> Report {
    let finding = Finding::new(condition, kind, "as the test says");
    Report {
        server: server.into(),
        check: "tcp".into(),
        verdict: Verdict::new("tcp", server, Some(9), finding),
    }
}

#[test]
#[ignore = "takes half a minute and opens thousands of sockets"]
fn thousands_of_services_start_at_once_and_their_checks_are_spread() {
    let text = text();
    let (config, judged) = timed("judge the file", || {
        Config::parse(Path::new("scale.toml"), &text).expect("good")
    });
    let before = resident();
    let for_checks = config.clone();
    let (mut director, started) = timed("start the director, empty table", || {
        let records = Records::in_memory(Journal::nowhere());
        Director::start(
            config,
            Box::new(Memory::default()),
            records,
            Moment::default(),
        )
        .expect("started")
    });
    let now = Moment::new(Duration::from_secs(1));
    let (_, taken) = timed("take a first success of every check", || {
        for server in 0..CHECKS {
            director.take(
                report(&format!("s{server}"), Condition::Healthy, Kind::Ok),
                now,
            );
        }
    });
    timed("one tick that rereads the whole table", || {
        director.tick(now)
    });
    let (_, reloaded) = timed("reload without a change", || {
        director.reload(for_checks.clone(), now).expect("reloaded");
    });
    let with_director = resident();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (arrived, with_checks) = runtime.block_on(async {
        let clock = Clock::start();
        let mut checks = Checks::new(clock);
        checks.follow(&for_checks);
        let mut arrived = vec![0_u32; 20];
        let mut with_checks = 0;
        while let Ok(report) = tokio::time::timeout(Duration::from_secs(5), checks.next()).await {
            let second = clock.now().micros() / 1_000_000;
            let Some(count) = arrived.get_mut(second as usize) else {
                break;
            };
            *count += 1;
            director.take(report, clock.now());
            if second == 19 && with_checks == 0 {
                with_checks = resident();
            }
        }
        (arrived, with_checks)
    });
    let kib = |after: u64| (after - before) as f64 / CHECKS as f64;
    println!("answers by second: {arrived:?}");
    println!(
        "memory: {:.2} KiB a check for the director, {:.2} with the running checks",
        kib(with_director),
        kib(with_checks)
    );
    let even = CHECKS as u32 / 20;
    assert!(
        arrived.iter().all(|count| *count < 2 * even),
        "spread evenly"
    );
    // Generous: what was quadratic took minutes.
    for took in [judged, started, taken, reloaded] {
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
    assert!(kib(with_checks) < 4.0);
}
