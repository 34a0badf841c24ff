//! The table in memory: the twin of the kernel's, for `backend = "memory"`, dry runs and tests.

use std::collections::btree_map::Entry;
use std::net::SocketAddr;

use super::{KernelError, VirtualServers};
use crate::table::{
    Connections, Destination, DestinationSettings, Service, ServiceKey, Step, Table,
};

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

    fn service(&mut self, key: ServiceKey) -> Result<&mut Service, KernelError> {
        self.table
            .get_mut(&key)
            .ok_or_else(|| KernelError::Refused {
                what: format!("{key}"),
                source: std::io::Error::from_raw_os_error(libc::ESRCH),
            })
    }

    fn put(
        &mut self,
        service: ServiceKey,
        destination: SocketAddr,
        settings: DestinationSettings,
    ) -> Result<(), KernelError> {
        self.service(service)?
            .destinations
            .entry(destination)
            .and_modify(|there| there.settings = settings)
            .or_insert(Destination {
                settings,
                connections: Connections::default(),
            });
        Ok(())
    }
}

impl VirtualServers for Memory {
    fn dump(&mut self) -> Result<Table, KernelError> {
        Ok(self.table.clone())
    }

    fn apply(&mut self, step: &Step) -> Result<(), KernelError> {
        match step {
            Step::AddService { service, to } => {
                match self.table.entry(*service) {
                    Entry::Occupied(mut there) => there.get_mut().settings = to.clone(),
                    Entry::Vacant(gap) => {
                        gap.insert(Service {
                            settings: to.clone(),
                            destinations: Default::default(),
                        });
                    }
                }
                Ok(())
            }
            Step::EditService { service, to, .. } => {
                self.service(*service)?.settings = to.clone();
                Ok(())
            }
            Step::AddDestination {
                service,
                destination,
                to,
            }
            | Step::EditDestination {
                service,
                destination,
                to,
                ..
            } => self.put(*service, *destination, *to),
        }
    }

    fn fingerprint(&mut self) -> Option<String> {
        None
    }
}
