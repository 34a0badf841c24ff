//! From the deciding verdict to the kernel's acknowledgement, against one `ipvsadm -e`. Runs in the
//! lab's guest, as root.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use hook::clock::Clock;
use hook::config::Config;
use hook::director::record::Intents;
use hook::director::wishes::Wishes;
use hook::director::{Director, Records, Report};
use hook::kernel::VirtualServers;
use hook::kernel::backend;
use hook::kernel::ipvs::Ipvs;
use hook::operate::journal::Journal;
use hook::table::{Family, ServiceKey};
use lookalike::rdp::{Behaviour, Rdp};
use plugins::x224;
use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::{Condition, Verdict};

use super::{Measured, Quantity, Unit};
use crate::Outcome;
use crate::measure::{Program, bind_to_one_core, interleaved, rounds};
use crate::origin::package_version;

const ROUNDS: usize = 300;

/// Ours and ipvsadm's service have a mark of their own, and the same two real servers.
const OUR_MARK: u32 = 80;
const PEER_MARK: u32 = 81;
const EX1: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1)), 0);

/// The first failure takes a server out and the first success brings it back: each report decides.
const CONFIG: &str = r#"
[director]
backend = "ipvs"
state_dir = "/tmp/bench"

[checks.rdp]
x224 = { port = 3389 }
fall = 1
rise = 1

[servers.ex1]
address = "10.0.1.1"

[servers.ex2]
address = "10.0.1.2"

[services.exchange]
fwmark = 80
scheduler = "wlc"
persistence = "600s"
forward = "nat"
servers = ["ex1", "ex2"]
checks = ["rdp"]
"#;

pub(crate) fn measure() -> Outcome<Measured> {
    bind_to_one_core()?;
    let mut told = collect_stderr()?;
    let rdp = Rdp::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let healthy = check(&rdp, Behaviour::Confirms, Condition::Healthy)?;
    let failed = check(&rdp, Behaviour::Closes, Condition::Failed)?;

    let clock = Clock::start();
    let mut director = start(clock)?;
    for server in ["ex1", "ex2"] {
        director.take(report(server, &healthy), clock.now());
    }
    for command in [
        "-A -f 81 -s wlc -p 600",
        "-a -f 81 -r 10.0.1.1:0 -m -w 1",
        "-a -f 81 -r 10.0.1.2:0 -m -w 1",
    ] {
        ipvsadm(command).output()?;
    }

    let (mut our_table, mut peer_table) = (Ipvs::new(), Ipvs::new());
    let (mut our_weight, mut peer_weight) = (1, 1);
    let mut ours = || {
        our_weight = 1 - our_weight;
        let verdict = if our_weight == 0 { &failed } else { &healthy };
        let report = report("ex1", verdict);
        let begun = Instant::now();
        director.take(report, clock.now());
        let took = begun.elapsed();
        drain(&mut told)?;
        expect(&mut our_table, OUR_MARK, our_weight)?;
        Ok(took)
    };
    let edits = [0, 1].map(|weight| ipvsadm(&format!("-e -f 81 -r 10.0.1.1:0 -m -w {weight}")));
    let mut peer = || {
        peer_weight = 1 - peer_weight;
        let took = edits
            .get(peer_weight as usize)
            .ok_or("no such edit")?
            .time()?;
        expect(&mut peer_table, PEER_MARK, peer_weight)?;
        Ok(took.wall)
    };
    let measured = interleaved(ROUNDS, &mut ours, &mut peer)?;

    Ok(Measured {
        ours: "Director::take with the verdict that changes a server's health, until it returns: \
               judged, recorded in intents, journalled, acknowledged by the kernel"
            .to_owned(),
        peer: format!(
            "one process of ipvsadm -e ({})",
            package_version("ipvsadm")?
        ),
        remarks: vec![format!(
            "In the kernel lab: Linux {}, state files on tmpfs. Emulation makes the start of a \
             process dearer than anything else; a real machine shows a smaller difference.",
            fs::read_to_string("/proc/sys/kernel/osrelease")?.trim()
        )],
        quantities: vec![Quantity {
            name: "wall time".to_owned(),
            unit: Unit::Seconds,
            target: super::Target::RatioAtMost(0.01),
            rounds: rounds(&measured, Duration::as_secs_f64),
        }],
    })
}

/// The director as `governess run` makes it.
fn start(clock: Clock) -> Outcome<Director> {
    let config =
        Config::parse(Path::new("bench.toml"), CONFIG).map_err(|faults| faults.to_string())?;
    let folder = &config.director.state_dir;
    fs::create_dir_all(folder)?;
    let records = Records {
        intents: Intents::open(
            &folder.join("intents"),
            backend::identity(config.director.backend)?,
        )?,
        wishes: Wishes::open(&folder.join("wishes.json"))?,
        journal: Journal::open(&folder.join("events.jsonl"))?,
    };
    let kernel = backend::open(&config);
    Ok(Director::start(config, kernel, records, clock.now())?)
}

/// A verdict as the check itself gives it.
fn check(rdp: &Rdp, behaviour: Behaviour, expected: Condition) -> Outcome<Verdict> {
    rdp.behave(behaviour)?;
    let target = Target {
        name: "10.0.1.1".to_owned(),
        address: rdp.address(),
        source: None,
    };
    let deadline = Deadline::after(Duration::from_secs(30));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let verdict = runtime.block_on(x224::check(&target, &x224::Options::default(), deadline));
    if verdict.condition == expected {
        return Ok(verdict);
    }
    Err(format!("expected {expected:?}, the check says: {}", verdict.summary).into())
}

fn report(server: &str, verdict: &Verdict) -> Report {
    Report {
        server: server.into(),
        check: "rdp".into(),
        verdict: verdict.clone(),
    }
}

fn ipvsadm(command: &str) -> Program {
    let words: Vec<&str> = command.split_whitespace().collect();
    Program::new("/sbin/ipvsadm", &words)
}

/// What is timed must have reached the kernel.
fn expect(table: &mut Ipvs, mark: u32, weight: u32) -> Outcome {
    let service = ServiceKey::Fwmark {
        mark,
        family: Family::V4,
    };
    let table = table.dump()?;
    let found = table
        .get(&service)
        .and_then(|service| service.destinations.get(&EX1))
        .map(|destination| destination.settings.weight);
    if found == Some(weight) {
        return Ok(());
    }
    Err(format!("expected weight {weight} of {EX1} in {service}, found {found:?}").into())
}

/// The director tells every event on stderr. As under systemd, that is a Unix socket; the guest's
/// own would be a serial line. It is read between the rounds: in emulation, waking a reader on
/// another core costs more than all that is measured.
fn collect_stderr() -> std::io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    nix::unistd::dup2_stderr(writer)?;
    reader.set_nonblocking(true)?;
    Ok(reader)
}

/// Reads all that was told; nothing is not an option.
fn drain(told: &mut UnixStream) -> Outcome {
    let mut buffer = [0; 65_536];
    if told.read(&mut buffer)? == 0 {
        return Err("the director closed its stderr".into());
    }
    Ok(())
}
