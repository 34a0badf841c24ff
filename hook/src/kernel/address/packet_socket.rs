//! A packet socket (`packet(7)`) on one interface: whole Ethernet frames, out and in.

use std::io::{self, Read};
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};

use super::wire;

/// ARP and neighbour discovery are much shorter; what is longer is cut, and then not understood.
const FRAME: usize = 512;

/// One kind of frames on one interface.
#[derive(Debug)]
pub(super) struct PacketSocket {
    inner: Socket,
}

impl PacketSocket {
    /// Speaks ARP on an interface, and hears what all its neighbours say.
    pub(super) fn arp(interface: u32) -> io::Result<Self> {
        Self::open(interface, wire::ARP, &for_us())
    }

    /// Speaks neighbour discovery on an interface, and hears what all its neighbours say.
    pub(super) fn neighbour_discovery(interface: u32) -> io::Result<Self> {
        Self::open(interface, wire::IPV6, &discovery_for_us())
    }

    fn open(interface: u32, kind: u16, filter: &[SockFilter]) -> io::Result<Self> {
        // Without a protocol nothing arrives before the filter is in place.
        let inner = Socket::new(Domain::PACKET, Type::RAW, None::<Protocol>)?;
        inner.set_nonblocking(true)?;
        inner.attach_filter(filter)?;
        inner.bind(&link_address(interface, kind)?)?;
        Ok(Self { inner })
    }

    /// Sends a whole frame.
    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.inner.send(frame).map(drop)
    }

    /// The next frame, if one has arrived.
    pub(super) fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        let mut frame = vec![0; FRAME];
        match (&self.inner).read(&mut frame) {
            Ok(length) => {
                frame.truncate(length);
                Ok(Some(frame))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.receive(),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// The `sockaddr_ll` of an interface and an Ethernet type, which no crate in use can make.
fn link_address(interface: u32, kind: u16) -> io::Result<SockAddr> {
    let index = i32::try_from(interface).map_err(io::Error::other)?;
    let family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    let length = u32::try_from(mem::size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
    // SAFETY: `storage` is zeroed, large enough and aligned for every socket address, so it may
    // be written as a `sockaddr_ll`, all of whose fields are integers; family and length are set
    // to that type's, as `try_init` demands.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, storage_length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = family;
            (*link).sll_protocol = kind.to_be();
            (*link).sll_ifindex = index;
            *storage_length = length;
            Ok(())
        })
    }?;
    Ok(address)
}

// Classic BPF, `linux/filter.h` and `linux/bpf_common.h`: `ldb [k]`, `jeq #k, yes, no`, `ret #k`.
const LOAD_BYTE: u16 = 0x30;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// `SKF_AD_OFF + SKF_AD_PKTTYPE`: whom the frame was for.
const PACKET_TYPE: u32 = 0xffff_f004;
/// `PACKET_OTHERHOST`: other machines, and VLANs that are none of ours.
const OTHER_HOST: u32 = 3;
/// Next header and ICMPv6 type, from the beginning of the frame.
const NEXT_HEADER: u32 = 14 + 6;
const ICMPV6_TYPE: u32 = 14 + 40;
const ALL: u32 = u32::MAX;

/// Frames for this machine, or for everybody.
fn for_us() -> [SockFilter; 4] {
    [
        SockFilter::new(LOAD_BYTE, 0, 0, PACKET_TYPE),
        SockFilter::new(JUMP_EQUAL, 0, 1, OTHER_HOST),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, ALL),
    ]
}

/// Of these, ICMPv6 of types 135 and 136 alone: all other IPv6 traffic stays in the kernel.
fn discovery_for_us() -> [SockFilter; 9] {
    [
        SockFilter::new(LOAD_BYTE, 0, 0, PACKET_TYPE),
        SockFilter::new(JUMP_EQUAL, 5, 0, OTHER_HOST),
        SockFilter::new(LOAD_BYTE, 0, 0, NEXT_HEADER),
        SockFilter::new(JUMP_EQUAL, 0, 3, 58),
        SockFilter::new(LOAD_BYTE, 0, 0, ICMPV6_TYPE),
        SockFilter::new(JUMP_EQUAL, 2, 0, 135),
        SockFilter::new(JUMP_EQUAL, 1, 0, 136),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, ALL),
    ]
}
