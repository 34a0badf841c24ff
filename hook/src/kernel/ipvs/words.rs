//! Steps and failures in words.

use std::io;

use super::socket::{Failure, OpenFailure};
use crate::kernel::KernelError;
use crate::table::{ServiceSettings, Step};

/// What a step does, for error messages.
pub(super) fn step(step: &Step) -> String {
    match step {
        Step::AddService { service, .. } => format!("add virtual service {service}"),
        Step::EditService { service, .. } => format!("change virtual service {service}"),
        Step::AddDestination {
            service,
            destination,
            to,
        } => format!(
            "add destination {destination} with weight {} to virtual service {service}",
            to.weight
        ),
        Step::EditDestination {
            service,
            destination,
            from,
            to,
        } if from.weight != to.weight => format!(
            "set the weight of destination {destination} of virtual service {service} from {} to {}",
            from.weight, to.weight
        ),
        Step::EditDestination {
            service,
            destination,
            ..
        } => format!("change destination {destination} of virtual service {service}"),
        Step::DeleteDestination {
            service,
            destination,
            ..
        } => {
            format!("delete destination {destination} of virtual service {service}")
        }
        Step::DeleteService { service, .. } => format!("delete virtual service {service}"),
    }
}

/// Why no socket could be opened.
pub(super) fn open_failure(what: String, failure: OpenFailure) -> KernelError {
    match failure {
        OpenFailure::NoFamily(refusal) => KernelError::NoIpvs {
            reason: format!("no generic netlink family IPVS: {refusal}"),
        },
        OpenFailure::NoSocket(source) => KernelError::Refused {
            what: format!("{what}: open a generic netlink socket"),
            source,
        },
        OpenFailure::Failed(failure) => {
            self::failure(format!("{what}: ask for the family IPVS"), failure)
        }
    }
}

/// Why something was not carried out.
pub(super) fn failure(what: String, failure: Failure) -> KernelError {
    match failure {
        Failure::Unsendable(error) => KernelError::Refused {
            what,
            source: io::Error::new(io::ErrorKind::InvalidInput, error),
        },
        Failure::Refused(refusal) => match refusal.code {
            libc::EPERM => KernelError::Permission { what },
            libc::ESRCH => KernelError::NoService { what },
            _ => KernelError::Refused {
                what: match &refusal.text {
                    Some(text) => format!("{what}: the kernel says {text:?}"),
                    None => what,
                },
                source: refusal.to_io(),
            },
        },
        Failure::Restless => KernelError::Protocol {
            what,
            reason: "the table changed each time while it was read".to_owned(),
        },
        Failure::Doubt(reason) => KernelError::Protocol { what, reason },
    }
}

/// Why a step was not carried out, with the likely cause where the kernel's number hides it.
pub(super) fn step_failure(step: &Step, cause: Failure) -> KernelError {
    let mut what = self::step(step);
    if let Some(hint) = cause.code().and_then(|code| hint(step, code)) {
        what = format!("{what}: {hint}");
    }
    failure(what, cause)
}

fn hint(step: &Step, code: i32) -> Option<String> {
    match (step, code) {
        (Step::AddService { to, .. } | Step::EditService { to, .. }, libc::ENOENT) => {
            Some(missing_module(to))
        }
        (Step::AddDestination { .. } | Step::EditDestination { .. }, libc::EINVAL) => Some(
            "the kernel takes unicast addresses only, of the service's own address family unless \
             the method is tunnelling, and GUE needs a port"
                .to_owned(),
        ),
        (Step::AddDestination { .. } | Step::EditDestination { .. }, libc::ERANGE) => Some(
            "the weight must be below 2147483648, and the lower threshold not above the upper one"
                .to_owned(),
        ),
        _ => None,
    }
}

fn missing_module(settings: &ServiceSettings) -> String {
    let scheduler = &settings.scheduler;
    let of_scheduler =
        format!("the kernel has no scheduler {scheduler:?} and could not load ip_vs_{scheduler}");
    match &settings.persistence_engine {
        Some(engine) => format!(
            "{of_scheduler}, or no persistence engine {engine:?} and could not load \
             ip_vs_pe_{engine}"
        ),
        None => of_scheduler,
    }
}
