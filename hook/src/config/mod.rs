//! The configuration: read, judged as a whole, and turned into what the director works with.
//!
//! A file is accepted or refused before anything is touched; all semantic faults are reported
//! in one run.

pub(crate) mod duration;
mod fault;
mod file;
mod icinga;
pub mod import;
mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use lettre::message::Mailbox;
use plugins::x224::Depth;
use shared::verdict::Advice;

pub(crate) use fault::nearest;
pub use fault::{Fault, Faults};
pub use icinga::{Icinga, Login, Object, authorities};

use crate::health::{Require, Rules, Voice};
use crate::operate::journal::Limits;
use crate::reconcile::Scope;
use crate::table::{Forward, ServiceKey, ServiceSettings};

/// Names of the schedulers of the kernel (`net/netfilter/ipvs/ip_vs_*.c`).
const SCHEDULERS: &[&str] = &[
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos",
];

/// Index of a check in [`Config::checks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(pub usize);

/// Index of a real server in [`Config::servers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub usize);

/// Index of a virtual service in [`Config::services`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub usize);

/// Index of a watch in [`Config::watches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub usize);

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the table is and where state is kept.
    pub director: Director,
    /// By name, sorted; [`REAL_PATH`] comes last.
    pub checks: Vec<Check>,
    /// By name, sorted.
    pub watches: Vec<Watch>,
    /// By name, sorted.
    pub servers: Vec<Arc<Server>>,
    /// By name, sorted.
    pub services: Vec<VirtualService>,
    /// Network address translation, where this director does it.
    pub nat: Option<Nat>,
    /// Where keepalived is met.
    pub keepalived: Keepalived,
    /// The other director, where there is one.
    pub pair: Option<Pair>,
    /// Where alerts are mailed to, if anywhere.
    pub mail: Option<Mail>,
    /// The external command file of a monitoring core that is given our verdicts.
    pub command_file: Option<PathBuf>,
    /// The Icinga whose results we take, and that is given ours, by its API.
    pub icinga: Option<Icinga>,
    /// Tells two configurations apart.
    pub digest: String,
}

/// Who owns the table that is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The kernel's IPVS table, ours as far as our services go.
    Ipvs,
    /// The kernel's IPVS table, which another program owns: only weights change.
    Weights,
    /// keepalived's track files, one a server and service.
    KeepalivedFiles,
    /// A table in this process; the kernel is not touched.
    Memory,
}

impl Backend {
    /// The word for it in the file and in `status`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipvs => "ipvs",
            Self::Weights => "weights",
            Self::KeepalivedFiles => "keepalived-files",
            Self::Memory => "memory",
        }
    }

    /// How much of the table is ours to change.
    pub fn scope(self) -> Scope {
        match self {
            Self::Ipvs | Self::Memory => Scope::Services,
            Self::Weights | Self::KeepalivedFiles => Scope::Weights,
        }
    }
}

/// The `[director]` section.
#[derive(Clone, Debug)]
pub struct Director {
    /// Which table.
    pub backend: Backend,
    /// Folder of `intents`, `wishes.json` and `events.jsonl`.
    pub state_dir: PathBuf,
    /// The control socket.
    pub control: PathBuf,
    /// Where the status page is served; `None`: there is no page.
    pub status: Option<SocketAddr>,
    /// How often the kernel's table is compared with what we left there.
    pub reconcile_interval: Duration,
    /// How much of the disk the journal may take.
    pub journal: Limits,
    /// Folder whose files take the servers that they are named after out.
    pub maintenance_dir: Option<PathBuf>,
}

/// The `[keepalived]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keepalived {
    /// Folder of the files of `backend = "keepalived-files"`.
    pub files: PathBuf,
    /// The FIFO that keepalived tells its own view in (`lvs_notify_fifo`), to be shown.
    pub fifo: Option<PathBuf>,
}

/// What a check does to a server.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// RDP by X.224.
    X224 {
        /// TCP port on the real server.
        port: u16,
        /// What is demanded of the answer.
        options: plugins::x224::Options,
    },
    /// A connection, and if wanted the beginning of an answer.
    Tcp(Tcp),
    /// Mail by SMTP, on all ports of it.
    Smtp(plugins::smtp::Options),
    /// The web parts of Exchange, by their health pages.
    Owa {
        /// TCP port on the real server.
        port: u16,
        /// What is asked of it.
        options: plugins::owa::Options,
    },
    /// Any Nagios plugin.
    Exec(Exec),
    /// Nothing: another program reports what it found.
    Reported,
    /// Whether answers to the outside come back through this director.
    RealPath(RealPath),
}

/// The name of the check that every service by NAT gets where `[nat]` names the gateway.
pub const REAL_PATH: &str = "real_path";

/// The way of a server's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealPath {
    /// The interface towards the server.
    pub inside: String,
    /// The interface towards the world.
    pub outside: String,
    /// What the server's default gateway should be.
    pub gateway: IpAddr,
    /// Ports to ask; any answer will do, a refusal too.
    pub ports: Vec<u16>,
    /// Addresses that are no source of our own connections: answers to a VIP are for IPVS.
    pub vips: Vec<IpAddr>,
}

/// What is asked of a TCP port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// The port on the real server; `None` for the port of its destination.
    pub port: Option<u16>,
    /// What is sent after connecting; empty for nothing.
    pub send: String,
    /// What the answer must begin with; empty for a connection alone.
    pub expect: String,
}

/// A program that answers as the Monitoring Plugins guideline says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// Absolute path.
    pub program: PathBuf,
    /// Its arguments; `{address}` and `{server}` stand for the real server's address and name.
    pub arguments: Vec<String>,
}

impl Exec {
    /// Whether it is told of which server it is run for.
    pub fn is_about_a_server(&self) -> bool {
        let placeholder = |word: &String| word.contains("{address}") || word.contains("{server}");
        self.arguments.iter().any(placeholder)
    }

    /// The arguments for one server.
    pub fn arguments_for(&self, server: &Server) -> Vec<String> {
        let address = server.address.to_string();
        self.arguments
            .iter()
            .map(|word| {
                word.replace("{address}", &address)
                    .replace("{server}", &server.name)
            })
            .collect()
    }
}

/// A check: what to ask, how often, and how many answers decide.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its name in the file.
    pub name: String,
    /// What to ask.
    pub probe: Probe,
    /// From one start to the next.
    pub interval: Duration,
    /// Budget of one run, connect included.
    pub timeout: Duration,
    /// From the end of a failed run to the next while the streak is undecided.
    pub retry_interval: Duration,
    /// A verdict older than this raises an alarm.
    pub stale_after: Duration,
    /// How many answers decide.
    pub rules: Rules,
    /// Classes of advisory findings that count here.
    pub enforce: Vec<Advice>,
    /// While one of these fails on the same server, this check's readings do not count.
    pub depends_on: Vec<CheckId>,
}

impl Check {
    /// Whether another program reports the results.
    pub fn is_reported(&self) -> bool {
        matches!(self.probe, Probe::Reported)
    }

    /// The check as it is run on one server: `{server}` in an expected name is that server's, and
    /// a `tcp` check without a port asks the server's own.
    pub fn on(&self, server: &Server) -> Self {
        let mut check = self.clone();
        if let Probe::Tcp(tcp) = &mut check.probe {
            tcp.port = tcp.port.or(server.port);
        }
        if let Probe::Owa { options, .. } = &mut check.probe
            && let Some(name) = &mut options.expect_server
        {
            *name = name.replace("{server}", &server.name);
        }
        if let Probe::X224 { options, .. } = &mut check.probe
            && let Depth::Nla {
                expect_name: Some(name),
                ..
            } = &mut options.depth
        {
            *name = name.replace("{server}", &server.name);
        }
        check
    }
}

/// Something that is reported and never moves a weight.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Its name in the file.
    pub name: String,
    /// What to ask.
    pub subject: Subject,
    /// From one start to the next.
    pub interval: Duration,
    /// Budget of one run.
    pub timeout: Duration,
    /// From the end of a failed run to the next while the alarm is undecided.
    pub retry_interval: Duration,
    /// A verdict older than this raises an alarm.
    pub stale_after: Duration,
    /// How many failures raise the alarm, and how many successes end it.
    pub rules: Rules,
    /// Classes of advisory findings that count here.
    pub enforce: Vec<Advice>,
}

/// What is watched.
#[derive(Clone, Debug)]
pub enum Subject {
    /// What DNS servers say of names.
    Dns(Arc<plugins::ad_dns::Options>),
    /// Each real server of the file.
    EachServer(Probe),
    /// What a program finds that is told of no server.
    Program(Exec),
}

/// A real server.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Its name in the file.
    pub name: String,
    /// Its own address.
    pub address: IpAddr,
    /// Its nominal weight, 1 or more.
    pub weight: u32,
    /// The port of its destinations, where it is not that of the service.
    pub port: Option<u16>,
    /// The way to this server alone, whatever its health. Boxed: few have one.
    pub management: Option<Box<Management>>,
}

/// A VIP that always leads to one server: through it a broken server is repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Management {
    /// The VIP with its prefix length.
    pub vip: IpNet,
    /// The interface that holds it.
    pub interface: String,
    /// The mark of its packets.
    pub fwmark: u32,
}

/// The address and ports whose packets get the mark of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Front {
    /// The VIP with its prefix length.
    pub vip: IpNet,
    /// The interface that holds it; `None` if somebody else holds the address.
    pub interface: Option<String>,
    /// TCP ports, sorted; empty if the service has no mark.
    pub tcp: Vec<u16>,
}

/// The inside network, whose servers reach the world through this director.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nat {
    /// The interface towards the real servers.
    pub inside: String,
    /// The interface towards the world.
    pub outside: String,
    /// The real servers' default gateway, held by this director.
    pub gateway: Option<IpNet>,
    /// Whether the servers' own connections to the world take the director's address.
    pub masquerade: bool,
    /// A VIP that they take instead: the world sees the same address whichever director is active.
    pub source: Option<IpAddr>,
}

/// Two directors of which keepalived elects the one that holds all addresses. Each keeps table,
/// marks, sysctls and checks at all times; neither touches an address by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Inside addresses of the other director or of both, sorted; ours is not the partner's.
    pub directors: Vec<IpAddr>,
    /// Where the two hear each other's VRRP.
    pub interface: String,
    /// The pair's virtual router id on that segment (RFC 5798 section 5.2.3).
    pub router_id: u8,
    /// The track file by which keepalived learns how fit this director is: 0 or -50.
    pub score_file: PathBuf,
    /// The FIFO on which keepalived tells its VRRP states.
    pub fifo: Option<PathBuf>,
    /// Whether the holder tells the other of its connections (IPVS's sync daemon).
    pub sync: bool,
    /// The port of the other director's status page, where it is asked for its configuration.
    pub partner_status: Option<u16>,
}

/// How alerts are mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Who gets them.
    pub to: Vec<Mailbox>,
    /// Who they are from.
    pub from: Mailbox,
    /// The name or address of the mail server that takes them.
    pub relay: String,
    /// Its TCP port.
    pub port: u16,
    /// How the way to it is protected.
    pub tls: MailTls,
}

/// TLS on the way to the relay; with it the relay's certificate must be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// None: for a relay on this machine.
    None,
    /// STARTTLS (RFC 3207); no mail without it.
    Starttls,
    /// From the first byte (RFC 8314).
    Tls,
}

/// What happens to the destination of a server that is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Weight 0: no new connections, old ones go on.
    Quiesce,
    /// Removed: old connections end too. The only way for UDP, which has no end of its own.
    Remove,
}

/// A virtual service that we own in the table.
#[derive(Clone, Debug)]
pub struct VirtualService {
    /// Its name in the file.
    pub name: String,
    /// Its identity in the kernel.
    pub key: ServiceKey,
    /// How it distributes.
    pub settings: ServiceSettings,
    /// Where its packets come in; `None` if marks and addresses are somebody else's.
    pub front: Option<Front>,
    /// Forwarding method of its destinations.
    pub forward: Forward,
    /// Port of its destinations; 0 in a marked service keeps the client's port.
    pub port: u16,
    /// Its real servers, as listed.
    pub servers: Vec<ServerId>,
    /// Its checks, as listed.
    pub checks: Vec<CheckId>,
    /// What happens to the destination of a server that is out.
    pub on_failure: OnFailure,
    /// How many servers are kept at least when none is up.
    pub min_up: usize,
    /// Which of its checks a server must pass.
    pub require: Require,
    /// Weights of checks other than 1, where they are weighed.
    pub check_weights: BTreeMap<CheckId, u32>,
    /// Who serves when every server refuses its connections.
    pub sorry_server: Option<SorryServer>,
    /// How long a server that comes back takes to its whole weight.
    pub slow_start: Option<Duration>,
    /// A server that falls more than twice in this time has to work longer to come back.
    pub flap_window: Option<Duration>,
}

/// Who says sorry when nobody else serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SorryServer {
    /// Its address and port; port 0 in a marked service keeps the client's port.
    pub destination: SocketAddr,
    /// Its own forwarding method.
    pub forward: Forward,
}

impl Config {
    /// Reads and judges a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, with places and suggestions.
    pub fn load(path: &Path) -> Result<Self, Faults> {
        let bytes = std::fs::read(path)
            .map_err(|error| Faults::unreadable(path, format!("cannot be read: {error}")))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Faults::unreadable(path, "is not text in UTF-8"))?;
        Self::parse(path, &text)
    }

    /// Judges the text of a file; `path` is named in the faults only.
    ///
    /// # Errors
    /// Everything that is wrong with it, with places and suggestions.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Faults> {
        if text.trim().is_empty() {
            return Err(Faults::unreadable(
                path,
                "is empty; see packaging/examples/x224.toml",
            ));
        }
        let file = toml::from_str(text)
            .map_err(|error| Faults::new(path, text, vec![judge::toml_fault(&error)]))?;
        judge::judge(&file, shared::text::digest(text))
            .map_err(|faults| Faults::new(path, text, faults))
    }

    /// What a check has to say in a service. The real path is no part of a requirement: a server
    /// whose answers go astray serves nobody, whatever else it does.
    pub fn voice(&self, service: &VirtualService, check: CheckId) -> Voice {
        match self.checks[check.0].probe {
            Probe::RealPath(_) => Voice::Veto,
            _ => Voice::Weight(service.check_weights.get(&check).copied().unwrap_or(1)),
        }
    }

    /// Every check on every server that some service needs it for, sorted: its own checks, and those
    /// that they depend on.
    pub fn needed_checks(&self) -> BTreeSet<(ServerId, CheckId)> {
        let mut needed = BTreeSet::new();
        for service in &self.services {
            for check in &service.checks {
                let depends_on = self.checks[check.0].depends_on.iter();
                for check in depends_on.chain([check]) {
                    needed.extend(service.servers.iter().map(|server| (*server, *check)));
                }
            }
        }
        needed
    }

    /// The check of this name.
    pub fn check_named(&self, name: &str) -> Option<CheckId> {
        let at = self.checks.iter().position(|check| check.name == name)?;
        Some(CheckId(at))
    }

    /// The server of this name.
    pub fn server_named(&self, name: &str) -> Option<ServerId> {
        let found = self
            .servers
            .binary_search_by(|server| server.name.as_str().cmp(name));
        found.ok().map(ServerId)
    }

    /// The service of this name.
    pub fn service_named(&self, name: &str) -> Option<ServiceId> {
        let found = self
            .services
            .binary_search_by(|service| service.name.as_str().cmp(name));
        found.ok().map(ServiceId)
    }

    /// The address and port by which the kernel knows a server in a service.
    pub fn destination(&self, service: &VirtualService, server: ServerId) -> SocketAddr {
        let server = &self.servers[server.0];
        SocketAddr::new(server.address, server.port.unwrap_or(service.port))
    }
}

#[cfg(test)]
mod tests;
