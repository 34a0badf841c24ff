//! The rest of a director's set-up as data: addresses, firewall marks, masquerade, sysctls.
//! What belongs to the IPVS table is in `table`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::config::{Backend, Config};
use crate::kernel::address::keeper::Watched;
use crate::table::{Family, Forward, Protocol, ServiceKey};

/// What one director wants of its host besides the IPVS table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Addresses to hold, the inside gateway first.
    pub addresses: Vec<WantedAddress>,
    /// The firewall rules of our own table.
    pub firewall: Firewall,
    /// Kernel parameters, by their names in `sysctl(8)`.
    pub sysctls: Vec<WantedSysctl>,
    /// Which of the addresses is the inside gateway.
    pub gateway: Option<IpAddr>,
    /// What the director's fitness to hold the addresses depends on.
    pub watched: Watched,
    /// Where keepalived is told how fit this director of a pair is.
    pub score_file: Option<PathBuf>,
}

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedAddress {
    /// The interface's name, such as `eth0`.
    pub interface: String,
    /// The address with its prefix length; host bits are kept.
    pub address: IpNet,
    /// Why it is held, in words: `VIP of exchange`, `management VIP of ex1`, `inside gateway`.
    pub purpose: String,
}

/// The content of our nftables table. Empty if there is nothing to mark or masquerade.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firewall {
    /// Marks on packets to VIPs.
    pub marks: Vec<MarkRule>,
    /// Source translation for connections that real servers open to the outside.
    pub masquerade: Vec<Masquerade>,
}

/// Packets to one address and some or all ports of a protocol get a mark.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MarkRule {
    /// The VIP.
    pub vip: IpAddr,
    /// Which packets to it.
    pub traffic: Traffic,
    /// The whole mark; IPVS compares all of its bits.
    pub mark: u32,
}

/// Which packets to a VIP are marked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Traffic {
    /// Every packet, as for a management VIP.
    Everything,
    /// The listed ports of one protocol.
    Ports {
        /// The protocol.
        protocol: Protocol,
        /// Sorted, without repetition, never empty.
        ports: Vec<u16>,
    },
}

/// Connections from the inside network that leave by the outside interface take another address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Masquerade {
    /// The inside network; nothing else is translated.
    pub source: IpNet,
    /// The outside interface's name.
    pub outside: String,
    /// The address that they take; the interface's own, if none is named.
    pub bears: Option<IpAddr>,
}

/// A kernel parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedSysctl {
    /// Its name, such as `net.ipv4.vs.expire_quiescent_template`.
    pub name: &'static str,
    /// Its value.
    pub value: &'static str,
    /// What goes wrong without it, in words.
    pub why: &'static str,
}

/// One change of the host. Steps are idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostStep {
    /// Write a kernel parameter.
    SetSysctl {
        /// Its name.
        name: &'static str,
        /// The value found.
        from: String,
        /// The value wanted.
        to: &'static str,
    },
    /// Replace our nftables table as one transaction.
    ReplaceFirewall {
        /// Whether a table of ours was there, altered or of another configuration.
        was_there: bool,
        /// What it is to contain.
        to: Firewall,
    },
    /// Hold an address, after nobody else was found to hold it, and announce it.
    AddAddress {
        /// Which.
        address: WantedAddress,
    },
}

impl HostStep {
    /// The step in words.
    pub fn words(&self) -> String {
        match self {
            Self::SetSysctl { name, from, to } => format!("set sysctl {name}: {from} -> {to}"),
            Self::ReplaceFirewall {
                was_there: true, ..
            } => "replace nftables table inet governess, which is not as wanted".to_owned(),
            Self::ReplaceFirewall {
                was_there: false,
                to,
            } => format!(
                "add nftables table inet governess ({} marks, {} masquerade)",
                to.marks.len(),
                to.masquerade.len()
            ),
            Self::AddAddress { address } => format!(
                "add address {} to {} ({}), after nobody else was found to hold it",
                address.address, address.interface, address.purpose
            ),
        }
    }
}

impl Setup {
    /// What a configuration asks of the host: nothing where the table is in memory or another
    /// program's.
    pub fn of(config: &Config) -> Self {
        if config.director.backend != Backend::Ipvs {
            return Self::default();
        }
        Self {
            addresses: match config.pair {
                // keepalived holds them where it elects the holder.
                Some(_) => Vec::new(),
                None => addresses(config),
            },
            firewall: firewall(config),
            sysctls: sysctls(config),
            gateway: config
                .nat
                .as_ref()
                .and_then(|nat| nat.gateway)
                .map(|net| net.addr()),
            watched: watched(config),
            score_file: config.pair.as_ref().map(|pair| pair.score_file.clone()),
        }
    }
}

/// All interfaces that the traffic crosses, all real servers, and the directors of a pair.
fn watched(config: &Config) -> Watched {
    let of_nat = config
        .nat
        .iter()
        .flat_map(|nat| [&nat.inside, &nat.outside]);
    let links: BTreeSet<String> = addresses(config)
        .into_iter()
        .map(|wanted| wanted.interface)
        .chain(of_nat.cloned())
        .collect();
    Watched {
        links: links.into_iter().collect(),
        servers: config.servers.iter().map(|server| server.address).collect(),
        directors: match &config.pair {
            Some(pair) => pair.directors.clone(),
            None => Vec::new(),
        },
    }
}

/// Every address that a configuration names, the inside gateway first, whoever holds it.
pub fn addresses(config: &Config) -> Vec<WantedAddress> {
    let gateway = config.nat.iter().filter_map(|nat| {
        let purpose = "inside gateway".to_owned();
        Some(WantedAddress {
            interface: nat.inside.clone(),
            address: nat.gateway?,
            purpose,
        })
    });
    let vips = config.services.iter().filter_map(|service| {
        let front = service.front.as_ref()?;
        let purpose = format!("VIP of {}", service.name);
        Some(WantedAddress {
            interface: front.interface.clone()?,
            address: front.vip,
            purpose,
        })
    });
    let management = config.servers.iter().filter_map(|server| {
        let management = server.management.as_ref()?;
        Some(WantedAddress {
            interface: management.interface.clone(),
            address: management.vip,
            purpose: format!("management VIP of {}", server.name),
        })
    });
    let mut wanted: Vec<WantedAddress> = Vec::new();
    for address in gateway.chain(vips).chain(management) {
        // Several services may share one VIP; it is held once.
        if !wanted
            .iter()
            .any(|other| other.address.addr() == address.address.addr())
        {
            wanted.push(address);
        }
    }
    wanted
}

fn firewall(config: &Config) -> Firewall {
    let services = config.services.iter().filter_map(|service| {
        let ServiceKey::Fwmark { mark, .. } = service.key else {
            return None;
        };
        let front = service.front.as_ref()?;
        let traffic = Traffic::Ports {
            protocol: Protocol::Tcp,
            ports: front.tcp.clone(),
        };
        Some(MarkRule {
            vip: front.vip.addr(),
            traffic,
            mark,
        })
    });
    let management = config.servers.iter().filter_map(|server| {
        let management = server.management.as_ref()?;
        let traffic = Traffic::Everything;
        Some(MarkRule {
            vip: management.vip.addr(),
            traffic,
            mark: management.fwmark,
        })
    });
    let masquerade = config
        .nat
        .iter()
        .filter(|nat| nat.masquerade)
        .filter_map(|nat| {
            Some(Masquerade {
                source: nat.gateway?.trunc(),
                outside: nat.outside.clone(),
                bears: nat.source,
            })
        });
    Firewall {
        marks: services.chain(management).collect(),
        masquerade: masquerade.collect(),
    }
}

const EXPIRE_QUIESCENT_TEMPLATE: WantedSysctl = WantedSysctl {
    name: "net.ipv4.vs.expire_quiescent_template",
    value: "1",
    why: "without it a persistent client keeps coming to a server of weight 0",
};

const EXPIRE_NODEST_CONN: WantedSysctl = WantedSysctl {
    name: "net.ipv4.vs.expire_nodest_conn",
    value: "1",
    why: "without it packets to a destination that was removed are dropped in silence",
};

const FORWARD_V4: WantedSysctl = WantedSysctl {
    name: "net.ipv4.ip_forward",
    value: "1",
    why: "without it nothing passes between the servers and the clients",
};

const FORWARD_V6: WantedSysctl = WantedSysctl {
    name: "net.ipv6.conf.all.forwarding",
    value: "1",
    why: "without it nothing passes between the servers and the clients",
};

fn sysctls(config: &Config) -> Vec<WantedSysctl> {
    let by_nat = |family| {
        let services = config.services.iter();
        services
            .filter(|s| s.forward == Forward::Nat)
            .any(|s| s.key.family() == family)
    };
    let mut wanted = Vec::new();
    if by_nat(Family::V4) || config.nat.is_some() {
        wanted.push(FORWARD_V4);
    }
    if by_nat(Family::V6) {
        wanted.push(FORWARD_V6);
    }
    if config
        .services
        .iter()
        .any(|service| service.settings.persistence.is_some())
    {
        wanted.push(EXPIRE_QUIESCENT_TEMPLATE);
    }
    wanted.push(EXPIRE_NODEST_CONN);
    wanted
}

#[cfg(test)]
mod tests;
