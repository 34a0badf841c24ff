//! What comes from programs beside a running director, and goes to them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::clock::{Clock, Moment};
use crate::config::{Config, Pair};
use crate::coupling::fifo::{self, Heard};
use crate::coupling::icinga::Icinga;
use crate::coupling::nagios::CommandFile;
use crate::coupling::partner;
use crate::director::{Director, Report, partner_of};
use crate::host::HostEvent;
use crate::intake::reported::{self, Reported};
use crate::operate::host_name;

/// How often a monitoring core is given the verdict on this director.
const OURSELVES: Duration = Duration::from_secs(15);

/// What comes from programs beside us, and goes to them.
pub(super) struct Beside {
    reported: Reported,
    command_file: Option<CommandFile>,
    icinga: Option<Icinga>,
    /// When the verdict on this director was last given.
    given: Option<Moment>,
    /// What is wrong with a monitoring core.
    pub(super) told: mpsc::Receiver<HostEvent>,
    /// What Icinga found.
    pub(super) results: mpsc::Receiver<reported::Result>,
    pub(super) keepalived: mpsc::Receiver<Heard>,
    pub(super) vrrp: mpsc::Receiver<Heard>,
    pub(super) partner: mpsc::Receiver<partner::Answer>,
}

impl Beside {
    /// Takes up what was reported before, and begins to listen.
    pub(super) fn start(director: &mut Director, clock: Clock) -> Result<Self> {
        let path = director.config().director.state_dir.join("reported.json");
        let reported =
            Reported::open(&path).with_context(|| format!("opening {}", path.display()))?;
        for report in reported.reports(director.config()) {
            director.take(report, clock.now());
        }
        let config = director.config();
        let keepalived = listen(config.keepalived.fifo.clone());
        let vrrp = listen(config.pair.as_ref().and_then(|pair| pair.fifo.clone()));
        let partner = ask(config.pair.as_ref());
        let (tell, told) = mpsc::channel(16);
        let command_file = director.config().command_file.clone();
        let command_file = command_file
            .map(|path| CommandFile::start(path, tell.clone()))
            .transpose()
            .context("starting a thread")?;
        let (found, results) = mpsc::channel(64);
        let icinga = director.config().icinga.clone();
        let icinga = icinga
            .map(|icinga| Icinga::start(director.config(), icinga, host_name(), found, tell))
            .transpose()
            .context("starting a thread")?;
        Ok(Self {
            reported,
            command_file,
            icinga,
            given: None,
            told,
            results,
            keepalived,
            vrrp,
            partner,
        })
    }

    /// Gives a verdict to the monitoring core that is to have it.
    pub(super) fn give(&self, report: &Report, config: &Config) {
        if let (Some(icinga), Some(check)) = (&self.icinga, config.check_named(&report.check)) {
            let valid = config.checks[check.0].stale_after;
            icinga.give(&report.server, &report.check, &report.verdict, valid);
        }
        if let Some(file) = &self.command_file {
            file.give(&report.server, &report.check, &report.verdict);
        }
    }

    /// Gives the verdict on this director, if somebody is to have it and it is time.
    pub(super) fn give_director(&mut self, director: &mut Director, now: Moment) {
        let is_due = self.given.is_none_or(|given| now.since(given) >= OURSELVES);
        if let (Some(icinga), true) = (&self.icinga, is_due) {
            self.given = Some(now);
            icinga.give_director(|| {
                let status = serde_json::to_vec(&director.status(now)).unwrap_or_default();
                plugins::director::judge(&status)
            });
        }
    }

    /// Follows a reload.
    pub(super) fn follow(&self, config: &Config) {
        if let Some(icinga) = &self.icinga {
            icinga.follow(config);
        }
    }

    /// Takes in what another program found.
    pub(super) fn take(
        &mut self,
        director: &mut Director,
        result: &reported::Result,
        clock: Clock,
    ) -> Value {
        let report = match result.report(director.config()) {
            Ok(report) => report,
            Err(why) => return json!({ "error": why }),
        };
        director.take(report, clock.now());
        match self.reported.keep(result) {
            Ok(()) => json!({ "taken": true }),
            Err(error) => json!({ "error": format!(
                "taken, but not kept for the next start: reported.json in state_dir: {error}") }),
        }
    }
}

/// What is heard on a FIFO of keepalived's; nothing, if there is none to read.
fn listen(fifo: Option<PathBuf>) -> mpsc::Receiver<Heard> {
    let (tell, heard) = mpsc::channel(64);
    if let Some(fifo) = fifo {
        tokio::spawn(fifo::read(fifo, tell));
    }
    heard
}

/// What the other director says of its configuration; nothing, if it is not to be asked.
fn ask(pair: Option<&Pair>) -> mpsc::Receiver<partner::Answer> {
    let (tell, told) = mpsc::channel(4);
    if let Some((pair, port)) = pair.and_then(|pair| Some((pair.clone(), pair.partner_status?))) {
        tokio::spawn(partner::ask(move || partner_of(&pair), port, tell));
    }
    told
}
