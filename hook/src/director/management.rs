//! Management services: one VIP, one server, weight 1 always. Health and wishes do not touch
//! them, for through them the broken server is repaired.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::{About, Director};
use crate::config::{Config, ServerId};
use crate::reconcile::{self, Scope, WantedDestination, WantedService};
use crate::table::{Family, Forward, ServiceKey, ServiceSettings, Step, Table};

/// A management service as the configuration asks for it.
#[derive(Clone, Debug)]
pub(super) struct ManagementService {
    server: ServerId,
    key: ServiceKey,
    wanted: WantedService,
}

impl ManagementService {
    /// Whether this is the service with that identity.
    pub(super) fn is(&self, key: ServiceKey) -> bool {
        self.key == key
    }
}

/// The management services of a configuration, where services are ours to make.
pub(super) fn of(config: &Config) -> Vec<ManagementService> {
    if config.director.backend.scope() == Scope::Weights {
        return Vec::new();
    }
    let servers = config.servers.iter().enumerate();
    servers
        .filter_map(|(id, server)| {
            let management = server.management.as_ref()?;
            let family = Family::of(server.address);
            let key = ServiceKey::Fwmark {
                family,
                mark: management.fwmark,
            };
            let destination = SocketAddr::new(server.address, 0);
            let always = WantedDestination {
                forward: Forward::Nat,
                weight: 1,
            };
            let wanted = WantedService {
                settings: ServiceSettings {
                    scheduler: "wlc".to_owned(),
                    persistence: None,
                    netmask: ServiceSettings::host_netmask(family),
                    flags: 0,
                    persistence_engine: None,
                },
                destinations: BTreeMap::from([(destination, always)]),
                removed: BTreeSet::new(),
            };
            Some(ManagementService {
                server: ServerId(id),
                key,
                wanted,
            })
        })
        .collect()
}

/// The steps that the management services still need.
pub(super) fn steps(services: &[ManagementService], found: &Table) -> Vec<Step> {
    services
        .iter()
        .flat_map(|service| reconcile::steps(service.key, &service.wanted, found))
        .collect()
}

impl Director {
    /// Brings every management service to what it always is.
    pub(super) fn converge_management(&mut self, before: Option<&Table>) {
        for service in self.management.clone() {
            let about = About {
                service: None,
                server: Some(service.server),
            };
            let losses = before.map_or_else(Vec::new, |before| {
                self.losses(service.key, &service.wanted, before)
            });
            let steps = reconcile::steps(service.key, &service.wanted, &self.table);
            // What is refused is on record, and tried again.
            let _ = self.carry_out_all(about, &steps, &losses);
        }
    }
}
