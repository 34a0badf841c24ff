//! From the table we want and the table that is there to the fewest steps. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::table::{
    DestinationSettings, Encapsulation, Forward, Service, ServiceKey, ServiceSettings, Step, Table,
};

/// A destination as we want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedDestination {
    /// Forwarding method.
    pub forward: Forward,
    /// Weight, 0 for none of the new connections.
    pub weight: u32,
}

/// A service as we want it. What we have no opinion on is kept as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedService {
    /// How it distributes.
    pub settings: ServiceSettings,
    /// Our destinations; others in the same service are not ours and stay.
    pub destinations: BTreeMap<SocketAddr, WantedDestination>,
    /// Destinations of ours that are not to be there at all.
    pub removed: BTreeSet<SocketAddr>,
}

/// The steps from what is `found` to what is `wanted` in one service.
///
/// Destinations that gain weight come before those that lose it, so that any prefix of the steps
/// leaves a table that serves.
pub fn steps(key: ServiceKey, wanted: &WantedService, found: &Table) -> Vec<Step> {
    let found = found.get(&key);
    let mut steps = service_steps(key, wanted, found);
    let mut losing = Vec::new();
    for (destination, want) in &wanted.destinations {
        let there = found.and_then(|service| service.destinations.get(destination));
        let Some(there) = there.map(|destination| destination.settings) else {
            steps.push(Step::AddDestination {
                service: key,
                destination: *destination,
                to: fresh(want),
            });
            continue;
        };
        let to = DestinationSettings {
            forward: forward(there.forward, want.forward),
            weight: want.weight,
            ..there
        };
        if to != there {
            let step = Step::EditDestination {
                service: key,
                destination: *destination,
                from: there,
                to,
            };
            if to.weight < there.weight {
                losing.push(step)
            } else {
                steps.push(step)
            }
        }
    }
    steps.append(&mut losing);
    steps.extend(removals(key, wanted, found));
    steps
}

/// To an address of its own the kernel forwards locally, whatever it is told
/// (`__ip_vs_update_dest` in `net/netfilter/ipvs/ip_vs_ctl.c`).
fn forward(found: Forward, wanted: Forward) -> Forward {
    match found {
        Forward::Local => Forward::Local,
        _ => wanted,
    }
}

fn removals(key: ServiceKey, wanted: &WantedService, found: Option<&Service>) -> Vec<Step> {
    let there = |at: &SocketAddr| Some((*at, found?.destinations.get(at)?.settings));
    let found = wanted.removed.iter().filter_map(there);
    found
        .map(|(destination, from)| Step::DeleteDestination {
            service: key,
            destination,
            from,
        })
        .collect()
}

fn service_steps(key: ServiceKey, wanted: &WantedService, found: Option<&Service>) -> Vec<Step> {
    let Some(found) = found else {
        return vec![Step::AddService {
            service: key,
            to: wanted.settings.clone(),
        }];
    };
    let to = ServiceSettings {
        flags: found.settings.flags,
        persistence_engine: found.settings.persistence_engine.clone(),
        ..wanted.settings.clone()
    };
    if to == found.settings {
        return Vec::new();
    }
    vec![Step::EditService {
        service: key,
        from: found.settings.clone(),
        to,
    }]
}

fn fresh(want: &WantedDestination) -> DestinationSettings {
    DestinationSettings {
        forward: want.forward,
        weight: want.weight,
        upper_threshold: 0,
        lower_threshold: 0,
        encapsulation: Encapsulation::default(),
    }
}

/// What of ours was there at the last reading, and is gone or altered now. Weights are left out:
/// a weight that somebody set is a wish.
pub fn losses(wanted: &WantedService, before: &Service, found: Option<&Service>) -> Vec<String> {
    let Some(found) = found else {
        return vec!["the whole service was gone".to_owned()];
    };
    let mut losses = Vec::new();
    if found.settings != before.settings {
        losses.push("scheduler or persistence was altered".to_owned());
    }
    let ours = before
        .destinations
        .iter()
        .filter(|(at, _)| wanted.destinations.contains_key(at));
    for (destination, known) in ours {
        match found.destinations.get(destination) {
            None => losses.push(format!("destination {} was gone", destination.ip())),
            Some(there) if there.settings.forward != known.settings.forward => {
                losses.push(format!("forwarding to {} was altered", destination.ip()));
            }
            Some(_) => {}
        }
    }
    losses
}

/// Destinations of our services that the configuration does not name.
pub fn foreign<'a>(
    wanted: &'a WantedService,
    found: Option<&'a Service>,
) -> impl Iterator<Item = SocketAddr> + 'a {
    found
        .into_iter()
        .flat_map(|service| service.destinations.keys().copied())
        .filter(|at| !wanted.destinations.contains_key(at) && !wanted.removed.contains(at))
}

#[cfg(test)]
mod tests;
