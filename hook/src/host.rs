//! The host's set-up beside the IPVS table, kept as it is wanted: sysctls and the firewall by a
//! thread of its own, since reading a firewall back costs a process, addresses by their keeper.

mod keeping;
mod preflight;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::mpsc::{self, Receiver};

use crate::clock::Clock;
use crate::config::{Backend, Config};
use crate::kernel::address::keeper::{AddressEvent, Change, Keeper, Timing};
use crate::kernel::address::{
    Addresses, Claim, KernelAddresses, Role, preflight as address_preflight,
};
use crate::kernel::firewall::foreign::{Paths, Tracking, foreign_drops};
use crate::kernel::firewall::{Firewalls, MemoryFirewall, Nft};
use crate::kernel::sysctl::{MemorySysctls, ProcSys, Sysctls};
use crate::operate::export;
use crate::operate::journal::Event;
use crate::setup::{HostStep, Setup, WantedAddress};
use crate::table::Forward;

pub use keeping::Keeping;
pub use preflight::preflight;

/// Something that happened to the host's set-up, for the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEvent {
    /// What kind of event.
    pub event: Event,
    /// In one line.
    pub reason: String,
    /// The state of the thing that it is about, for `status`; `None` if it is as wanted.
    pub problem: Problem,
}

/// A thing of the set-up, and what is wrong with it at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Such as `192.168.1.35/24 on eth0` or `nftables`.
    pub thing: String,
    /// In words; `None` if it is as wanted.
    pub words: Option<String>,
}

/// The parts of a host that a set-up is made of.
pub struct Parts {
    /// Kernel parameters.
    pub sysctls: Box<dyn Sysctls>,
    /// The packet filter.
    pub firewall: Box<dyn Firewalls>,
}

impl Parts {
    /// The parts of a backend: this host's, or twins in memory. They touch nothing yet.
    pub fn of(backend: Backend) -> Self {
        match backend {
            Backend::Ipvs => Self {
                sysctls: Box::new(ProcSys::default()),
                firewall: Box::new(Nft::new()),
            },
            Backend::Memory => Self {
                sysctls: Box::new(MemorySysctls::default()),
                firewall: Box::new(MemoryFirewall::default()),
            },
        }
    }
}

/// The addresses of a set-up with their roles.
pub fn claims(setup: &Setup) -> Vec<Claim> {
    let role = |address| {
        if Some(address) == setup.gateway {
            Role::Gateway
        } else {
            Role::Vip
        }
    };
    setup
        .addresses
        .iter()
        .map(|wanted| Claim {
            wanted: wanted.clone(),
            role: role(wanted.address.addr()),
        })
        .collect()
}

/// The steps that the host still needs, and what is wrong with the parts that cannot be read.
pub fn pending(setup: &Setup) -> (Vec<HostStep>, Vec<String>) {
    let mut parts = Parts::of(Backend::Ipvs);
    let (mut steps, mut problems) = keeping::pending(setup, &mut parts);
    let claims = claims(setup);
    if !claims.is_empty() {
        match KernelAddresses::new().interfaces() {
            Ok(interfaces) => steps.extend(address_preflight::missing(&claims, &interfaces)),
            Err(error) => problems.push(error.to_string()),
        }
    }
    (steps, problems)
}

/// What this host lacks for a configuration, and which chains of its own would drop the traffic.
/// Nothing is changed; what may not be read is not told.
pub fn warnings(config: &Config) -> Vec<String> {
    if config.director.backend == Backend::Memory {
        return Vec::new();
    }
    let mut warnings = preflight(&Setup::of(config), &mut Parts::of(Backend::Ipvs));
    if let Ok(host) = Nft::new().host_rules() {
        warnings.extend(foreign_drops(&host, &paths(config)));
    }
    warnings
}

fn paths(config: &Config) -> Paths {
    let by_nat = config
        .services
        .iter()
        .filter(|service| service.forward == Forward::Nat);
    let servers: BTreeSet<_> = by_nat
        .flat_map(|service| service.servers.iter().copied())
        .collect();
    let conntrack = ProcSys::default().read("net.ipv4.vs.conntrack");
    Paths {
        services: export::services(config),
        servers: servers
            .into_iter()
            .map(|id| config.servers[id.0].address)
            .collect(),
        inside: config.nat.as_ref().map(|nat| nat.inside.clone()),
        outside: config.nat.as_ref().map(|nat| nat.outside.clone()),
        tracking: match conntrack.as_deref() {
            Ok("1") => Tracking::Tracked,
            _ => Tracking::Untracked,
        },
    }
}

/// Everything that keeps the host's set-up. Dropping it ends its threads; the set-up stays.
pub struct Keepers {
    setup: Setup,
    period: Duration,
    clock: Clock,
    threads: Threads,
    /// Addresses that we took ourselves.
    taken: BTreeSet<(String, IpNet)>,
}

struct Threads {
    _addresses: Option<Keeper>,
    _rest: Keeping,
    addresses: Receiver<AddressEvent>,
    rest: Receiver<HostEvent>,
}

impl Threads {
    fn start(setup: &Setup, parts: Parts, period: Duration, clock: Clock) -> io::Result<Self> {
        let (tell, rest) = mpsc::channel(64);
        let keeping = Keeping::start(setup.clone(), parts, period, tell)?;
        let (tell, addresses) = mpsc::channel(64);
        let claims = claims(setup);
        let timing = Timing {
            period,
            ..Timing::default()
        };
        let keeper = if claims.is_empty() {
            None
        } else {
            let network = KernelAddresses::new();
            Some(Keeper::start(claims, network, timing, clock, tell)?)
        };
        Ok(Self {
            _addresses: keeper,
            _rest: keeping,
            addresses,
            rest,
        })
    }
}

impl Keepers {
    /// Starts to keep. The first pass over sysctls and firewall has been made by then.
    ///
    /// # Errors
    /// The operating system gave no thread.
    pub fn start(setup: Setup, parts: Parts, period: Duration, clock: Clock) -> io::Result<Self> {
        Ok(Self {
            threads: Threads::start(&setup, parts, period, clock)?,
            setup,
            period,
            clock,
            taken: BTreeSet::new(),
        })
    }

    /// Whether this is the set-up that is kept.
    pub fn keeps(&self, setup: &Setup) -> bool {
        self.setup == *setup
    }

    /// Keeps another set-up from now on. Addresses that are not wanted any more are given up if we
    /// took them ourselves, else told. Parameters stay as they are.
    pub fn follow(&mut self, setup: Setup, parts: Parts, period: Duration) -> Vec<HostEvent> {
        if self.setup == setup && self.period == period {
            return Vec::new();
        }
        let mut events = Vec::new();
        while let Ok(told) = self.threads.addresses.try_recv() {
            events.push(self.of_address(&told));
        }
        match Threads::start(&setup, parts, period, self.clock) {
            // The old threads end here.
            Ok(threads) => self.threads = threads,
            Err(error) => {
                let words = format!("the set-up of before is kept: starting a thread: {error}");
                return vec![failed("the host's set-up", words)];
            }
        }
        let before = std::mem::replace(&mut self.setup, setup);
        self.period = period;
        for gone in &before.addresses {
            let stays = |wanted: &WantedAddress| {
                wanted.interface == gone.interface && wanted.address == gone.address
            };
            if !self.setup.addresses.iter().any(stays) {
                events.push(self.give_up(gone));
            }
        }
        events
    }

    fn give_up(&mut self, gone: &WantedAddress) -> HostEvent {
        let thing = format!("{} on {}", gone.address, gone.interface);
        let name = format!("address {thing} ({})", gone.purpose);
        let key = (gone.interface.clone(), gone.address);
        let told = |event, said: &str| HostEvent {
            event,
            reason: format!("{name}: {said}"),
            problem: Problem {
                thing: thing.clone(),
                words: None,
            },
        };
        if !self.taken.remove(&key) {
            return told(
                Event::Reloaded,
                "is left, since it was there before governess",
            );
        }
        match delete(gone) {
            Ok(()) => told(
                Event::Step,
                "given up; the configuration no longer names it",
            ),
            Err(words) => told(Event::StepFailed, &words),
        }
    }

    /// The next thing that happened. Can be dropped at any point.
    pub async fn next(&mut self) -> HostEvent {
        tokio::select! {
            Some(event) = self.threads.addresses.recv() => self.of_address(&event),
            Some(event) = self.threads.rest.recv() => event,
            else => std::future::pending().await,
        }
    }

    fn of_address(&mut self, told: &AddressEvent) -> HostEvent {
        if matches!(told.change, Change::Added | Change::Repaired) {
            self.taken.insert((told.interface.clone(), told.address));
        }
        of_address(told)
    }
}

fn delete(gone: &WantedAddress) -> Result<(), String> {
    let mut network = KernelAddresses::new();
    let interfaces = network.interfaces().map_err(|error| error.to_string())?;
    let mut interfaces = interfaces.iter();
    match interfaces.find(|interface| interface.name == gone.interface) {
        Some(interface) => network
            .delete(interface, gone.address)
            .map_err(|error| error.to_string()),
        None => Ok(()),
    }
}

fn failed(thing: &str, words: String) -> HostEvent {
    HostEvent {
        event: Event::StepFailed,
        reason: words.clone(),
        problem: Problem {
            thing: thing.to_owned(),
            words: Some(words),
        },
    }
}

/// An address's story in the words of the journal.
fn of_address(told: &AddressEvent) -> HostEvent {
    let thing = format!("{} on {}", told.address, told.interface);
    let name = format!("{thing} ({})", told.purpose);
    let (event, words) = match &told.change {
        Change::Found => (Event::Adopted, None),
        Change::Added => (Event::Step, None),
        Change::Repaired => (Event::Repaired, None),
        Change::ConflictEnded | Change::FailureEnded => (Event::Repaired, None),
        Change::Conflict { holder } => (
            Event::StepFailed,
            Some(format!("not taken: {holder} holds it already")),
        ),
        Change::Contested { holder } => (
            Event::StepFailed,
            Some(format!("{holder} claims it too; we defend it")),
        ),
        Change::Failed { words } => (Event::StepFailed, Some(words.clone())),
    };
    let said = match &told.change {
        Change::Found => "is held already".to_owned(),
        Change::Added => "taken and announced; nobody else holds it".to_owned(),
        Change::Repaired => "somebody had deleted it; taken again and announced".to_owned(),
        Change::ConflictEnded => "the other holder has gone".to_owned(),
        Change::FailureEnded => "works again".to_owned(),
        _ => words.clone().unwrap_or_default(),
    };
    HostEvent {
        event,
        reason: format!("address {name}: {said}"),
        problem: Problem { thing, words },
    }
}
