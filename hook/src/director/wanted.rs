//! What is wanted of the table, and the steps that are left to it: for `plan` and for the director.

use std::net::SocketAddr;

use super::record::{Entry, Intents};
use super::wishes::Wishes;
use super::{Director, management};
use crate::clock::Moment;
use crate::config::{Backend, Config, OnFailure, ServerId, ServiceId, VirtualService};
use crate::kernel::KernelError;
use crate::operate::plan;
use crate::reconcile::{Scope, WantedDestination, WantedService};
use crate::table::{Service, ServiceKey, Step, Table};

impl Director {
    /// The steps that are left to do for every service, from a fresh reading of the table.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn pending(&mut self, now: Moment) -> Result<Vec<Step>, KernelError> {
        let found = self.kernel.dump()?;
        let services = (0..self.services.len()).map(ServiceId);
        let management = management::steps(&self.management, &found);
        Ok(services
            .flat_map(|id| {
                let wanted = wanted(
                    &self.config.services[id.0],
                    &self.decide(id, now).weights,
                    |server| self.config.destination(&self.config.services[id.0], server),
                );
                self.scope()
                    .steps(self.config.services[id.0].key, &wanted, &found)
            })
            .chain(management)
            .chain(abandoned(&self.config, &self.records.intents, &found))
            .collect())
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
    let weight = |key: ServiceKey, destination: SocketAddr, nominal: u32| {
        wishes
            .weight(&plan::target(key, destination))
            .or_else(|| owners_weight(backend, found, key, destination))
            .unwrap_or(nominal)
    };
    config
        .services
        .iter()
        .flat_map(|service| {
            let weights: Vec<u32> = service
                .servers
                .iter()
                .map(|id| {
                    let destination = config.destination(service, *id);
                    weight(service.key, destination, config.servers[id.0].weight)
                })
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
    let named = |key: &ServiceKey| {
        config.services.iter().any(|service| service.key == *key)
            || management.iter().any(|service| service.is(*key))
    };
    let ours = |key: &ServiceKey, there: &Service| {
        let recorded =
            |at: &SocketAddr| intents.entry(&plan::target(*key, *at)) != Entry::default();
        intents.created(&key.to_string()) && there.destinations.keys().all(recorded)
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
