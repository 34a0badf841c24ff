//! Whether an address can be taken at all, judged from the interfaces as they were read.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Claim, Interface, Link, Role};
use crate::config::nearest;
use crate::setup::HostStep;

/// Why an address cannot be taken, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The address.
    pub claim: Claim,
    /// What stands in the way.
    pub obstacle: Obstacle,
}

/// What stands in the way of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no such interface.
    NoInterface {
        /// The name that was probably meant.
        nearest: Option<String>,
        /// The names there are.
        there: Vec<String>,
    },
    /// The interface is down.
    Down,
    /// The interface has no carrier, so nobody can be asked for the address.
    NoCarrier,
    /// A VIP that lies in no network of its interface.
    OutsideNetworks {
        /// The networks of its family that the interface is in.
        networks: Vec<IpNet>,
    },
    /// Another interface of this machine has the address.
    Elsewhere {
        /// Its name.
        interface: String,
    },
}

/// A claim beside what was read.
#[derive(Clone, Debug)]
pub(super) struct Site<'a> {
    /// The interface, if it is there.
    pub(super) interface: Option<&'a Interface>,
    /// Whether it has the address.
    pub(super) held: bool,
    /// What stands in the way: for an address that is held, of its announcement.
    pub(super) obstacle: Option<Obstacle>,
}

/// All faults of the wanted addresses.
pub fn preflight(claims: &[Claim], interfaces: &[Interface]) -> Vec<Fault> {
    claims
        .iter()
        .filter_map(|claim| {
            let obstacle = site(claim, claims, interfaces).obstacle?;
            Some(Fault {
                claim: claim.clone(),
                obstacle,
            })
        })
        .collect()
}

/// The wanted addresses that no interface of theirs has, as steps.
pub fn missing(claims: &[Claim], interfaces: &[Interface]) -> Vec<HostStep> {
    claims
        .iter()
        .filter(|claim| !site(claim, claims, interfaces).held)
        .map(|claim| HostStep::AddAddress {
            address: claim.wanted.clone(),
        })
        .collect()
}

/// Lays a claim beside what was read. `claims` are all of them: a gateway among them promises its
/// network to the VIPs of its interface.
pub(super) fn site<'a>(claim: &Claim, claims: &[Claim], interfaces: &'a [Interface]) -> Site<'a> {
    let wanted = &claim.wanted;
    let Some(interface) = interfaces.iter().find(|it| it.name == wanted.interface) else {
        let names = || interfaces.iter().map(|it| it.name.as_str());
        return Site {
            interface: None,
            held: false,
            obstacle: Some(Obstacle::NoInterface {
                nearest: nearest(&wanted.interface, names()).map(str::to_owned),
                there: names().map(str::to_owned).collect(),
            }),
        };
    };
    let held = interface.has(wanted.address.addr());
    let obstacle = of_link(interface.link).or_else(|| {
        let outside = || outside(claim, claims, interface);
        let blocked = || elsewhere(wanted.address.addr(), interfaces).or_else(outside);
        if held { None } else { blocked() }
    });
    Site {
        interface: Some(interface),
        held,
        obstacle,
    }
}

fn of_link(link: Link) -> Option<Obstacle> {
    match link {
        Link::Up => None,
        Link::NoCarrier => Some(Obstacle::NoCarrier),
        Link::Down => Some(Obstacle::Down),
    }
}

fn elsewhere(address: IpAddr, interfaces: &[Interface]) -> Option<Obstacle> {
    let other = interfaces.iter().find(|it| it.has(address))?;
    Some(Obstacle::Elsewhere {
        interface: other.name.clone(),
    })
}

fn outside(claim: &Claim, claims: &[Claim], interface: &Interface) -> Option<Obstacle> {
    let wanted = &claim.wanted;
    if claim.role == Role::Gateway {
        return None;
    }
    let promised = claims
        .iter()
        .filter(|other| other.role == Role::Gateway && other.wanted.interface == interface.name)
        .map(|other| other.wanted.address);
    let mut networks: Vec<IpNet> = interface
        .addresses
        .iter()
        .copied()
        .chain(promised)
        .filter(|network| network.addr().is_ipv4() == wanted.address.addr().is_ipv4())
        .map(|network| network.trunc())
        .collect();
    networks.sort_unstable();
    networks.dedup();
    let inside = networks
        .iter()
        .any(|network| network.contains(&wanted.address.addr()));
    (!inside).then_some(Obstacle::OutsideNetworks { networks })
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = &self.claim.wanted;
        let (address, interface) = (wanted.address, &wanted.interface);
        write!(f, "{} {address}: ", wanted.purpose)?;
        match &self.obstacle {
            Obstacle::NoInterface {
                nearest: Some(name),
                ..
            } => write!(f, "there is no interface {interface}; did you mean {name}?"),
            Obstacle::NoInterface { there, .. } => write!(
                f,
                "there is no interface {interface}, only {}; correct its name, or create it",
                listed(there)
            ),
            Obstacle::Down => write!(
                f,
                "interface {interface} is down; bring it up with `ip link set {interface} up`"
            ),
            Obstacle::NoCarrier => write!(
                f,
                "interface {interface} has no carrier, so nobody can be reached through it; \
                 look at its cable and its switch port"
            ),
            Obstacle::OutsideNetworks { networks } if networks.is_empty() => write!(
                f,
                "interface {interface} has no address of that family, so its neighbours would \
                 not look for this one there; give the interface an address of its own in the \
                 VIP's network first, or correct the VIP's interface"
            ),
            Obstacle::OutsideNetworks { networks } => write!(
                f,
                "it lies in no network of interface {interface}, which is in {}; correct the \
                 VIP or its interface",
                listed(networks)
            ),
            Obstacle::Elsewhere { interface: other } => write!(
                f,
                "interface {other} of this machine has it, and {interface} is to have it; \
                 delete it there (`ip address del … dev {other}`), or correct the interface"
            ),
        }
    }
}

fn listed(items: &[impl fmt::Display]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests;
