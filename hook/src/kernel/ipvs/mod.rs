//! IPVS over generic netlink.
//!
//! Wire format: `linux/ip_vs.h`, family `IPVS`, version 1; framing as in RFC 3549 and
//! `linux/genetlink.h`. Everything but [`socket`] and the reading of `/proc` is pure.

mod address;
mod answer;
mod attribute;
mod destination;
mod merge;
mod operation;
pub mod proc;
mod request;
mod service;
mod socket;
mod words;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use self::operation::Outcome;
use self::socket::{Failure, OpenFailure, Socket};
use crate::kernel::{KernelError, VirtualServers};
use crate::table::{ServiceKey, Step, Table};

/// The kernel's IPVS table, of the network namespace in which the first call is made.
///
/// Calls block, for tens of microseconds as a rule. The socket is opened by the first call, kept,
/// and thrown away after any doubt; then the next call opens another.
#[derive(Debug, Default)]
pub struct Ipvs {
    socket: Option<Socket>,
}

impl Ipvs {
    /// Touches nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a destination that is there another weight; nothing else of it changes, and nothing
    /// is ever added.
    ///
    /// # Errors
    /// [`KernelError::Gone`] if it is not there; whatever else the kernel refuses.
    pub fn set_weight(
        &mut self,
        service: ServiceKey,
        destination: SocketAddr,
        weight: u32,
    ) -> Result<(), KernelError> {
        let what =
            || format!("set the weight of destination {destination} of {service} to {weight}");
        match self.call(|socket| operation::set_weight(socket, &service, destination, weight)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(KernelError::Gone { what: what() }),
            Err(error) => Err(error.named(what())),
        }
    }

    /// Lends the socket out. It comes back only if nothing about it is doubtful: not after a
    /// panic, a timeout or a strange answer, and not after ENOENT, which can also mean that the
    /// module was reloaded and the family has another number now.
    fn call<T>(
        &mut self,
        operation: impl FnOnce(&mut Socket) -> Result<T, Failure>,
    ) -> Result<T, CallError> {
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => Socket::open().map_err(CallError::Open)?,
        };
        let outcome = operation(&mut socket);
        let sound = match &outcome {
            Ok(_) | Err(Failure::Unsendable(_) | Failure::Restless) => true,
            Err(Failure::Refused(refusal)) => refusal.code != libc::ENOENT,
            Err(Failure::Doubt(_)) => false,
        };
        if sound {
            self.socket = Some(socket);
        }
        outcome.map_err(CallError::Operation)
    }
}

impl VirtualServers for Ipvs {
    fn dump(&mut self) -> Result<Table, KernelError> {
        self.call(operation::dump)
            .map_err(|error| error.named("read the IPVS table".to_owned()))
    }

    fn apply(&mut self, step: &Step) -> Result<(), KernelError> {
        self.call(|socket| operation::apply(socket, step))
            .map_err(|error| match error {
                CallError::Operation(failure) => words::step_failure(step, failure),
                CallError::Open(failure) => words::open_failure(words::step(step), failure),
            })
    }

    fn apply_together(&mut self, steps: &[Step]) -> Vec<Result<(), KernelError>> {
        if let [step] = steps {
            return vec![self.apply(step)];
        }
        match self.call(|socket| operation::apply_together(socket, steps)) {
            Ok(outcomes) => {
                let outcomes = steps.iter().zip(outcomes);
                let outcomes = outcomes.map(|(step, outcome)| match outcome {
                    Outcome::Done => Ok(()),
                    // Alone it finds out why, and gets round what others did meanwhile.
                    Outcome::Refused => self.apply(step),
                });
                outcomes.collect()
            }
            Err(error) => {
                let first = steps.first().map(words::step).unwrap_or_default();
                vec![Err(error.named(format!("{first}, and others with it")))]
            }
        }
    }

    fn fingerprint(&mut self) -> Option<String> {
        let text = std::fs::read_to_string(proc::PATH).ok()?;
        Some(proc::fingerprint(&text))
    }

    /// With services in two network namespaces, `/proc/net/ip_vs` leaves some out: `ip_vs_info_seq_next`
    /// of `net/netfilter/ipvs/ip_vs_ctl.c` goes from one to the next, and `ip_vs_info_array` counts those
    /// of its own namespace where a page of output begins.
    fn shows(&self, fingerprint: &str, table: &Table) -> bool {
        proc::has_destinations(fingerprint, table)
    }

    fn became(&self, before: &str, fingerprint: &str, expected: &Table) -> bool {
        proc::same_services(before, fingerprint) && self.shows(fingerprint, expected)
    }
}

enum CallError {
    Open(OpenFailure),
    Operation(Failure),
}

impl CallError {
    fn named(self, what: String) -> KernelError {
        match self {
            Self::Open(failure) => words::open_failure(what, failure),
            Self::Operation(failure) => words::failure(what, failure),
        }
    }
}
