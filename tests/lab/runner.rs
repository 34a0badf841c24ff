//! Runs scenarios one after the other, each in network, mount and process namespaces of its own:
//! whatever a scenario started or left behind ends with it.

use std::any::Any;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, panic};

use crate::Outcome;
use crate::scenarios::{self, AFTER_REBOOT, REBOOT, STORY, Scenario};
use crate::story::{FIGURE, Story, every_step, patience};

/// What a scenario's last line begins with when it failed.
const WHY: &str = "why: ";

/// How much longer the runner waits than the scenario's own limit, for its evidence.
const GRACE: Duration = Duration::from_secs(30);

/// A scenario's own time limit: several steps may use up their patience, and some stories are told
/// twice. A death at every step takes as long as it takes.
fn limit() -> Duration {
    if every_step() {
        return Duration::from_secs(3 * 3600);
    }
    patience() * 8
}

/// Runs the named scenarios, or all; the closing line counts them.
pub(crate) fn run(names: &[String]) -> ExitCode {
    if let Some(unknown) = names.iter().find(|name| find(name).is_none()) {
        eprintln!("lab: no scenario is called {unknown}; see --list");
        return ExitCode::from(64);
    }
    let chosen =
        |scenario: &&Scenario| names.is_empty() || names.iter().any(|name| name == scenario.name);
    if let Ok(earlier) = fs::read_to_string(AGAIN) {
        return go_on(&earlier);
    }
    let mut tally = Tally::default();
    for scenario in scenarios::ALL.iter().filter(chosen) {
        let reboots = scenario.name == REBOOT;
        if reboots && !Path::new("/lab").is_dir() {
            println!("skip {REBOOT}: only the guest of tests/lab/run can be booted again");
            tally.skipped += 1;
            continue;
        }
        let begun = Instant::now();
        match run_logged(scenario.name) {
            Ok(()) if reboots => match fs::write(AGAIN, tally.to_string()) {
                Ok(()) => return ExitCode::SUCCESS,
                Err(error) => tally.count(REBOOT, REBOOT, begun, Err(error.into())),
            },
            outcome => tally.count(scenario.name, scenario.name, begun, outcome),
        }
    }
    tally.close()
}

/// While this file is there, the guest is booted once more and `run` is called again.
const AGAIN: &str = "/lab/again";

/// The second half of a scenario that takes two boots, and the end of the run.
fn go_on(earlier: &str) -> ExitCode {
    let mut tally = Tally::of(earlier);
    let begun = Instant::now();
    let second = AFTER_REBOOT.name;
    let removed = fs::remove_file(AGAIN).map_err(Into::into);
    let outcome = removed.and_then(|()| run_logged(second));
    tally.count(REBOOT, second, begun, outcome);
    tally.close()
}

/// What the closing line counts.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    /// As the closing line, or the file that outlives a boot, has it.
    fn of(text: &str) -> Self {
        let mut counts = text.split(", ").map(|part| {
            let count = part.split(' ').next().unwrap_or_default();
            count.parse().unwrap_or_default()
        });
        let mut next = || counts.next().unwrap_or_default();
        Self {
            passed: next(),
            failed: next(),
            skipped: next(),
        }
    }

    fn count(&mut self, name: &str, log: &str, begun: Instant, outcome: Outcome) {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("ok {name}");
                show_figures(log, begun.elapsed());
            }
            Err(why) => {
                self.failed += 1;
                println!("not ok {name}: {why}");
                show(log);
            }
        }
    }

    fn close(&self) -> ExitCode {
        println!("{self}");
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (passed, failed, skipped) = (self.passed, self.failed, self.skipped);
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Tells the demonstration's tale on standard output; all else goes to the log.
pub(crate) fn tell() -> ExitCode {
    match empty_log(STORY).and_then(|log| run_apart(STORY, Stdio::inherit(), log)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("\nThe story ends here, not as it should: {why}");
            ExitCode::FAILURE
        }
    }
}

fn find(name: &str) -> Option<&'static Scenario> {
    let mut all = scenarios::ALL.iter().chain([&AFTER_REBOOT]);
    all.find(|scenario| scenario.name == name)
}

/// Where a scenario's output is kept: `/lab` outlives the guest.
fn log_of(name: &str) -> PathBuf {
    let folder = Path::new("/lab");
    let folder = if folder.is_dir() {
        folder.to_owned()
    } else {
        env::temp_dir()
    };
    folder.join(format!("{name}.log"))
}

fn show(name: &str) {
    for line in fs::read_to_string(log_of(name)).unwrap_or_default().lines() {
        println!("    {line}");
    }
}

fn show_figures(name: &str, took: Duration) {
    println!("    took {:.1} s", took.as_secs_f64());
    let log = fs::read_to_string(log_of(name)).unwrap_or_default();
    for figure in log.lines().filter_map(|line| line.strip_prefix(FIGURE)) {
        println!("    {figure}");
    }
}

/// Runs one scenario with all that it says in its log.
fn run_logged(name: &str) -> Outcome {
    let log = empty_log(name)?;
    run_apart(name, log.try_clone()?.into(), log)
}

fn empty_log(name: &str) -> Outcome<File> {
    let path = log_of(name);
    fs::write(&path, "")?;
    Ok(File::options().append(true).open(path)?)
}

/// Runs one scenario in a process of its own, in fresh namespaces that end with it.
fn run_apart(name: &str, tale: Stdio, log: File) -> Outcome {
    let child = Command::new("unshare")
        .args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--",
        ])
        .arg(env::current_exe()?)
        .args(["one", name])
        .stdin(Stdio::null())
        .stdout(tale)
        .stderr(log)
        .spawn()
        .map_err(|error| format!("cannot start unshare: {error}"))?;
    let status = wait(child, limit() + GRACE)?;
    if status.success() {
        return Ok(());
    }
    let output = fs::read_to_string(log_of(name)).unwrap_or_default();
    let why = output.lines().rev().find_map(|line| line.strip_prefix(WHY));
    let ended = match status.signal() {
        Some(signal) => format!("died of signal {signal}"),
        None => "ended without a reason".to_owned(),
    };
    Err(why.unwrap_or(&ended).into())
}

fn wait(mut child: Child, limit: Duration) -> Outcome<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Err(format!("hung, and was killed after {} s", limit.as_secs()).into());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Runs one scenario here. A failure, a panic and the time limit all show the evidence.
pub(crate) fn one(name: &str) -> ExitCode {
    let Some(scenario) = find(name) else {
        eprintln!("lab: no scenario is called {name}");
        return ExitCode::from(64);
    };
    let story = Arc::new(Story::begin());
    let (sender, receiver) = mpsc::channel();
    let teller = Arc::clone(&story);
    let tell = scenario.tell;
    thread::spawn(move || {
        let prepared = fresh_scratch();
        let outcome = prepared.and_then(|()| {
            panic::catch_unwind(panic::AssertUnwindSafe(|| tell(&teller)))
                .unwrap_or_else(|cause| Err(format!("panicked: {}", text_of(&*cause)).into()))
        });
        sender.send(outcome)
    });
    let outcome = match receiver.recv_timeout(limit()) {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(RecvTimeoutError::Timeout) => {
            let (seconds, step) = (limit().as_secs(), story.last_step());
            Err(format!("not done after {seconds} s; last step: {step}"))
        }
        Err(RecvTimeoutError::Disconnected) => Err("its thread ended without a word".to_owned()),
    };
    let Err(why) = outcome else {
        return ExitCode::SUCCESS;
    };
    story.show_evidence();
    eprintln!("{WHY}{}", why.replace('\n', "; "));
    ExitCode::FAILURE
}

fn text_of(cause: &(dyn Any + Send)) -> &str {
    let owned = cause.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("without a text")
}

/// An empty `/run` and `/tmp` in this scenario's mount namespace.
fn fresh_scratch() -> Outcome {
    for (name, target) in [("run", "/run"), ("tmp", "/tmp")] {
        let status = Command::new("mount")
            .args(["-t", "tmpfs", name, target])
            .status()?;
        if !status.success() {
            return Err(format!(
                "cannot mount a tmpfs on {target}: root in a fresh mount namespace is needed"
            )
            .into());
        }
    }
    fs::create_dir("/run/netns")?;
    Ok(())
}
