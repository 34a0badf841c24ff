//! What is wanted of the table, and the steps that are left to it: for `plan` and for the director.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::record::{Entry, Intents, Origin};
use super::wishes::Wishes;
use super::{Director, management};
use crate::clock::Moment;
use crate::config::{Backend, Config, OnFailure, ServerId, ServiceId, VirtualService};
use crate::kernel::KernelError;
use crate::policy::Pool;
use crate::reconcile::{Scope, WantedDestination, WantedService};
use crate::table::{Destination, Service, ServiceKey, Step, Table, Target};

impl Director {
    /// The steps that are left to do for every service, from a fresh reading of the table.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn pending(&mut self, now: Moment) -> Result<Vec<Step>, KernelError> {
        let found = self.kernel.dump()?;
        let management = management::steps(&self.management, &found);
        Ok(self
            .service_ids()
            .flat_map(|id| {
                let decision = self.decide(id, now);
                let wanted = self.wanted_of(id, &decision.weights, decision.sorry(), &found);
                self.scope()
                    .steps(self.config.services[id.0].key, &wanted, &found)
            })
            .chain(management)
            .chain(abandoned(&self.config, &self.records.intents, &found))
            .collect())
    }

    /// A service as it was last decided.
    pub(super) fn wanted(&self, id: ServiceId) -> WantedService {
        let state = &self.services[id.0];
        let weights: Vec<u32> = state.members.iter().map(|member| member.wanted).collect();
        let sorry = matches!(state.memory.pool, Pool::Sorry(_));
        self.wanted_of(id, &weights, sorry, &self.table)
    }

    fn wanted_of(
        &self,
        id: ServiceId,
        weights: &[u32],
        sorry: bool,
        found: &Table,
    ) -> WantedService {
        let service = &self.config.services[id.0];
        let mut wanted = wanted(service, weights, |server| {
            self.config.destination(service, server)
        });
        if let (true, Some(sorry)) = (sorry, service.sorry_server) {
            let serving = WantedDestination {
                forward: sorry.forward,
                weight: 1,
            };
            wanted.destinations.insert(sorry.destination, serving);
        }
        // Before anybody else serves, who leaves goes on serving.
        if wanted.destinations.values().any(|there| there.weight > 0) {
            for (at, there) in self.leaving(id, found) {
                let forward = there.settings.forward;
                let quiesced = WantedDestination { forward, weight: 0 };
                let idle = self.idle.contains(&(service.key, at));
                if wanted.destinations.contains_key(&at) {
                    continue;
                }
                if idle || service.on_failure == OnFailure::Remove {
                    wanted.removed.insert(at);
                } else {
                    wanted.destinations.insert(at, quiesced);
                }
            }
        }
        wanted
    }

    /// Destinations that were ours and that the configuration does not name, or not for now: servers
    /// that a reload took out, a sorry server after its work. One whose weight somebody else set is
    /// no longer ours.
    pub(super) fn leaving<'a>(
        &self,
        id: ServiceId,
        found: &'a Table,
    ) -> Vec<(SocketAddr, &'a Destination)> {
        let service = &self.config.services[id.0];
        // Where another program owns the table, what we do not name is its.
        let there = found.get(&service.key);
        let Some(there) = there.filter(|_| self.scope() == Scope::Services) else {
            return Vec::new();
        };
        let members = service.servers.iter();
        let named: BTreeSet<SocketAddr> = members
            .map(|server| self.config.destination(service, *server))
            .collect();
        let ours = |at: &SocketAddr, there: &Destination| {
            let target = Target {
                service: service.key,
                destination: *at,
            };
            let entry = self.records.intents.entry(target);
            entry.origin(there.settings.weight) == Origin::Ours
        };
        let destinations = there.destinations.iter();
        destinations
            .filter(|(at, there)| !named.contains(at) && ours(at, there))
            .map(|(at, there)| (*at, there))
            .collect()
    }
}

/// A service with given weights, as the reconciler wants it. Where a failure removes, weight 0
/// means not to be there.
pub(crate) fn wanted(
    service: &VirtualService,
    weights: &[u32],
    destination: impl Fn(ServerId) -> SocketAddr,
) -> WantedService {
    let forward = service.forward;
    let members = service
        .servers
        .iter()
        .map(|server| destination(*server))
        .zip(weights);
    let (gone, there): (Vec<_>, Vec<_>) =
        members.partition(|(_, weight)| **weight == 0 && service.on_failure == OnFailure::Remove);
    WantedService {
        settings: service.settings.clone(),
        destinations: there
            .into_iter()
            .map(|(at, weight)| {
                (
                    at,
                    WantedDestination {
                        forward,
                        weight: *weight,
                    },
                )
            })
            .collect(),
        removed: gone.into_iter().map(|(at, _)| at).collect(),
    }
}

/// The steps that a bare table needs when every server is healthy.
pub fn plan_for_healthy(config: &Config, wishes: &Wishes, found: &Table) -> Vec<Step> {
    let backend = config.director.backend;
    let weight = |service: &VirtualService, id: &ServerId| {
        let server = &config.servers[id.0];
        let destination = config.destination(service, *id);
        let stand = wishes
            .of(&server.name)
            .and_then(|asked| asked.stand.as_ref());
        if stand.is_some_and(|stand| stand.wish.standing().is_out()) {
            return 0;
        }
        wishes
            .weight(
                &server.name,
                Target {
                    service: service.key,
                    destination,
                },
            )
            .or_else(|| owners_weight(backend, found, service.key, destination))
            .unwrap_or(server.weight)
    };
    config
        .services
        .iter()
        .flat_map(|service| {
            let weights: Vec<u32> = service
                .servers
                .iter()
                .map(|id| weight(service, id))
                .collect();
            let wanted = wanted(service, &weights, |id| config.destination(service, id));
            backend.scope().steps(service.key, &wanted, found)
        })
        .chain(management::steps(&management::of(config), found))
        .collect()
}

/// The weight that the owner of a table gave a destination: its nominal one, there. 0 tells none.
fn owners_weight(
    backend: Backend,
    found: &Table,
    service: ServiceKey,
    destination: SocketAddr,
) -> Option<u32> {
    let there = found.get(&service)?.destinations.get(&destination)?;
    Some(there.settings.weight).filter(|weight| backend == Backend::Weights && *weight > 0)
}

/// The steps that delete what we created and the configuration no longer names. A service in which
/// somebody else has a destination stays, with all that is in it.
pub(crate) fn abandoned(config: &Config, intents: &Intents, found: &Table) -> Vec<Step> {
    if config.director.backend.scope() == Scope::Weights {
        return Vec::new();
    }
    let management = management::of(config);
    let keys: BTreeSet<ServiceKey> = config.services.iter().map(|service| service.key).collect();
    let named =
        |key: &ServiceKey| keys.contains(key) || management.iter().any(|service| service.is(*key));
    let ours = |key: &ServiceKey, there: &Service| {
        let recorded = |at: &SocketAddr| {
            let target = Target {
                service: *key,
                destination: *at,
            };
            intents.entry(target) != Entry::default()
        };
        intents.created(*key) && there.destinations.keys().all(recorded)
    };
    found
        .iter()
        .filter(|(key, there)| !named(key) && ours(key, there))
        .map(|(key, there)| Step::DeleteService {
            service: *key,
            from: there.settings.clone(),
        })
        .collect()
}
