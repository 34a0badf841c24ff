//! Addresses in memory: the twin of the kernel's, for `backend = "memory"` and tests.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{AddressError, Addresses, Heard, Interface, Mac, Role, Saying};

/// Interfaces and a neighbourhood without a kernel. Clones share them, so that a test can look
/// at and change what a keeper works with.
#[derive(Clone, Debug, Default)]
pub struct MemoryAddresses {
    world: Arc<Mutex<World>>,
}

/// What there is.
#[derive(Debug, Default)]
pub struct World {
    /// The interfaces.
    pub interfaces: Vec<Interface>,
    /// Other machines, by the address that they hold. They answer when asked.
    pub others: BTreeMap<IpAddr, Mac>,
    /// What was announced, oldest first.
    pub announced: Vec<IpAddr>,
    /// What will be heard next.
    pub pending: Vec<Heard>,
}

impl MemoryAddresses {
    /// A machine with these interfaces and no neighbours.
    pub fn with(interfaces: Vec<Interface>) -> Self {
        let world = World {
            interfaces,
            ..World::default()
        };
        Self {
            world: Arc::new(Mutex::new(world)),
        }
    }

    /// Everything, to look at and to change.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn interface(&mut self, like: &Interface) -> Result<&mut Interface, AddressError> {
        self.interfaces
            .iter_mut()
            .find(|it| it.index == like.index)
            .ok_or_else(|| AddressError::Refused {
                what: format!("interface {}", like.name),
                source: io::Error::from_raw_os_error(libc::ENODEV),
            })
    }

    fn ask(&mut self, interface: &Interface, address: IpAddr) {
        self.pending
            .extend(self.others.get(&address).map(|holder| Heard {
                interface: interface.index,
                address,
                by: *holder,
                saying: Saying::Answers,
            }));
    }
}

impl Addresses for MemoryAddresses {
    fn interfaces(&mut self) -> Result<Vec<Interface>, AddressError> {
        Ok(self.world().interfaces.clone())
    }

    fn add(&mut self, to: &Interface, address: IpNet, _role: Role) -> Result<(), AddressError> {
        let mut world = self.world();
        let interface = world.interface(to)?;
        if !interface.has(address.addr()) {
            interface.addresses.push(address);
        }
        Ok(())
    }

    fn delete(&mut self, from: &Interface, address: IpNet) -> Result<(), AddressError> {
        let mut world = self.world();
        let interface = world.interface(from)?;
        interface.addresses.retain(|held| *held != address);
        Ok(())
    }

    fn probe(&mut self, by: &Interface, address: IpAddr) -> Result<(), AddressError> {
        self.world().ask(by, address);
        Ok(())
    }

    fn inquire(&mut self, by: &Interface, address: IpAddr) -> Result<(), AddressError> {
        self.world().ask(by, address);
        Ok(())
    }

    fn ask(
        &mut self,
        by: &Interface,
        _source: IpAddr,
        neighbour: IpAddr,
    ) -> Result<(), AddressError> {
        self.world().ask(by, neighbour);
        Ok(())
    }

    fn announce(&mut self, _by: &Interface, address: IpAddr) -> Result<(), AddressError> {
        self.world().announced.push(address);
        Ok(())
    }

    fn hear(&mut self, waker: BorrowedFd<'_>, limit: Duration) -> io::Result<Vec<Heard>> {
        let heard = std::mem::take(&mut self.world().pending);
        if heard.is_empty() {
            let millis = u32::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(u32::MAX);
            let limit = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(waker, PollFlags::POLLIN)], limit) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(heard)
    }
}
