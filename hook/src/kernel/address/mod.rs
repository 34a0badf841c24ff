//! VIPs and the inside gateway as desired state: taken once nobody else holds them, announced,
//! and put back when somebody deletes them.
//!
//! [`wire`] and [`preflight`] are pure, and so is the decision in [`keeper`]; [`Addresses`] is
//! what the keeper needs of a network, [`KernelAddresses`] the real one, [`memory`] its twin.

pub mod keeper;
mod kernel;
mod listener;
mod mac;
pub mod memory;
mod packet_socket;
pub mod preflight;
mod route;
mod wire;

use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use ipnet::IpNet;

use crate::setup::WantedAddress;

pub use kernel::KernelAddresses;
pub use mac::Mac;

/// An address that this director is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which, where and why.
    pub wanted: WantedAddress,
    /// What it is to the network of its interface.
    pub role: Role,
}

/// What an address is to the network of its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// One more address in a network that the interface is in already. This machine does not
    /// choose it as the source of its own connections where it has another.
    Vip,
    /// The inside gateway: its prefix may be what puts the interface into its network.
    Gateway,
}

/// A network interface as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its number, which changes when it is deleted and made anew.
    pub index: u32,
    /// Its name, such as `eth0`.
    pub name: String,
    /// Whether frames can leave it.
    pub link: Link,
    /// Its Ethernet address; `None` where neither ARP nor neighbour discovery is spoken: loopback,
    /// `NOARP`, not Ethernet. There nobody can be asked and nothing announced.
    pub mac: Option<Mac>,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<IpNet>,
}

impl Interface {
    /// The address with the prefix length that it has here.
    fn as_held(&self, address: IpNet) -> IpNet {
        let mut held = self.addresses.iter();
        let found = held.find(|held| held.addr() == address.addr());
        found.copied().unwrap_or(address)
    }

    /// Whether it has the address, with whatever prefix length.
    pub fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|held| held.addr() == address)
    }
}

/// Whether frames can leave an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// They can.
    Up,
    /// It is up, but there is no carrier: no cable, or a switch port that is off.
    NoCarrier,
    /// The interface is down.
    Down,
}

/// Something another machine said about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The index of the interface that it came in by.
    pub interface: u32,
    /// The address.
    pub address: IpAddr,
    /// The other machine.
    pub by: Mac,
    /// What it said.
    pub saying: Saying,
}

/// What somebody says about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saying {
    /// "I hold it", to everybody.
    Claims,
    /// "I hold it", to us because we asked; nobody else learns from it.
    Answers,
    /// "Does anybody hold it?", before taking it.
    Asks,
}

/// A network whose interfaces can be given addresses: the kernel's, or its twin in memory.
pub trait Addresses {
    /// All interfaces with their addresses.
    fn interfaces(&mut self) -> Result<Vec<Interface>, AddressError>;

    /// Adds an address, usable at once. One that is there already is no error.
    fn add(&mut self, to: &Interface, address: IpNet, role: Role) -> Result<(), AddressError>;

    /// Deletes an address. One that is gone already is no error.
    fn delete(&mut self, from: &Interface, address: IpNet) -> Result<(), AddressError>;

    /// Asks once whether anybody holds an address that we do not hold. Answers are heard later.
    fn probe(&mut self, by: &Interface, address: IpAddr) -> Result<(), AddressError>;

    /// Asks once whether anybody else holds an address that we hold; nobody changes what they
    /// know of it.
    fn inquire(&mut self, by: &Interface, address: IpAddr) -> Result<(), AddressError>;

    /// Asks a neighbour for its Ethernet address, with one of our own.
    fn ask(
        &mut self,
        by: &Interface,
        source: IpAddr,
        neighbour: IpAddr,
    ) -> Result<(), AddressError>;

    /// Tells everybody once that we hold an address.
    fn announce(&mut self, by: &Interface, address: IpAddr) -> Result<(), AddressError>;

    /// What was said since the last call on the interfaces that were spoken on. Waits up to
    /// `limit` if that is nothing; ends early when `waker` can be read or is closed at its other
    /// end.
    fn hear(&mut self, waker: BorrowedFd<'_>, limit: Duration) -> io::Result<Vec<Heard>>;
}

/// Why addresses could not be read, changed, asked for or announced, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// We may not.
    #[error(
        "{what}: permission denied; run governess as root or with CAP_NET_ADMIN and CAP_NET_RAW"
    )]
    Permission {
        /// What was tried.
        what: String,
    },
    /// The kernel refuses an IPv6 address as it does where IPv6 is off.
    #[error(
        "{what}: {source}; is ipv6 enabled in the kernel? \
         See `sysctl net.ipv6.conf.{interface}.disable_ipv6` and `ipv6.disable` in /proc/cmdline"
    )]
    Ipv6Off {
        /// What was tried.
        what: String,
        /// The interface's name.
        interface: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel refused a request.
    #[error("{what}: {source}")]
    Refused {
        /// What was tried.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// No answer, or one that makes no sense. The next call opens another socket.
    #[error("{what}: {reason}")]
    Protocol {
        /// What was tried.
        what: String,
        /// What was wrong with the answer.
        reason: String,
    },
}
