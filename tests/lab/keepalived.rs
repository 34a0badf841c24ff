//! keepalived's checkers in a director's namespace, with the packaged configuration files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use crate::Outcome;
use crate::namespace::Namespace;
use crate::process::{Process, ours};
use crate::story::Story;

/// Where everything of a keepalived is.
const FOLDER: &str = "/run/keepalived";

/// A keepalived that runs.
pub(crate) struct Keepalived {
    process: Process,
    config: PathBuf,
}

impl Keepalived {
    /// Accepts the configuration (`keepalived -t`) and starts its checkers.
    pub(crate) fn start(story: &Story, place: &Namespace, config: &str) -> Outcome<Self> {
        Self::start_part("--check", story, place, config)
    }

    /// The same with VRRP instead of checkers.
    pub(crate) fn start_vrrp(story: &Story, place: &Namespace, config: &str) -> Outcome<Self> {
        Self::start_part("--vrrp", story, place, config)
    }

    fn start_part(part: &str, story: &Story, place: &Namespace, config: &str) -> Outcome<Self> {
        fs::create_dir_all(FOLDER)?;
        let folder = Path::new(FOLDER);
        let file = folder.join("keepalived.conf");
        fs::write(&file, config)?;
        let log = folder.join("log");
        let shown = log.clone();
        story.on_failure("keepalived: its log", move || {
            fs::read_to_string(&shown).unwrap_or_default()
        });
        let path = file.to_string_lossy().into_owned();
        place.run("keepalived", &["--config-test", "--use-file", &path])?;
        let mut command = Command::new("keepalived");
        command
            .args(["--dont-fork", "--log-console", "--log-detail", part])
            .args(["--use-file", &path])
            .args(["--pid", "/run/keepalived/pid"])
            .args(["--checkers_pid", "/run/keepalived/checkers.pid"])
            .args(["--vrrp_pid", "/run/keepalived/vrrp.pid"]);
        let process = Process::start(place, &mut command, &log)?;
        Ok(Self {
            process,
            config: file,
        })
    }

    /// Reads its configuration again, this one if it is another.
    pub(crate) fn reload(&self, config: &str) -> Outcome {
        fs::write(&self.config, config)?;
        self.process.signal(Signal::SIGHUP)
    }

    /// Ends it as its operator does; it takes its services out of the table.
    pub(crate) fn stop(mut self, story: &Story) -> Outcome {
        self.process.signal(Signal::SIGTERM)?;
        story.until_some("keepalived has ended", || {
            match self.process.has_ended()? {
                true => Ok(()),
                false => Err("it still runs".into()),
            }
        })
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> Outcome<String> {
        Ok(fs::read_to_string(self.config.with_file_name("log"))?)
    }
}

/// A packaged configuration with the plugins of this build.
pub(crate) fn packaged(text: &str) -> Outcome<String> {
    let plugins = ours("check_x224")?;
    let folder = Path::new(plugins.get_program()).parent();
    let folder = folder.ok_or("the plugins lie nowhere")?;
    Ok(text.replace("/usr/lib/nagios/plugins", &folder.to_string_lossy()))
}
