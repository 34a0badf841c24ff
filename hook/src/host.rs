//! The host's set-up beside the IPVS table, kept as it is wanted: sysctls and the firewall by a
//! thread of its own, since reading a firewall back costs a process, addresses by their keeper.

mod keeping;
mod preflight;

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::clock::Clock;
use crate::config::{Backend, Config};
use crate::coupling::score::{self, Score, ScoreFile};
use crate::kernel::address::keeper::{AddressEvent, Change, Charge, Keeper, KeeperEvent, Timing};
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

use keeping::Keeping;
pub use preflight::preflight;

/// What the keepers of the host tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Something happened to the set-up.
    SetUp(HostEvent),
    /// This director of a pair is fit, or not, from now on.
    Fitness(Score),
}

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
    /// The parts of a backend: this host's, or twins in memory where the host's set-up is not
    /// ours. They touch nothing yet.
    pub fn of(backend: Backend) -> Self {
        match backend {
            Backend::Ipvs => Self {
                sysctls: Box::new(ProcSys::default()),
                firewall: Box::new(Nft::new()),
            },
            Backend::Weights | Backend::KeepalivedFiles | Backend::Memory => Self {
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
    if *setup == Setup::default() {
        return (Vec::new(), Vec::new());
    }
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
    match config.director.backend {
        Backend::Ipvs => {}
        Backend::Memory => return Vec::new(),
        Backend::Weights | Backend::KeepalivedFiles => return vec![left_to_the_owner(config)],
    }
    let mut warnings = preflight(&Setup::of(config), &mut Parts::of(Backend::Ipvs));
    if let Ok(host) = Nft::new().host_rules() {
        warnings.extend(foreign_drops(&host, &paths(config)));
    }
    warnings
}

fn left_to_the_owner(config: &Config) -> String {
    format!(
        "with backend {} another program owns services, destinations, addresses, marks, masquerade \
         and sysctls; of this file governess carries out the weights alone",
        config.director.backend.name()
    )
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
    tell: Sender<HostEvent>,
    // Before the threads: none of them waits for room in a channel that nobody reads.
    rest: Receiver<HostEvent>,
    threads: Threads,
    /// Addresses that we took ourselves.
    taken: BTreeSet<(String, IpNet)>,
}

struct Threads {
    // Before the threads, as above.
    addresses: Receiver<KeeperEvent>,
    _keeping: Keeping,
}

impl Threads {
    /// Addresses are taken after the first pass over sysctls and firewall: a client's packet to a
    /// VIP without its mark would be answered by this machine itself.
    fn start(
        setup: &Setup,
        parts: Parts,
        period: Duration,
        clock: Clock,
        tell: Sender<HostEvent>,
    ) -> io::Result<Self> {
        let (tell_address, addresses) = mpsc::channel(64);
        let charge = Charge {
            claims: claims(setup),
            watched: setup.watched.clone(),
            score: setup.score_file.clone().map(ScoreFile::new),
        };
        let timing = Timing {
            period,
            ..Timing::default()
        };
        let keep_addresses = move || {
            let kernel = KernelAddresses::new();
            let needed = !charge.claims.is_empty() || charge.score.is_some();
            needed
                .then(|| Keeper::start(charge, kernel, timing, clock, tell_address))
                .transpose()
        };
        Ok(Self {
            _keeping: Keeping::start(setup.clone(), parts, period, tell, keep_addresses)?,
            addresses,
        })
    }
}

impl Keepers {
    /// Starts to keep. The receiver is told what its sender sends, from whomever.
    ///
    /// # Errors
    /// The operating system gave no thread.
    pub fn start(
        setup: Setup,
        parts: Parts,
        (tell, rest): (Sender<HostEvent>, Receiver<HostEvent>),
        period: Duration,
        clock: Clock,
    ) -> io::Result<Self> {
        Ok(Self {
            threads: Threads::start(&setup, parts, period, clock, tell.clone())?,
            setup,
            period,
            clock,
            tell,
            rest,
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
            // A new keeper tells the score anew.
            if let Happened::SetUp(event) = self.of_keeper(told) {
                events.push(event);
            }
        }
        match Threads::start(&setup, parts, period, self.clock, self.tell.clone()) {
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
    pub async fn next(&mut self) -> Happened {
        tokio::select! {
            Some(event) = self.threads.addresses.recv() => self.of_keeper(event),
            Some(event) = self.rest.recv() => Happened::SetUp(event),
            else => std::future::pending().await,
        }
    }

    fn of_keeper(&mut self, told: KeeperEvent) -> Happened {
        match told {
            KeeperEvent::Address(told) => Happened::SetUp(self.of_address(&told)),
            KeeperEvent::Score(score::Told::Score(score)) => Happened::Fitness(score),
            KeeperEvent::Score(told) => Happened::SetUp(self.of_score_file(&told)),
        }
    }

    fn of_score_file(&self, told: &score::Told) -> HostEvent {
        let path = self.setup.score_file.as_ref();
        let path = path.map_or(String::new(), |path| path.display().to_string());
        let (event, said, words) = match told {
            score::Told::Failed(words) => (Event::StepFailed, words.as_str(), Some(words)),
            score::Told::FailureEnded => (Event::Repaired, "is written again", None),
            _ => (
                Event::Repaired,
                "somebody had altered or deleted it; written again",
                None,
            ),
        };
        HostEvent {
            event,
            reason: format!("score file {path}: {said}"),
            problem: Problem {
                thing: format!("score file {path}"),
                words: words.cloned(),
            },
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
        Change::Withdrawn { why } => (
            Event::Step,
            Some(format!("withdrawn, since this director is unfit: {why}")),
        ),
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
