//! What is asked of the DNS servers, and of what they answer.

use std::collections::BTreeSet;
use std::net::IpAddr;

use shared::dial::{Family, Target};
use shared::threshold::Thresholds;

use super::PORT;
use super::name::Name;
use super::networks::Networks;
use super::truth::Expected;

/// A day: a record that lives longer outlasts its own correction.
const TTL_MOST: u32 = 86_400;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The names whose addresses are judged.
    pub names: Vec<Name>,
    /// Who is asked.
    pub servers: Servers,
    /// Which addresses may stand in DNS.
    pub networks: Networks,
    /// The addresses that each of the names must have, all of them and no other; empty if any will
    /// do.
    pub expect: BTreeSet<IpAddr>,
    /// The records that Active Directory or Exchange need.
    pub profile: Option<Profile>,
    /// Records that must be there.
    pub truth: Vec<Expected>,
    /// How long records may live.
    pub ttl: TtlMost,
    /// How many servers must answer; all of them if unset.
    pub min_servers: Option<usize>,
    /// Whether each address must have exactly the name back that it was found by.
    pub reverse: bool,
    /// Whether a name that nobody made must not exist.
    pub wildcard: bool,
    /// Advisory: how long the whole check may take, in seconds.
    pub time: Thresholds,
}

/// Who is asked.
#[derive(Clone, Debug)]
pub enum Servers {
    /// These.
    Named(Vec<Target>),
    /// The name servers of each name's zone, as the resolvers of this machine know them.
    OfTheZone(Discovery),
}

impl Default for Servers {
    fn default() -> Self {
        Self::OfTheZone(Discovery::default())
    }
}

/// How the name servers of a zone are found and asked.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// Their port.
    pub port: u16,
    /// Which kind of address to use.
    pub family: Family,
    /// The address of ours to ask from, where it matters.
    pub source: Option<IpAddr>,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            port: PORT,
            family: Family::Any,
            source: None,
        }
    }
}

/// The records that some software needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// What domain controllers register for their clients.
    Dc(Dc),
    /// What Exchange's clients and other mail servers look for.
    Exchange {
        /// The mail domain.
        domain: Name,
        /// The host of OWA and of the mail clients.
        mail_host: Name,
    },
}

/// A domain whose locator records are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dc {
    /// The domain.
    pub domain: Name,
    /// The root of its forest.
    pub forest: Name,
    /// The site whose records are judged too.
    pub site: Option<String>,
    /// The identities (objectGUID of NTDS Settings) of the domain controllers, as labels.
    pub guids: Vec<String>,
}

/// How many seconds a record may live at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtlMost(pub u32);

impl Default for TtlMost {
    fn default() -> Self {
        Self(TTL_MOST)
    }
}
