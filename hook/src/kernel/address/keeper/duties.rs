//! All wanted addresses: what is to be done now, and when there is something to do next.

use ipnet::IpNet;

use super::duty::{Act, Duty};
use super::{AddressEvent, Change, Timing};
use crate::clock::Moment;
use crate::jitter::Jitter;
use crate::kernel::address::preflight::{self, Fault};
use crate::kernel::address::{Claim, Heard, Interface, Role};

/// The interfaces as they were last read.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// All of them.
    pub(super) interfaces: Vec<Interface>,
    /// When they were read.
    pub(super) read: Moment,
}

/// An address by its place in the claims, and something to do about it.
pub(super) type Order = (usize, Act);

/// The claims with what is known of each.
#[derive(Clone, Debug)]
pub(super) struct Duties {
    claims: Vec<Claim>,
    duties: Vec<Duty>,
    timing: Timing,
    jitter: Jitter,
}

impl Duties {
    /// Nothing is known yet.
    pub(super) fn new(claims: Vec<Claim>, timing: Timing, jitter: Jitter) -> Self {
        Self {
            duties: claims.iter().map(|_| Duty::new()).collect(),
            claims,
            timing,
            jitter,
        }
    }

    /// The claim that an order is about.
    pub(super) fn claim(&self, at: usize) -> Option<&Claim> {
        self.claims.get(at)
    }

    /// The earliest time at which there is something to do.
    pub(super) fn due(&self) -> Option<Moment> {
        self.duties.iter().filter_map(Duty::due).min()
    }

    /// What is to be done now; while this director is `unfit`, nothing is held that can be given up.
    pub(super) fn step(&mut self, view: &View, unfit: Option<&str>, now: Moment) -> Vec<Order> {
        let mut orders = Vec::new();
        for (at, (claim, duty)) in self.claims.iter().zip(&mut self.duties).enumerate() {
            let site = preflight::site(claim, &self.claims, &view.interfaces);
            if let Some(why) = unfit
                && !stays(claim, &self.claims, site.interface)
            {
                let acts = duty.withdraw(site.held, why, view.read, now);
                orders.extend(acts.into_iter().map(|act| (at, act)));
                continue;
            }
            let words = site.obstacle.clone().map(|obstacle| {
                let claim = claim.clone();
                Fault { claim, obstacle }.to_string()
            });
            let (timing, jitter) = (&self.timing, &mut self.jitter);
            let acts = duty.step(&site, words, view.read, now, timing, jitter);
            orders.extend(acts.into_iter().map(|act| (at, act)));
        }
        orders
    }

    /// What follows from what was heard. Our own interfaces hear one another where they share a
    /// segment; that is nobody else.
    pub(super) fn hear(&mut self, heard: &Heard, view: &View, now: Moment) -> Vec<Order> {
        let own = |it: &Interface| it.mac == Some(heard.by);
        let Some(interface) = view
            .interfaces
            .iter()
            .find(|it| it.index == heard.interface)
        else {
            return Vec::new();
        };
        if view.interfaces.iter().any(own) {
            return Vec::new();
        }
        let mut orders = Vec::new();
        for (at, (claim, duty)) in self.claims.iter().zip(&mut self.duties).enumerate() {
            let wanted = &claim.wanted;
            if wanted.interface == interface.name && wanted.address.addr() == heard.address {
                let acts = duty.hear(heard, now, &self.timing, &mut self.jitter);
                orders.extend(acts.into_iter().map(|act| (at, act)));
            }
        }
        orders
    }

    /// What follows from an act that was carried out.
    pub(super) fn done(&mut self, at: usize, act: &Act, now: Moment) -> Vec<Order> {
        let Some(duty) = self.duties.get_mut(at) else {
            return Vec::new();
        };
        let acts = match act {
            Act::Add => duty.added(now),
            Act::Announce => duty.recover().into_iter().collect(),
            Act::Probe | Act::Inquire | Act::Withdraw | Act::Tell(_) => Vec::new(),
        };
        acts.into_iter().map(|act| (at, act)).collect()
    }

    /// What follows from an act that failed.
    pub(super) fn failed(&mut self, at: usize, words: String, now: Moment) -> Vec<Order> {
        let timing = self.timing;
        let duty = self.duties.get_mut(at);
        duty.and_then(|duty| duty.failed(words, now, &timing))
            .map(|act| (at, act))
            .into_iter()
            .collect()
    }

    /// What follows from interfaces that cannot be read, or neighbours that cannot be heard.
    pub(super) fn all_failed(&mut self, words: &str, now: Moment) -> Vec<Order> {
        (0..self.duties.len())
            .flat_map(|at| self.failed(at, words.to_owned(), now))
            .collect()
    }

    /// A change in the director's words.
    pub(super) fn event(&self, at: usize, change: Change) -> Option<AddressEvent> {
        let wanted = &self.claim(at)?.wanted;
        Some(AddressEvent {
            interface: wanted.interface.clone(),
            address: wanted.address,
            purpose: wanted.purpose.clone(),
            change,
        })
    }
}

/// Whether an address stays though this director is unfit. The kernel deletes with the first
/// address of a network all others in it (`promote_secondaries` apart), so the first one stays for
/// the sake of those that are not ours; and with the gateway the interface would lose the network
/// in which the servers are asked.
fn stays(claim: &Claim, claims: &[Claim], interface: Option<&Interface>) -> bool {
    let Some(interface) = interface else {
        return false;
    };
    let address = interface.as_held(claim.wanted.address);
    let network = |held: &&IpNet| held.trunc() == address.trunc();
    let mut held = interface.addresses.iter().filter(network);
    let is_ours = |held: &IpNet| {
        let mut claims = claims.iter();
        claims.any(|claim| claim.wanted.address.addr() == held.addr())
    };
    let first = held
        .next()
        .is_some_and(|first| first.addr() == address.addr());
    first && (claim.role == Role::Gateway || held.any(|other| !is_ours(other)))
}
