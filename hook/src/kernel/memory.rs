//! The table in memory: the twin of the kernel's, for `backend = "memory"`, dry runs and tests.

use super::{KernelError, VirtualServers};
use crate::table::{Step, Table};

/// An IPVS table without a kernel.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    table: Table,
}

impl Memory {
    /// A twin that starts with a given table.
    pub fn holding(table: Table) -> Self {
        Self { table }
    }
}

impl VirtualServers for Memory {
    fn dump(&mut self) -> Result<Table, KernelError> {
        Ok(self.table.clone())
    }

    fn apply(&mut self, step: &Step) -> Result<(), KernelError> {
        if step.destination().is_some() && !self.table.contains_key(&step.service()) {
            return Err(KernelError::NoService {
                what: step.service().to_string(),
            });
        }
        step.follow(&mut self.table);
        Ok(())
    }

    fn fingerprint(&mut self) -> Option<String> {
        None
    }
}
