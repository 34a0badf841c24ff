//! The command line of `check_exchange`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgAction, ArgGroup, Parser};
use shared::cli::{Common, Plugin};
use shared::deadline::Deadline;
use shared::dial::resolve;
use shared::tls::Expected;
use shared::verdict::{Condition, Finding, Kind, Verdict};

use super::part::{Part, PartWeight};
use super::plan::{Plan, Question, Rule, Server};
use super::policy::Policy;
use super::prefixed::{Of, Prefixed};
use super::{NAME, check};
use crate::{ad_dns, owa, smtp, x224};

/// The most servers of one pool: as many as a database availability group can have.
const POOL_MOST: usize = 16;

/// Checks a whole Exchange server, or a pool of them, in one go.
#[derive(Debug, Parser)]
#[command(
    name = "check_exchange",
    version,
    args_override_self = true,
    group = ArgGroup::new("servers").args(["hostname", "pool"]).required(true).multiple(true)
)]
pub struct Arguments {
    /// Name or address of the server
    #[arg(short = 'H', long, value_name = "HOST")]
    hostname: Option<String>,
    /// Servers that clients reach by the same address, -H among them: what they must have in common
    /// is judged besides; may be repeated
    #[arg(long, value_name = "HOST", num_args = 1.., value_delimiter = ',',
          action = ArgAction::Append)]
    pool: Vec<String>,
    /// The address that clients reach the pool by; asked too, from where clients are: that the
    /// servers work and the way to them does not is told apart
    #[arg(long, value_name = "HOST", requires = "pool")]
    vip: Option<String>,
    /// Nothing: ldirectord passes a port to every check, and each part has its own
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The part to check, and no other; may be repeated (default rdp, smtp and owa; and dns with
    /// --dns-server)
    #[arg(long, value_name = "PART", value_delimiter = ',', action = ArgAction::Append,
          conflicts_with = "without")]
    only: Vec<Part>,
    /// A part to leave out; may be repeated
    #[arg(long, value_name = "PART", value_delimiter = ',', action = ArgAction::Append)]
    without: Vec<Part>,
    /// How much must work: all parts, any of them, or parts of this weight together
    #[arg(long, value_name = "all|any|N", default_value = "all")]
    policy: Policy,
    /// What a part counts (default 1), for --policy N and for keepalived-weight; may be repeated
    #[arg(long, value_name = "PART=N", value_delimiter = ',', action = ArgAction::Append)]
    part_weight: Vec<PartWeight>,
    #[command(flatten)]
    rdp: Prefixed<x224::Arguments>,
    #[command(flatten)]
    smtp: Prefixed<smtp::Arguments>,
    #[command(flatten)]
    owa: Prefixed<owa::Arguments>,
    #[command(flatten)]
    dns: Prefixed<ad_dns::Arguments>,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    /// What to ask whom. The verdict instead, where the options make no sense. Names are looked up
    /// one after the other, each for its share of half the time at most.
    pub fn plan(&self, deadline: &Deadline) -> Result<Plan, Box<Verdict>> {
        self.sense().map_err(|why| Box::new(self.usage(why)))?;
        let names: Vec<String> = self.servers().into_iter().chain(self.vip.clone()).collect();
        let lookups = u32::try_from(2 * names.len()).unwrap_or(u32::MAX).max(1);
        let share = deadline.budget() / lookups;
        let servers = names.iter().enumerate().map(|(at, name)| Server {
            name: name.clone(),
            questions: self
                .address(name, share.min(deadline.remaining()))
                .map(|address| self.questions(name, address, at == 0, deadline)),
        });
        Ok(Plan {
            servers: servers.collect(),
            last_is_the_way: self.vip.is_some(),
            rule: Rule {
                policy: self.policy,
                weights: self
                    .part_weight
                    .iter()
                    .map(|named| (named.part, named.weight))
                    .collect(),
                enforced: self.common.enforce.clone(),
                time: self.common.thresholds(),
                took: Duration::ZERO,
            },
        })
    }

    fn address(&self, name: &str, patience: Duration) -> Result<SocketAddr, Finding> {
        let deadline = Deadline::after(patience);
        resolve(name, 0, self.common.family(), &deadline)
    }

    /// Each server once, as ordered.
    fn servers(&self) -> Vec<String> {
        let mut servers: Vec<String> = Vec::new();
        for name in self.hostname.iter().chain(&self.pool) {
            if !servers.contains(name) {
                servers.push(name.clone());
            }
        }
        servers
    }

    fn parts(&self) -> Vec<Part> {
        let wanted = |part: &Part| match (self.only.as_slice(), part) {
            ([], Part::Dns) => self.dns.has("server"),
            ([], _) => true,
            (only, part) => only.contains(part),
        };
        let parts = Part::ALL.into_iter().filter(wanted);
        parts.filter(|part| !self.without.contains(part)).collect()
    }

    /// Why the options make no sense together.
    fn sense(&self) -> Result<(), String> {
        let servers = self.servers();
        if !self.pool.is_empty() && servers.len() < 2 {
            return Err(
                "a pool of one server: name those that clients reach by the same address by --pool"
                    .to_owned(),
            );
        }
        if servers.len() > POOL_MOST {
            return Err(format!("a pool of more than {POOL_MOST} servers"));
        }
        let parts = self.parts();
        if parts.is_empty() {
            return Err("no part is left to check".to_owned());
        }
        if !self.dns.has("server") && (!self.dns.is_empty() || parts.contains(&Part::Dns)) {
            return Err(
                "nobody to ask of DNS: name the server or servers by --dns-server".to_owned(),
            );
        }
        let has_name = |server: &String| Expected::host(server).is_some();
        let dns_asks = ["hostname", "profile", "expect-file"].map(|option| self.dns.has(option));
        let mut named = servers.iter().chain(&self.vip);
        if parts.contains(&Part::Dns) && !dns_asks.contains(&true) && !named.all(has_name) {
            return Err(
                "nothing to ask of DNS: some of -H, --pool and --vip are addresses; name what to ask for by \
                 --dns-hostname, --dns-profile or --dns-expect-file"
                    .to_owned(),
            );
        }
        if let Some(named) = self.part_weight.iter().find(|it| !parts.contains(&it.part)) {
            return Err(format!("a weight for {}, which is not checked", named.part));
        }
        let weight = |part: &Part| {
            let named = self.part_weight.iter().rev().find(|it| it.part == *part);
            named.map_or(1, |named| named.weight)
        };
        let all: u32 = parts.iter().map(weight).sum();
        match self.policy {
            Policy::AtLeast(least) if least > all => Err(format!(
                "--policy {least} is more than all parts weigh together, {all}"
            )),
            _ => self.contradiction(&parts),
        }
    }

    /// What the parts themselves find only when they are told whom to ask.
    fn contradiction(&self, parts: &[Part]) -> Result<(), String> {
        let anybody = SocketAddr::from(([192, 0, 2, 1], 0));
        if parts.contains(&Part::Smtp) {
            let smtp = self.smtp.read("server.invalid", &[])?;
            smtp.question_at(anybody)?;
        }
        if parts.contains(&Part::Owa) {
            self.owa.read("server.invalid", &[])?.question_at(anybody)?;
        }
        Ok(())
    }

    fn questions(
        &self,
        server: &str,
        address: SocketAddr,
        is_first: bool,
        deadline: &Deadline,
    ) -> Vec<(Part, Question)> {
        let mut parts = self.parts();
        // Where the names to ask for are given, the same would be asked for every server.
        let same = ["hostname", "profile", "expect-file"].iter();
        if !is_first && same.into_iter().any(|option| self.dns.has(option)) {
            parts.retain(|part| *part != Part::Dns);
        }
        let asked = parts.into_iter().map(|part| {
            let question = self.question(part, server, address, deadline);
            let known =
                |finding| Question::Known(Box::new(Verdict::new(NAME, server, None, finding)));
            (part, question.unwrap_or_else(known))
        });
        asked.collect()
    }

    fn question(
        &self,
        part: Part,
        server: &str,
        address: SocketAddr,
        deadline: &Deadline,
    ) -> Result<Question, Finding> {
        let usage = |why| Finding::new(Condition::Unknown, Kind::Usage, why);
        Ok(match part {
            Part::Rdp => {
                let (target, options) = self.read(&self.rdp, server)?.question_at(address);
                Question::Rdp(target, options)
            }
            Part::Smtp => {
                let arguments = self.read(&self.smtp, server)?;
                let (target, options) = arguments.question_at(address).map_err(usage)?;
                Question::Smtp(target, options)
            }
            Part::Owa => {
                let arguments = self.read(&self.owa, server)?;
                let (target, options) = arguments.question_at(address).map_err(usage)?;
                Question::Owa(target, Box::new(options))
            }
            Part::Dns => {
                let arguments = self.read(&self.dns, server)?;
                Question::Dns(Arc::new(arguments.options(deadline)?))
            }
        })
    }

    /// The arguments of a part, with those of the common options that change whom it talks to.
    fn read<P: Of>(&self, part: &Prefixed<P>, server: &str) -> Result<P, Finding> {
        let mut further: Vec<OsString> = Vec::new();
        match (self.common.ipv4, self.common.ipv6) {
            (true, _) => further.push("-4".into()),
            (_, true) => further.push("-6".into()),
            _ => {}
        }
        if let Some(source) = self.common.source_address {
            further.push(format!("--source-address={source}").into());
        }
        let read = part.read(server, &further);
        read.map_err(|why| Finding::new(Condition::Unknown, Kind::Usage, why))
    }

    fn usage(&self, why: String) -> Verdict {
        let finding = Finding::new(Condition::Unknown, Kind::Usage, why);
        Verdict::new(NAME, &self.servers().join(","), None, finding)
    }

    fn wants_tls(&self) -> bool {
        let wants = |part| match part {
            Part::Rdp => self.rdp.read("h", &[]).is_ok_and(|it| it.needs_tls()),
            Part::Smtp => self.smtp.read("h", &[]).is_ok_and(|it| it.needs_tls()),
            Part::Owa => true,
            Part::Dns => false,
        };
        self.parts().into_iter().any(wants)
    }
}

impl Plugin for Arguments {
    const NAME: &'static str = NAME;
    const USAGE: &'static str = include_str!("usage.txt");
    const MANUAL: &'static str = include_str!("manual.txt");

    fn common(&self) -> &Common {
        &self.common
    }

    fn needs_tls(&self) -> bool {
        // What contradicts itself is refused here, by the program that was called.
        self.sense().is_ok() && self.wants_tls()
    }

    async fn check(self, deadline: Deadline) -> Verdict {
        match self.plan(&deadline) {
            Ok(plan) => check(plan, without_tls, deadline).await,
            Err(verdict) => *verdict,
        }
    }
}

/// Carries out a part that needs no TLS; the others refuse as a defect of the caller's.
async fn without_tls(question: Question, deadline: Deadline) -> Verdict {
    match question {
        Question::Rdp(target, options) => x224::check(&target, &options, deadline).await,
        Question::Smtp(target, options) => smtp::check(&target, &options, deadline).await,
        Question::Owa(target, _) => {
            let summary = "this program speaks no TLS and was asked to; please report this defect";
            let finding = Finding::new(Condition::Unknown, Kind::Internal, summary);
            Verdict::new(owa::NAME, &target.name, None, finding)
        }
        Question::Dns(options) => ad_dns::check(options, deadline).await,
        Question::Known(verdict) => *verdict,
    }
}
