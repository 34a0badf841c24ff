//! What is found in the table: inherited, ours, or set by hand.

use super::record::Origin;
use super::{About, Director};
use crate::clock::Moment;
use crate::config::{Server, ServerId, ServiceId};
use crate::operate::evidence;
use crate::operate::journal::Event;
use crate::operate::plan::target;
use crate::table::Destination;

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
        if self.records.intents.entry(&target).origin(found) != Origin::ByHand {
            return;
        }
        let Server {
            name,
            weight: nominal,
            ..
        } = self.config.servers[server.0].clone();
        let noted = if found == nominal {
            let reason = format!("weight {found} by hand is the configured one again");
            let facts = [(evidence::WEIGHT.to_owned(), found.into())];
            self.note_with(
                Event::WishCleared,
                About::member(service, server),
                reason,
                facts,
            );
            self.records.wishes.clear_by_hand(&name, &target)
        } else {
            let reason = format!("weight {found} was set by hand; it counts from now on");
            let facts = [(evidence::WEIGHT.to_owned(), found.into())];
            self.note_with(
                Event::WishSet,
                About::member(service, server),
                reason,
                facts,
            );
            self.records.wishes.set_by_hand(&target, found)
        };
        let noted = noted.and_then(|()| self.records.intents.acknowledge(&target, found));
        if let Err(error) = noted {
            let reason = format!("the wish could not be kept on disk: {error}");
            self.note(Event::StepFailed, About::member(service, server), reason);
        }
    }

    fn note_adoption(&mut self, service: ServiceId, now: Moment) {
        if std::mem::replace(&mut self.services[service.0].adopted, true) {
            return;
        }
        let key = self.config.services[service.0].key;
        let reason = match self.table.get(&key) {
            Some(found) => format!("{key} found with {} destinations", found.destinations.len()),
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

    /// The name of a server's destination in the state files.
    pub(super) fn target(&self, service: ServiceId, server: ServerId) -> String {
        let service = &self.config.services[service.0];
        target(service.key, self.config.destination(service, server))
    }
}
