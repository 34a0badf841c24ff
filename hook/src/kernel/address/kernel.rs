//! The addresses of the network namespace in which the calls are made.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use ipnet::IpNet;
use netlink_sys::protocols::NETLINK_ROUTE;

use super::listener::Listener;
use super::wire::Forwarding;
use super::{AddressError, Addresses, Heard, Interface, Mac, Role, route, wire};
use crate::kernel::netlink::{Failure, Kept};

/// The kernel's interfaces, and the neighbours behind them.
///
/// Calls block, for some tens of microseconds as a rule. Sockets are opened when first needed,
/// kept, and thrown away after any doubt; then the next call opens others.
#[derive(Debug, Default)]
pub struct KernelAddresses {
    netlink: Kept<NETLINK_ROUTE>,
    listener: Listener,
}

impl KernelAddresses {
    /// Touches nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn send(
        &mut self,
        by: &Interface,
        address: IpAddr,
        what: &str,
        frames: &[Vec<u8>],
    ) -> Result<(), AddressError> {
        self.listener
            .send(by.index, address, frames)
            .map_err(|error| io_error(format!("{what} {address} on {}", by.name), error))
    }
}

impl Addresses for KernelAddresses {
    fn interfaces(&mut self) -> Result<Vec<Interface>, AddressError> {
        self.netlink
            .converse(route::interfaces)
            .map_err(|failure| refusal("read the interfaces".to_owned(), failure))
    }

    fn add(&mut self, to: &Interface, address: IpNet, role: Role) -> Result<(), AddressError> {
        match self
            .netlink
            .converse(|channel| route::add(channel, to.index, address, role))
        {
            Err(failure) if failure.code() == Some(libc::EEXIST) => Ok(()),
            Err(failure) => Err(add_refusal(to, address, failure)),
            Ok(()) => Ok(()),
        }
    }

    fn delete(&mut self, from: &Interface, address: IpNet) -> Result<(), AddressError> {
        match self
            .netlink
            .converse(|channel| route::delete(channel, from.index, address))
        {
            Err(failure) if matches!(failure.code(), Some(libc::EADDRNOTAVAIL | libc::ENODEV)) => {
                Ok(())
            }
            outcome => outcome.map_err(|failure| {
                refusal(format!("delete {address} from {}", from.name), failure)
            }),
        }
    }

    fn probe(&mut self, by: &Interface, address: IpAddr) -> Result<(), AddressError> {
        let Some(own) = by.mac else { return Ok(()) };
        if let IpAddr::V6(address) = address {
            self.listener.join_group_of(by.index, address);
        }
        self.send(by, address, "probe for", &[wire::probe(own, address)])
    }

    fn inquire(&mut self, by: &Interface, address: IpAddr) -> Result<(), AddressError> {
        let frame = by
            .mac
            .and_then(|own| wire::inquiry(own, link_local(by), address));
        match frame {
            Some(frame) => self.send(by, address, "ask for other holders of", &[frame]),
            None => Ok(()),
        }
    }

    fn ask(
        &mut self,
        by: &Interface,
        source: IpAddr,
        neighbour: IpAddr,
    ) -> Result<(), AddressError> {
        let frame = by
            .mac
            .and_then(|own| wire::question(own, source, link_local(by), neighbour));
        match frame {
            Some(frame) => self.send(by, neighbour, "ask for the neighbour", &[frame]),
            None => Ok(()),
        }
    }

    fn announce(&mut self, by: &Interface, address: IpAddr) -> Result<(), AddressError> {
        let Some(own): Option<Mac> = by.mac else {
            return Ok(());
        };
        let frames = wire::announcement(own, forwarding(&by.name), address);
        self.send(by, address, "announce", &frames)
    }

    fn hear(&mut self, waker: BorrowedFd<'_>, limit: Duration) -> io::Result<Vec<Heard>> {
        self.listener.hear(waker, limit)
    }
}

fn link_local(interface: &Interface) -> Option<Ipv6Addr> {
    interface
        .addresses
        .iter()
        .find_map(|held| match held.addr() {
            IpAddr::V6(address) if address.is_unicast_link_local() => Some(address),
            _ => None,
        })
}

/// As the kernel's own advertisements have it. Where it cannot be read, IPv6 is off.
fn forwarding(interface: &str) -> Forwarding {
    let path = format!("/proc/sys/net/ipv6/conf/{interface}/forwarding");
    match fs::read_to_string(path) {
        Ok(value) if value.trim() != "0" => Forwarding::On,
        _ => Forwarding::Off,
    }
}

/// A bare EACCES, or a family that is not there, is the kernel's way of saying that IPv6 is off.
fn add_refusal(to: &Interface, address: IpNet, failure: Failure) -> AddressError {
    let what = format!("add {address} to {}", to.name);
    let off = [libc::EACCES, libc::EOPNOTSUPP, libc::EAFNOSUPPORT];
    match failure {
        Failure::Refused(refused) if address.addr().is_ipv6() && off.contains(&refused.code) => {
            AddressError::Ipv6Off {
                what,
                interface: to.name.clone(),
                source: refused.to_io(),
            }
        }
        failure => refusal(what, failure),
    }
}

fn refusal(what: String, failure: Failure) -> AddressError {
    match failure {
        Failure::Refused(refused) if refused.code == libc::EPERM => {
            AddressError::Permission { what }
        }
        Failure::Refused(refused) => AddressError::Refused {
            what: match &refused.text {
                Some(text) => format!("{what}: the kernel says {text:?}"),
                None => what,
            },
            source: refused.to_io(),
        },
        Failure::Unsendable(error) => AddressError::Protocol {
            what,
            reason: error.to_string(),
        },
        Failure::Restless => AddressError::Protocol {
            what,
            reason: "the list changed each time while it was read".to_owned(),
        },
        Failure::Doubt(reason) => AddressError::Protocol { what, reason },
    }
}

fn io_error(what: String, source: io::Error) -> AddressError {
    if source.kind() == io::ErrorKind::PermissionDenied {
        return AddressError::Permission { what };
    }
    AddressError::Refused { what, source }
}
