//! The generic netlink socket that speaks to IPVS.

use std::io;

use netlink_packet_core::DecodeError;
use netlink_sys::protocols::NETLINK_GENERIC;

use super::answer;
use super::request::{self, Request};
use crate::kernel::netlink::{Channel, Refusal};

pub(super) use crate::kernel::netlink::Failure;

/// Why there is no socket.
#[derive(Debug)]
pub(super) enum OpenFailure {
    /// The kernel knows no family IPVS, and could not load it.
    NoFamily(Refusal),
    /// The operating system gave no socket.
    NoSocket(io::Error),
    /// The family could not be asked for.
    Failed(Failure),
}

/// Carries requests to the kernel: the socket, or a script in tests.
pub(super) trait Transport {
    /// Sends a request and waits until the kernel has carried it out.
    fn command(&mut self, request: Request) -> Result<(), Failure>;

    /// Sends requests that ask for nothing but their acknowledgement, and tells of each whether
    /// the kernel refused it. One that is refused keeps no other from being carried out.
    fn commands(&mut self, requests: Vec<Request>) -> Result<Vec<bool>, Failure> {
        let each = requests
            .into_iter()
            .map(|request| match self.command(request) {
                Ok(()) => Ok(false),
                Err(Failure::Refused(_)) => Ok(true),
                Err(failure) => Err(failure),
            });
        each.collect()
    }

    /// Sends a request and collects what `decode` makes of the attributes of each reply.
    fn fetch<T>(
        &mut self,
        request: Request,
        decode: impl FnMut(&[u8]) -> Result<Option<T>, DecodeError>,
    ) -> Result<Vec<T>, Failure>;
}

/// The socket, and the number of the family IPVS.
#[derive(Debug)]
pub(super) struct Socket {
    channel: Channel,
    family: u16,
}

impl Socket {
    /// Opens a socket and asks for the family, whereupon the kernel loads `ip_vs` if it may.
    pub(super) fn open() -> Result<Self, OpenFailure> {
        let mut channel = Channel::open(NETLINK_GENERIC).map_err(OpenFailure::NoSocket)?;
        match resolve_family(&mut channel) {
            Ok(family) => Ok(Self { channel, family }),
            Err(Failure::Refused(refusal)) if refusal.code == libc::ENOENT => {
                Err(OpenFailure::NoFamily(refusal))
            }
            Err(failure) => Err(OpenFailure::Failed(failure)),
        }
    }
}

impl Transport for Socket {
    fn command(&mut self, request: Request) -> Result<(), Failure> {
        self.fetch(request, |_| Ok(None::<()>)).map(drop)
    }

    fn commands(&mut self, requests: Vec<Request>) -> Result<Vec<bool>, Failure> {
        let family = self.family;
        let requests = requests.into_iter();
        self.channel
            .commands(requests.map(|request| move |sequence| request.encode(family, sequence)))
    }

    fn fetch<T>(
        &mut self,
        request: Request,
        mut decode: impl FnMut(&[u8]) -> Result<Option<T>, DecodeError>,
    ) -> Result<Vec<T>, Failure> {
        let family = self.family;
        self.channel.fetch(
            |sequence| request.clone().encode(family, sequence),
            |reply| decode(answer::attributes(&reply)?),
        )
    }
}

fn resolve_family(channel: &mut Channel) -> Result<u16, Failure> {
    let found = channel.fetch(request::resolve_family, |reply| {
        answer::family_id(answer::attributes(&reply)?).map(Some)
    })?;
    found
        .first()
        .copied()
        .ok_or_else(|| Failure::Doubt("the kernel did not name the family IPVS".to_owned()))
}
