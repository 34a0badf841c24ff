//! What a monitoring core is told to do, and what it stored of it.

use std::path::Path;
use std::process::{Child, Command};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A service of the host `ex1`, and the check that the core is to run for it.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    /// The check's name, such as `check_x224`.
    pub(crate) check: &'static str,
    /// Long options with their values.
    pub(crate) options: Vec<(&'static str, String)>,
}

impl Service {
    pub(crate) fn new(
        name: &'static str,
        check: &'static str,
        options: &[(&'static str, &str)],
    ) -> Self {
        let options = options
            .iter()
            .map(|(option, value)| (*option, (*value).to_owned()));
        Self {
            name,
            check,
            options: options.collect(),
        }
    }

    /// The words behind the program's name.
    pub(crate) fn words(&self) -> Vec<String> {
        let words = self
            .options
            .iter()
            .flat_map(|(option, value)| [format!("--{option}"), value.clone()]);
        words.collect()
    }

    /// What a core should have stored: what the plugin says when we run it ourselves.
    pub(crate) fn said(&self, plugins: &Path) -> Stored {
        let output = Command::new(plugins.join(self.check))
            .args(self.words())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().next().unwrap_or_default();
        let (text, perfdata) = line.split_once('|').unwrap_or((line, ""));
        Stored {
            state: output.status.code().unwrap(),
            text: text.trim().to_owned(),
            perfdata: perfdata.trim().to_owned(),
        }
    }
}

/// What a core keeps of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) state: i32,
    pub(crate) text: String,
    pub(crate) perfdata: String,
}

impl Stored {
    /// The same with every measured number left out: two runs take different times.
    pub(crate) fn without_times(&self) -> Self {
        Self {
            state: self.state,
            text: masked(&self.text),
            perfdata: masked(&self.perfdata),
        }
    }
}

/// Without digits: ports are the same, times are not.
fn masked(text: &str) -> String {
    text.chars()
        .filter(|c| !(c.is_ascii_digit() || *c == '.'))
        .collect()
}

/// A core that runs in the foreground; dropping it ends it and what it has started.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let _ = killpg(group, Signal::SIGTERM);
        let begun = std::time::Instant::now();
        while begun.elapsed() < std::time::Duration::from_secs(10) {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.0.wait();
    }
}
