//! Each step as requests to the kernel: idempotent, and read before written.
//!
//! **Why every change reads first.** The kernel replaces a destination as a whole, and a dump may
//! be two seconds old when a step is decided. Writing back what the dump remembered would undo a
//! threshold or a tunnel option that a human set in between. Reading narrows that window to the
//! time between two system calls; IPVS has no compare-and-set, so it cannot be closed.
//!
//! The price: the kernel lists all destinations of the service, so a change costs a few
//! microseconds more for each of them. Nothing cheaper tells whether they changed: `/proc` shows
//! no thresholds, and IPVS has no counter of changes.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use netlink_packet_core::DecodeError;

use super::answer;
use super::attribute::EncodeError;
use super::destination::{self, KernelDestination};
use super::merge;
use super::request::{DESTINATION, Request, SERVICE};
use super::service::{self, KernelService};
use super::socket::{Failure, Transport};
use crate::table::{DestinationSettings, Service, ServiceKey, ServiceSettings, Step, Table};

/// Enough for one other program that adds or deletes the same destination at the same time.
const ATTEMPTS: usize = 3;

/// Carries one step out.
pub(super) fn apply(kernel: &mut impl Transport, step: &Step) -> Result<(), Failure> {
    match step {
        Step::AddService { service, to } => add_service(kernel, service, to),
        Step::EditService { service, from, to } => {
            change_service(kernel, service, |now| merge::service(now, from, to))
        }
        Step::AddDestination {
            service,
            destination,
            to,
        } => add_destination(kernel, service, *destination, to),
        Step::EditDestination {
            service,
            destination,
            from,
            to,
        } => change_destination(kernel, service, *destination, to, |now| {
            merge::destination(now, from, to)
        }),
        Step::DeleteDestination {
            service,
            destination,
            ..
        } => delete_destination(kernel, service, *destination),
        Step::DeleteService { service, .. } => delete_service(kernel, service),
    }
}

/// What came of a step among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The kernel has it.
    Done,
    /// The kernel refused it; nothing was done.
    Refused,
}

/// Carries out steps that set destinations of one service, all of them, whatever becomes of single
/// ones. The service is read once for all of them, so thousands of changes cost no more than they
/// must, and the window in which a change by others could be written over is that of one call.
pub(super) fn apply_together(
    kernel: &mut impl Transport,
    steps: &[Step],
) -> Result<Vec<Outcome>, Failure> {
    let Some(service) = steps.first().map(Step::service) else {
        return Ok(Vec::new());
    };
    let edits = |step: &Step| matches!(step, Step::EditDestination { .. });
    let found = if steps.iter().any(edits) {
        read_destinations(kernel, &service)?
    } else {
        Vec::new()
    };
    let found: BTreeMap<SocketAddr, KernelDestination> = found
        .into_iter()
        .map(|there| (there.address, there))
        .collect();
    let mut outcomes = vec![Outcome::Done; steps.len()];
    let (mut asked, mut requests) = (Vec::new(), Vec::new());
    for (at, step) in steps.iter().enumerate() {
        if let Some(request) = setting(step, &found)? {
            asked.push(at);
            requests.push(request);
        }
    }
    for (at, refused) in asked.into_iter().zip(kernel.commands(requests)?) {
        if let (Some(outcome), true) = (outcomes.get_mut(at), refused) {
            *outcome = Outcome::Refused;
        }
    }
    Ok(outcomes)
}

/// The request for a step that sets a destination; none if there is nothing to do.
fn setting(
    step: &Step,
    found: &BTreeMap<SocketAddr, KernelDestination>,
) -> Result<Option<Request>, EncodeError> {
    match step {
        Step::AddDestination {
            service,
            destination,
            to,
        } => Request::new_destination(service, *destination, to).map(Some),
        Step::EditDestination {
            service,
            destination,
            from,
            to,
        } => {
            let Some(now) = found.get(destination) else {
                return Request::new_destination(service, *destination, to).map(Some);
            };
            let settings = &now.destination.settings;
            let wanted = merge::destination(settings, from, to);
            (wanted != *settings)
                .then(|| Request::set_destination(service, *destination, &wanted, &now.unknown))
                .transpose()
        }
        _ => Err(EncodeError("only destinations are set together".to_owned())),
    }
}

/// Reads the whole table.
///
/// A dump walks the kernel's lists by position and holds the lock for one datagram at a time: a
/// change in between can hide or double an entry. Doubles vanish in the map; for hidden ones,
/// steps are idempotent and the next reading repairs.
pub(super) fn dump(kernel: &mut impl Transport) -> Result<Table, Failure> {
    let services = kernel.fetch(Request::dump_services(), in_service)?;
    let mut table = Table::new();
    for listed in services {
        let key = listed.key;
        if let Some(service) = with_destinations(kernel, listed)? {
            table.insert(key, service);
        }
    }
    Ok(table)
}

/// Deletes a service and its destinations. One that is gone is no error.
fn delete_service(kernel: &mut impl Transport, service: &ServiceKey) -> Result<(), Failure> {
    match kernel.command(Request::delete_service(service)?) {
        Err(failure) if failure.code() == Some(libc::ESRCH) => Ok(()),
        outcome => outcome,
    }
}

/// Deletes a destination. One that is gone, with or without its service, is no error.
fn delete_destination(
    kernel: &mut impl Transport,
    service: &ServiceKey,
    destination: SocketAddr,
) -> Result<(), Failure> {
    match kernel.command(Request::delete_destination(service, destination)?) {
        Err(failure) if matches!(failure.code(), Some(libc::ESRCH | libc::ENOENT)) => Ok(()),
        outcome => outcome,
    }
}

fn add_service(
    kernel: &mut impl Transport,
    service: &ServiceKey,
    to: &ServiceSettings,
) -> Result<(), Failure> {
    match kernel.command(Request::new_service(service, to)?) {
        Err(failure) if failure.code() == Some(libc::EEXIST) => {
            change_service(kernel, service, |_| to.clone())
        }
        outcome => outcome,
    }
}

fn change_service(
    kernel: &mut impl Transport,
    service: &ServiceKey,
    change: impl FnOnce(&ServiceSettings) -> ServiceSettings,
) -> Result<(), Failure> {
    let now = read_service(kernel, service)?;
    let wanted = change(&now.settings);
    if wanted == now.settings {
        return Ok(());
    }
    kernel.command(Request::set_service(service, &wanted, &now.unknown)?)
}

fn add_destination(
    kernel: &mut impl Transport,
    service: &ServiceKey,
    destination: SocketAddr,
    to: &DestinationSettings,
) -> Result<(), Failure> {
    match kernel.command(Request::new_destination(service, destination, to)?) {
        Err(failure) if failure.code() == Some(libc::EEXIST) => {
            change_destination(kernel, service, destination, to, |_| *to)
        }
        outcome => outcome,
    }
}

/// Changes a destination, or adds it as `absent` if it is gone. Another program may add or delete
/// it between our reading and our writing; then we read again.
fn change_destination(
    kernel: &mut impl Transport,
    service: &ServiceKey,
    destination: SocketAddr,
    absent: &DestinationSettings,
    change: impl Fn(&DestinationSettings) -> DestinationSettings,
) -> Result<(), Failure> {
    let mut outcome = Err(Failure::Restless);
    for _ in 0..ATTEMPTS {
        let request = match read_destination(kernel, service, destination)? {
            None => Request::new_destination(service, destination, absent)?,
            Some(now) => {
                let wanted = change(&now.destination.settings);
                if wanted == now.destination.settings {
                    return Ok(());
                }
                Request::set_destination(service, destination, &wanted, &now.unknown)?
            }
        };
        outcome = kernel.command(request);
        match &outcome {
            Err(failure) if matches!(failure.code(), Some(libc::EEXIST | libc::ENOENT)) => {}
            _ => return outcome,
        }
    }
    outcome
}

/// Gives a destination another weight and nothing else. False if it is gone: then it stays gone.
pub(super) fn set_weight(
    kernel: &mut impl Transport,
    service: &ServiceKey,
    destination: SocketAddr,
    weight: u32,
) -> Result<bool, Failure> {
    let Some(now) = read_destination(kernel, service, destination)? else {
        return Ok(false);
    };
    let settings = now.destination.settings;
    let wanted = DestinationSettings { weight, ..settings };
    if wanted == settings {
        return Ok(true);
    }
    let request = Request::set_destination(service, destination, &wanted, &now.unknown)?;
    match kernel.command(request) {
        Err(failure) if matches!(failure.code(), Some(libc::ESRCH | libc::ENOENT)) => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

fn read_service(
    kernel: &mut impl Transport,
    service: &ServiceKey,
) -> Result<KernelService, Failure> {
    kernel
        .fetch(Request::get_service(service)?, in_service)?
        .into_iter()
        .find(|found| found.key == *service)
        .ok_or_else(|| Failure::Doubt("the kernel acknowledged, but sent no service".to_owned()))
}

/// One destination. The kernel can only list all of a service; the others are passed over.
fn read_destination(
    kernel: &mut impl Transport,
    service: &ServiceKey,
    wanted: SocketAddr,
) -> Result<Option<KernelDestination>, Failure> {
    let family = service.family();
    let found = kernel.fetch(
        Request::dump_destinations(service)?,
        |reply| match answer::inside(reply, DESTINATION)? {
            Some(attributes) if destination::may_be(wanted, attributes) => {
                destination::decode(family, attributes)
            }
            _ => Ok(None),
        },
    )?;
    Ok(found.into_iter().find(|found| found.address == wanted))
}

fn read_destinations(
    kernel: &mut impl Transport,
    service: &ServiceKey,
) -> Result<Vec<KernelDestination>, Failure> {
    let family = service.family();
    kernel.fetch(
        Request::dump_destinations(service)?,
        |reply| match answer::inside(reply, DESTINATION)? {
            Some(attributes) => destination::decode(family, attributes),
            None => Ok(None),
        },
    )
}

/// A listed service with its destinations, or `None` if it is gone: the list of its destinations
/// is empty then, without an error. So before "no destinations" is believed, the service itself
/// is asked for, and then its destinations once more: it may have been made anew in between.
fn with_destinations(
    kernel: &mut impl Transport,
    listed: KernelService,
) -> Result<Option<Service>, Failure> {
    let mut settings = listed.settings;
    let mut found = read_destinations(kernel, &listed.key)?;
    if found.is_empty() {
        settings = match read_service(kernel, &listed.key) {
            Ok(living) => living.settings,
            Err(failure) if failure.code() == Some(libc::ESRCH) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        found = read_destinations(kernel, &listed.key)?;
    }
    let destinations = found
        .into_iter()
        .map(|found| (found.address, found.destination))
        .collect();
    Ok(Some(Service {
        settings,
        destinations,
    }))
}

fn in_service(reply: &[u8]) -> Result<Option<KernelService>, DecodeError> {
    match answer::inside(reply, SERVICE)? {
        Some(attributes) => service::decode(attributes),
        None => Ok(None),
    }
}
