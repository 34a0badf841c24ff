//! Judges what makes a service gentle and its health more than one check: requirements, weights,
//! dependencies, the sorry server, slow start.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use toml::{Spanned, Value};

use super::super::fault::Fault;
use super::super::file;
use super::super::{CheckId, Server, ServerId, SorryServer};
use super::service::undefined;
use super::{Names, number, optional_time, word};
use crate::health::Require;
use crate::table::{Family, Forward, ServiceKey};

/// Below this a ramp would have too few steps to be one.
const LEAST_FOR_SLOW_START: u32 = 8;

/// The checks that a check depends on. They depend on nothing themselves: whoever needs a longer
/// chain lists all of its links.
pub(super) fn depends_on(
    name: &Spanned<String>,
    check: &file::Check,
    file: &file::File,
    names: &Names<'_>,
    faults: &mut Vec<Fault>,
) -> Vec<CheckId> {
    let listed = check
        .depends_on
        .as_ref()
        .map_or(&[][..], |list| list.as_ref().as_slice());
    let mut found = Vec::new();
    for other in listed {
        let Some(id) = names.checks.get(other.as_ref().as_str()) else {
            faults.push(undefined("checks", other, names.checks.keys().copied()));
            continue;
        };
        let depends = |(_, check): (&Spanned<String>, &file::Check)| check.depends_on.is_some();
        if other.as_ref() == name.as_ref() {
            let message = format!("[checks.{}] depends on itself", name.as_ref());
            faults.push(Fault::at(other.span(), message));
        } else if file.checks.iter().nth(id.0).is_some_and(depends) {
            let message = format!(
                "[checks.{}] depends on \"{}\", which depends on others itself",
                name.as_ref(),
                other.as_ref()
            );
            faults.push(Fault::at(other.span(), message).suggest("list those here as well"));
        }
        found.push(*id);
    }
    found
}

pub(super) fn check_weights(
    service: &file::Service,
    checks: &[CheckId],
    names: &Names<'_>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<CheckId, u32> {
    let mut weights = BTreeMap::new();
    let Some(written) = &service.check_weights else {
        return weights;
    };
    for (name, weight) in written.as_ref() {
        let id = names.checks.get(name.as_ref().as_str());
        match id.filter(|id| checks.contains(id)) {
            Some(id) => {
                let key = format!("check_weights.{}", name.as_ref());
                let weight = number(faults, &key, &Some(weight.clone()), 1..=1000, 1);
                weights.insert(*id, weight);
            }
            None => {
                let message = format!(
                    "check_weights: \"{}\" is no check of this service",
                    name.as_ref()
                );
                faults.push(Fault::at(name.span(), message).suggest("add it to `checks`"));
            }
        }
    }
    weights
}

/// `"all"`, `"any"`, or the weight that the checks passed must add up to.
pub(super) fn require(
    service: &file::Service,
    checks: &[CheckId],
    weights: &BTreeMap<CheckId, u32>,
    faults: &mut Vec<Fault>,
) -> Require {
    let written = service.require.as_ref();
    if let (Some(weights), None | Some(Value::String(_))) =
        (&service.check_weights, written.map(Spanned::as_ref))
    {
        let fault = Fault::at(weights.span(), "check_weights without a number to reach");
        faults.push(fault.suggest("add require = N, the sum that a server must reach"));
    }
    let Some(written) = written else {
        return Require::All;
    };
    let sum: u32 = checks
        .iter()
        .map(|id| weights.get(id).copied().unwrap_or(1))
        .sum();
    match written.as_ref() {
        Value::String(word) if word == "all" => return Require::All,
        Value::String(word) if word == "any" => return Require::Any,
        Value::Integer(number) => match u32::try_from(*number) {
            Ok(number) if (1..=sum).contains(&number) => return Require::Weight(number),
            _ => {
                let message = format!(
                    "require = {number} is not between 1 and {sum}, which all checks of this \
                     service add up to"
                );
                faults.push(Fault::at(written.span(), message));
            }
        },
        _ => faults.push(
            Fault::at(
                written.span(),
                "require is none of \"all\", \"any\" and a number",
            )
            .suggest("a number is how many checks, or what weight of them, must be good"),
        ),
    }
    Require::All
}

pub(super) fn slow_start(
    service: &file::Service,
    members: &[ServerId],
    servers: &[Server],
    faults: &mut Vec<Fault>,
) -> Option<Duration> {
    let length = optional_time(faults, "slow_start", &service.slow_start)?;
    let light = members
        .iter()
        .map(|id| &servers[id.0])
        .find(|server| server.weight < LEAST_FOR_SLOW_START);
    if let (Some(server), Some(written)) = (light, &service.slow_start) {
        let message = format!(
            "slow_start needs weights of at least {LEAST_FOR_SLOW_START} to have steps; \"{}\" has {}",
            server.name, server.weight
        );
        faults.push(
            Fault::at(written.span(), message)
                .suggest("multiply all weights of the service, such as weight = 100"),
        );
    }
    Some(length)
}

pub(super) fn sorry_server(
    service: &file::Service,
    key: ServiceKey,
    members: &[ServerId],
    servers: &[Server],
    faults: &mut Vec<Fault>,
) -> Option<SorryServer> {
    let written = service.sorry_server.as_ref()?;
    let inner = written.as_ref();
    let Some(place) = &inner.address else {
        let fault = Fault::at(written.span(), "sorry_server has no address");
        faults.push(fault.suggest("sorry_server = { address = \"10.0.1.9\" }"));
        return None;
    };
    let Ok(address) = place.as_ref().parse::<IpAddr>() else {
        let message = format!("address = \"{}\" is not an IP address", place.as_ref());
        faults.push(Fault::at(place.span(), message).suggest("names are not resolved"));
        return None;
    };
    if Family::of(address) != key.family() {
        let message = format!("sorry_server {address} is of another IP version than {key}");
        faults.push(Fault::at(place.span(), message));
    }
    let own = match key {
        ServiceKey::Fwmark { .. } => 0,
        ServiceKey::Address { socket, .. } => socket.port(),
    };
    let port = number(faults, "port", &inner.port, 1..=65535, own);
    let forward = match word(
        faults,
        "forward",
        &inner.forward,
        &["nat", "direct", "tunnel", "local"],
        "nat",
    ) {
        "direct" => Forward::Direct,
        "tunnel" => Forward::Tunnel,
        "local" => Forward::Local,
        _ => Forward::Nat,
    };
    if let (Some(written), true) = (&inner.port, port != own && forward != Forward::Nat) {
        let fault = Fault::at(written.span(), "only NAT can lead to another port");
        faults.push(fault.suggest("take out `port`, or write forward = \"nat\""));
    }
    let destination = SocketAddr::new(address, port);
    let taken = members
        .iter()
        .map(|id| &servers[id.0])
        .find(|server| SocketAddr::new(server.address, own) == destination);
    if let Some(server) = taken {
        let message = format!("sorry_server is \"{}\" of this very service", server.name);
        faults.push(Fault::at(place.span(), message).suggest("it needs a port of its own"));
    }
    Some(SorryServer {
        destination,
        forward,
    })
}
