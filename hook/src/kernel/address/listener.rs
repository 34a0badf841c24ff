//! The sockets with which neighbours are spoken to, opened when first needed.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::packet_socket::PacketSocket;
use super::{Heard, wire};
use crate::table::Family;

/// Frames taken from one socket before the others have their turn.
const AT_ONCE: usize = 256;

/// Packet sockets by interface and family.
#[derive(Debug, Default)]
pub(super) struct Listener {
    sockets: BTreeMap<(u32, Family), PacketSocket>,
    member: Option<UdpSocket>,
}

impl Listener {
    /// Sends frames about an address on an interface. After an error the socket is opened anew
    /// by the next call.
    pub(super) fn send(
        &mut self,
        interface: u32,
        address: IpAddr,
        frames: &[Vec<u8>],
    ) -> io::Result<()> {
        let key = (interface, Family::of(address));
        let socket = match self.sockets.remove(&key) {
            Some(socket) => socket,
            None => match key.1 {
                Family::V4 => PacketSocket::arp(interface)?,
                Family::V6 => PacketSocket::neighbour_discovery(interface)?,
            },
        };
        for frame in frames {
            socket.send(frame)?;
        }
        self.sockets.insert(key, socket);
        Ok(())
    }

    /// Joins the group in which others ask for an address, so that switches and the interface
    /// let through what is said there (RFC 4862 section 5.4.2).
    pub(super) fn join_group_of(&mut self, interface: u32, address: Ipv6Addr) {
        if self.member.is_none() {
            self.member = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).ok();
        }
        if let Some(socket) = &self.member {
            // It may be joined already. Where IPv6 is off it fails, and adding the address will
            // tell why.
            let _ = socket.join_multicast_v6(&wire::solicited_node(address), interface);
        }
    }

    /// See [`super::Addresses::hear`].
    pub(super) fn hear(
        &mut self,
        waker: BorrowedFd<'_>,
        limit: Duration,
    ) -> io::Result<Vec<Heard>> {
        self.wait(waker, limit)?;
        let mut heard = Vec::new();
        self.sockets
            .retain(|(interface, _), socket| drain(*interface, socket, &mut heard).is_ok());
        Ok(heard)
    }

    fn wait(&self, waker: BorrowedFd<'_>, limit: Duration) -> io::Result<()> {
        let sockets = self.sockets.values().map(AsFd::as_fd);
        let mut awaited: Vec<PollFd> = sockets
            .chain([waker])
            .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN))
            .collect();
        // Rounded up: a wait that ends just before its time would be followed by an idle one.
        let millis = u32::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(u32::MAX);
        let limit = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        match poll(&mut awaited, limit) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// An error means that the interface went down or away: its socket is of no more use.
fn drain(interface: u32, socket: &PacketSocket, heard: &mut Vec<Heard>) -> io::Result<()> {
    for _ in 0..AT_ONCE {
        let Some(frame) = socket.receive()? else {
            return Ok(());
        };
        heard.extend(wire::understand(&frame).map(|said| Heard {
            interface,
            address: said.address,
            by: said.by,
            saying: said.what,
        }));
    }
    Ok(())
}
