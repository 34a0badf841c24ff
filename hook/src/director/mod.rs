//! The director: joins health, policy, reconciliation and the kernel. It owns all state of a run;
//! time comes in with every call, verdicts come from `intake`.

mod adopt;
mod converge;
mod freshness;
mod management;
mod notes;
pub mod record;
mod report;
mod wanted;
mod watched;
pub mod wishes;

pub use wanted::plan_for_healthy;
pub use watched::WatchReport;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use shared::verdict::Verdict;

use crate::clock::Moment;
use crate::config::{CheckId, Config, ServerId, ServiceId, VirtualService, WatchId};
use crate::coupling::fifo::Heard;
use crate::coupling::keepalived::Beliefs;
use crate::health::{self, Others, Reading, Rules, State, Streak};
use crate::host::HostEvent;
use crate::kernel::{KernelError, VirtualServers};
use crate::operate::journal::{Event, Journal};
use crate::policy::Pool;
use crate::reconcile::{self, Scope};
use crate::table::Table;

use record::Intents;
use wishes::Wishes;

/// What one check found on one server.
#[derive(Debug)]
pub struct Report {
    /// The server.
    pub server: ServerId,
    /// The check.
    pub check: CheckId,
    /// What it found.
    pub verdict: Verdict,
}

/// What an event or a step is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct About {
    service: Option<ServiceId>,
    server: Option<ServerId>,
}

impl About {
    fn service(service: ServiceId) -> Self {
        Self {
            service: Some(service),
            server: None,
        }
    }

    fn server(server: ServerId) -> Self {
        Self {
            service: None,
            server: Some(server),
        }
    }

    fn member(service: ServiceId, server: ServerId) -> Self {
        Self {
            service: Some(service),
            server: Some(server),
        }
    }
}

/// The files that a director keeps in its state folder.
#[derive(Debug)]
pub struct Records {
    /// What was written to the table.
    pub intents: Intents,
    /// What the operator set by hand.
    pub wishes: Wishes,
    /// What happened.
    pub journal: Journal,
}

/// A running director.
pub struct Director {
    config: Config,
    kernel: Box<dyn VirtualServers>,
    records: Records,
    probes: BTreeMap<(ServerId, CheckId), Probed>,
    watched: BTreeMap<(WatchId, Option<ServerId>), Probed>,
    services: Vec<ServiceState>,
    management: Vec<management::ManagementService>,
    table: Table,
    fingerprint: Option<String>,
    table_error: Option<String>,
    noted_error: Option<String>,
    host_problems: BTreeMap<String, String>,
    keepalived: Option<Beliefs>,
    started: Moment,
}

/// What is known from one check on one server.
#[derive(Debug, Default)]
struct Probed {
    streak: Streak,
    last: Option<(Moment, Verdict)>,
    stale: bool,
}

/// What is known of one service; the servers in the order of the configuration.
#[derive(Debug, Default)]
struct ServiceState {
    servers: Vec<State>,
    wanted: Vec<u32>,
    pool: Pool,
    adopted: bool,
}

impl Director {
    /// Reads the table, adopts what is there and brings it to what is wanted as far as nothing is
    /// judged yet.
    ///
    /// # Errors
    /// The table cannot be read at all.
    pub fn start(
        config: Config,
        kernel: Box<dyn VirtualServers>,
        records: Records,
        now: Moment,
    ) -> Result<Self, KernelError> {
        let services = config
            .services
            .iter()
            .map(|service| ServiceState {
                servers: vec![first_state(service); service.servers.len()],
                wanted: vec![0; service.servers.len()],
                ..ServiceState::default()
            })
            .collect();
        let mut director = Self {
            management: management::of(&config),
            config,
            kernel,
            records,
            probes: BTreeMap::new(),
            watched: BTreeMap::new(),
            services,
            table: Table::new(),
            fingerprint: None,
            table_error: None,
            noted_error: None,
            host_problems: BTreeMap::new(),
            keepalived: None,
            started: now,
        };
        director.note_start();
        director.reread(now)?;
        director.records.journal.flush();
        Ok(director)
    }

    /// The configuration that is carried out.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Takes one check's result in and carries out what follows from it.
    pub fn take(&mut self, report: &Report, now: Moment) {
        let reading = Reading::from(&report.verdict);
        let probed = self
            .probes
            .entry((report.server, report.check))
            .or_default();
        probed.streak = probed.streak.after(reading, now);
        probed.stale = false;
        let before = probed.last.replace((now, report.verdict.clone()));
        let before = before.map(|(_, verdict)| (verdict.condition, verdict.kind));
        self.note_verdict(report, before);
        for service in self.concerned(report) {
            self.judge(service, report);
            self.converge(service, &[], now);
        }
        self.records.journal.flush();
    }

    /// Compares the table with what we left there, and looks for checks that fell silent.
    pub fn tick(&mut self, now: Moment) {
        self.find_stale(now);
        self.find_stale_watches(now);
        let fingerprint = self.kernel.fingerprint();
        let unchanged = fingerprint.is_some() && fingerprint == self.fingerprint;
        if unchanged && self.table_error.is_none() {
            self.converge_unjudged(now);
        } else if let Err(error) = self.reread(now) {
            self.note_table_error(About::default(), error.to_string());
        }
        self.records.journal.flush();
    }

    /// Notes what happened to the host's set-up, and what is wrong with it from now on.
    pub fn host_event(&mut self, told: HostEvent) {
        self.note(told.event, About::default(), told.reason);
        match told.problem.words {
            Some(words) => self.host_problems.insert(told.problem.thing, words),
            None => self.host_problems.remove(&told.problem.thing),
        };
        self.records.journal.flush();
    }

    /// Takes in what keepalived tells of itself: to be shown, never to be acted upon.
    pub fn hear_keepalived(&mut self, heard: Heard) {
        let beliefs = self.keepalived.get_or_insert_default();
        match heard {
            Heard::Line(line) => beliefs.hear(&line),
            Heard::Open => beliefs.silent = None,
            Heard::Silent(why) => beliefs.silent = Some(why),
        }
    }

    /// Notes the end of the run; the table stays as it is.
    pub fn stop(&mut self, reason: &str) {
        self.note(
            Event::Stopped,
            About::default(),
            format!("{reason}; the table stays as it is"),
        );
        self.records.journal.flush();
    }

    /// Notes that a reload was asked for and did not happen.
    pub fn refuse_reload(&mut self, reason: &str) {
        self.note(Event::ReloadRefused, About::default(), reason.to_owned());
        self.records.journal.flush();
    }

    fn reread(&mut self, now: Moment) -> Result<(), KernelError> {
        let fingerprint = self.kernel.fingerprint();
        let before = std::mem::replace(&mut self.table, self.kernel.dump()?);
        self.fingerprint = fingerprint;
        self.noted_error = self.table_error.take();
        self.note_owners_changes(&before);
        self.adopt();
        self.delete_abandoned();
        self.converge_management(&before);
        for service in (0..self.services.len()).map(ServiceId) {
            let losses = self.losses(service, &before);
            self.converge(service, &losses, now);
        }
        Ok(())
    }

    /// What somebody took from a service of ours since the last reading.
    fn losses(&self, service: ServiceId, before: &Table) -> Vec<String> {
        let key = self.config.services[service.0].key;
        match before.get(&key) {
            // What its owner takes is not put right.
            Some(_) if self.scope() == Scope::Weights => Vec::new(),
            Some(known) => reconcile::losses(&self.wanted(service), known, self.table.get(&key)),
            None => Vec::new(),
        }
    }

    /// An unjudged server may become overdue by time alone.
    fn converge_unjudged(&mut self, now: Moment) {
        for service in (0..self.services.len()).map(ServiceId) {
            if self.services[service.0].servers.contains(&State::Unknown) {
                self.converge(service, &[], now);
            }
        }
    }

    /// The services that a report is about.
    fn concerned(&self, report: &Report) -> Vec<ServiceId> {
        let concerns = |service: &crate::config::VirtualService| {
            service.servers.contains(&report.server) && service.checks.contains(&report.check)
        };
        let services = self.config.services.iter().enumerate();
        services
            .filter(|(_, service)| concerns(service))
            .map(|(at, _)| ServiceId(at))
            .collect()
    }

    fn judge(&mut self, service: ServiceId, report: &Report) {
        let members = &self.config.services[service.0].servers;
        let Some(at) = members.iter().position(|member| *member == report.server) else {
            return;
        };
        let checks = self.streaks(service, report.server);
        let before = self.services[service.0].servers[at];
        let next = health::judge(before, &checks, self.others(service, at));
        self.services[service.0].servers[at] = next;
        if next != before {
            self.note_health(service, report, next);
        }
    }

    /// The streaks of a service's checks on one server. A reported check of which nothing was ever
    /// reported has no say: event handlers tell of changes, and a server that works has none.
    fn streaks(&self, service: ServiceId, server: ServerId) -> Vec<(Streak, Rules)> {
        let streak = |check: &CheckId| {
            let probed = self.probes.get(&(server, *check));
            let streak = probed.map(|probed| probed.streak).unwrap_or_default();
            (streak, self.config.checks[check.0].rules)
        };
        let has_a_say = |check: &&CheckId| {
            !self.config.checks[check.0].is_reported()
                || self.probes.contains_key(&(server, **check))
        };
        self.config.services[service.0]
            .checks
            .iter()
            .filter(has_a_say)
            .map(streak)
            .collect()
    }

    fn others(&self, service: ServiceId, at: usize) -> Others {
        let candidates = self.candidates(service, self.started);
        let serve = candidates
            .iter()
            .enumerate()
            .any(|(other, c)| other != at && c.serves());
        if serve {
            Others::Serve
        } else {
            Others::NoneServes
        }
    }

    fn find_stale(&mut self, now: Moment) {
        let mut fallen_silent = Vec::new();
        for ((server, check), probed) in &mut self.probes {
            let limit = self.config.checks[check.0].stale_after;
            let Some((last, _)) = probed.last else {
                continue;
            };
            if !probed.stale && now.since(last) > limit {
                probed.stale = true;
                fallen_silent.push((*server, *check, now.since(last)));
            }
        }
        for (server, check, silence) in fallen_silent {
            self.note_stale(server, check, silence);
        }
    }
}

/// Servers that nothing asks always serve; the others are judged first.
fn first_state(service: &VirtualService) -> State {
    if service.checks.is_empty() {
        State::Up
    } else {
        State::Unknown
    }
}

/// Replaces a file as one: a reader, or a crash, sees the old content or the new, never half.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
