//! What a report, a step or a command is about, found without looking at every service: there may
//! be thousands.

use std::net::IpAddr;

use crate::config::{Config, ServerId, ServiceId};

/// Where a server is: in which service, and at which position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    server: ServerId,
    pub(super) service: ServiceId,
    pub(super) at: usize,
}

/// Who is concerned, computed once a configuration. Sorted lists take a third of the memory of
/// hash tables.
#[derive(Debug, Default)]
pub(super) struct Concerns {
    places: Vec<Place>,
    by_address: Vec<(IpAddr, ServerId)>,
}

impl Concerns {
    pub(super) fn of(config: &Config) -> Self {
        let services = config.services.iter().enumerate();
        let places = services.flat_map(|(id, service)| {
            let servers = service.servers.iter().enumerate();
            servers.map(move |(at, server)| Place {
                server: *server,
                service: ServiceId(id),
                at,
            })
        });
        let mut places: Vec<Place> = places.collect();
        places.sort_unstable();
        places.shrink_to_fit();
        let servers = config.servers.iter().enumerate();
        let addresses = servers.map(|(id, server)| (server.address, ServerId(id)));
        let mut by_address: Vec<_> = addresses.collect();
        by_address.sort_unstable();
        Self { places, by_address }
    }

    /// Where a server is.
    pub(super) fn places(&self, server: ServerId) -> &[Place] {
        let from = self.places.partition_point(|place| place.server < server);
        let rest = &self.places[from..];
        let length = rest.partition_point(|place| place.server == server);
        &rest[..length]
    }

    /// The first server of an address.
    pub(super) fn server_at(&self, address: IpAddr) -> Option<ServerId> {
        let from = self.by_address.partition_point(|(at, _)| *at < address);
        let (at, server) = self.by_address.get(from)?;
        (*at == address).then_some(*server)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TEXT: &str = "
        [checks.rdp]
        x224 = { port = 3389 }
        [servers.a]
        address = \"10.0.1.9\"
        [servers.b]
        address = \"10.0.1.1\"
        [servers.c]
        address = \"10.0.1.5\"
        [services.one]
        fwmark = 1
        servers = [\"c\", \"a\"]
        checks = [\"rdp\"]
        [services.two]
        fwmark = 2
        servers = [\"a\"]
        checks = [\"rdp\"]
    ";

    #[test]
    fn a_server_is_found_in_all_its_services_and_by_its_address() {
        let config = Config::parse(Path::new("g.toml"), TEXT).unwrap();
        let concerns = Concerns::of(&config);
        let places = |server| {
            let places = concerns.places(ServerId(server)).iter();
            places
                .map(|place| (place.service.0, place.at))
                .collect::<Vec<_>>()
        };
        assert_eq!(places(0), [(0, 1), (1, 0)]);
        assert_eq!(places(1), []);
        assert_eq!(places(2), [(0, 0)]);
        let at = |address: &str| concerns.server_at(address.parse().unwrap());
        assert_eq!(at("10.0.1.1"), Some(ServerId(1)));
        assert_eq!(at("10.0.1.9"), Some(ServerId(0)));
        assert_eq!(at("10.0.1.2"), None);
    }
}
