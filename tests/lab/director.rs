//! governess in a director's namespace, seen from outside: its exit codes, its JSON, its journal.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::Value;

use crate::Outcome;
use crate::namespace::Namespace;
use crate::process::{Ended, Process, ours};
use crate::story::Story;

/// The service of the original set-up alone, whose marks and addresses are somebody else's, with the
/// times that an emulated machine keeps up with.
pub(crate) const CONFIG: &str = r#"
[director]
backend = "ipvs"
state_dir = "/tmp/governess"
control = "/run/governess.sock"
reconcile_interval = "1s"

[checks.rdp]
x224 = { port = 3389 }
interval = "1s"
timeout = "1s"
retry_interval = "300ms"

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

/// The whole original set-up, as it is packaged.
pub(crate) const WHOLE: &str = include_str!("../../packaging/examples/original.toml");

/// Where governess keeps its state in most scenarios.
pub(crate) const STATE: &str = "/tmp/governess";

/// [`WHOLE`] with the lab's folders and with shorter times, for servers that are Exchange in all.
pub(crate) fn exchange() -> Outcome<String> {
    altered(
        WHOLE,
        &[
            ("/var/lib/governess", STATE),
            (
                "\"/run/governess/control.sock\"",
                "\"/run/governess.sock\"\nreconcile_interval = \"1s\"",
            ),
            (
                "tls = true }",
                "tls = true }\ninterval = \"1s\"\ntimeout = \"2s\"\nretry_interval = \"300ms\"",
            ),
            ("2525] }", "2525] }\ninterval = \"5s\""),
            (
                "\"ews\"] }",
                "\"ews\"] }\ninterval = \"1s\"\nretry_interval = \"500ms\"",
            ),
        ],
    )
}

/// The same for servers of which RDP alone is Exchange's.
pub(crate) fn original() -> Outcome<String> {
    altered(
        &exchange()?,
        &[(
            "checks = [\"rdp\", \"mail\", \"owa\"]",
            "checks = [\"rdp\"]",
        )],
    )
}

/// A text with each of these parts replaced; one that is not there is an error.
pub(crate) fn altered(text: &str, parts: &[(&str, &str)]) -> Outcome<String> {
    parts.iter().try_fold(text.to_owned(), |text, (from, to)| {
        if text.contains(from) {
            Ok(text.replacen(from, to, 1))
        } else {
            Err(format!("the configuration has no {from}").into())
        }
    })
}

/// A governess that runs, ran or will run in one namespace.
pub(crate) struct Director {
    place: Namespace,
    config: PathBuf,
    journal: PathBuf,
    log: PathBuf,
    process: Option<Process>,
}

impl Director {
    /// Writes the configuration, whose state folder that is; starts nothing.
    pub(crate) fn prepare(
        story: &Story,
        place: Namespace,
        state: &str,
        config: &str,
    ) -> Outcome<Self> {
        let state = Path::new(state);
        fs::create_dir_all(state)?;
        let director = Self {
            place,
            config: state.join("governess.toml"),
            journal: state.join("events.jsonl"),
            log: state.join("log"),
            process: None,
        };
        fs::write(&director.config, config)?;
        for (title, path) in [
            ("governess: its log", &director.log),
            ("governess: its journal", &director.journal),
        ] {
            let path = path.clone();
            story.on_failure(title, move || fs::read_to_string(&path).unwrap_or_default());
        }
        Ok(director)
    }

    /// Replaces the configuration file; the next start reads it.
    pub(crate) fn configure(&self, config: &str) -> Outcome {
        Ok(fs::write(&self.config, config)?)
    }

    /// Forgets all that it wrote in its state folder, as if it had never run.
    pub(crate) fn forget(&self) -> Outcome {
        for name in ["intents", "wishes.json", "events.jsonl"] {
            match fs::remove_file(self.config.with_file_name(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Starts it below another program, such as `strace`; waits for nothing.
    pub(crate) fn start_below(&self, wrapper: &[&str]) -> Outcome<Process> {
        Process::start(&self.place, &mut self.wrapped(wrapper)?, &self.log)
    }

    /// Runs it below another program until it ends by itself.
    pub(crate) fn run_to_the_end_below(&self, wrapper: &[&str]) -> Outcome<Ended> {
        self.place.run_to_the_end(&mut self.wrapped(wrapper)?)
    }

    fn wrapped(&self, wrapper: &[&str]) -> Outcome<Command> {
        let governess = ours("governess")?;
        let (program, arguments) = wrapper.split_first().ok_or("no program to start below")?;
        let mut command = Command::new(program);
        command.args(arguments).arg(governess.get_program());
        command.arg("run").arg("-c").arg(&self.config);
        Ok(command)
    }

    /// Starts it and waits until it answers on its control socket.
    pub(crate) fn start(&mut self, story: &Story) -> Outcome {
        let mut command = ours("governess")?;
        command.arg("run").arg("-c").arg(&self.config);
        let mut process = Process::start(&self.place, &mut command, &self.log)?;
        story.until_some(
            "governess answers on its control socket",
            || match process.still_runs() {
                Ok(()) => self.status().map(|_| Ok(())),
                Err(ended) => Ok(Err(ended)),
            },
        )??;
        self.process = Some(process);
        Ok(())
    }

    /// SIGSTOP or SIGCONT: it hangs, and goes on.
    pub(crate) fn signal(&self, signal: Signal) -> Outcome {
        let process = self.process.as_ref().ok_or("governess does not run")?;
        process.signal(signal)
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) -> Outcome {
        let mut process = self.process.take().ok_or("governess does not run")?;
        process.kill()
    }

    /// Asks it to read its configuration anew (SIGHUP); waits for nothing.
    pub(crate) fn hang_up(&self) -> Outcome {
        let process = self.process.as_ref().ok_or("governess does not run")?;
        process.signal_all(nix::sys::signal::Signal::SIGHUP)
    }

    /// Where its configuration is.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// `governess status --json`.
    pub(crate) fn status(&self) -> Outcome<Status> {
        let ended = self.call(&["status", "--json"])?;
        if ended.code() == Some(0) {
            return Ok(serde_json::from_str(&ended.stdout)?);
        }
        Err(format!("governess status: {ended:?}").into())
    }

    /// `governess status`, as people read it.
    pub(crate) fn page(&self) -> Outcome<String> {
        Ok(self.call(&["status"])?.stdout)
    }

    /// `governess plan --json`: its exit code and its steps.
    pub(crate) fn plan(&self) -> Outcome<(Option<i32>, Vec<PlannedStep>)> {
        let ended = self.call(&["plan", "--json"])?;
        let plan: Plan = serde_json::from_str(&ended.stdout)
            .map_err(|error| format!("governess plan: {error}: {ended:?}"))?;
        Ok((ended.code(), plan.steps))
    }

    /// The journal, from its beginning.
    pub(crate) fn events(&self) -> Outcome<Vec<Event>> {
        let text = fs::read_to_string(&self.journal)
            .map_err(|error| format!("{}: {error}", self.journal.display()))?;
        let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let event = |line| serde_json::from_str(line).map_err(|e| format!("{e} in {line}").into());
        whole.lines().map(event).collect()
    }

    /// The events since the last start.
    pub(crate) fn events_of_this_run(&self) -> Outcome<Vec<Event>> {
        let mut events = self.events()?;
        let start = events.iter().rposition(|event| event.event == "started");
        Ok(events.split_off(start.ok_or("the journal knows no start")?))
    }

    /// Runs one of its commands; any exit code but 0 is an error.
    pub(crate) fn says(&self, arguments: &[&str]) -> Outcome<String> {
        let ended = self.call(arguments)?;
        if ended.code() == Some(0) {
            return Ok(ended.stdout);
        }
        Err(format!("governess {arguments:?}: {ended:?}").into())
    }

    /// Runs one of its commands to its end, whatever that is.
    pub(crate) fn call(&self, arguments: &[&str]) -> Outcome<Ended> {
        let mut command: Command = ours("governess")?;
        command.args(arguments).arg("-c").arg(&self.config);
        self.place.run_to_the_end(&mut command)
    }
}

/// What `governess status --json` says, as far as the scenarios ask.
#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    /// What is wrong with the host's set-up, by what it is wrong with.
    pub(crate) host_problems: BTreeMap<String, String>,
    /// What keepalived believes.
    pub(crate) keepalived: Option<Value>,
    services: Vec<ServiceStatus>,
}

impl Status {
    /// The only service of the lab's configuration.
    pub(crate) fn exchange(&self) -> Outcome<&ServiceStatus> {
        match self.services.as_slice() {
            [service] if service.name == "exchange" => Ok(service),
            others => Err(format!("expected the service exchange alone: {others:?}").into()),
        }
    }
}

/// One service of the status.
#[derive(Debug, Deserialize)]
pub(crate) struct ServiceStatus {
    name: String,
    pub(crate) fail_open: bool,
    servers: Vec<ServerStatus>,
    /// Destinations that the configuration does not name.
    pub(crate) foreign: Vec<String>,
}

impl ServiceStatus {
    pub(crate) fn server(&self, name: &str) -> Outcome<&ServerStatus> {
        let found = self.servers.iter().find(|server| server.name == name);
        found.ok_or_else(|| format!("no server {name} in {self:?}").into())
    }
}

/// One server of a service of the status.
#[derive(Debug, Deserialize)]
pub(crate) struct ServerStatus {
    name: String,
    pub(crate) health: String,
    pub(crate) weight_wanted: u32,
    pub(crate) weight_kernel: Option<u32>,
    /// A weight, or a word.
    pub(crate) wish: Option<Value>,
    /// How many times `rise` successes it needs.
    #[serde(default = "once")]
    pub(crate) rise_factor: u32,
    pub(crate) active: u32,
    checks: BTreeMap<String, Value>,
}

fn once() -> u32 {
    1
}

impl ServerStatus {
    /// The last verdict of a check; none before the first.
    pub(crate) fn verdict(&self, check: &str) -> Option<&Value> {
        self.checks.get(check)
    }

    /// The kind of the last verdict of a check, such as `silent`; empty before the first.
    pub(crate) fn kind(&self, check: &str) -> String {
        let kind = self.verdict(check).and_then(|verdict| verdict.get("kind"));
        kind.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

#[derive(Debug, Deserialize)]
struct Plan {
    steps: Vec<PlannedStep>,
}

/// One step that governess would take.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct PlannedStep {
    pub(crate) action: String,
    pub(crate) target: String,
}

/// One line of the journal.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    /// Since the machine's start.
    pub(crate) mono_us: u64,
    pub(crate) event: String,
    pub(crate) server: Option<String>,
    pub(crate) reason: String,
}
