//! Which addresses may stand in DNS.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks whose addresses mean nothing to another machine, or are no addresses at all.
const NEVER: [&str; 7] = [
    "0.0.0.0/8",      // this host on this network, RFC 1122
    "127.0.0.0/8",    // loopback, RFC 1122
    "169.254.0.0/16", // link-local, RFC 3927
    "::/128",         // unspecified, RFC 4291
    "::1/128",        // loopback, RFC 4291
    "::ffff:0:0/96",  // IPv4-mapped, RFC 4291
    "fe80::/10",      // link-local, RFC 4291
];

/// Unique local addresses, RFC 4193: forbidden unless allowed by name.
const UNIQUE_LOCAL: &str = "fc00::/7";

/// Which addresses may stand in DNS.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    /// Where every address must lie; empty allows all.
    pub allowed: Vec<IpNet>,
    /// Where none may lie, beside those that never may.
    pub forbidden: Vec<IpNet>,
}

/// Why an address may not stand in DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offence {
    /// It lies in this network, which the operator forbids.
    Forbidden(IpNet),
    /// It lies in this network, which means nothing to another machine.
    Never(IpNet),
    /// It lies in none of the allowed networks.
    NotAllowed,
}

impl Networks {
    /// What is wrong with an address, if anything.
    pub fn offence(&self, address: IpAddr) -> Option<Offence> {
        let holds = |network: &&IpNet| network.contains(&address);
        if let Some(network) = self.forbidden.iter().find(holds) {
            return Some(Offence::Forbidden(*network));
        }
        let allowed = self
            .allowed
            .iter()
            .any(|network| network.contains(&address));
        let mut never = NEVER
            .iter()
            .chain((!allowed).then_some(&UNIQUE_LOCAL))
            .filter_map(|network| network.parse::<IpNet>().ok());
        if let Some(network) = never.find(|network| network.contains(&address)) {
            return Some(Offence::Never(network));
        }
        (!allowed && !self.allowed.is_empty()).then_some(Offence::NotAllowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(allowed: &[&str], forbidden: &[&str]) -> Networks {
        let read = |list: &[&str]| list.iter().map(|text| text.parse().expect(text)).collect();
        Networks {
            allowed: read(allowed),
            forbidden: read(forbidden),
        }
    }

    fn offence(networks: &Networks, address: &str) -> Option<Offence> {
        networks.offence(address.parse().expect(address))
    }

    #[test]
    fn every_network_that_never_may_is_one() {
        for text in NEVER.iter().chain([&UNIQUE_LOCAL]) {
            assert!(text.parse::<IpNet>().is_ok(), "{text}");
        }
    }

    #[test]
    fn without_a_wish_only_addresses_that_mean_nothing_elsewhere_offend() {
        let any = networks(&[], &[]);
        for address in ["192.0.2.11", "10.0.1.1", "2001:db8::1"] {
            assert_eq!(offence(&any, address), None, "{address}");
        }
        for address in [
            "169.254.7.7",
            "127.0.0.1",
            "0.0.0.0",
            "fe80::1",
            "::1",
            "fd00::1",
            "::ffff:10.0.1.1",
        ] {
            let found = offence(&any, address);
            assert!(
                matches!(found, Some(Offence::Never(_))),
                "{address}: {found:?}"
            );
        }
    }

    #[test]
    fn unique_local_addresses_can_be_allowed_and_link_local_ones_cannot() {
        let networks = networks(&["fd00:1::/64", "fe80::/10"], &[]);
        assert_eq!(offence(&networks, "fd00:1::7"), None);
        assert!(offence(&networks, "fd00:2::7").is_some());
        assert!(offence(&networks, "fe80::7").is_some());
    }

    #[test]
    fn a_forbidden_network_lies_within_an_allowed_one_and_wins() {
        let networks = networks(&["10.0.0.0/8"], &["10.0.1.0/24"]);
        let forbidden = Offence::Forbidden("10.0.1.0/24".parse().expect("a network"));
        assert_eq!(offence(&networks, "10.0.1.1"), Some(forbidden));
        assert_eq!(offence(&networks, "10.0.2.1"), None);
        assert_eq!(offence(&networks, "192.0.2.1"), Some(Offence::NotAllowed));
    }
}
