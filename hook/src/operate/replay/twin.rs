//! The table in memory that a replayed history changes, a human's changes included.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::kernel::memory::Memory;
use crate::kernel::{KernelError, VirtualServers};
use crate::table::{DestinationSettings, ServiceKey, Step, Table};

/// One table, several handles.
#[derive(Clone, Debug, Default)]
pub(super) struct Twin(Arc<Mutex<Memory>>);

impl Twin {
    fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives a destination a weight, as an operator with ipvsadm would.
    pub(super) fn set_by_hand(&self, service: ServiceKey, destination: SocketAddr, weight: u32) {
        let found = self.with(|table| table.dump()).ok();
        let found = found
            .as_ref()
            .and_then(|table| table.get(&service)?.destinations.get(&destination));
        let Some(from) = found.map(|there| there.settings) else {
            return;
        };
        let to = DestinationSettings { weight, ..from };
        let step = Step::EditDestination {
            service,
            destination,
            from,
            to,
        };
        // The destination is there: this cannot be refused.
        let _ = self.with(|table| table.apply(&step));
    }
}

impl VirtualServers for Twin {
    fn dump(&mut self) -> Result<Table, KernelError> {
        self.with(Memory::dump)
    }

    fn apply(&mut self, step: &Step) -> Result<(), KernelError> {
        self.with(|table| table.apply(step))
    }

    fn fingerprint(&mut self) -> Option<String> {
        None
    }
}
