//! Adds the check of the real path to services by NAT.

use std::net::IpAddr;
use std::time::Duration;

use super::super::{Check, CheckId, Nat, Probe, REAL_PATH, RealPath, Server, VirtualService};
use crate::health::Rules;
use crate::table::Forward;

/// How many ports are asked at most.
const PORTS: usize = 3;

/// Gives every service by NAT whose servers lie behind the gateway a check of the way back.
pub(super) fn with_real_path(
    mut checks: Vec<Check>,
    mut services: Vec<VirtualService>,
    nat: Option<&Nat>,
    servers: &[Server],
) -> (Vec<Check>, Vec<VirtualService>) {
    let Some((nat, gateway)) = nat.and_then(|nat| Some((nat, nat.gateway?))) else {
        return (checks, services);
    };
    let fronts = services
        .iter()
        .filter_map(|service| Some(service.front.as_ref()?.vip.addr()));
    let management = servers
        .iter()
        .filter_map(|server| Some(server.management.as_ref()?.vip.addr()));
    let vips: Vec<IpAddr> = fronts.chain(management).collect();
    let behind = |service: &VirtualService| {
        service.forward == Forward::Nat
            && service
                .servers
                .iter()
                .all(|id| gateway.contains(&servers[id.0].address))
    };
    let mut ports: Vec<u16> = Vec::new();
    for port in services
        .iter()
        .filter(|service| behind(service))
        .flat_map(|service| {
            let keeps = |id: &super::super::ServerId| servers[id.0].port.is_none();
            asked(service, &checks, service.servers.iter().all(keeps))
        })
    {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports.truncate(PORTS);
    if ports.is_empty() {
        return (checks, services);
    }
    // One for all services: the way of its answers is a property of the server.
    for service in services.iter_mut().filter(|service| behind(service)) {
        service.checks.push(CheckId(checks.len()));
    }
    checks.push(check(nat, gateway.addr(), ports, vips));
    (checks, services)
}

/// The service's own first port where its servers listen on it, and those that its checks ask.
fn asked(service: &VirtualService, checks: &[Check], members_keep_it: bool) -> Vec<u16> {
    let own = service
        .front
        .iter()
        .flat_map(|front| front.tcp.first().copied());
    let addressed = Some(service.port).filter(|port| *port != 0 && members_keep_it);
    let checked = service
        .checks
        .iter()
        .filter_map(|id| match checks[id.0].probe {
            Probe::X224 { port, .. } => Some(port),
            Probe::Tcp(ref tcp) => tcp.port,
            Probe::Exec(_) | Probe::RealPath(_) => None,
        });
    own.chain(addressed).chain(checked).collect()
}

fn check(nat: &Nat, gateway: IpAddr, ports: Vec<u16>, vips: Vec<IpAddr>) -> Check {
    let interval = Duration::from_secs(5);
    Check {
        name: REAL_PATH.to_owned(),
        probe: Probe::RealPath(RealPath {
            inside: nat.inside.clone(),
            outside: nat.outside.clone(),
            gateway,
            ports,
            vips,
        }),
        interval,
        timeout: Duration::from_secs(3),
        retry_interval: Duration::from_secs(1),
        stale_after: interval * 3,
        rules: Rules { fall: 3, rise: 2 },
        enforce: Vec::new(),
        depends_on: Vec::new(),
    }
}
