//! Another configuration for a running director: what is known is kept by name.

use std::collections::{BTreeMap, BTreeSet};

use super::concerns::Concerns;
use super::{About, Director, Member, ProbeKey, ServiceState, first_state, management};
use crate::clock::Moment;
use crate::config::{Backend, Config, ServerId, VirtualService};
use crate::kernel::{KernelError, backend};
use crate::operate::journal::Event;
use crate::table::ServiceKey;

impl Director {
    /// Carries out another configuration from now on. Health, streaks, ramps and wishes are kept by
    /// the names of servers, services and checks; a server with another address is another server.
    ///
    /// # Errors
    /// The table could not be read; the new configuration is carried out with the next tick that
    /// can.
    pub fn reload(&mut self, config: Config, now: Moment) -> Result<(), KernelError> {
        let before = std::mem::replace(&mut self.config, config);
        if self.config.director.backend == Backend::KeepalivedFiles {
            // Its files are named after the servers.
            self.kernel = backend::open(&self.config);
            self.fingerprint = None;
        }
        let same = self.same_servers(&before);
        self.probes = self.carried_probes(&before, &same);
        self.services = self.carried_services(&before, &same, now);
        self.management = management::of(&self.config);
        self.concerns = Concerns::of(&self.config);
        self.note(Event::Reloaded, About::default(), self.differences(&before));
        let read = self.look(now).map(|as_left| {
            if as_left {
                self.bring_about(None, now);
            }
        });
        self.note_left_behind(&before);
        self.records.journal.flush();
        read
    }

    /// Notes that the table could not be read; the next tick tries again.
    pub fn table_unread(&mut self, error: &KernelError) {
        self.note_table_error(About::default(), error.to_string());
        self.records.journal.flush();
    }

    /// Notes that a reload was asked for and did not happen.
    pub fn refuse_reload(&mut self, reason: &str) {
        self.note(Event::ReloadRefused, About::default(), reason.to_owned());
        self.records.journal.flush();
    }

    /// Servers of the configuration before that are still there, by their old ids.
    fn same_servers(&self, before: &Config) -> BTreeMap<ServerId, ServerId> {
        let servers = before.servers.iter().enumerate();
        let still_there = servers.filter_map(|(old, server)| {
            let new = self.config.server_named(&server.name)?;
            let there = &self.config.servers[new.0];
            (there.address == server.address).then_some((ServerId(old), new))
        });
        still_there.collect()
    }

    fn carried_probes(
        &mut self,
        before: &Config,
        same: &BTreeMap<ServerId, ServerId>,
    ) -> BTreeMap<ProbeKey, super::Probed> {
        let needed = self.config.needed_checks();
        let probes = std::mem::take(&mut self.probes).into_iter();
        let carried = probes.filter_map(|((server, check), probed)| {
            let check = self.config.check_named(&before.checks[check.0].name)?;
            // What nobody asks any more would become stale.
            let key = (*same.get(&server)?, check);
            needed.contains(&key).then_some((key, probed))
        });
        carried.collect()
    }

    fn carried_services(
        &mut self,
        before: &Config,
        same: &BTreeMap<ServerId, ServerId>,
        now: Moment,
    ) -> Vec<ServiceState> {
        let mut known: BTreeMap<&str, (&VirtualService, ServiceState)> = before
            .services
            .iter()
            .zip(std::mem::take(&mut self.services))
            .map(|(service, state)| (service.name.as_str(), (service, state)))
            .collect();
        let services = self.config.services.iter();
        services
            .map(|service| match known.remove(service.name.as_str()) {
                Some((old, state)) => carried(state, old, service, same, now),
                None => ServiceState::new(service, now),
            })
            .collect()
    }

    fn differences(&self, before: &Config) -> String {
        fn names<T>(all: &[T], name: impl Fn(&T) -> &str) -> BTreeSet<String> {
            all.iter().map(|one| name(one).to_owned()).collect()
        }
        let mut words = Vec::new();
        for (what, old, new) in [
            (
                "service",
                names(&before.services, |service| &service.name),
                names(&self.config.services, |service| &service.name),
            ),
            (
                "server",
                names(&before.servers, |server| &server.name),
                names(&self.config.servers, |server| &server.name),
            ),
            (
                "check",
                names(&before.checks, |check| &check.name),
                names(&self.config.checks, |check| &check.name),
            ),
        ] {
            words.extend(
                new.difference(&old)
                    .map(|name| format!("{what} {name} is new")),
            );
            words.extend(
                old.difference(&new)
                    .map(|name| format!("{what} {name} is gone")),
            );
        }
        let digest = &self.config.digest;
        match (*digest == before.digest, words.is_empty()) {
            (true, _) => format!("config {digest}, as before"),
            (false, true) => format!("config {digest} instead of {}", before.digest),
            (false, false) => {
                format!(
                    "config {digest} instead of {}: {}",
                    before.digest,
                    words.join(", ")
                )
            }
        }
    }

    /// Tells of services that are no longer ours and stay, since we did not create them.
    fn note_left_behind(&mut self, before: &Config) {
        let kept = self.config.services.iter();
        let kept: BTreeSet<ServiceKey> = kept.map(|service| service.key).collect();
        let gone = before
            .services
            .iter()
            .map(|service| service.key)
            .filter(|key| !kept.contains(key) && self.table.contains_key(key));
        let gone: Vec<String> = gone.map(|key| key.to_string()).collect();
        for key in gone {
            let reason = format!(
                "service {key} is left as it is: governess did not create it, or somebody else uses it"
            );
            self.note(Event::Reloaded, About::default(), reason);
        }
    }
}

/// A service's state with its members where the new configuration has them.
fn carried(
    state: ServiceState,
    old: &VirtualService,
    new: &VirtualService,
    same: &BTreeMap<ServerId, ServerId>,
    now: Moment,
) -> ServiceState {
    let places = new.servers.iter().enumerate();
    let places: BTreeMap<ServerId, usize> = places.map(|(at, server)| (*server, at)).collect();
    let moved = |at: usize| {
        let server = same.get(old.servers.get(at)?)?;
        places.get(server).copied()
    };
    let first = first_state(new);
    let mut members = super::members(new, now);
    for (at, member) in state.members.into_iter().enumerate() {
        if let Some(at) = moved(at) {
            let state = if new.checks.is_empty() {
                first
            } else {
                member.state
            };
            members[at] = Member { state, ..member };
        }
    }
    ServiceState {
        members,
        memory: state.memory.moved(moved),
        adopted: state.adopted && old.key == new.key,
        created: state.created,
        refusal: None,
    }
}
