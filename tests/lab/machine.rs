//! One director of a pair, with folders of its own, governess and keepalived.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::ifaddrs::getifaddrs;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Outcome;
use crate::host::addresses;
use crate::namespace::Namespace;
use crate::process::{Ended, Process, checked, ours};
use crate::ssh::Sshd;
use crate::story::{Story, patience};

/// The folders that each machine has of its own. Everything else they share.
const FOLDERS: [&str; 3] = ["tmp/governess", "run/governess", "run/keepalived"];

/// Shows a machine's folders in their places, and becomes the program.
const VIEW: &str = "for it in tmp/governess run/governess run/keepalived; do \
                    mount --bind \"$0/$it\" \"/$it\" || exit 99; done; exec \"$@\"";

const CONFIG: &str = "/tmp/governess/governess.toml";

const KEEPALIVED: &str = "/run/keepalived/keepalived.conf";

/// While this file is there, keepalived's own script finds fault with the machine, where keepalived
/// is alone.
pub(crate) const HUNG: &str = "/run/keepalived/hung";

/// All addresses that move.
const MOVING: [&str; 4] = [
    "eth0 192.168.1.35/24",
    "eth0 192.168.1.36/24",
    "eth0 192.168.1.37/24",
    "eth1 10.0.1.254/24",
];

/// One director of the two.
pub(crate) struct Machine {
    pub(crate) name: &'static str,
    /// Its own inside address.
    pub(crate) inside: &'static str,
    pub(crate) place: Namespace,
    folder: PathBuf,
    governess: Option<Process>,
    keepalived: Option<Process>,
    /// How long keepalived's log was when it was started last.
    said_before: usize,
}

impl Machine {
    pub(crate) fn prepare(
        story: &Story,
        name: &'static str,
        inside: &'static str,
    ) -> Outcome<Self> {
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
            inside,
            place: Namespace::open(name)?,
            folder,
            governess: None,
            keepalived: None,
            said_before: 0,
        })
    }

    /// A program that sees this machine's folders.
    pub(crate) fn command(&self, program: &Command) -> Command {
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

    /// Runs `check_director` as a monitoring host's agent would.
    pub(crate) fn check_director(&self) -> Outcome<Ended> {
        let mut plugin = ours("check_director")?;
        plugin.args(["--socket", "/run/governess/control.sock"]);
        self.place.run_to_the_end(&mut self.command(&plugin))
    }

    /// `governess push` to the other one.
    pub(crate) fn push(&self, to: &Sshd) -> Outcome<Ended> {
        let mut governess = ours("governess")?;
        governess.args(["push", to.host(), "-c", CONFIG]);
        let mut command = self.command(&governess);
        command.env("PATH", to.path()?);
        self.place.run_to_the_end(&mut command)
    }

    /// A page of its status server.
    pub(crate) fn page(&self, path: &str) -> Outcome<String> {
        let answer = self.place.within(|| -> Outcome<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, 3636))?;
            stream.set_read_timeout(Some(patience()))?;
            write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        })??;
        if answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200") {
            return Ok(answer);
        }
        Err(format!("{}: {path}: {answer}", self.name).into())
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

    /// Starts governess, and waits for nothing.
    pub(crate) fn start_governess(&mut self) -> Outcome {
        let mut governess = ours("governess")?;
        governess.args(["run", "-c", CONFIG]);
        let log = self.folder.join("governess.log");
        let started = Process::start(&self.place, &mut self.command(&governess), &log)?;
        self.governess = Some(started);
        Ok(())
    }

    /// Waits until governess finds both servers up.
    pub(crate) fn until_servers_are_up(&mut self, story: &Story) -> Outcome {
        story.until_some(&format!("{}: both servers are up", self.name), || {
            let process = self.governess.as_mut().ok_or("governess does not run")?;
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
        })?
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
        self.said_before = fs::read(&log).unwrap_or_default().len();
        let started = Process::start(&self.place, &mut self.command(&keepalived), &log)?;
        self.keepalived.insert(started).still_runs()
    }

    /// Waits until the keepalived that was started last has said this.
    pub(crate) fn until_keepalived_says(&self, story: &Story, words: &str) -> Outcome {
        let what = format!("keepalived on {} says {words}", self.name);
        story.until(&what, &true, || {
            let log = fs::read(self.folder.join("keepalived.log"))?;
            let now = log.get(self.said_before..).unwrap_or_default();
            Ok(String::from_utf8_lossy(now).contains(words))
        })?;
        Ok(())
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

    /// SIGSTOP, SIGCONT or SIGHUP to governess.
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
        let programs = [self.keepalived.take(), self.governess.take()];
        for mut process in programs.into_iter().flatten() {
            process.kill_all()?;
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
        let held = addresses(&self.place)?;
        for moving in MOVING {
            let (interface, address) = moving.split_once(' ').unwrap_or_default();
            if held.contains(moving) {
                let delete = ["address", "del", address, "dev", interface];
                self.place.run("ip", &delete)?;
            }
        }
        self.place.run("ipvsadm", &["-C"])?;
        self.place.run("nft", &["flush", "ruleset"])?;
        self.wire("eth0", "up")?;
        self.wire("eth1", "up")
    }

    /// Its addresses of IPv4, each as `eth0 192.168.1.35`; asked for so often that no program is
    /// started for it.
    fn held(&self) -> Outcome<BTreeSet<String>> {
        self.place.within(|| {
            let held = getifaddrs()?.filter_map(|it| {
                let address = it.address?.as_sockaddr_in()?.ip();
                Some(format!("{} {address}", it.interface_name))
            });
            Ok(held.collect())
        })?
    }

    /// Whether it holds all addresses that move, or none; an error if it holds some.
    pub(crate) fn holds_all(&self) -> Outcome<bool> {
        let all = self.held()?;
        let named = |it: &&str| it.split('/').next().is_some_and(|it| all.contains(it));
        let held: Vec<_> = MOVING.into_iter().filter(named).collect();
        match held.len() {
            0 => Ok(false),
            all if all == MOVING.len() => Ok(true),
            _ => Err(format!("{} holds {held:?} alone", self.name).into()),
        }
    }
}
