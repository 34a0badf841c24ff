//! A director with a table in memory and two look-alikes, in a folder of its own.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lookalike::rdp::Rdp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::built::{program, until};
use crate::core::Running;

/// A director that runs, and its servers.
pub(crate) struct Governess {
    folder: PathBuf,
    running: Option<Running>,
    pub(crate) ex1: Rdp,
    _ex2: Rdp,
}

impl Governess {
    /// Starts it with this beside the usual configuration; `[services.exchange]` is the last part.
    pub(crate) fn start(folder: &Path, checks: &str, further: &str) -> Self {
        let (ex1, ex2) = servers();
        let port = ex1.address().port();
        let config = format!(
            "[director]\nbackend = \"memory\"\nstate_dir = \"{folder}/state\"\ncontrol = \
             \"{folder}/control.sock\"\n\n{further}\n[checks.rdp]\nx224 = {{ port = {port} }}\n\
             interval = \"1s\"\nretry_interval = \"200ms\"\nstale_after = \"60s\"\n\n\
             [servers.ex1]\naddress = \"127.0.0.1\"\n\n[servers.ex2]\naddress = \"127.0.0.2\"\n\n\
             [services.exchange]\nfwmark = 80\nservers = [\"ex1\", \"ex2\"]\nchecks = [{checks}]\n",
            folder = folder.display()
        );
        let mut governess = Self {
            folder: folder.to_owned(),
            running: None,
            ex1,
            _ex2: ex2,
        };
        std::fs::write(governess.config(), config).unwrap();
        governess.run();
        governess
    }

    /// Runs it, again if it was ended, and waits until both servers are up.
    pub(crate) fn run(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("governess.log"))
            .unwrap();
        let mut command = Command::new(program("governess"));
        command.arg("run").arg("-c").arg(self.config());
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = command.stderr(log).spawn().unwrap();
        self.running = Some(Running(child));
        until("the director judges both servers", || {
            let status = self.status()?;
            let servers = status["services"][0]["servers"].as_array()?.clone();
            let judged = |server: &Value| server["health"] != "unknown";
            servers.iter().all(judged).then_some(())
        });
    }

    /// Ends it as its operator does.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    /// SIGSTOP or SIGCONT: hung and back.
    pub(crate) fn signal(&self, signal: Signal) {
        let running = self.running.as_ref().unwrap();
        kill(
            Pid::from_raw(i32::try_from(running.0.id()).unwrap()),
            signal,
        )
        .unwrap();
    }

    /// Its process id.
    pub(crate) fn process(&self) -> u32 {
        self.running.as_ref().unwrap().0.id()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("governess.toml")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// One of its commands.
    pub(crate) fn call(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program("governess"));
        command.arg("-c").arg(self.config()).args(arguments);
        command.output().unwrap()
    }

    /// `status --json`, if it answers.
    pub(crate) fn status(&self) -> Option<Value> {
        serde_json::from_slice(&self.call(&["status", "--json"]).stdout).ok()
    }

    /// The wanted weights of ex1 and ex2.
    pub(crate) fn weights(&self) -> Option<[u64; 2]> {
        let status = self.status()?;
        let weight = |at: usize| status["services"][0]["servers"][at]["weight_wanted"].as_u64();
        Some([weight(0)?, weight(1)?])
    }
}

/// Two servers with one port, which a director's check has for all.
fn servers() -> (Rdp, Rdp) {
    for _ in 0..20 {
        let ex1 = Rdp::listen(([127, 0, 0, 1], 0).into()).unwrap();
        let beside = SocketAddr::new(IpAddr::from([127, 0, 0, 2]), ex1.address().port());
        if let Ok(ex2) = Rdp::listen(beside) {
            return (ex1, ex2);
        }
    }
    panic!("no port is free on both addresses");
}
