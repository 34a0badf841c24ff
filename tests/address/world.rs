//! Two machines and the wire between them.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::panic::resume_unwind;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hook::clock::Clock;
use hook::kernel::address::keeper::{Change, Charge, Keeper, KeeperEvent, Timing};
use hook::kernel::address::{Claim, KernelAddresses, Mac, Role};
use hook::setup::WantedAddress;
use nix::sched::{CloneFlags, setns, unshare};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc::{Receiver, channel};

pub(crate) const DIRECTOR_MAC: &str = "02:00:00:00:00:0a";
pub(crate) const NEIGHBOUR_MAC: &str = "02:00:00:00:00:0b";
pub(crate) const DIRECTOR: Mac = Mac([2, 0, 0, 0, 0, 10]);
pub(crate) const NEIGHBOUR: Mac = Mac([2, 0, 0, 0, 0, 11]);
pub(crate) const VIP: &str = "192.168.7.35/24";
pub(crate) const VIP6: &str = "2001:db8:7::35/64";

/// Longer than anything takes on a busy machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// As in production, but that a test need not wait for what comes late.
pub(crate) const QUICK: Timing = Timing {
    period: Duration::from_millis(100),
    refresh: Duration::from_secs(60),
    retry: Duration::from_millis(500),
};

/// A network namespace that lives as long as this.
pub(crate) struct Machine {
    handle: File,
}

impl Machine {
    fn new() -> Self {
        let handle = joined(thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap_or_else(|error| {
                panic!("cannot make a network namespace: {error}; run these tests as root")
            });
            File::open("/proc/thread-self/ns/net").unwrap()
        }));
        Self { handle }
    }

    fn path(&self) -> String {
        format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.handle.as_raw_fd()
        )
    }

    /// Does something on a thread of this machine.
    pub(crate) fn within<T: Send>(&self, deed: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let deed = || {
                setns(&self.handle, CloneFlags::CLONE_NEWNET).expect("entering a namespace");
                deed()
            };
            match scope.spawn(deed).join() {
                Ok(done) => done,
                Err(panic) => resume_unwind(panic),
            }
        })
    }

    /// Runs `ip` with these words here and gives what it prints.
    pub(crate) fn ip(&self, words: &str) -> String {
        let output = self
            .within(|| Command::new("ip").args(words.split_whitespace()).output())
            .expect("ip (package iproute2) runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip {words}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn sysctl(&self, name: &str, value: &str) {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        self.within(|| fs::write(&path, value)).expect(&path);
    }
}

/// What the thread gave; its panic is ours.
fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// A director and its neighbour, each with one interface `eth0`.
pub(crate) struct World {
    pub(crate) director: Machine,
    pub(crate) neighbour: Machine,
}

impl World {
    /// Both are up; addresses of their own are .1 and .2.
    pub(crate) fn new() -> Self {
        let (director, neighbour) = (Machine::new(), Machine::new());
        director.ip(&format!(
            "link add eth0 address {DIRECTOR_MAC} type veth \
             peer name eth0 address {NEIGHBOUR_MAC} netns {}",
            neighbour.path()
        ));
        for (machine, last) in [(&director, 1), (&neighbour, 2)] {
            machine.ip("link set lo up");
            machine.ip("link set eth0 up");
            machine.ip(&format!("addr add 192.168.7.{last}/24 dev eth0"));
            machine.ip(&format!("addr add 2001:db8:7::{last}/64 dev eth0 nodad"));
        }
        Self {
            director,
            neighbour,
        }
    }

    /// Starts the director's keeper.
    pub(crate) fn keep(&self, claims: Vec<Claim>, timing: Timing) -> Kept {
        let (sender, events) = channel(16);
        let charge = Charge {
            claims,
            ..Charge::default()
        };
        let keeper = self.director.within(|| {
            Keeper::start(
                charge,
                KernelAddresses::new(),
                timing,
                Clock::start(),
                sender,
            )
        });
        Kept {
            events,
            _keeper: keeper.unwrap(),
        }
    }

    /// Listens to all frames that reach the neighbour, from now on.
    pub(crate) fn listen(&self) -> Wire {
        let everything = Protocol::from(i32::from(3u16.to_be()));
        let socket = self
            .neighbour
            .within(|| Socket::new(Domain::PACKET, Type::RAW, Some(everything)))
            .unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        Wire { socket }
    }
}

pub(crate) fn vip(address: &str) -> Claim {
    Claim {
        wanted: WantedAddress {
            interface: "eth0".to_owned(),
            address: address.parse().unwrap(),
            purpose: "VIP of exchange".to_owned(),
        },
        role: Role::Vip,
    }
}

pub(crate) fn gateway(address: &str) -> Claim {
    Claim {
        role: Role::Gateway,
        ..vip(address)
    }
}

/// A running keeper and what it tells.
pub(crate) struct Kept {
    events: Receiver<KeeperEvent>,
    _keeper: Keeper,
}

impl Kept {
    /// The next change, awaited.
    pub(crate) fn next(&mut self) -> Change {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.events.try_recv() {
                Ok(KeeperEvent::Address(event)) => return event.change,
                Ok(other @ KeeperEvent::Score(_)) => panic!("{other:?}"),
                Err(_) if Instant::now() > deadline => panic!("no event in {PATIENCE:?}"),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

/// What reaches the neighbour.
pub(crate) struct Wire {
    socket: Socket,
}

impl Wire {
    /// The frames of the director up to and with the first that is wanted.
    pub(crate) fn until(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while Instant::now() < deadline {
            let mut frame = vec![0; 2048];
            match (&self.socket).read(&mut frame) {
                Ok(length) => frame.truncate(length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => panic!("reading frames: {error}"),
            }
            if frame.get(6..12) != Some(&DIRECTOR.0) {
                continue;
            }
            seen.push(frame);
            if seen.last().is_some_and(|last| wanted(last)) {
                return seen;
            }
        }
        panic!("never seen; but: {seen:02x?}");
    }
}

/// Bytes from their hexadecimal form.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}
