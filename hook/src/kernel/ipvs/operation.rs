//! Each step as requests to the kernel: idempotent, and read before written.
//!
//! **Why every change reads first.** The kernel replaces a destination as a whole, and a dump may
//! be two seconds old when a step is decided. Writing back what the dump remembered would undo a
//! threshold or a tunnel option that a human set in between. Reading the one service's
//! destinations costs two more datagrams (tens of microseconds), and narrows that window to the
//! time between two system calls. IPVS has no compare-and-set, so it cannot be closed.

use std::net::SocketAddr;

use netlink_packet_core::DecodeError;

use super::answer;
use super::destination::{self, KernelDestination};
use super::merge;
use super::request::{DESTINATION, Request, SERVICE};
use super::service::{self, KernelService};
use super::socket::{Failure, Socket};
use crate::table::{DestinationSettings, Family, ServiceKey, ServiceSettings, Step, Table};

/// Enough for one other program that adds or deletes the same destination at the same time.
const ATTEMPTS: usize = 3;

/// Carries one step out.
pub(super) fn apply(socket: &mut Socket, step: &Step) -> Result<(), Failure> {
    match step {
        Step::AddService { service, to } => add_service(socket, service, to),
        Step::EditService { service, from, to } => {
            change_service(socket, service, |now| merge::service(now, from, to))
        }
        Step::AddDestination {
            service,
            destination,
            to,
        } => add_destination(socket, service, *destination, to),
        Step::EditDestination {
            service,
            destination,
            from,
            to,
        } => change_destination(socket, service, *destination, to, |now| {
            merge::destination(now, from, to)
        }),
    }
}

/// Reads the whole table.
///
/// A dump walks the kernel's lists by position and holds the lock for one datagram at a time: a
/// change in between can hide or double an entry. Doubles vanish in the map; for hidden ones,
/// steps are idempotent and the next reading repairs.
pub(super) fn dump(socket: &mut Socket) -> Result<Table, Failure> {
    let services = socket.fetch(Request::dump_services(), in_service)?;
    let mut table = Table::new();
    for service in services {
        if let Some(destinations) = destinations_of_living(socket, &service.key)? {
            table.insert(
                service.key,
                crate::table::Service {
                    settings: service.settings,
                    destinations: destinations
                        .into_iter()
                        .map(|found| (found.address, found.destination))
                        .collect(),
                },
            );
        }
    }
    Ok(table)
}

/// Deletes a service and its destinations. One that is gone is no error.
pub(super) fn delete_service(socket: &mut Socket, service: &ServiceKey) -> Result<(), Failure> {
    match socket.command(Request::delete_service(service)?) {
        Err(failure) if failure.code() == Some(libc::ESRCH) => Ok(()),
        outcome => outcome,
    }
}

/// Deletes a destination. One that is gone, with or without its service, is no error.
pub(super) fn delete_destination(
    socket: &mut Socket,
    service: &ServiceKey,
    destination: SocketAddr,
) -> Result<(), Failure> {
    match socket.command(Request::delete_destination(service, destination)?) {
        Err(failure) if matches!(failure.code(), Some(libc::ESRCH | libc::ENOENT)) => Ok(()),
        outcome => outcome,
    }
}

fn add_service(
    socket: &mut Socket,
    service: &ServiceKey,
    to: &ServiceSettings,
) -> Result<(), Failure> {
    match socket.command(Request::new_service(service, to)?) {
        Err(failure) if failure.code() == Some(libc::EEXIST) => {
            change_service(socket, service, |_| to.clone())
        }
        outcome => outcome,
    }
}

fn change_service(
    socket: &mut Socket,
    service: &ServiceKey,
    change: impl FnOnce(&ServiceSettings) -> ServiceSettings,
) -> Result<(), Failure> {
    let now = read_service(socket, service)?;
    let wanted = change(&now.settings);
    if wanted == now.settings {
        return Ok(());
    }
    socket.command(Request::set_service(service, &wanted, &now.unknown)?)
}

fn add_destination(
    socket: &mut Socket,
    service: &ServiceKey,
    destination: SocketAddr,
    to: &DestinationSettings,
) -> Result<(), Failure> {
    match socket.command(Request::new_destination(service, destination, to)?) {
        Err(failure) if failure.code() == Some(libc::EEXIST) => {
            change_destination(socket, service, destination, to, |_| *to)
        }
        outcome => outcome,
    }
}

/// Changes a destination, or adds it as `absent` if it is gone. Another program may add or delete
/// it between our reading and our writing; then we read again.
fn change_destination(
    socket: &mut Socket,
    service: &ServiceKey,
    destination: SocketAddr,
    absent: &DestinationSettings,
    change: impl Fn(&DestinationSettings) -> DestinationSettings,
) -> Result<(), Failure> {
    let mut outcome = Err(Failure::Restless);
    for _ in 0..ATTEMPTS {
        let request = match read_destination(socket, service, destination)? {
            None => Request::new_destination(service, destination, absent)?,
            Some(now) => {
                let wanted = change(&now.destination.settings);
                if wanted == now.destination.settings {
                    return Ok(());
                }
                Request::set_destination(service, destination, &wanted, &now.unknown)?
            }
        };
        outcome = socket.command(request);
        match &outcome {
            Err(failure) if matches!(failure.code(), Some(libc::EEXIST | libc::ENOENT)) => {}
            _ => return outcome,
        }
    }
    outcome
}

fn read_service(socket: &mut Socket, service: &ServiceKey) -> Result<KernelService, Failure> {
    socket
        .fetch(Request::get_service(service)?, in_service)?
        .into_iter()
        .find(|found| found.key == *service)
        .ok_or_else(|| Failure::Doubt("the kernel acknowledged, but sent no service".to_owned()))
}

fn read_destination(
    socket: &mut Socket,
    service: &ServiceKey,
    destination: SocketAddr,
) -> Result<Option<KernelDestination>, Failure> {
    let found = read_destinations(socket, service)?;
    Ok(found.into_iter().find(|found| found.address == destination))
}

fn read_destinations(
    socket: &mut Socket,
    service: &ServiceKey,
) -> Result<Vec<KernelDestination>, Failure> {
    let family = service.family();
    socket.fetch(Request::dump_destinations(service)?, |reply| {
        in_destination(family, reply)
    })
}

/// The destinations of a service, or `None` if the service is gone: its dump is empty without an
/// error, so before "no destinations" is believed, the service itself is asked for.
fn destinations_of_living(
    socket: &mut Socket,
    service: &ServiceKey,
) -> Result<Option<Vec<KernelDestination>>, Failure> {
    let destinations = read_destinations(socket, service)?;
    if !destinations.is_empty() {
        return Ok(Some(destinations));
    }
    match read_service(socket, service) {
        Ok(_) => Ok(Some(destinations)),
        Err(failure) if failure.code() == Some(libc::ESRCH) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn in_service(reply: &[u8]) -> Result<Option<KernelService>, DecodeError> {
    match answer::inside(reply, SERVICE)? {
        Some(attributes) => service::decode(attributes),
        None => Ok(None),
    }
}

fn in_destination(family: Family, reply: &[u8]) -> Result<Option<KernelDestination>, DecodeError> {
    match answer::inside(reply, DESTINATION)? {
        Some(attributes) => destination::decode(family, attributes),
        None => Ok(None),
    }
}
