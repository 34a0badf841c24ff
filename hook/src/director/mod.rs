//! The director: joins health, policy, reconciliation and the kernel. It owns all state of a run;
//! time comes in with every call, verdicts come from `intake`.

mod adopt;
mod concerns;
mod converge;
mod departures;
mod freshness;
mod judging;
pub mod maintenance;
mod management;
mod notes;
mod operator;
mod pair;
pub mod record;
mod refusals;
mod reload;
mod report;
mod wanted;
mod watched;
pub mod wishes;

pub use operator::{Order, Want};
pub use pair::partner_of;
pub use wanted::plan_for_healthy;
pub use watched::WatchReport;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use shared::verdict::Verdict;

use crate::clock::Moment;
use crate::config::{CheckId, Config, ServerId, ServiceId, VirtualService, WatchId};
use crate::coupling::fifo::Heard;
use crate::coupling::keepalived::Beliefs;
use crate::health::{Flaps, State, Streak};
use crate::host::HostEvent;
use crate::kernel::{KernelError, VirtualServers};
use crate::operate::journal::{Event, Journal};
use crate::policy;
use crate::table::{ServiceKey, Table};

use record::Intents;
use wishes::Wishes;

/// What one check found on one server.
#[derive(Debug)]
pub struct Report {
    /// The server, by its name: indices change with a reload, and a check may be under way.
    pub server: Arc<str>,
    /// The check, by its name.
    pub check: Arc<str>,
    /// What it found.
    pub verdict: Verdict,
}

/// A report on a server and a check of the present configuration.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    server: ServerId,
    check: CheckId,
    verdict: &'a Verdict,
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

impl Records {
    /// Records that are gone with the process, but for the journal.
    pub fn in_memory(journal: Journal) -> Self {
        let identity = record::TableIdentity {
            boot: String::new(),
            namespace: 0,
        };
        Self {
            intents: Intents::in_memory(identity),
            wishes: Wishes::none(),
            journal,
        }
    }
}

/// One check on one server.
type ProbeKey = (ServerId, CheckId);

/// A running director.
pub struct Director {
    config: Config,
    concerns: concerns::Concerns,
    kernel: Box<dyn VirtualServers>,
    records: Records,
    probes: BTreeMap<ProbeKey, Probed>,
    watched: BTreeMap<(WatchId, Option<ServerId>), Probed>,
    services: Vec<ServiceState>,
    management: Vec<management::ManagementService>,
    /// What the maintenance folder takes out, with its reasons.
    in_maintenance: BTreeMap<String, String>,
    table: Table,
    /// Destinations on their way out that had no connections when last counted.
    idle: BTreeSet<(ServiceKey, SocketAddr)>,
    /// Of the table when it was last looked at.
    fingerprint: Option<String>,
    /// We have set destinations since.
    stepped: bool,
    troubles: refusals::Troubles,
    host_problems: BTreeMap<String, String>,
    keepalived: Option<Beliefs>,
    paired: pair::Paired,
    /// The wall clock at the beginning, for deadlines that outlive this process.
    epoch: SystemTime,
    started: Moment,
}

/// What is known from one check on one server.
#[derive(Debug, Default)]
struct Probed {
    streak: Streak,
    /// Boxed: there are tens of thousands, in trees whose nodes are half empty.
    last: Option<(Moment, Box<Verdict>)>,
    tale: notes::Tale,
    stale: bool,
}

/// What is known of one service; the servers in the order of the configuration.
#[derive(Debug, Default)]
struct ServiceState {
    members: Vec<Member>,
    memory: policy::Memory,
    adopted: bool,
    /// It was not in the table when this director first looked, at that moment.
    created: Option<Moment>,
    /// What the kernel refused of it last.
    refusal: Option<refusals::Refusal>,
}

/// A server in a service.
#[derive(Debug)]
struct Member {
    state: State,
    /// The weight that was last decided.
    wanted: u32,
    /// When this director first knew of it.
    since: Moment,
    flaps: Flaps,
}

impl Member {
    fn new(service: &VirtualService, now: Moment) -> Self {
        Self {
            state: first_state(service),
            wanted: 0,
            since: now,
            flaps: Flaps::default(),
        }
    }
}

impl ServiceState {
    fn new(service: &VirtualService, now: Moment) -> Self {
        Self {
            members: members(service, now),
            ..Self::default()
        }
    }
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
        let services = config.services.iter();
        let services = services
            .map(|service| ServiceState::new(service, now))
            .collect();
        let mut director = Self {
            management: management::of(&config),
            concerns: concerns::Concerns::of(&config),
            config,
            kernel,
            records,
            probes: BTreeMap::new(),
            watched: BTreeMap::new(),
            services,
            table: Table::new(),
            idle: BTreeSet::new(),
            fingerprint: None,
            stepped: false,
            troubles: refusals::Troubles::default(),
            host_problems: BTreeMap::new(),
            in_maintenance: BTreeMap::new(),
            keepalived: None,
            paired: pair::Paired::default(),
            epoch: SystemTime::now(),
            started: now,
        };
        director.note_start();
        director.look(now)?;
        director.records.journal.flush();
        Ok(director)
    }

    /// What outlives this director: a restart begins with it.
    pub fn into_records(self) -> Records {
        self.records
    }

    /// The configuration that is carried out.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Compares the table with what we left there, and looks for checks that fell silent.
    pub fn tick(&mut self, now: Moment) {
        self.find_stale(now);
        self.find_stale_watches(now);
        match self.look(now) {
            Ok(true) => self.converge_by_time(now),
            Ok(false) => {}
            Err(error) => self.note_table_error(About::default(), error.to_string()),
        }
        // After the table was looked at: what somebody set by hand meanwhile is not written over.
        self.attend_to_departures(now);
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

    /// Whether the table is as it was last read, but for steps of our own since.
    fn is_as_left(&self, fingerprint: Option<&str>) -> bool {
        match (self.fingerprint.as_deref(), fingerprint) {
            (Some(before), Some(found)) if self.stepped => {
                self.kernel.became(before, found, &self.table)
            }
            (Some(before), Some(found)) => before == found,
            _ => false,
        }
    }

    /// Looks whether the table is as it was left. True if it is; else it is read, and brought to what
    /// is wanted.
    fn look(&mut self, now: Moment) -> Result<bool, KernelError> {
        let fingerprint = self.kernel.fingerprint();
        let as_left = self.troubles.is_empty() && self.is_as_left(fingerprint.as_deref());
        if as_left {
            self.fingerprint = fingerprint;
            self.stepped = false;
        } else {
            self.reread(fingerprint, now)?;
        }
        Ok(as_left)
    }

    /// Reads the table, of which this is the `fingerprint`, and brings it to what is wanted.
    fn reread(&mut self, fingerprint: Option<String>, now: Moment) -> Result<(), KernelError> {
        let before = std::mem::replace(&mut self.table, self.kernel.dump()?);
        // One that leaves something out would not tell of a change there.
        self.fingerprint = fingerprint.filter(|it| self.kernel.shows(it, &self.table));
        self.stepped = false;
        self.troubles.begin_anew();
        self.note_owners_changes(&before);
        self.bring_about(Some(&before), now);
        Ok(())
    }

    /// Brings the table to what is wanted. With the table `before`, what somebody took from it is
    /// noted.
    fn bring_about(&mut self, before: Option<&Table>, now: Moment) {
        self.adopt(now);
        self.delete_abandoned();
        self.converge_management(before);
        for service in self.service_ids() {
            let losses = before.map_or_else(Vec::new, |before| {
                let key = self.config.services[service.0].key;
                self.losses(key, &self.wanted(service), before)
            });
            self.converge(service, &losses, now);
        }
    }

    /// An unjudged server may become overdue, and a ramp goes on, by time alone.
    fn converge_by_time(&mut self, now: Moment) {
        for service in self.service_ids() {
            let state = &self.services[service.0];
            let patience = self.patience(service);
            let overdue = state
                .members
                .iter()
                .any(|member| member.state == State::Unknown && now.since(member.since) > patience);
            if overdue || !state.memory.ramps.is_empty() {
                self.converge(service, &[], now);
            }
        }
    }

    fn service_ids(&self) -> impl Iterator<Item = ServiceId> + use<> {
        (0..self.services.len()).map(ServiceId)
    }

    /// The services that a server is in, with its position there.
    fn memberships(&self, server: ServerId) -> Vec<(ServiceId, usize)> {
        let places = self.concerns.places(server).iter();
        places.map(|place| (place.service, place.at)).collect()
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

/// Servers of whom nothing is known yet.
fn members(service: &VirtualService, now: Moment) -> Vec<Member> {
    let servers = service.servers.iter();
    servers.map(|_| Member::new(service, now)).collect()
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
