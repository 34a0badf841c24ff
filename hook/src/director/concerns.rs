//! What a report, a step or a command is about, found without looking at every service: there may
//! be thousands.

use std::collections::HashMap;
use std::net::IpAddr;

use super::ProbeKey;
use crate::config::{Config, ServerId, ServiceId};

/// Who is concerned, computed once a configuration.
#[derive(Debug, Default)]
pub(super) struct Concerns {
    by_probe: HashMap<ProbeKey, Vec<(ServiceId, usize)>>,
    by_server: HashMap<ServerId, Vec<(ServiceId, usize)>>,
    by_address: HashMap<IpAddr, ServerId>,
}

impl Concerns {
    pub(super) fn of(config: &Config) -> Self {
        let mut concerns = Self::default();
        for (id, service) in config.services.iter().enumerate() {
            for (at, server) in service.servers.iter().enumerate() {
                let places = concerns.by_server.entry(*server).or_default();
                places.push((ServiceId(id), at));
                for check in &service.checks {
                    let services = concerns.by_probe.entry((*server, *check)).or_default();
                    services.push((ServiceId(id), at));
                }
            }
        }
        for (id, server) in config.servers.iter().enumerate().rev() {
            concerns.by_address.insert(server.address, ServerId(id));
        }
        concerns
    }

    /// The services that one check on one server is for, with its position there.
    pub(super) fn services(&self, probe: ProbeKey) -> &[(ServiceId, usize)] {
        self.by_probe.get(&probe).map_or(&[], Vec::as_slice)
    }

    /// The services that a server is in, with its position there.
    pub(super) fn memberships(&self, server: ServerId) -> &[(ServiceId, usize)] {
        self.by_server.get(&server).map_or(&[], Vec::as_slice)
    }

    /// The first server of an address.
    pub(super) fn server_at(&self, address: IpAddr) -> Option<ServerId> {
        self.by_address.get(&address).copied()
    }
}
