//! Who is to be asked, where nobody said: the name servers of the zone, as the resolvers of this
//! machine know them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use shared::deadline::Deadline;
use shared::dial::{Family, Target};
use shared::text::spoken;
use shared::verdict::{Condition, Finding, Kind};

use super::super::PORT;
use super::super::evidence::{Silence, address};
use super::super::name::Name;
use super::super::options::Discovery;
use super::super::wire::{Code, Data, Question, Record, Recursion, Reply, Type};
use super::exchange;

/// Where the resolvers of this machine are written down, resolv.conf(5).
const RESOLVERS: &str = "/etc/resolv.conf";

/// The share of the time that is left for one question to the last resolver but one, and so on:
/// enough stays for the check itself.
const SHARE: u32 = 4;

/// The name servers of the zone of `name`.
///
/// # Errors
/// There is no such zone, or no resolver says so.
pub(super) async fn servers_for(
    name: &Name,
    discovery: &Discovery,
    deadline: &Deadline,
) -> Result<Vec<Target>, Finding> {
    let resolvers = Resolvers::of_this_machine(discovery, deadline);
    let zone = resolvers.zone(name).await?.ok_or_else(|| {
        let why = "no zone that holds it is known to the resolvers of this machine";
        not_found(name, why)
    })?;
    let reply = resolvers.ask(&Question::new(&zone, Type::Ns)).await?;
    let names = reply
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            Data::Ns(server) if record.name == zone => Some(server.clone()),
            _ => None,
        });
    let mut servers = Vec::new();
    for server in names {
        if let Some(address) = resolvers.address(&server, discovery.family).await? {
            servers.push(Target {
                name: server.to_string(),
                address: SocketAddr::new(address, discovery.port),
                source: discovery.source,
            });
        }
    }
    if servers.is_empty() {
        return Err(not_found(
            name,
            &format!("the zone {zone} has no name server with an address"),
        ));
    }
    servers.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(servers)
}

/// The zone of `name` by a reply to a question for SOA: in the answer if the name is the zone's own,
/// else in the authority section (RFC 2308 section 3). An alias leads into other zones.
fn zone_of(name: &Name, reply: &Reply) -> Option<Name> {
    let holds = |record: &&Record| {
        matches!(record.data, Data::Soa { .. })
            && name.is_within(&record.name)
            && record.name.depth() > 0
    };
    let mut records = reply.answers.iter().chain(&reply.authority);
    records.find(holds).map(|record| record.name.clone())
}

struct Resolvers<'a> {
    addresses: Vec<IpAddr>,
    source: Option<IpAddr>,
    deadline: &'a Deadline,
}

impl<'a> Resolvers<'a> {
    fn of_this_machine(discovery: &Discovery, deadline: &'a Deadline) -> Self {
        let text = std::fs::read_to_string(RESOLVERS).unwrap_or_default();
        Self {
            addresses: listed(&text),
            source: discovery.source,
            deadline,
        }
    }

    /// The zone that holds `name`.
    async fn zone(&self, name: &Name) -> Result<Option<Name>, Finding> {
        let mut at = name.clone();
        while at.depth() > 0 {
            let reply = self.ask(&Question::new(&at, Type::Soa)).await?;
            if let Some(zone) = zone_of(&at, &reply) {
                return Ok(Some(zone));
            }
            at = at.parent();
        }
        Ok(None)
    }

    /// Asks one after the other until one knows: that a name does not exist is knowledge too.
    async fn ask(&self, question: &Question) -> Result<Reply, Finding> {
        let mut why = Vec::new();
        for (at, address) in self.addresses.iter().enumerate() {
            let others = self.addresses.len() - at;
            let share = u32::try_from(others)
                .unwrap_or(u32::MAX)
                .saturating_add(SHARE - 1);
            let patience = Deadline::after(self.deadline.remaining() / share);
            let resolver = Target {
                name: address.to_string(),
                address: SocketAddr::new(*address, PORT),
                source: self
                    .source
                    .filter(|source| source.is_ipv4() == address.is_ipv4()),
            };
            let answer = exchange::ask(&resolver, question, Recursion::Wanted, &patience).await;
            let what = match answer.outcome {
                Ok(reply) if matches!(reply.code, Code::NoError | Code::NxDomain) => {
                    return Ok(reply);
                }
                Ok(reply) => reply.code.to_string(),
                Err(Silence::Ours(finding)) => return Err(finding),
                Err(silence) => words(silence, answer.took),
            };
            why.push(format!("{address}: {what}"));
        }
        Err(not_found(
            &question.name,
            &format!("no resolver of {RESOLVERS} knows ({})", why.join(", ")),
        ))
    }

    async fn address(&self, server: &Name, family: Family) -> Result<Option<IpAddr>, Finding> {
        let kinds: &[Type] = match family {
            Family::Any => &[Type::A, Type::Aaaa],
            Family::V4 => &[Type::A],
            Family::V6 => &[Type::Aaaa],
        };
        for kind in kinds {
            let reply = self.ask(&Question::new(server, *kind)).await?;
            if let Some(address) = reply.answers.iter().find_map(address) {
                return Ok(Some(address));
            }
        }
        Ok(None)
    }
}

fn words(silence: Silence, waited: Duration) -> String {
    match silence {
        Silence::Timeout => format!("nothing in {}", spoken(waited)),
        Silence::PortClosed => "its port is closed".to_owned(),
        Silence::Unreachable(why) | Silence::Malformed(why) | Silence::Truncated(why) => why,
        Silence::Ours(finding) => finding.summary,
    }
}

/// The resolvers in the text of resolv.conf; this machine itself if there is none (resolv.conf(5)).
fn listed(text: &str) -> Vec<IpAddr> {
    let address = |line: &str| -> Option<IpAddr> {
        let mut words = line.split_whitespace();
        let address = words
            .next()
            .filter(|word| *word == "nameserver")
            .and(words.next())?;
        address.parse().ok()
    };
    let listed: Vec<IpAddr> = text.lines().filter_map(address).collect();
    if listed.is_empty() {
        return vec![Ipv4Addr::LOCALHOST.into()];
    }
    listed
}

fn not_found(name: &Name, why: &str) -> Finding {
    Finding::new(
        Condition::Unknown,
        Kind::Resolve,
        format!(
            "the DNS servers of {name} could not be found: {why}; name them with --server; nothing \
             is known of the name"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_read_as_the_c_library_reads_them() {
        let text = "# nameserver 192.0.2.9\nsearch exch.test\nnameserver 10.0.1.5\n\
                    nameserver\t2001:db8::5\nnameserver nonsense\n";
        let found: Vec<String> = listed(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.1.5", "2001:db8::5"]);
        assert_eq!(listed("search exch.test\n"), [IpAddr::from([127, 0, 0, 1])]);
    }
}
