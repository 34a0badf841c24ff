//! Chains of rules and what becomes of a packet in them. What is not known for certain, of the
//! packet or of a rule, leaves several fates open.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::table::Family;

/// Chains may call each other; the kernel allows 16 levels (`NFT_JUMP_STACK_SIZE`).
const DEEPEST_JUMP: usize = 16;

/// Where in the kernel a chain meets packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    Input,
    Forward,
    Output,
}

/// The chains of one table, which may call each other.
#[derive(Clone, Debug)]
pub(super) struct ChainSet {
    /// In words, with the program that shows it: `nftables table inet filter`.
    pub(super) label: String,
    /// The packets it sees; `None` for both families.
    pub(super) family: Option<Family>,
    pub(super) chains: BTreeMap<String, Chain>,
    /// Extensions of iptables are in it, which only the iptables that wrote them can tell.
    pub(super) has_extensions: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    /// None for a chain that only others call.
    pub(super) base: Option<Base>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    pub(super) hook: Hook,
    pub(super) policy: Fates,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) conditions: Vec<Condition>,
    pub(super) effect: Effect,
}

#[derive(Clone, Debug)]
pub(super) enum Condition {
    Known(Match),
    /// One that is not understood here.
    Unknown,
}

#[derive(Clone, Debug)]
pub(super) struct Match {
    pub(super) field: Field,
    pub(super) negated: bool,
    /// Alternatives.
    pub(super) values: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Family,
    InputInterface,
    OutputInterface,
    Source,
    Destination,
    Transport,
    DestinationPort,
    Tracking,
    /// Whether conntrack translated an address (`ct status`): never so on the ways of IPVS.
    Translation,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Network(IpNet),
    Addresses(IpAddr, IpAddr),
    Ports(u16, u16),
    Word(String),
    /// Words that begin with this.
    Beginning(String),
}

#[derive(Clone, Debug)]
pub(super) enum Effect {
    Nothing,
    Ends(Fates),
    Jump(String),
    Goto(String),
    Return,
}

/// What may become of a packet in a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fates {
    accepted: bool,
    dropped: bool,
    passed_on: bool,
}

impl Fates {
    const NONE: Self = Self {
        accepted: false,
        dropped: false,
        passed_on: false,
    };
    pub(super) const ACCEPTED: Self = Self {
        accepted: true,
        ..Self::NONE
    };
    pub(super) const DROPPED: Self = Self {
        dropped: true,
        ..Self::NONE
    };
    /// Anything may happen.
    pub(super) const OPEN: Self = Self {
        accepted: true,
        dropped: true,
        passed_on: true,
    };

    fn or(self, other: Self) -> Self {
        Self {
            accepted: self.accepted || other.accepted,
            dropped: self.dropped || other.dropped,
            passed_on: self.passed_on || other.passed_on,
        }
    }

    fn ended(self) -> Self {
        Self {
            passed_on: false,
            ..self
        }
    }
}

/// What is known of a packet; `None` where packets of this kind differ.
#[derive(Clone, Debug)]
pub(super) struct Packet<'a> {
    pub(super) hook: Hook,
    pub(super) family: Family,
    pub(super) input: Option<&'a str>,
    pub(super) output: Option<&'a str>,
    pub(super) source: Option<IpAddr>,
    pub(super) destination: Option<IpAddr>,
    pub(super) transport: Option<&'a str>,
    pub(super) destination_port: Option<u16>,
    pub(super) tracking: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certainty {
    Yes,
    No,
    Maybe,
}

impl ChainSet {
    /// The chains at the packet's hook that drop it for certain.
    pub(super) fn dropping<'a>(
        &'a self,
        packet: &'a Packet<'_>,
    ) -> impl Iterator<Item = &'a str> + 'a {
        let sees_it = self.family.is_none_or(|family| family == packet.family);
        self.chains
            .iter()
            .filter(move |_| sees_it)
            .filter(|(_, chain)| {
                let base = chain.base.filter(|base| base.hook == packet.hook);
                base.is_some_and(|base| self.fates(chain, base, packet) == Fates::DROPPED)
            })
            .map(|(name, _)| name.as_str())
    }

    fn fates(&self, chain: &Chain, base: Base, packet: &Packet<'_>) -> Fates {
        let fates = self.walk(chain, packet, 0);
        if fates.passed_on {
            fates.ended().or(base.policy)
        } else {
            fates
        }
    }

    fn walk(&self, chain: &Chain, packet: &Packet<'_>, depth: usize) -> Fates {
        let mut possible = Fates::NONE;
        for rule in &chain.rules {
            let certainty = rule.meets(packet);
            if certainty == Certainty::No {
                continue;
            }
            let (effect, comes_back) = match &rule.effect {
                Effect::Nothing => continue,
                Effect::Ends(fates) => (*fates, fates.passed_on),
                Effect::Jump(name) => {
                    let fates = self.call(name, packet, depth);
                    (fates.ended(), fates.passed_on)
                }
                Effect::Goto(name) => (self.call(name, packet, depth), false),
                Effect::Return => (passed_on(), false),
            };
            possible = possible.or(effect);
            if certainty == Certainty::Yes && !comes_back {
                return possible;
            }
        }
        possible.or(passed_on())
    }

    fn call(&self, name: &str, packet: &Packet<'_>, depth: usize) -> Fates {
        match self.chains.get(name) {
            Some(chain) if depth < DEEPEST_JUMP => self.walk(chain, packet, depth + 1),
            _ => Fates::OPEN,
        }
    }
}

fn passed_on() -> Fates {
    Fates {
        passed_on: true,
        ..Fates::NONE
    }
}

impl Rule {
    fn meets(&self, packet: &Packet<'_>) -> Certainty {
        let mut certainty = Certainty::Yes;
        for condition in &self.conditions {
            let this = match condition {
                Condition::Known(known) => known.meets(packet),
                Condition::Unknown => Certainty::Maybe,
            };
            match this {
                Certainty::No => return Certainty::No,
                Certainty::Maybe => certainty = Certainty::Maybe,
                Certainty::Yes => {}
            }
        }
        certainty
    }
}

impl Match {
    fn meets(&self, packet: &Packet<'_>) -> Certainty {
        match self.met(packet) {
            None => Certainty::Maybe,
            Some(met) if met != self.negated => Certainty::Yes,
            Some(_) => Certainty::No,
        }
    }

    fn met(&self, packet: &Packet<'_>) -> Option<bool> {
        let word = |word: &str| self.values.iter().any(|value| value.is_word(word));
        let address = |address: IpAddr| self.values.iter().any(|value| value.holds(address));
        match self.field {
            Field::Family => Some(word(match packet.family {
                Family::V4 => "ipv4",
                Family::V6 => "ipv6",
            })),
            Field::InputInterface => packet.input.map(word),
            Field::OutputInterface => packet.output.map(word),
            Field::Source => packet.source.map(address),
            Field::Destination => packet.destination.map(address),
            Field::Transport => packet.transport.map(word),
            Field::DestinationPort => packet.destination_port.map(|port| {
                let within = |value: &Value| matches!(value, Value::Ports(first, last) if (*first..=*last).contains(&port));
                self.values.iter().any(within)
            }),
            Field::Tracking => Some(word(packet.tracking)),
            Field::Translation => {
                let translated = |value: &Value| value.is_word("dnat") || value.is_word("snat");
                self.values.iter().all(translated).then_some(false)
            }
        }
    }
}

impl Value {
    fn is_word(&self, word: &str) -> bool {
        match self {
            Self::Word(value) => value == word,
            Self::Beginning(beginning) => word.starts_with(beginning.as_str()),
            _ => false,
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        match self {
            Self::Network(network) => network.contains(&address),
            Self::Addresses(first, last) => (*first..=*last).contains(&address),
            _ => false,
        }
    }
}

/// A value with the kernel's or the tool's sign for "any name that begins so".
pub(super) fn interface(name: &str, wildcard: char) -> Value {
    match name.strip_suffix(wildcard) {
        Some(beginning) => Value::Beginning(beginning.to_owned()),
        None => Value::Word(name.to_owned()),
    }
}

/// The word for a transport protocol, by the numbers of IANA's registry.
pub(super) fn transport(name: &str) -> String {
    let name = match name {
        "6" => "tcp",
        "17" => "udp",
        "132" => "sctp",
        name => name,
    };
    name.to_owned()
}
