//! What a foreign file says, in our words, before it is written down.

use std::net::{IpAddr, SocketAddr};

use super::sorry;
use super::told::Told;
use crate::config::OnFailure;
use crate::table::{Family, Forward, Protocol, ServiceKey, ServiceSettings};

/// A whole set-up.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) services: Vec<Service>,
    pub(super) management: Vec<Management>,
    pub(super) nat: Option<Nat>,
}

/// A virtual service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) key: ServiceKey,
    pub(super) settings: ServiceSettings,
    /// Where its packets come in, where the file says so.
    pub(super) vip: Option<Vip>,
    /// The TCP ports of its mark.
    pub(super) tcp: Vec<u16>,
    pub(super) forward: Forward,
    pub(super) on_failure: OnFailure,
    pub(super) members: Vec<Member>,
    pub(super) checks: Vec<Check>,
    /// Who serves when nobody else does.
    pub(super) sorry: Option<Sorry>,
    /// Milliseconds from no weight to the whole.
    pub(super) slow_start: Option<u64>,
}

/// A sorry server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sorry {
    pub(super) line: usize,
    pub(super) address: IpAddr,
    /// `None` for the service's own.
    pub(super) port: Option<u16>,
    pub(super) forward: Forward,
}

/// An address that a director holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vip {
    pub(super) address: IpAddr,
    pub(super) prefix: u8,
    pub(super) interface: Option<String>,
}

/// A real server in a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) line: usize,
    pub(super) name: Option<String>,
    pub(super) address: IpAddr,
    /// 0 where the client's port is kept.
    pub(super) port: u16,
    pub(super) weight: u32,
}

/// A VIP that always leads to one server.
#[derive(Clone, Debug)]
pub(super) struct Management {
    pub(super) server: IpAddr,
    pub(super) vip: Vip,
    pub(super) mark: u32,
}

/// The inside network.
#[derive(Clone, Debug)]
pub(super) struct Nat {
    pub(super) inside: String,
    pub(super) outside: Option<String>,
    pub(super) gateway: Vip,
    pub(super) masquerade: bool,
}

/// A check, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) probe: Probe,
    pub(super) pace: Pace,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// RDP; further keys of the `x224` table, each with its value in TOML.
    X224 {
        port: u16,
        keys: Vec<(&'static str, String)>,
    },
    /// A TCP port; `None` for the port of the server's destination.
    Tcp {
        port: Option<u16>,
        send: String,
        expect: String,
    },
    /// Mail on one port, without TLS.
    Smtp { port: u16, ehlo: Option<String> },
    /// The health page of a virtual directory.
    Owa {
        port: u16,
        host: String,
        vdir: String,
    },
    /// A program and its arguments.
    Exec(Vec<String>),
}

/// How often a check asks, and how many answers decide; what is `None` stays with our default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    /// Milliseconds.
    pub(super) interval: Option<u64>,
    /// Milliseconds.
    pub(super) timeout: Option<u64>,
    /// Milliseconds.
    pub(super) retry_interval: Option<u64>,
    pub(super) fall: Option<u64>,
    pub(super) rise: Option<u64>,
}

impl Service {
    /// A service with what `ipvsadm` gives it when nothing is said.
    pub(super) fn new(line: usize, name: String, key: ServiceKey) -> Self {
        Self {
            line,
            name,
            key,
            settings: ServiceSettings {
                scheduler: "wlc".to_owned(),
                persistence: None,
                netmask: ServiceSettings::host_netmask(key.family()),
                flags: 0,
                persistence_engine: None,
            },
            vip: None,
            tcp: Vec::new(),
            forward: Forward::Nat,
            on_failure: OnFailure::Quiesce,
            members: Vec::new(),
            checks: Vec::new(),
            sorry: None,
            slow_start: None,
        }
    }

    /// The port of its destinations where a server does not have its own.
    pub(super) fn port(&self) -> u16 {
        match self.key {
            ServiceKey::Fwmark { .. } => 0,
            ServiceKey::Address { socket, .. } => socket.port(),
        }
    }

    /// Whether what it forwards is UDP, as far as the file tells.
    pub(super) fn is_udp(&self) -> bool {
        matches!(
            self.key,
            ServiceKey::Address {
                protocol: Protocol::Udp,
                ..
            }
        )
    }
}

/// A name for a service whose file gives it none.
pub(super) fn name_of(key: &ServiceKey) -> String {
    match key {
        ServiceKey::Fwmark { family, mark } => match family {
            Family::V4 => format!("mark-{mark}"),
            Family::V6 => format!("mark-{mark}-ipv6"),
        },
        ServiceKey::Address { protocol, socket } => {
            format!("{protocol}-{}-{}", socket.ip(), socket.port())
        }
    }
}

impl Draft {
    /// Leaves out what no configuration can say, each time with a word; after this the rest can be
    /// written down.
    pub(super) fn settle(&mut self, told: &mut Told) {
        let mut services = std::mem::take(&mut self.services);
        for service in &mut services {
            settle_members(service, told);
            settle_checks(service, told);
            settle_slow_start(service, told);
            service.sorry = sorry::settled(service, told);
        }
        for service in services {
            match obstacle(&service, &self.services) {
                Some(words) => told.note(
                    service.line,
                    format!("service \"{}\" is left out: {words}", service.name),
                ),
                None => self.services.push(service),
            }
        }
        for service in &self.services {
            if service.checks.is_empty() {
                let words = format!(
                    "service \"{}\": nothing checks its servers; `checks = []` says so, and they \
                     always serve; add a check",
                    service.name
                );
                told.note(service.line, words);
            }
        }
        for service in &self.services {
            note_entrance(service, told);
        }
        if self.nat.as_ref().is_some_and(|nat| !nat.masquerade) {
            let words = "masquerade = false: whether the servers' own connections take the \
                         director's address is a matter of the packet filter; give its rules with \
                         --iptables";
            told.note(0, words);
        }
        if let Some(nat) = self.nat.take_if(|nat| nat.outside.is_none()) {
            let words = format!(
                "the inside gateway {} on {} is left out: no VIP tells the outside interface; add \
                 [nat]",
                nat.gateway.address, nat.inside
            );
            told.note(0, words);
        }
    }
}

/// A VIP of a mark is worth something only with the ports that get the mark.
fn note_entrance(service: &Service, told: &mut Told) {
    if let (ServiceKey::Fwmark { mark, .. }, Some(vip), true) =
        (service.key, &service.vip, service.tcp.is_empty())
    {
        let words = format!(
            "service \"{}\": the VIP {} is NOT carried over, for nothing here says which ports get \
             mark {mark}: give the packet filter rules with --iptables, or add vip, interface and \
             tcp; else the address and the mark must be somebody else's",
            service.name, vip.address
        );
        told.note(service.line, words);
    }
}

/// Takes out the servers that cannot be in one service with the others.
fn settle_members(service: &mut Service, told: &mut Told) {
    let family = match service.key {
        ServiceKey::Address { .. } => service.key.family(),
        ServiceKey::Fwmark { family, .. } => service
            .members
            .first()
            .map_or(family, |member| Family::of(member.address)),
    };
    let mut kept: Vec<Member> = Vec::new();
    for mut member in std::mem::take(&mut service.members) {
        let at = SocketAddr::new(member.address, member.port);
        if Family::of(member.address) != family {
            let words = format!(
                "server {} is left out: it is of another IP version than its service",
                member.address
            );
            told.note(member.line, words);
        } else if member.address.is_unspecified() || member.address.is_multicast() {
            told.note(
                member.line,
                format!("server {at} is left out: no server has that address"),
            );
        } else if kept
            .iter()
            .any(|other| (other.address, other.port) == (member.address, member.port))
        {
            told.note(
                member.line,
                format!("server {at} is listed twice; the first one counts"),
            );
        } else {
            member.weight = settled_weight(&member, told);
            kept.push(member);
        }
    }
    service.members = kept;
    if let ServiceKey::Fwmark { mark, .. } = service.key {
        if service.key.family() != family {
            service.settings.netmask = ServiceSettings::host_netmask(family);
        }
        service.key = ServiceKey::Fwmark { family, mark };
    }
}

/// A check of the servers' own ports needs servers with ports.
fn settle_checks(service: &mut Service, told: &mut Told) {
    if service.members.iter().all(|member| member.port != 0) {
        return;
    }
    let before = service.checks.len();
    service
        .checks
        .retain(|check| !matches!(check.probe, Probe::Tcp { port: None, .. }));
    if service.checks.len() < before {
        let words = "the servers are checked on ports of their own, which a service of a mark \
                     does not have; the check is left out";
        told.note(service.line, words);
    }
}

/// Below this `verify` refuses a slow start.
pub(super) const LEAST_FOR_SLOW_START: u32 = 8;

/// A ramp needs weights that have steps.
fn settle_slow_start(service: &mut Service, told: &mut Told) {
    let light = |member: &&Member| member.weight < LEAST_FOR_SLOW_START;
    let light = service.members.iter().find(light);
    if let (Some(length), Some(light)) = (service.slow_start, light) {
        let words = format!(
            "slow start is NOT carried over: server {} has weight {}, and slow_start needs \
             {LEAST_FOR_SLOW_START} or more; multiply all weights of the service and add slow_start = \"{}s\"",
            light.address,
            light.weight,
            length.div_ceil(1000)
        );
        told.note(light.line, words);
        service.slow_start = None;
    }
}

/// A configured weight is 1 or more: 0 is an operator's wish.
fn settled_weight(member: &Member, told: &mut Told) -> u32 {
    const HEAVIEST: u32 = 65535;
    match member.weight {
        0 => {
            let words = format!(
                "server {} has weight 0, that is, it is drained; its configured weight is 1 here: \
                 drain it again before governess runs, with `governess drain` or by ipvsadm",
                member.address
            );
            told.note(member.line, words);
            1
        }
        1..=HEAVIEST => member.weight,
        more => {
            let words = format!(
                "server {}: weight {more} becomes {HEAVIEST}",
                member.address
            );
            told.note(member.line, words);
            HEAVIEST
        }
    }
}

/// Why a service cannot be written down, if so.
fn obstacle(service: &Service, others: &[Service]) -> Option<String> {
    if service.members.is_empty() {
        return Some("it has no server".to_owned());
    }
    if let Some(other) = others.iter().find(|other| other.key == service.key) {
        return Some(format!("\"{}\" is {} already", other.name, service.key));
    }
    match service.key {
        ServiceKey::Fwmark { mark: 0, .. } => Some("mark 0 is no mark".to_owned()),
        ServiceKey::Address {
            protocol: Protocol::Sctp,
            ..
        } => Some("SCTP is not supported".to_owned()),
        ServiceKey::Address { socket, .. } if socket.port() == 0 => {
            Some("a service of all ports is made with a firewall mark".to_owned())
        }
        ServiceKey::Address { socket, .. }
            if socket.ip().is_unspecified()
                || socket.ip().is_multicast()
                || socket.ip().is_loopback() =>
        {
            Some(format!("{} can be no VIP", socket.ip()))
        }
        _ => None,
    }
}
