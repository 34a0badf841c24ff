//! The operator's commands: `drain`, `disable`, `enable`, `weight`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::control::{self, Request, Signature};
use super::status::Status;
use crate::config::{Config, duration};

/// How often a drain that is waited for is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A line of progress at least this often, even if nothing has changed.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// `governess drain`
#[derive(Debug, Args)]
pub(super) struct Drain {
    /// The server's name in the configuration
    server: String,
    /// Wait until no active connections are left, or the deadline has come. Exit 0: none are left;
    /// 1: the deadline came first, or something failed. Ctrl-C ends the waiting, not the drain
    #[arg(long)]
    wait: bool,
    /// When the drain is done, whatever is left
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = time)]
    deadline: Duration,
    /// Why; shown by `status` and kept in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Even if nobody else serves
    #[arg(long)]
    force: bool,
}

/// `governess disable`
#[derive(Debug, Args)]
pub(super) struct Disable {
    /// The server's name in the configuration
    server: String,
    /// Why; shown by `status` and kept in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Even if nobody else serves
    #[arg(long)]
    force: bool,
}

/// `governess enable`
#[derive(Debug, Args)]
pub(super) struct Enable {
    /// The server's name in the configuration
    server: String,
    /// Let it serve even if its checks say that it is down
    #[arg(long)]
    force: bool,
    /// For this long
    #[arg(long = "for", value_name = "TIME", default_value = "30m", value_parser = time, requires = "force")]
    force_for: Duration,
    /// Why; shown by `status` and kept in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// `governess weight`
#[derive(Debug, Args)]
pub(super) struct Weight {
    /// The server's name in the configuration
    server: String,
    /// From 0 to 65535; the configured weight ends the wish, 0 drains
    #[arg(value_parser = clap::value_parser!(u32).range(0..=65535))]
    weight: u32,
    /// Why; shown by `status` and kept in the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

fn time(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(time) if time < Duration::from_secs(1) => Err("at least 1s".to_owned()),
        parsed => parsed,
    }
}

impl Drain {
    /// Drains, and waits if asked to.
    ///
    /// # Errors
    /// No director runs, or it refuses.
    pub(super) fn carry_out(&self, config: &Config) -> Result<ExitCode> {
        let request = Request::Drain {
            server: self.server.clone(),
            deadline: self.deadline.as_secs(),
            force: self.force,
            signature: Signature::own(self.reason.clone()),
        };
        let begun = Instant::now();
        ask(config, &request)?;
        if self.wait {
            self.wait_until_drained(&config.director.control, begun)
        } else {
            Ok(ExitCode::SUCCESS)
        }
    }

    fn wait_until_drained(&self, socket: &Path, begun: Instant) -> Result<ExitCode> {
        let mut last = None;
        let mut told = begun;
        loop {
            let remains = Remains::of(&self.server, &look(socket)?)?;
            let passed = begun.elapsed();
            if remains.nothing() {
                say(&format!(
                    "{}: drained after {}; no active connections are left\n",
                    self.server,
                    spoken(passed)
                ))?;
                return Ok(ExitCode::SUCCESS);
            }
            let Some(left) = self.deadline.checked_sub(passed).filter(|t| !t.is_zero()) else {
                say(&format!(
                    "{}: the deadline has come; left: {remains}. It gets no new connections until \
                     it is enabled\n",
                    self.server
                ))?;
                return Ok(ExitCode::FAILURE);
            };
            if last.as_ref() != Some(&remains) || told.elapsed() >= SIGN_OF_LIFE {
                say(&format!(
                    "{}: {remains}; {} until the deadline\n",
                    self.server,
                    spoken(left)
                ))?;
                told = Instant::now();
            }
            last = Some(remains);
            std::thread::sleep(LOOK.min(left));
        }
    }
}

impl Disable {
    /// Disables.
    ///
    /// # Errors
    /// No director runs, or it refuses.
    pub(super) fn carry_out(&self, config: &Config) -> Result<ExitCode> {
        let request = Request::Disable {
            server: self.server.clone(),
            force: self.force,
            signature: Signature::own(self.reason.clone()),
        };
        ask(config, &request)
    }
}

impl Enable {
    /// Enables.
    ///
    /// # Errors
    /// No director runs, or it refuses.
    pub(super) fn carry_out(&self, config: &Config) -> Result<ExitCode> {
        let request = Request::Enable {
            server: self.server.clone(),
            force_for: self.force.then_some(self.force_for.as_secs()),
            signature: Signature::own(self.reason.clone()),
        };
        ask(config, &request)
    }
}

impl Weight {
    /// Gives a weight.
    ///
    /// # Errors
    /// No director runs, or it refuses.
    pub(super) fn carry_out(&self, config: &Config) -> Result<ExitCode> {
        let request = Request::Weight {
            server: self.server.clone(),
            weight: self.weight,
            signature: Signature::own(self.reason.clone()),
        };
        ask(config, &request)
    }
}

fn ask(config: &Config, request: &Request) -> Result<ExitCode> {
    let socket = &config.director.control;
    let reply = match control::ask(socket, request) {
        Ok(reply) => reply,
        // What the director itself refuses, in its own words.
        Err(error) if error.kind() == io::ErrorKind::Other => bail!("{error}"),
        Err(error) => {
            return Err(error).with_context(|| super::cli::nobody_answers(socket));
        }
    };
    say(&format!("{}\n", reply["done"].as_str().unwrap_or("done")))?;
    Ok(ExitCode::SUCCESS)
}

fn look(socket: &Path) -> Result<Status> {
    let reply = control::ask(socket, &Request::Status)
        .with_context(|| super::cli::nobody_answers(socket))?;
    serde_json::from_value(reply).context("reading the director's answer")
}

/// What is left on a server that is being drained, over all of its services.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Remains {
    active: u32,
    inactive: u32,
    /// It still has a weight somewhere: the table could not be written yet.
    weight: u32,
}

impl Remains {
    fn of(server: &str, status: &Status) -> Result<Self> {
        let services = status.services.iter();
        let of_server: Vec<_> = services
            .flat_map(|service| service.servers.iter().filter(|s| s.name == server))
            .collect();
        if let Some(undone) = of_server.iter().find(|server| server.wish.is_none()) {
            bail!("{}: somebody has ended the drain", undone.name);
        }
        Ok(Self {
            active: of_server.iter().map(|server| server.active).sum(),
            inactive: of_server.iter().map(|server| server.inactive).sum(),
            weight: of_server
                .iter()
                .filter_map(|server| server.weight_kernel)
                .sum(),
        })
    }

    fn nothing(&self) -> bool {
        self.active == 0 && self.weight == 0
    }
}

impl std::fmt::Display for Remains {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} active and {} inactive connections",
            self.active, self.inactive
        )?;
        if self.weight > 0 {
            write!(
                f,
                ", and a weight that could not be taken yet; see `governess status`"
            )?;
        }
        Ok(())
    }
}

/// `1h 2m`, `29m 48s`, `7s`.
fn spoken(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (hours, minutes, _) => format!("{hours}h {minutes}m"),
    }
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spoken_as_people_say_them() {
        let spoken = |seconds| super::spoken(Duration::from_secs(seconds));
        assert_eq!(spoken(7), "7s");
        assert_eq!(spoken(1788), "29m 48s");
        assert_eq!(spoken(3720), "1h 2m");
    }

    #[test]
    fn a_time_without_a_unit_or_below_a_second_is_refused() {
        assert!(time("30m").is_ok());
        assert!(time("30").is_err() && time("100ms").is_err());
    }
}
