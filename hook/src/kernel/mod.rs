//! Carries steps out. The only part of the hook that touches the kernel.

pub mod address;
pub mod backend;
pub mod connections;
pub mod firewall;
pub mod ipvs;
pub mod keepalived_files;
pub mod memory;
mod netlink;
pub mod sysctl;
pub mod weights;

use crate::table::{Step, Table};

/// A table of virtual services that can be read and changed: the kernel's, or its twin in memory.
pub trait VirtualServers {
    /// The whole table. A service that vanishes in the middle is left out, never shown empty.
    fn dump(&mut self) -> Result<Table, KernelError>;

    /// Carries one step out and returns once the kernel has acknowledged it.
    fn apply(&mut self, step: &Step) -> Result<(), KernelError>;

    /// Carries out steps of one group of [`together`](crate::table::together) and tells what came of
    /// each. After a failure the rest may be left out; the answer is as long as the part that was
    /// tried.
    fn apply_together(&mut self, steps: &[Step]) -> Vec<Result<(), KernelError>> {
        let mut outcomes = Vec::with_capacity(steps.len());
        for step in steps {
            outcomes.push(self.apply(step));
            if outcomes.last().is_some_and(Result::is_err) {
                break;
            }
        }
        outcomes
    }

    /// A cheap reading that changes whenever the table's services, destinations or weights
    /// change, and does not change with traffic. `None` where there is none: then dump.
    fn fingerprint(&mut self) -> Option<String>;

    /// Whether a fingerprint shows the whole of a table: the kernel may leave something out.
    fn shows(&self, _fingerprint: &str, _table: &Table) -> bool {
        true
    }

    /// Whether a fingerprint tells that, since the one `before`, the table has become `expected` and
    /// nothing else happened. It saves a dump after steps of our own; false where that cannot be
    /// told.
    fn became(&self, _before: &str, _fingerprint: &str, _expected: &Table) -> bool {
        false
    }

    /// The kernel's own table, where another program carries our weights into it. `None` where
    /// what [`dump`](Self::dump) reads is in force by itself.
    ///
    /// # Errors
    /// It cannot be read.
    fn in_force(&mut self) -> Result<Option<Table>, KernelError> {
        Ok(None)
    }
}

/// Why the kernel's table could not be read or changed, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The kernel has no IPVS, and could not load it.
    #[error(
        "this kernel has no IPVS: {reason}; try `modprobe ip_vs`, or choose backend = \"memory\""
    )]
    NoIpvs {
        /// What was tried and what came back.
        reason: String,
    },
    /// We may not.
    #[error("{what}: permission denied; run governess as root or with CAP_NET_ADMIN")]
    Permission {
        /// What was tried.
        what: String,
    },
    /// The virtual service is not there: deleted since the table was read, or never added.
    #[error("{what}: the kernel has no such virtual service, or no longer")]
    NoService {
        /// What was tried, with service and destination.
        what: String,
    },
    /// The destination is not there. Where the table is another program's, it is not added.
    #[error("{what}: there is no such destination, or no longer; its owner has removed it")]
    Gone {
        /// What was tried, with service and destination.
        what: String,
    },
    /// A change that only the owner of the table may make.
    #[error("{what}: another program owns this table; this backend changes nothing but weights")]
    NotOurs {
        /// What was asked for.
        what: String,
    },
    /// The kernel refused a request.
    #[error("{what}: {source}")]
    Refused {
        /// What was tried, with service and destination.
        what: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// No answer, or one that makes no sense. The socket was thrown away; the next call opens another.
    #[error("{what}: {reason}")]
    Protocol {
        /// What was tried.
        what: String,
        /// What was wrong with the answer.
        reason: String,
    },
}
