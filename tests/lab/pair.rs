//! Two directors with the same configuration file, each with folders of its own, and keepalived on
//! both with the file that governess writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Outcome;
use crate::director::{altered, original};
use crate::host::holds;
use crate::namespace::Namespace;
use crate::process::{Ended, Process, checked, ours};
use crate::servers::{Rdp, serve_echo};
use crate::story::Story;
use crate::topology::Topology;

/// The folders that each machine has of its own. Everything else they share.
const FOLDERS: [&str; 3] = ["tmp/governess", "run/governess", "run/keepalived"];

/// Shows a machine's folders in their places, and becomes the program.
const VIEW: &str = "for it in tmp/governess run/governess run/keepalived; do \
                    mount --bind \"$0/$it\" \"/$it\" || exit 99; done; exec \"$@\"";

const CONFIG: &str = "/tmp/governess/governess.toml";

const KEEPALIVED: &str = "/run/keepalived/keepalived.conf";

/// All addresses that move.
pub(crate) const MOVING: [&str; 4] = [
    "eth0 192.168.1.35/24",
    "eth0 192.168.1.36/24",
    "eth0 192.168.1.37/24",
    "eth1 10.0.1.254/24",
];

/// One director of the two.
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    pub(crate) place: Namespace,
    folder: PathBuf,
    governess: Option<Process>,
    keepalived: Option<Process>,
}

impl Machine {
    fn prepare(story: &Story, name: &'static str) -> Outcome<Self> {
        let folder = Path::new("/tmp/pair").join(name);
        for it in FOLDERS {
            fs::create_dir_all(folder.join(it))?;
            fs::create_dir_all(Path::new("/").join(it))?;
        }
        for log in [
            "governess.log",
            "keepalived.log",
            "tmp/governess/events.jsonl",
        ] {
            let path = folder.join(log);
            story.on_failure(&format!("{name}: {log}"), move || {
                fs::read_to_string(&path).unwrap_or_default()
            });
        }
        Ok(Self {
            name,
            place: Namespace::open(name)?,
            folder,
            governess: None,
            keepalived: None,
        })
    }

    /// A program that sees this machine's folders.
    fn command(&self, program: &Command) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", VIEW])
            .arg(&self.folder);
        command.arg(program.get_program()).args(program.get_args());
        command
    }

    /// Writes its configuration file.
    pub(crate) fn configure(&self, config: &str) -> Outcome {
        Ok(fs::write(self.own(CONFIG), config)?)
    }

    /// Where a file of this machine's is for the others.
    pub(crate) fn own(&self, path: &str) -> PathBuf {
        self.folder.join(path.trim_start_matches('/'))
    }

    /// Runs one of governess's commands to its end.
    pub(crate) fn call(&self, arguments: &[&str]) -> Outcome<Ended> {
        let mut governess = ours("governess")?;
        governess.args(arguments).args(["-c", CONFIG]);
        self.place.run_to_the_end(&mut self.command(&governess))
    }

    /// `governess status --json`.
    pub(crate) fn status(&self) -> Outcome<Value> {
        let ended = self.call(&["status", "--json"])?;
        match ended.code() {
            Some(0) => Ok(serde_json::from_str(&ended.stdout)?),
            _ => Err(format!("{}: governess status: {ended:?}", self.name).into()),
        }
    }

    /// A part of its status, such as `/pair/score`.
    pub(crate) fn says(&self, pointer: &str) -> Outcome<Value> {
        Ok(self.status()?.pointer(pointer).cloned().unwrap_or_default())
    }

    /// Starts governess and waits until it finds both servers up.
    pub(crate) fn start_governess(&mut self, story: &Story) -> Outcome {
        let mut governess = ours("governess")?;
        governess.args(["run", "-c", CONFIG]);
        let log = self.folder.join("governess.log");
        let mut process = Process::start(&self.place, &mut self.command(&governess), &log)?;
        story.until_some(&format!("{}: both servers are up", self.name), || {
            if let Err(ended) = process.still_runs() {
                return Ok(Err(ended));
            }
            let status = self.status()?;
            for server in [
                "/services/0/servers/0/health",
                "/services/0/servers/1/health",
            ] {
                let health = status.pointer(server).and_then(Value::as_str);
                if health != Some("up") {
                    return Err(format!("{server} is {health:?}").into());
                }
            }
            Ok(Ok(()))
        })??;
        self.governess = Some(process);
        Ok(())
    }

    /// The file that governess writes for keepalived.
    pub(crate) fn exported(&self) -> Outcome<String> {
        let ended = self.call(&["export", "keepalived"])?;
        match ended.code() {
            Some(0) => Ok(ended.stdout),
            _ => Err(format!("{}: export keepalived: {ended:?}", self.name).into()),
        }
    }

    /// Has keepalived accept a file (`keepalived -t`), and starts it; waits for nothing.
    pub(crate) fn start_keepalived(&mut self, config: &str) -> Outcome {
        fs::write(self.own(KEEPALIVED), config)?;
        let mut test = Command::new("keepalived");
        test.args(["--config-test", "--use-file", KEEPALIVED]);
        let ended = self.place.run_to_the_end(&mut self.command(&test))?;
        if ended.code() != Some(0) {
            return Err(format!("keepalived refuses the file: {ended:?}").into());
        }
        let mut keepalived = Command::new("keepalived");
        keepalived
            .args(["--dont-fork", "--log-console", "--log-detail", "--vrrp"])
            .args(["--use-file", KEEPALIVED])
            .args(["--pid", "/run/keepalived/pid"])
            .args(["--vrrp_pid", "/run/keepalived/vrrp.pid"]);
        let log = self.folder.join("keepalived.log");
        let started = Process::start(&self.place, &mut self.command(&keepalived), &log)?;
        self.keepalived.insert(started).still_runs()
    }

    /// Ends keepalived as its operator does; it gives its addresses up.
    pub(crate) fn stop_keepalived(&mut self, story: &Story) -> Outcome {
        let mut process = self.keepalived.take().ok_or("keepalived does not run")?;
        process.signal(Signal::SIGTERM)?;
        story.until_some("keepalived has ended", || match process.has_ended()? {
            true => Ok(()),
            false => Err("it still runs".into()),
        })
    }

    /// SIGSTOP or SIGCONT to governess.
    pub(crate) fn signal(&self, signal: Signal) -> Outcome {
        let process = self.governess.as_ref().ok_or("governess does not run")?;
        process.signal_all(signal)
    }

    /// SIGKILL to governess.
    pub(crate) fn kill_governess(&mut self) -> Outcome {
        let mut process = self.governess.take().ok_or("governess does not run")?;
        process.kill_all()
    }

    /// Takes the wire of an interface down or up, at the end that is not this machine's.
    pub(crate) fn wire(&self, interface: &str, state: &str) -> Outcome {
        let wire = format!("{}-{interface}", self.name);
        checked(Command::new("ip").args(["link", "set", &wire, state]))?;
        Ok(())
    }

    /// The machine loses its power: nobody hears of it again, and nothing of it can say good-bye.
    pub(crate) fn lose_power(&mut self) -> Outcome {
        self.wire("eth0", "down")?;
        self.wire("eth1", "down")?;
        for process in [self.keepalived.take(), self.governess.take()] {
            if let Some(mut process) = process {
                process.kill_all()?;
            }
        }
        Ok(())
    }

    /// The machine boots: its own addresses, an empty table, no packet filter, an empty `/run`; its
    /// wires are up.
    pub(crate) fn boot(&self) -> Outcome {
        for folder in ["run/governess", "run/keepalived"] {
            for entry in fs::read_dir(self.folder.join(folder))? {
                fs::remove_file(entry?.path())?;
            }
        }
        for moving in MOVING {
            let (interface, address) = moving.split_once(' ').unwrap_or_default();
            if holds(&self.place, moving)? {
                let delete = ["address", "del", address, "dev", interface];
                self.place.run("ip", &delete)?;
            }
        }
        self.place.run("ipvsadm", &["-C"])?;
        self.place.run("nft", &["flush", "ruleset"])?;
        self.wire("eth0", "up")?;
        self.wire("eth1", "up")
    }

    /// Whether it holds all addresses that move, or none; an error if it holds some.
    pub(crate) fn holds_all(&self) -> Outcome<bool> {
        let mut held = Vec::new();
        for moving in MOVING {
            if holds(&self.place, moving)? {
                held.push(moving);
            }
        }
        match held.len() {
            0 => Ok(false),
            all if all == MOVING.len() => Ok(true),
            _ => Err(format!("{} holds {held:?} alone", self.name).into()),
        }
    }
}

/// The two, and the servers behind them.
pub(crate) struct Pair<'a> {
    pub(crate) story: &'a Story,
    pub(crate) net: Topology,
    pub(crate) machines: [Machine; 2],
    pub(crate) ex1: Rdp,
    pub(crate) ex2: Rdp,
}

/// The whole original set-up for two directors, the same file on both.
pub(crate) fn config() -> Outcome<String> {
    let original = altered(
        &original()?,
        &[("/run/governess.sock", "/run/governess/control.sock")],
    )?;
    let pair = "\n[pair]\npartner = [\"10.0.1.33\", \"10.0.1.34\"]\n\
                fifo = \"/run/governess/vrrp.fifo\"\n";
    Ok(original + pair)
}

impl<'a> Pair<'a> {
    /// Both directors at work with this configuration, and one of them holds the addresses.
    pub(crate) fn serving(story: &'a Story, config: &str) -> Outcome<Self> {
        let net = Topology::build()?;
        serve_echo(&net.ex1)?;
        serve_echo(&net.ex2)?;
        let ex1 = Rdp::begin(story, Namespace::open("ex1")?)?;
        let ex2 = Rdp::begin(story, Namespace::open("ex2")?)?;
        let machines = [
            Machine::prepare(story, "lb1")?,
            Machine::prepare(story, "lb2")?,
        ];
        let mut pair = Self {
            story,
            net,
            machines,
            ex1,
            ex2,
        };
        for machine in &mut pair.machines {
            machine.configure(config)?;
            machine.start_governess(story)?;
            let exported = machine.exported()?;
            machine.start_keepalived(&exported)?;
        }
        pair.until_holder()?;
        Ok(pair)
    }

    /// Waits until exactly one of the two holds the addresses; gives its place among them.
    pub(crate) fn until_holder(&self) -> Outcome<usize> {
        self.story
            .until_some("one director holds all addresses", || {
                match self.holders()?[..] {
                    [one] => Ok(one),
                    ref others => Err(format!("{} hold them", others.len()).into()),
                }
            })
    }

    /// Waits until this one of the two holds the addresses, and the other one does not; gives the
    /// time it took.
    pub(crate) fn until_held_by(&self, at: usize) -> Outcome<Duration> {
        let what = format!("{} alone holds all addresses", self.machines[at].name);
        self.story.until(&what, &vec![at], || self.holders())
    }

    /// Who holds the addresses.
    pub(crate) fn holders(&self) -> Outcome<Vec<usize>> {
        let mut holders = Vec::new();
        for (at, machine) in self.machines.iter().enumerate() {
            if machine.holds_all()? {
                holders.push(at);
            }
        }
        Ok(holders)
    }

    /// Fails if the holder changes in this time.
    pub(crate) fn stays_with(&self, at: usize, time: Duration) -> Outcome {
        let begun = Instant::now();
        let name = self.machines[at].name;
        self.story.tell(&format!(
            "{name} has to keep the addresses for {} s",
            time.as_secs()
        ));
        while begun.elapsed() < time {
            let holders = self.holders()?;
            if holders != [at] {
                return Err(format!("{name} alone held the addresses; now {holders:?} do").into());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}
