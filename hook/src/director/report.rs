//! What a director tells of itself.

use std::collections::BTreeMap;

use super::Director;
use super::operator::clock_time;
use super::wishes::Signed;
use crate::clock::Moment;
use crate::config::{CheckId, ServerId, ServiceId};
use crate::operate::status::{
    ServerStatus, ServiceStatus, SorryStatus, Status, WishDetail, WishStatus,
};
use crate::policy::{self, Pool, Standing};
use crate::reconcile;
use crate::table::{Connections, ServiceKey, Table};

impl Director {
    /// What the checks last found on a server, transcripts included, and how long ago in
    /// milliseconds; `null` for a server that nobody knows.
    pub fn evidence(&self, server: &str, now: Moment) -> serde_json::Value {
        let Some(server) = self.config.server_named(server) else {
            return serde_json::Value::Null;
        };
        let found = |(key, probed): (&super::ProbeKey, &super::Probed)| {
            let (at, verdict) = probed.last.as_ref().filter(|_| key.0 == server)?;
            let name = self.config.checks[key.1.0].name.clone();
            let mut facts = crate::operate::evidence::full(&name, verdict);
            let age = now.since(*at).as_millis();
            facts.insert(
                "age_ms".to_owned(),
                u64::try_from(age).unwrap_or(u64::MAX).into(),
            );
            Some((name, serde_json::Value::Object(facts)))
        };
        self.probes.iter().filter_map(found).collect()
    }

    /// The state of everything; connections are counted anew, if the table can be read.
    pub fn status(&mut self, now: Moment) -> Status {
        let (in_force, unseen) = match self.kernel.in_force() {
            Ok(in_force) => (in_force, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let counted = match &in_force {
            Some(table) => Some(table.clone()),
            None => self.kernel.dump().ok(),
        };
        if let Some(table) = counted {
            self.count_connections(&table);
        }
        Status {
            schema: 1,
            backend: self.config.director.backend.name().to_owned(),
            config_digest: self.config.digest.clone(),
            table_error: self.troubles.words().or(unseen),
            keepalived: self.keepalived.clone(),
            pair: self.pair_status(),
            host_problems: self.host_problems.clone(),
            not_ready: self.not_ready(now),
            uptime: now.since(self.started).as_secs_f64(),
            events: self.records.journal.counts(),
            latest_events: self.records.journal.latest(),
            services: self
                .service_ids()
                .map(|id| self.service_status(id, now, in_force.as_ref()))
                .collect(),
            watches: self.watch_status(),
        }
    }

    /// The weight that a server has for the packets that come: where another program carries ours
    /// into the kernel, that of the kernel.
    fn effective_weight(
        &self,
        service: ServiceId,
        server: ServerId,
        in_force: Option<&Table>,
    ) -> Option<u32> {
        let Some(table) = in_force else {
            return self.found_weight(service, server);
        };
        let service = &self.config.services[service.0];
        let destination = self.config.destination(service, server);
        let found = table.get(&service.key)?.destinations.get(&destination)?;
        Some(found.settings.weight)
    }

    /// Takes the counts alone: what else differs is for the next tick to find and put right.
    pub(super) fn count_connections(&mut self, table: &Table) {
        for (key, service) in &mut self.table {
            for (address, destination) in &mut service.destinations {
                let counted = table
                    .get(key)
                    .and_then(|found| found.destinations.get(address));
                destination.connections =
                    counted.map(|found| found.connections).unwrap_or_default();
            }
        }
    }

    fn service_status(
        &self,
        id: ServiceId,
        now: Moment,
        in_force: Option<&Table>,
    ) -> ServiceStatus {
        let service = &self.config.services[id.0];
        let state = &self.services[id.0];
        let sorry = service.sorry_server;
        let wanted = self.wanted(id);
        let foreign = reconcile::foreign(&wanted, self.table.get(&service.key));
        ServiceStatus {
            name: service.name.clone(),
            key: service.key.to_string(),
            fwmark: match service.key {
                ServiceKey::Fwmark { mark, .. } => Some(mark),
                ServiceKey::Address { .. } => None,
            },
            scheduler: service.settings.scheduler.clone(),
            persistence: service.settings.persistence,
            fail_open: matches!(state.memory.pool, Pool::FailOpen(_)),
            sorry_server: self.sorry_status(id),
            servers: (0..service.servers.len())
                .map(|at| self.server_status(id, at, now, in_force))
                .collect(),
            leaving: self
                .leaving(id, &self.table)
                .into_iter()
                .filter(|(at, _)| sorry.is_none_or(|sorry| sorry.destination != *at))
                .map(|(at, _)| at.to_string())
                .collect(),
            foreign: foreign.map(|destination| destination.to_string()).collect(),
        }
    }

    fn sorry_status(&self, id: ServiceId) -> Option<SorryStatus> {
        let service = &self.config.services[id.0];
        let destination = service.sorry_server?.destination;
        let found = self.table.get(&service.key);
        let found = found.and_then(|found| found.destinations.get(&destination));
        Some(SorryStatus {
            address: destination.to_string(),
            serves: matches!(self.services[id.0].memory.pool, Pool::Sorry(_)),
            weight_kernel: found.map(|found| found.settings.weight),
            active: found.map_or(0, |found| found.connections.active),
        })
    }

    fn server_status(
        &self,
        service: ServiceId,
        at: usize,
        now: Moment,
        in_force: Option<&Table>,
    ) -> ServerStatus {
        let server = self.config.services[service.0].servers[at];
        let connections = self.connections(service, server);
        let member = &self.services[service.0].members[at];
        ServerStatus {
            name: self.config.servers[server.0].name.clone(),
            address: self.config.servers[server.0].address.to_string(),
            health: member.state.name().to_owned(),
            weight_wanted: member.wanted,
            weight_kernel: self.effective_weight(service, server, in_force),
            ramping: self.services[service.0].memory.ramps.contains_key(&at),
            rise_factor: self.flap_factor(service, at, now),
            wish: self.wish_status(service, server),
            wish_detail: self.wish_detail(service, server),
            active: connections.active,
            inactive: connections.inactive,
            checks: self.last_verdicts(service, server),
            ages: self.ages(service, server, now),
            stale: self.checks_where(service, |check| {
                let probed = self.probes.get(&(server, check));
                probed.is_some_and(|probed| probed.stale)
            }),
            not_judged: self
                .checks_where(service, |check| self.hindrance((server, check)).is_some()),
        }
    }

    fn wish_status(&self, service: ServiceId, server: ServerId) -> Option<WishStatus> {
        let wish = self.wish(service, server);
        let word = match wish.standing {
            Standing::Disabled => "disable",
            Standing::Drained => "drain",
            Standing::Forced => "enable",
            Standing::AsJudged => return wish.weight.map(WishStatus::Weight),
        };
        Some(WishStatus::Stand(word.to_owned()))
    }

    /// Who wished it, why, and until when.
    fn wish_detail(&self, service: ServiceId, server: ServerId) -> Option<WishDetail> {
        let wish = self.wish(service, server);
        if wish == policy::Wish::default() {
            return None;
        }
        let asked = self.records.wishes.of(&self.config.servers[server.0].name);
        let stand = asked.and_then(|asked| asked.stand.as_ref());
        let stand = stand.filter(|stand| stand.wish.standing() == wish.standing);
        if let Some(stand) = stand {
            return Some(WishDetail {
                until: stand.wish.until().map(clock_time),
                ..WishDetail::signed(stand)
            });
        }
        if let Some((file, reason)) = self.maintenance_in(service, server) {
            return Some(WishDetail {
                author: format!("maintenance folder, file {file}"),
                reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
                since: None,
                until: None,
            });
        }
        let weight = asked.and_then(|asked| asked.weight.as_ref());
        let weight = weight.filter(|weight| Some(weight.wish.weight) == wish.weight);
        Some(match weight {
            Some(weight) => WishDetail::signed(weight),
            None => WishDetail {
                author: "by hand, in the table".to_owned(),
                reason: None,
                since: None,
                until: None,
            },
        })
    }

    pub(super) fn connections(&self, service: ServiceId, server: ServerId) -> Connections {
        let found = self.found(service, server);
        found
            .map(|destination| destination.connections)
            .unwrap_or_default()
    }

    fn last_verdicts(
        &self,
        service: ServiceId,
        server: ServerId,
    ) -> BTreeMap<String, serde_json::Value> {
        let checks = self.config.services[service.0].checks.iter();
        let verdict = |check: &crate::config::CheckId| {
            let (_, verdict) = self.probes.get(&(server, *check))?.last.as_ref()?;
            let name = self.config.checks[check.0].name.clone();
            Some((name, shared::host_mode::json::value(verdict)))
        };
        checks.filter_map(verdict).collect()
    }

    /// How old each check's last verdict is, in seconds.
    fn ages(&self, service: ServiceId, server: ServerId, now: Moment) -> BTreeMap<String, f64> {
        let checks = self.config.services[service.0].checks.iter();
        let age = |check: &CheckId| {
            let (last, _) = self.probes.get(&(server, *check))?.last.as_ref()?;
            let name = self.config.checks[check.0].name.clone();
            Some((name, now.since(*last).as_secs_f64()))
        };
        checks.filter_map(age).collect()
    }

    /// Why this director is not to be relied on now: its table cannot be driven, or a verdict is
    /// missing or older than `stale_after`.
    fn not_ready(&self, now: Moment) -> Vec<String> {
        let error = self.troubles.words();
        let table = error
            .iter()
            .map(|error| format!("the table cannot be driven: {error}"));
        let mut pairs: Vec<(ServerId, CheckId)> = Vec::new();
        for service in &self.config.services {
            for server in &service.servers {
                pairs.extend(service.checks.iter().map(|check| (*server, *check)));
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        let silent = pairs
            .into_iter()
            .filter_map(|(server, check)| self.silence(server, check, now));
        table.chain(silent).collect()
    }

    fn silence(&self, server: ServerId, check: CheckId, now: Moment) -> Option<String> {
        let probed = self.probes.get(&(server, check));
        let last = probed.and_then(|probed| probed.last.as_ref());
        let (server, check) = (&self.config.servers[server.0], &self.config.checks[check.0]);
        let of = format!("check {} of {}", check.name, server.name);
        match last.map(|(last, _)| now.since(*last)) {
            // Another program tells of changes alone; that there was none yet is no fault.
            None if check.is_reported() => None,
            None => Some(format!("{of} has not answered yet")),
            Some(age) if age > check.stale_after => {
                Some(format!("{of} has not answered for {} s", age.as_secs()))
            }
            Some(_) => None,
        }
    }

    /// The names of the checks of a service for which something holds.
    fn checks_where(&self, service: ServiceId, holds: impl Fn(CheckId) -> bool) -> Vec<String> {
        let checks = self.config.services[service.0].checks.iter();
        checks
            .filter(|check| holds(**check))
            .map(|check| self.config.checks[check.0].name.clone())
            .collect()
    }
}

impl WishDetail {
    fn signed<T>(wish: &Signed<T>) -> Self {
        Self {
            author: wish.author.clone(),
            reason: wish.reason.clone(),
            since: Some(clock_time(wish.since)),
            until: None,
        }
    }
}
