//! The command line of `check_ad_dns`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgGroup, Parser, ValueEnum};
use ipnet::IpNet;
use shared::cli::{Common, Plugin};
use shared::deadline::Deadline;
use shared::dial::{Target, resolve};
use shared::verdict::{Condition, Finding, Kind, Verdict};

use super::name::Name;
use super::networks::Networks;
use super::options::{Dc, Discovery, Options, Profile, Servers, TtlMost};
use super::truth::{self, Expected};
use super::{NAME, PORT, check, read_server};

/// Checks that DNS servers answer for names as they should, all of them alike.
#[derive(Debug, Parser)]
#[command(
    name = "check_ad_dns",
    version,
    args_override_self = true,
    group = ArgGroup::new("what to ask").args(["hostname", "profile", "expect_file"])
        .multiple(true).required(true)
)]
pub struct Arguments {
    /// Name whose addresses are judged; can be repeated
    #[arg(short = 'H', long, value_name = "NAME", action = clap::ArgAction::Append)]
    hostname: Vec<Name>,
    /// DNS server to ask; can be repeated (default: the name servers of the name's zone)
    #[arg(short = 's', long, value_name = "SERVER[:PORT]", value_parser = read_server,
          action = clap::ArgAction::Append)]
    server: Vec<(String, Option<u16>)>,
    /// Port of the servers that are given without one (default 53)
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Network in which all addresses must lie; can be repeated
    #[arg(long, value_name = "CIDR,...", value_parser = network, value_delimiter = ',',
          action = clap::ArgAction::Append)]
    allow: Vec<IpNet>,
    /// Network in which no address may lie, whatever is allowed; can be repeated
    #[arg(long, value_name = "CIDR,...", value_parser = network, value_delimiter = ',',
          action = clap::ArgAction::Append)]
    forbid: Vec<IpNet>,
    /// Address that each name must have; repeated, the names must have exactly these
    #[arg(short = 'a', long, value_name = "ADDRESS,...", value_delimiter = ',',
          action = clap::ArgAction::Append, requires = "hostname")]
    expect: Vec<IpAddr>,
    /// Judge the records of a domain too
    #[arg(long, value_name = "dc|exchange", requires = "domain")]
    profile: Option<ProfileName>,
    /// The domain of the profile
    #[arg(long, value_name = "DOMAIN", requires = "profile")]
    domain: Option<Name>,
    /// The root of the domain's forest, for the profile dc (default: the domain)
    #[arg(long, value_name = "DOMAIN", requires = "profile")]
    forest: Option<Name>,
    /// A site, for the profile dc: its records are judged too
    #[arg(long, value_name = "SITE", value_parser = label, requires = "profile")]
    site: Option<String>,
    /// The objectGUID of a domain controller's NTDS Settings, for the profile dc; can be repeated
    #[arg(long, value_name = "GUID", value_parser = label, action = clap::ArgAction::Append,
          requires = "profile")]
    guid: Vec<String>,
    /// The host of the mail clients, for the profile exchange (default: mail.DOMAIN)
    #[arg(long, value_name = "NAME", requires = "profile")]
    mail_host: Option<Name>,
    /// List of records that must be there, such as netlogon.dns; can be repeated
    #[arg(long, value_name = "FILE", action = clap::ArgAction::Append)]
    expect_file: Vec<PathBuf>,
    /// Warn of records that live longer, in seconds, or not at all (0)
    #[arg(long, value_name = "SECONDS", default_value_t = TtlMost::default().0)]
    max_ttl: u32,
    /// Warn instead of failing while at least N servers answer (default: all must)
    #[arg(long, value_name = "N")]
    min_servers: Option<usize>,
    /// Warn unless each address leads back (PTR) to its name alone
    #[arg(long, requires = "hostname")]
    reverse: bool,
    /// Warn where a name exists that nobody made
    #[arg(long, requires = "hostname")]
    wildcard: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProfileName {
    /// What domain controllers register
    Dc,
    /// What Exchange's clients and other mail servers look for
    Exchange,
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>()
        .ok()
        .or_else(one)
        .map(|network| network.trunc())
        .ok_or_else(|| "expected a network such as 10.0.1.0/24 or fd00::/8".to_owned())
}

/// A part of a name between two dots.
fn label(text: &str) -> Result<String, String> {
    match text.parse::<Name>() {
        Ok(name) if name.depth() == 1 => Ok(text.to_owned()),
        _ => Err("expected letters, digits, - and _, at most 63".to_owned()),
    }
}

impl Arguments {
    /// What to ask whom. The finding instead, where a server or a file cannot be had.
    pub fn options(&self, deadline: &Deadline) -> Result<Options, Finding> {
        Ok(Options {
            names: self.hostname.clone(),
            servers: self.servers(deadline)?,
            networks: Networks {
                allowed: self.allow.clone(),
                forbidden: self.forbid.clone(),
            },
            expect: self.expect.iter().copied().collect::<BTreeSet<_>>(),
            profile: self.profile()?,
            truth: self.truth()?,
            ttl: TtlMost(self.max_ttl),
            min_servers: self.min_servers,
            reverse: self.reverse,
            wildcard: self.wildcard,
            time: self.common.thresholds(),
        })
    }

    fn servers(&self, deadline: &Deadline) -> Result<Servers, Finding> {
        let port = self.port.unwrap_or(PORT);
        let source = self.common.source_address;
        if self.server.is_empty() {
            return Ok(Servers::OfTheZone(Discovery {
                port,
                family: self.common.family(),
                source,
            }));
        }
        let mut servers: Vec<Target> = Vec::new();
        for (name, own_port) in &self.server {
            let port = own_port.unwrap_or(port);
            let address = resolve(name, port, self.common.family(), deadline)?;
            if !servers.iter().any(|known| known.address == address) {
                servers.push(Target {
                    name: name.clone(),
                    address,
                    source,
                });
            }
        }
        match self.min_servers {
            Some(least) if least > servers.len() => Err(usage(format!(
                "--min-servers {least} is more than the {} servers that are named",
                servers.len()
            ))),
            _ => Ok(Servers::Named(servers)),
        }
    }

    fn profile(&self) -> Result<Option<Profile>, Finding> {
        let (Some(profile), Some(domain)) = (self.profile, &self.domain) else {
            return Ok(None);
        };
        let of_dc = self.forest.is_some() || self.site.is_some() || !self.guid.is_empty();
        match profile {
            ProfileName::Dc if self.mail_host.is_some() => Err(usage(
                "--mail-host belongs to --profile exchange".to_owned(),
            )),
            ProfileName::Dc => Ok(Some(Profile::Dc(Dc {
                domain: domain.clone(),
                forest: self.forest.clone().unwrap_or_else(|| domain.clone()),
                site: self.site.clone(),
                guids: self.guid.clone(),
            }))),
            ProfileName::Exchange if of_dc => Err(usage(
                "--forest, --site and --guid belong to --profile dc".to_owned(),
            )),
            ProfileName::Exchange => Ok(Some(Profile::Exchange {
                domain: domain.clone(),
                mail_host: self
                    .mail_host
                    .clone()
                    .unwrap_or_else(|| domain.below("mail")),
            })),
        }
    }

    fn truth(&self) -> Result<Vec<Expected>, Finding> {
        let mut all = Vec::new();
        for path in &self.expect_file {
            let read = std::fs::read_to_string(path).map_err(|error| error.to_string());
            let expected = read.and_then(|text| truth::read(&text));
            all.extend(
                expected
                    .map_err(|why| usage(format!("--expect-file {}: {why}", path.display())))?,
            );
        }
        Ok(all)
    }

    fn words(&self) -> String {
        let names: Vec<String> = self
            .hostname
            .iter()
            .chain(&self.domain)
            .map(Name::to_string)
            .collect();
        names.join(",")
    }
}

fn usage(why: String) -> Finding {
    Finding::new(Condition::Unknown, Kind::Usage, why)
}

impl Plugin for Arguments {
    const NAME: &'static str = NAME;
    const USAGE: &'static str = include_str!("usage.txt");
    const MANUAL: &'static str = include_str!("manual.txt");
    /// ldirectord names the server, and the name to ask for stands in the file of options.
    const SERVER: &'static str = "--server";

    fn common(&self) -> &Common {
        &self.common
    }

    fn needs_tls(&self) -> bool {
        false
    }

    async fn check(self, deadline: Deadline) -> Verdict {
        match self.options(&deadline) {
            Ok(options) => check(Arc::new(options), deadline).await,
            Err(finding) => Verdict::new(NAME, &self.words(), self.port, finding),
        }
    }
}
