//! What the servers answered, and what a name stands for by it: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use shared::dial::Target;
use shared::verdict::Finding;

use super::name::Name;
use super::wire::{Code, Data, Question, Record, Reply, Type};

/// The longest chain of CNAME records that is followed.
const CHAIN_MOST: usize = 8;

/// Everything that was learned.
#[derive(Debug)]
pub(super) struct Evidence {
    /// Each server with its answers.
    pub(super) witnesses: Vec<Witness>,
    /// From the start of the check to its end.
    pub(super) total: Duration,
}

/// One server and what it answered.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    /// The server.
    pub(super) server: Target,
    /// Its answers; what it was not asked is not here.
    pub(super) answers: BTreeMap<Question, Answer>,
}

/// The end of one question to one server.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The reply, or why there is none.
    pub(super) outcome: Result<Reply, Silence>,
    /// How long it took.
    pub(super) took: Duration,
    /// Datagrams that came instead of the reply, or before it.
    pub(super) bogus: u32,
}

/// Why a question has no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing that answers the question came in time.
    Timeout,
    /// The port is closed (ICMP port unreachable).
    PortClosed,
    /// There is no way to the server, in the system's words.
    Unreachable(String),
    /// A reply came that cannot be read.
    Malformed(String),
    /// The reply by UDP is truncated, and by TCP none came.
    Truncated(String),
    /// It is our own fault.
    Ours(Finding),
}

/// What one reply says of its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// These records, and more of other names and types perhaps.
    Records(&'a [Record]),
    /// The name exists without such a record.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// An error.
    Error(Code),
    /// The server is no authority for the name.
    Lame,
    /// Nothing.
    Silent(&'a Silence),
}

impl Answer {
    /// What it says.
    pub(super) fn said(&self) -> Said<'_> {
        let reply = match &self.outcome {
            Ok(reply) => reply,
            Err(silence) => return Said::Silent(silence),
        };
        match reply.code {
            Code::NoError | Code::NxDomain | Code::NotAuth if !reply.authoritative => Said::Lame,
            Code::NoError if reply.answers.is_empty() => Said::NoData,
            Code::NoError => Said::Records(&reply.answers),
            // After a CNAME it is the end of the chain that does not exist (RFC 6604).
            Code::NxDomain if !reply.answers.is_empty() => Said::Records(&reply.answers),
            // BIND gives up on a loop of aliases with SERVFAIL, and shows how far it came.
            Code::ServFail if reply.authoritative && !reply.answers.is_empty() => {
                Said::Records(&reply.answers)
            }
            Code::NxDomain => Said::NxDomain,
            code => Said::Error(code),
        }
    }
}

/// What a name stands for in the eyes of one server, aliases followed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// At least one address.
    Addresses(BTreeSet<IpAddr>),
    /// The name exists and has no address.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// An alias of this name, which does not exist.
    AliasOfNothing(Name),
    /// An alias of this name, which has no address.
    AliasWithoutAddress(Name),
    /// An alias that leads to itself by way of this name.
    Loop(Name),
    /// An alias of this name, which the server is no authority for.
    AliasOfElsewhere(Name),
}

/// The end of one chain of aliases.
enum Ending<'a> {
    Records(Vec<&'a Record>),
    NoData(Name),
    NxDomain(Name),
    Loop(Name),
    /// The server answered that it is no authority for it, or that with an error.
    Unanswered(Name),
    /// It was not asked yet.
    Unasked(Question),
}

impl Witness {
    /// What was said of `question`; nothing if it was not asked.
    pub(super) fn said(&self, question: &Question) -> Option<Said<'_>> {
        self.answers.get(question).map(Answer::said)
    }

    /// The records of exactly this name and type.
    pub(super) fn records(&self, question: &Question) -> Vec<&Record> {
        let Some(Said::Records(all)) = self.said(question) else {
            return Vec::new();
        };
        all.iter()
            .filter(|record| {
                record.name == question.name && record.data.kind() == Some(question.kind)
            })
            .collect()
    }

    /// The addresses of `name` with the records that say so, each once.
    pub(super) fn address_records(&self, name: &Name) -> Vec<&Record> {
        [Type::A, Type::Aaaa]
            .into_iter()
            .flat_map(|kind| match self.follow(&Question::new(name, kind)) {
                Ending::Records(records) => records,
                _ => Vec::new(),
            })
            .collect()
    }

    /// What `name` stands for; nothing if this server did not say.
    pub(super) fn meaning(&self, name: &Name) -> Option<Meaning> {
        let endings = [Type::A, Type::Aaaa].map(|kind| self.follow(&Question::new(name, kind)));
        let unknown = |ending: &Ending<'_>| match ending {
            Ending::Unasked(_) => true,
            Ending::Unanswered(at) => at == name,
            _ => false,
        };
        if endings.iter().any(unknown) {
            return None;
        }
        if let Some(at) = endings.iter().find_map(|ending| match ending {
            Ending::Unanswered(at) => Some(at.clone()),
            _ => None,
        }) {
            return Some(Meaning::AliasOfElsewhere(at));
        }
        let addresses: BTreeSet<IpAddr> = endings
            .iter()
            .filter_map(|ending| match ending {
                Ending::Records(records) => Some(records),
                _ => None,
            })
            .flatten()
            .filter_map(|record| address(record))
            .collect();
        if !addresses.is_empty() {
            return Some(Meaning::Addresses(addresses));
        }
        let [first, _] = endings;
        Some(match first {
            Ending::Records(_) | Ending::Unasked(_) => Meaning::NoData,
            Ending::NoData(at) if at == *name => Meaning::NoData,
            Ending::NoData(at) => Meaning::AliasWithoutAddress(at),
            Ending::NxDomain(at) if at == *name => Meaning::NxDomain,
            Ending::NxDomain(at) => Meaning::AliasOfNothing(at),
            Ending::Loop(at) => Meaning::Loop(at),
            Ending::Unanswered(at) => Meaning::AliasOfElsewhere(at),
        })
    }

    /// The questions that must still be asked to know the addresses of `name`.
    pub(super) fn unasked(&self, name: &Name) -> Vec<Question> {
        [Type::A, Type::Aaaa]
            .into_iter()
            .filter_map(|kind| match self.follow(&Question::new(name, kind)) {
                Ending::Unasked(question) => Some(question),
                _ => None,
            })
            .collect()
    }

    /// Whether `name` is an alias.
    pub(super) fn alias(&self, name: &Name) -> Option<Name> {
        [Type::A, Type::Aaaa].into_iter().find_map(|kind| {
            match self.said(&Question::new(name, kind)) {
                Some(Said::Records(records)) => canonical(records, name),
                _ => None,
            }
        })
    }

    /// Follows aliases from `question`, through what this reply and others say of them.
    fn follow(&self, question: &Question) -> Ending<'_> {
        let kind = question.kind;
        let mut at = question.name.clone();
        let mut passed = BTreeSet::new();
        let mut told: &[Record] = &[];
        loop {
            let here: Vec<&Record> = told
                .iter()
                .filter(|record| record.name == at && record.data.kind() == Some(kind))
                .collect();
            if !here.is_empty() {
                return Ending::Records(here);
            }
            if let Some(next) = canonical(told, &at) {
                if !passed.insert(at) || passed.len() > CHAIN_MOST {
                    return Ending::Loop(next);
                }
                at = next;
                continue;
            }
            let next = Question::new(&at, kind);
            match self.said(&next) {
                None => return Ending::Unasked(next),
                Some(Said::NoData) => return Ending::NoData(at),
                Some(Said::NxDomain) => return Ending::NxDomain(at),
                Some(Said::Error(_) | Said::Lame | Said::Silent(_)) => {
                    return Ending::Unanswered(at);
                }
                Some(Said::Records(records)) => {
                    let says = |record: &Record| {
                        record.name == at
                            && matches!(record.data.kind(), Some(found)
                            if found == kind || found == Type::Cname)
                    };
                    if !records.iter().any(says) {
                        return Ending::NoData(at);
                    }
                    told = records;
                }
            }
        }
    }
}

/// What `name` is an alias of, by these records.
fn canonical(records: &[Record], name: &Name) -> Option<Name> {
    records.iter().find_map(|record| match &record.data {
        Data::Cname(target) if record.name == *name => Some(target.clone()),
        _ => None,
    })
}

/// The address in a record.
pub(super) fn address(record: &Record) -> Option<IpAddr> {
    match record.data {
        Data::Address(address) => Some(address),
        _ => None,
    }
}
