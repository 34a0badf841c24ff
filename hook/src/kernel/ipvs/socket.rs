//! One blocking generic netlink socket that speaks to IPVS: one request at a time, each answer
//! checked. After any doubt it must be thrown away, because a late answer may still arrive on it.

use std::io;
use std::time::Duration;

use netlink_packet_core::DecodeError;
use netlink_sys::protocols::NETLINK_GENERIC;
use netlink_sys::{Socket as NetlinkSocket, SocketAddr};
use socket2::SockRef;

use super::answer::{self, Answer, Refusal};
use super::attribute::EncodeError;
use super::request::{self, Request};

/// The kernel answers within microseconds; only a hung one needs longer than this.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How often a dump is repeated when the list changes meanwhile.
const DUMP_ATTEMPTS: usize = 5;

/// The kernel fills dumps by what the reader last had room for, up to this size.
const ROOM: usize = 32 * 1024;

/// Why a request was not carried out.
#[derive(Debug)]
pub(super) enum Failure {
    /// It cannot be put into bytes; nothing was sent.
    Unsendable(EncodeError),
    /// The kernel said no; nothing was done.
    Refused(Refusal),
    /// The list changed each time while it was read.
    Restless,
    /// No answer, or one that makes no sense. Whether the request was carried out is unknown.
    Doubt(String),
}

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

impl From<EncodeError> for Failure {
    fn from(error: EncodeError) -> Self {
        Self::Unsendable(error)
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::Doubt(format!("the kernel's answer is not understood: {error}"))
    }
}

impl Failure {
    fn io(action: &str, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::WouldBlock {
            return Self::Doubt(format!("no answer within {} s", TIMEOUT.as_secs()));
        }
        Self::Doubt(format!("cannot {action} the netlink socket: {error}"))
    }

    /// The kernel's error number, if it gave one.
    pub(super) fn code(&self) -> Option<i32> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::Unsendable(_) | Self::Restless | Self::Doubt(_) => None,
        }
    }
}

/// Carries requests to the kernel: the socket, or a script in tests.
pub(super) trait Transport {
    /// Sends a request and waits until the kernel has carried it out.
    fn command(&mut self, request: Request) -> Result<(), Failure>;

    /// Sends a request and collects what `decode` makes of each reply.
    fn fetch<T>(
        &mut self,
        request: Request,
        decode: impl FnMut(&[u8]) -> Result<Option<T>, DecodeError>,
    ) -> Result<Vec<T>, Failure>;
}

/// The socket, and the number of the family IPVS.
#[derive(Debug)]
pub(super) struct Socket {
    inner: NetlinkSocket,
    family: u16,
    sequence: u32,
    datagram: Vec<u8>,
}

impl Socket {
    /// Opens a socket and asks for the family, whereupon the kernel loads `ip_vs` if it may.
    pub(super) fn open() -> Result<Self, OpenFailure> {
        let inner = prepared().map_err(OpenFailure::NoSocket)?;
        let mut socket = Self {
            inner,
            family: 0,
            sequence: 0,
            datagram: Vec::new(),
        };
        match socket.resolve_family() {
            Ok(family) => socket.family = family,
            Err(Failure::Refused(refusal)) if refusal.code == libc::ENOENT => {
                return Err(OpenFailure::NoFamily(refusal));
            }
            Err(failure) => return Err(OpenFailure::Failed(failure)),
        }
        Ok(socket)
    }

    fn resolve_family(&mut self) -> Result<u16, Failure> {
        let sequence = self.next_sequence();
        let mut family = None;
        self.exchange(&request::resolve_family(sequence), sequence, |reply| {
            family = Some(answer::family_id(reply)?);
            Ok(())
        })?;
        family.ok_or_else(|| Failure::Doubt("the kernel did not name the family IPVS".to_owned()))
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// One request and all its answers. False if the list changed while it was dumped.
    fn exchange(
        &mut self,
        message: &[u8],
        sequence: u32,
        mut on_reply: impl FnMut(&[u8]) -> Result<(), DecodeError>,
    ) -> Result<bool, Failure> {
        self.send(message)?;
        let mut whole = true;
        loop {
            self.receive()?;
            let datagram = answer::split(&self.datagram, sequence)?;
            whole &= !datagram.interrupted;
            for answer in datagram.answers {
                match answer {
                    Answer::Reply(attributes) => on_reply(attributes)?,
                    Answer::End => return Ok(whole),
                    Answer::Refused(refusal) => return Err(Failure::Refused(refusal)),
                }
            }
        }
    }

    fn send(&self, message: &[u8]) -> Result<(), Failure> {
        let kernel = SocketAddr::new(0, 0);
        let sent = retry_interrupted(|| self.inner.send_to(message, &kernel, 0))
            .map_err(|error| Failure::io("write to", &error))?;
        if sent == message.len() {
            Ok(())
        } else {
            Err(Failure::Doubt(format!(
                "the kernel took {sent} of {} bytes",
                message.len()
            )))
        }
    }

    /// Waits for the next datagram of the kernel and keeps it whole, however long it is.
    fn receive(&mut self) -> Result<(), Failure> {
        loop {
            let length = self.next_length()?;
            self.datagram.clear();
            self.datagram.reserve(length.max(ROOM));
            let (received, sender) = self.take_datagram()?;
            if received != self.datagram.len() {
                return Err(Failure::Doubt(format!(
                    "a datagram of {received} bytes was cut to {}",
                    self.datagram.len()
                )));
            }
            // Other processes may write to this socket too; only the kernel has port number 0.
            if sender.port_number() == 0 {
                return Ok(());
            }
        }
    }

    fn next_length(&self) -> Result<usize, Failure> {
        let peek = libc::MSG_PEEK | libc::MSG_TRUNC;
        let mut nowhere: &mut [u8] = &mut [];
        retry_interrupted(|| self.inner.recv_from(&mut nowhere, peek))
            .map(|(length, _)| length)
            .map_err(|error| Failure::io("read from", &error))
    }

    fn take_datagram(&mut self) -> Result<(usize, SocketAddr), Failure> {
        let (inner, datagram) = (&self.inner, &mut self.datagram);
        retry_interrupted(|| inner.recv_from(datagram, libc::MSG_TRUNC))
            .map_err(|error| Failure::io("read from", &error))
    }
}

impl Transport for Socket {
    fn command(&mut self, request: Request) -> Result<(), Failure> {
        self.fetch(request, |_| Ok(None::<()>)).map(drop)
    }

    fn fetch<T>(
        &mut self,
        request: Request,
        mut decode: impl FnMut(&[u8]) -> Result<Option<T>, DecodeError>,
    ) -> Result<Vec<T>, Failure> {
        for _ in 0..DUMP_ATTEMPTS {
            let sequence = self.next_sequence();
            let message = request.clone().encode(self.family, sequence);
            let mut collected = Vec::new();
            let whole = self.exchange(&message, sequence, |reply| {
                collected.extend(decode(reply)?);
                Ok(())
            })?;
            if whole {
                return Ok(collected);
            }
        }
        Err(Failure::Restless)
    }
}

/// A bound socket with a receive timeout that asks for short acknowledgements with the kernel's
/// words. `netlink-sys` sets `CLOEXEC`.
fn prepared() -> io::Result<NetlinkSocket> {
    let mut socket = NetlinkSocket::new(NETLINK_GENERIC)?;
    socket.bind_auto()?;
    socket.set_cap_ack(true)?;
    socket.set_ext_ack(true)?;
    SockRef::from(&socket).set_read_timeout(Some(TIMEOUT))?;
    Ok(socket)
}

fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
