//! What is found in the table: inherited, ours, or set by hand.

use super::record::Origin;
use super::{About, Director};
use crate::clock::Moment;
use crate::config::{Backend, ServerId, ServiceId};
use crate::operate::evidence;
use crate::operate::journal::Event;
use crate::reconcile::Scope;
use crate::table::{Destination, Table, Target};

impl Director {
    /// Looks at every destination of ours in a table that was just read.
    pub(super) fn adopt(&mut self, now: Moment) {
        for service in self.service_ids() {
            self.note_adoption(service, now);
            for server in self.config.services[service.0].servers.clone() {
                self.adopt_weight(service, server);
            }
        }
    }

    fn adopt_weight(&mut self, service: ServiceId, server: ServerId) {
        let Some(found) = self.found_weight(service, server) else {
            return;
        };
        let target = self.target(service, server);
        let origin = self.records.intents.entry(target).origin(found);
        if self.config.director.backend == Backend::Weights && origin != Origin::Ours && found > 0 {
            return self.adopt_nominal(service, server, found);
        }
        if origin != Origin::ByHand {
            return;
        }
        let name = self.config.servers[server.0].name.clone();
        let nominal = self.nominal(service, server);
        let noted = if found == nominal {
            let reason = format!("weight {found} by hand is the configured one again");
            let facts = [(evidence::WEIGHT.to_owned(), found.into())];
            self.note_with(
                Event::WishCleared,
                About::member(service, server),
                reason,
                facts,
            );
            self.records.wishes.clear_by_hand(&name, target)
        } else {
            let reason = format!("weight {found} was set by hand; it counts from now on");
            let facts = [(evidence::WEIGHT.to_owned(), found.into())];
            self.note_with(
                Event::WishSet,
                About::member(service, server),
                reason,
                facts,
            );
            self.records.wishes.set_by_hand(target, found)
        };
        let noted = noted.and_then(|()| self.records.intents.acknowledge(&[(target, found)]));
        if let Err(error) = noted {
            let reason = format!("the wish could not be kept on disk: {error}");
            self.note(Event::StepFailed, About::member(service, server), reason);
        }
    }

    /// A weight that the table's owner set is the nominal one from now on, and ends its drain.
    fn adopt_nominal(&mut self, service: ServiceId, server: ServerId, found: u32) {
        let target = self.target(service, server);
        let about = About::member(service, server);
        if self.records.intents.entry(target).nominal() != Some(found) {
            let reason =
                format!("weight {found} is its owner's; it is the nominal one from now on");
            self.note(Event::Adopted, about, reason);
        }
        let mut noted = self
            .records
            .intents
            .note_nominal(target, found)
            .and_then(|()| self.records.intents.acknowledge(&[(target, found)]));
        let name = self.config.servers[server.0].name.clone();
        if self.records.wishes.weight(&name, target).is_some() {
            let reason = format!("its owner has set weight {found}");
            self.note(Event::WishCleared, about, reason);
            noted = noted.and(self.records.wishes.clear_by_hand(&name, target));
        }
        if let Err(error) = noted {
            let reason = format!("the nominal weight could not be kept on disk: {error}");
            self.note(Event::StepFailed, about, reason);
        }
    }

    /// The weight that a server has when it works: the configured one, or that of the table's
    /// owner where the table is another program's.
    pub(super) fn nominal(&self, service: ServiceId, server: ServerId) -> u32 {
        let configured = self.config.servers[server.0].weight;
        if self.config.director.backend != Backend::Weights {
            return configured;
        }
        let entry = self.records.intents.entry(self.target(service, server));
        entry.nominal().unwrap_or(configured)
    }

    /// Notes which destinations the owner of the table has removed or added since the last reading.
    pub(super) fn note_owners_changes(&mut self, before: &Table) {
        if self.scope() != Scope::Weights {
            return;
        }
        for service in self.service_ids() {
            for server in self.config.services[service.0].servers.clone() {
                let configured = &self.config.services[service.0];
                let destination = self.config.destination(configured, server);
                let was_there = before
                    .get(&configured.key)
                    .is_some_and(|known| known.destinations.contains_key(&destination));
                let is_there = self.found_weight(service, server).is_some();
                let about = About::member(service, server);
                match (was_there, is_there) {
                    (true, false) => {
                        let reason = "its owner has removed the destination; it is not put back";
                        self.note(Event::Vanished, about, reason.to_owned());
                    }
                    (false, true) if !before.is_empty() => {
                        let reason = "its owner has added the destination".to_owned();
                        self.note(Event::Adopted, about, reason);
                    }
                    _ => {}
                }
            }
        }
    }

    fn note_adoption(&mut self, service: ServiceId, now: Moment) {
        if std::mem::replace(&mut self.services[service.0].adopted, true) {
            return;
        }
        let key = self.config.services[service.0].key;
        let reason = match self.table.get(&key) {
            Some(found) => format!("{key} found with {} destinations", found.destinations.len()),
            None if self.scope() == Scope::Weights => {
                format!("{key} not found; its owner may yet create it")
            }
            None => {
                self.services[service.0].created = Some(now);
                format!("{key} not found; it will be created")
            }
        };
        self.note(Event::Adopted, About::service(service), reason);
    }

    /// The weight of a server in the table as last read.
    pub(super) fn found_weight(&self, service: ServiceId, server: ServerId) -> Option<u32> {
        Some(self.found(service, server)?.settings.weight)
    }

    /// A server's destination in the table as last read.
    pub(super) fn found(&self, service: ServiceId, server: ServerId) -> Option<&Destination> {
        let service = &self.config.services[service.0];
        let destination = self.config.destination(service, server);
        let found = self.table.get(&service.key)?;
        found.destinations.get(&destination)
    }

    /// A server's destination by its name in the state files.
    pub(super) fn target(&self, service: ServiceId, server: ServerId) -> Target {
        let service = &self.config.services[service.0];
        Target {
            service: service.key,
            destination: self.config.destination(service, server),
        }
    }
}
