//! One blocking netlink socket: one request at a time, each answer checked. After any doubt it
//! must be thrown away, because a late answer may still arrive on it.

use std::io;
use std::ops::Range;
use std::time::Duration;

use netlink_packet_core::{DecodeError, NLM_F_ACK};
use netlink_sys::{Socket, SocketAddr};
use socket2::SockRef;

use super::answer::{self, Answer, Refusal, Reply};

/// The kernel answers within microseconds; only a hung one needs longer than this.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How often a dump is repeated when the list changes meanwhile.
const DUMP_ATTEMPTS: usize = 5;

/// The kernel fills dumps by what the reader last had room for, up to this size.
const ROOM: usize = 32 * 1024;

/// A request that cannot be put into bytes; nothing was sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(in crate::kernel) struct EncodeError(pub(in crate::kernel) String);

/// Why a request was not carried out.
#[derive(Debug)]
pub(in crate::kernel) enum Failure {
    /// It cannot be put into bytes; nothing was sent.
    Unsendable(EncodeError),
    /// The kernel said no; nothing was done.
    Refused(Refusal),
    /// The list changed each time while it was read.
    Restless,
    /// No answer, or one that makes no sense. Whether the request was carried out is unknown.
    Doubt(String),
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
    pub(in crate::kernel) fn code(&self) -> Option<i32> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::Unsendable(_) | Self::Restless | Self::Doubt(_) => None,
        }
    }
}

/// The socket.
#[derive(Debug)]
pub(in crate::kernel) struct Channel {
    inner: Socket,
    sequence: u32,
    datagram: Vec<u8>,
}

impl Channel {
    /// A bound socket of a netlink family, with a receive timeout, that asks for short
    /// acknowledgements with the kernel's words. `netlink-sys` sets `CLOEXEC`.
    pub(in crate::kernel) fn open(protocol: isize) -> io::Result<Self> {
        let mut inner = Socket::new(protocol)?;
        inner.bind_auto()?;
        inner.set_cap_ack(true)?;
        inner.set_ext_ack(true)?;
        SockRef::from(&inner).set_read_timeout(Some(TIMEOUT))?;
        Ok(Self {
            inner,
            sequence: 0,
            datagram: Vec::new(),
        })
    }

    /// Sends the request that `encode` makes for a sequence number, and collects what `decode`
    /// makes of each reply. A dump is repeated while the list changes.
    pub(in crate::kernel) fn fetch<T>(
        &mut self,
        encode: impl Fn(u32) -> Vec<u8>,
        mut decode: impl FnMut(Reply<'_>) -> Result<Option<T>, DecodeError>,
    ) -> Result<Vec<T>, Failure> {
        for _ in 0..DUMP_ATTEMPTS {
            self.sequence = self.sequence.wrapping_add(1);
            let message = encode(self.sequence);
            let mut collected = Vec::new();
            let whole = self.exchange(&message, |reply| {
                collected.extend(decode(reply)?);
                Ok(())
            })?;
            if whole {
                return Ok(collected);
            }
        }
        Err(Failure::Restless)
    }

    /// Sends a request and waits until the kernel has carried it out.
    pub(in crate::kernel) fn command(
        &mut self,
        encode: impl Fn(u32) -> Vec<u8>,
    ) -> Result<(), Failure> {
        self.fetch(encode, |_| Ok(None::<()>)).map(drop)
    }

    /// Sends requests in one datagram, which the kernel carries out one after the other
    /// (`netlink_rcv_skb` in `net/netlink/af_netlink.c`), and tells of each whether it was refused.
    /// Each must ask for an acknowledgement and for nothing else; refusals of all must fit into the
    /// socket's buffer. The kernel tells of every refusal, but acknowledges only the last request: by
    /// then it is done with all of them.
    pub(in crate::kernel) fn commands(
        &mut self,
        requests: impl IntoIterator<Item = impl FnOnce(u32) -> Vec<u8>>,
    ) -> Result<Vec<bool>, Failure> {
        let first = self.sequence.wrapping_add(1);
        let mut datagram = Vec::new();
        let (mut last, mut count) = (0, 0);
        for encode in requests {
            if let Some(before) = datagram.get_mut(last..) {
                forgo_acknowledgement(before);
            }
            last = datagram.len();
            count += 1;
            self.sequence = self.sequence.wrapping_add(1);
            datagram.extend(encode(self.sequence));
            datagram.resize(datagram.len().next_multiple_of(4), 0);
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        self.send(&datagram)?;
        self.refusals(first, count)
    }

    /// Waits for the outcome of the last of `count` requests, and tells which were refused.
    fn refusals(&mut self, first: u32, count: usize) -> Result<Vec<bool>, Failure> {
        let mut refused = vec![false; count];
        loop {
            self.receive()?;
            for (sequence, is_refused) in answer::outcomes(&self.datagram)? {
                let at = usize::try_from(sequence.wrapping_sub(first)).unwrap_or(usize::MAX);
                match refused.get_mut(at) {
                    Some(outcome) => *outcome = is_refused,
                    None => {
                        let what = format!("an answer to request {sequence} came unasked");
                        return Err(Failure::Doubt(what));
                    }
                }
                if at + 1 == count {
                    return Ok(refused);
                }
            }
        }
    }

    /// One request and all its answers. False if the list changed while it was dumped.
    fn exchange(
        &mut self,
        message: &[u8],
        mut on_reply: impl FnMut(Reply<'_>) -> Result<(), DecodeError>,
    ) -> Result<bool, Failure> {
        self.send(message)?;
        let mut whole = true;
        loop {
            self.receive()?;
            let datagram = answer::split(&self.datagram, self.sequence)?;
            whole &= !datagram.interrupted;
            for answer in datagram.answers {
                match answer {
                    Answer::Reply(reply) => on_reply(reply)?,
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

/// Clears `NLM_F_ACK` in the header of a message (`struct nlmsghdr` of `linux/netlink.h`).
fn forgo_acknowledgement(message: &mut [u8]) {
    const FLAGS: Range<usize> = 6..8;
    if let Some(bytes) = message.get_mut(FLAGS)
        && let Ok(flags) = <[u8; 2]>::try_from(&*bytes)
    {
        let flags = u16::from_ne_bytes(flags) & !NLM_F_ACK;
        bytes.copy_from_slice(&flags.to_ne_bytes());
    }
}

fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
