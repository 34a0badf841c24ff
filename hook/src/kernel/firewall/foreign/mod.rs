//! The host's own chains that drop the traffic of the set-up. We read them and never change them.
//!
//! Only a chain that drops for certain is named: a rule that is not understood here, or that asks
//! for something in which clients differ, leaves the matter open, and then nothing is said.

mod chains;
mod iptables;
mod nftables;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use self::chains::{ChainSet, Hook, Packet};
use crate::setup::{Firewall, Traffic};
use crate::table::{Family, ServiceKey};

/// The packet filter of a host, outside our table.
#[derive(Clone, Debug, Default)]
pub struct HostRules {
    sets: Vec<ChainSet>,
}

impl HostRules {
    /// Adds what `nft -j list ruleset` printed.
    ///
    /// # Errors
    /// It is not what `nft` documents.
    pub fn add_nftables(&mut self, listing: &str) -> Result<(), String> {
        self.sets.append(&mut nftables::parse(listing)?);
        Ok(())
    }

    /// Adds what `iptables-legacy-save` or `ip6tables-legacy-save` printed.
    pub fn add_iptables(&mut self, family: Family, saved: &str) {
        self.sets.extend(iptables::parse(family, saved));
    }

    /// Whether [`add_nftables`](Self::add_nftables) met rules of a family that only the iptables
    /// that wrote them can tell.
    pub fn needs_iptables(&self, family: Family) -> bool {
        self.sets.iter().any(|set| of_iptables(set, family))
    }

    /// Takes what `iptables-nft-save` or `ip6tables-nft-save` printed in the place of what `nft`
    /// shows of the same rules.
    pub fn explain_by_iptables(&mut self, family: Family, saved: &str) {
        if let Some(set) = iptables::parse(family, saved) {
            self.sets.retain(|known| !of_iptables(known, family));
            self.sets.push(set);
        }
    }
}

fn of_iptables(set: &ChainSet, family: Family) -> bool {
    let label = match family {
        Family::V4 => "nftables table ip filter",
        Family::V6 => "nftables table ip6 filter",
    };
    set.has_extensions && set.label == label
}

/// What conntrack thinks of the connections of IPVS (`net.ipv4.vs.conntrack`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracking {
    /// 0, the kernel's default: it never learns of them.
    #[default]
    Untracked,
    /// 1: it knows them as established.
    Tracked,
}

/// The ways that packets of a set-up take through its director.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// VIPs, and which packets to them are for IPVS.
    pub services: Vec<(IpAddr, Traffic)>,
    /// Real servers that answer through the director: those of the forwarding method NAT.
    pub servers: Vec<IpAddr>,
    /// The interface towards the real servers.
    pub inside: Option<String>,
    /// The interface towards the clients.
    pub outside: Option<String>,
    /// Whether conntrack knows the connections.
    pub tracking: Tracking,
}

/// The VIPs of a set-up, and which packets to them are for IPVS: those that get a mark, and those
/// of services that are found by address and port.
pub fn services(
    firewall: &Firewall,
    keys: impl IntoIterator<Item = ServiceKey>,
) -> Vec<(IpAddr, Traffic)> {
    let marked = firewall.marks.iter();
    let marked = marked.map(|rule| (rule.vip, rule.traffic.clone()));
    let addressed = keys.into_iter().filter_map(|key| match key {
        ServiceKey::Fwmark { .. } => None,
        // Port 0 stands for every port.
        ServiceKey::Address { socket, .. } if socket.port() == 0 => {
            Some((socket.ip(), Traffic::Everything))
        }
        ServiceKey::Address { protocol, socket } => {
            let ports = vec![socket.port()];
            Some((socket.ip(), Traffic::Ports { protocol, ports }))
        }
    });
    marked.chain(addressed).collect()
}

/// What the host's chains drop for certain, in words, with what to do.
pub fn foreign_drops(host: &HostRules, paths: &Paths) -> Vec<String> {
    let services = paths
        .services
        .iter()
        .flat_map(|(vip, traffic)| dropped_towards(host, paths, *vip, traffic));
    let servers = paths.servers.iter().flat_map(|server| {
        let answers = dropped_answers(host, paths, *server);
        answers.chain(dropped_forwarded(host, paths, *server))
    });
    services.chain(servers).collect()
}

/// Packets of clients pass the input hook before IPVS takes them.
fn dropped_towards(host: &HostRules, paths: &Paths, vip: IpAddr, traffic: &Traffic) -> Vec<String> {
    let towards = Packet {
        input: paths.outside.as_deref(),
        destination: Some(vip),
        ..packet(Hook::Input, vip, "new")
    };
    let Traffic::Ports { protocol, ports } = traffic else {
        return dropping(host, &towards)
            .map(|chain| format!("{chain} drops every packet to the VIP {vip}"))
            .collect();
    };
    let protocol = protocol.to_string();
    let mut dropped: Vec<(String, Vec<String>)> = Vec::new();
    for port in ports {
        let towards = Packet {
            transport: Some(&protocol),
            destination_port: Some(*port),
            ..towards.clone()
        };
        for chain in dropping(host, &towards) {
            match dropped.iter_mut().find(|(known, _)| *known == chain) {
                Some((_, ports)) => ports.push(port.to_string()),
                None => dropped.push((chain, vec![port.to_string()])),
            }
        }
    }
    let words = |(chain, ports): (String, Vec<String>)| {
        format!(
            "{chain} drops packets of clients to the VIP {vip}, {protocol} {}; accept them there \
             whatever their conntrack state, for IPVS keeps its connections out of conntrack",
            ports.join(", ")
        )
    };
    dropped.into_iter().map(words).collect()
}

/// What a real server answers passes the forward hook before IPVS gives it the VIP's address.
fn dropped_answers<'a>(
    host: &'a HostRules,
    paths: &'a Paths,
    server: IpAddr,
) -> impl Iterator<Item = String> + 'a {
    // The connection that conntrack saw begin was one to the VIP.
    let tracking = match paths.tracking {
        Tracking::Untracked => "invalid",
        Tracking::Tracked => "established",
    };
    let answer = Packet {
        input: paths.inside.as_deref(),
        output: paths.outside.as_deref(),
        source: Some(server),
        ..packet(Hook::Forward, server, tracking)
    };
    let chains: Vec<String> = dropping(host, &answer).collect();
    chains.into_iter().map(move |chain| {
        format!(
            "{chain} drops what the real server {server} answers to clients; accept there by the \
             source address, in front of any rule about conntrack states: IPVS keeps its \
             connections out of conntrack, so that these packets are \"invalid\" and never \
             \"established\""
        )
    })
}

/// What IPVS sends to a real server passes the output hook, as do the director's own checks.
fn dropped_forwarded<'a>(
    host: &'a HostRules,
    paths: &'a Paths,
    server: IpAddr,
) -> impl Iterator<Item = String> + 'a {
    let tracking = match paths.tracking {
        Tracking::Untracked => "untracked",
        Tracking::Tracked => "new",
    };
    let forwarded = Packet {
        output: paths.inside.as_deref(),
        destination: Some(server),
        ..packet(Hook::Output, server, tracking)
    };
    let chains: Vec<String> = dropping(host, &forwarded).collect();
    chains.into_iter().map(move |chain| {
        format!(
            "{chain} drops what IPVS and the checks send to the real server {server}; accept \
             there by the destination address"
        )
    })
}

fn packet<'a>(hook: Hook, address: IpAddr, tracking: &'static str) -> Packet<'a> {
    Packet {
        hook,
        family: Family::of(address),
        input: None,
        output: None,
        source: None,
        destination: None,
        transport: None,
        destination_port: None,
        tracking,
    }
}

fn dropping<'a>(host: &'a HostRules, packet: &'a Packet<'_>) -> impl Iterator<Item = String> + 'a {
    host.sets.iter().flat_map(move |set| {
        set.dropping(packet)
            .map(move |chain| format!("{}, chain {chain},", set.label))
    })
}
