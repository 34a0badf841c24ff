//! One `virtual_server` block.

use super::checks::{self, Outer};
use super::lexer::Node;
use super::real::{self, Real};
use super::{Entrance, key_of};
use crate::config::OnFailure;
use crate::config::import::draft::{self, Service, name_of};
use crate::config::import::ipvsadm;
use crate::config::import::ports;
use crate::config::import::told::Told;
use crate::table::{Forward, ONE_PACKET, Protocol, ServiceKey};

/// Persistence without a time (`persistence_timeout` alone): 6 minutes.
const PERSISTENCE: u32 = 360;

/// Keywords without a counterpart, and why.
const LEFT: &[(&str, &str)] = &[
    ("ha_suspend", "checks go on on both directors"),
    (
        "alpha",
        "a server that is not judged yet does not serve, if others do",
    ),
    ("omega", "no scripts are run"),
    (
        "quorum",
        "the servers serve as long as one is up, and the last ones are kept when none is; min_up \
         says how many",
    ),
    ("hysteresis", "see quorum"),
    ("quorum_up", "no scripts are run; follow `governess events`"),
    (
        "quorum_down",
        "no scripts are run; follow `governess events`",
    ),
    (
        "sorry_server_inhibit",
        "a sorry server after its work is quiesced until its connections have ended, and removed",
    ),
    ("smtp_alert", "governess mails by [alert]"),
    ("snmp_name", "there is no SNMP"),
    ("hashed", "the kernel sets it by itself"),
];

/// Reads a block as the service of one entrance.
pub(super) fn read(node: &Node, entrance: Entrance, told: &mut Told) -> Option<Service> {
    let key = key_of(entrance, protocol(node, told)?, node);
    let mut service = Service::new(node.line, name_of(&key), key);
    service.on_failure = OnFailure::Remove;
    let mut outer = Outer::default();
    let mut reals = Vec::new();
    let mut sorry = Sorry::default();
    for child in node.children() {
        match child.key() {
            "real_server" => reals.push(child),
            "protocol" => {}
            "virtualhost" => outer.host = Some(child.word(1).to_owned()),
            "sorry_server" => sorry.server = Some(child),
            "sorry_server_lvs_method" => sorry.method = Some(child),
            _ if outer.paces.take(child, told) => {}
            _ => setting(child, &mut service, told),
        }
    }
    let reals: Vec<Real> = reals
        .into_iter()
        .filter_map(|child| real::read(child, &service, &outer, told))
        .collect();
    let usual = service.forward;
    members(&reals, &mut service, told);
    service.sorry = sorry.read(usual, told);
    service.checks = checks::common(&reals, told);
    if service.on_failure == OnFailure::Remove {
        told.note(
            node.line,
            "without inhibit_on_failure a server that fails is removed and its connections end; \
             on_failure = \"quiesce\" lets them go on",
        );
    }
    if !service.checks.is_empty() {
        told.note(
            0,
            "checks are as often and as strict as keepalived's: retry + 1 failures and one success \
             decide; without interval, fall and rise governess asks every 5 s, and 3 failures or 2 \
             successes decide",
        );
    }
    Some(service)
}

/// The statements about the sorry server, in whatever order they stand.
#[derive(Default)]
struct Sorry<'a> {
    server: Option<&'a Node>,
    method: Option<&'a Node>,
}

impl Sorry<'_> {
    /// `usual` is the method of the virtual server.
    fn read(&self, usual: Forward, told: &mut Told) -> Option<draft::Sorry> {
        let forward = match self.method.map(|node| (node, method(node, told))) {
            Some((_, Ok(method))) => method,
            Some((node, Err(words))) => {
                told.refuse(node.line, words);
                return None;
            }
            None => usual,
        };
        let node = self.server?;
        let port = match node.word(2) {
            "" => Ok(None),
            word => ports::port(word).map(|port| (port > 0).then_some(port)),
        };
        let (Ok(address), Ok(port)) = (node.word(1).parse(), port) else {
            let words = "sorry_server ADDRESS [PORT] is expected; names are not resolved";
            told.refuse(node.line, words);
            return None;
        };
        Some(draft::Sorry {
            line: node.line,
            address,
            port,
            forward,
        })
    }
}

fn protocol(node: &Node, told: &mut Told) -> Option<Protocol> {
    let written = node
        .children()
        .iter()
        .rev()
        .find(|child| child.key() == "protocol");
    match written.map(|child| child.word(1)) {
        None => {
            if node.word(1) != "fwmark" && node.word(1) != "group" {
                let words = "without `protocol` keepalived 2.2.7 makes this a UDP service \
                             (\"no protocol set - defaulting to UDP\"); TCP is taken here";
                told.note(node.line, words);
            }
            Some(Protocol::Tcp)
        }
        Some("TCP") => Some(Protocol::Tcp),
        Some("UDP") => Some(Protocol::Udp),
        Some("SCTP") => Some(Protocol::Sctp),
        Some(other) => {
            let line = written.map_or(node.line, |child| child.line);
            told.refuse(line, format!("protocol {other}: TCP, UDP or SCTP"));
            None
        }
    }
}

fn setting(child: &Node, service: &mut Service, told: &mut Told) {
    let family = service.key.family();
    let settings = &mut service.settings;
    let value = child.word(1);
    let read = match child.key() {
        "lvs_sched" | "lb_algo" => {
            ipvsadm::known_scheduler(value).map(|name| settings.scheduler = name)
        }
        "lvs_method" | "lb_kind" => method(child, told).map(|method| service.forward = method),
        "persistence_timeout" => persistence(value).map(|time| settings.persistence = time),
        "persistence_granularity" => {
            ipvsadm::netmask(value, family).map(|mask| settings.netmask = mask)
        }
        "persistence_engine" if value == "sip" => {
            settings.persistence_engine = Some(value.to_owned());
            Ok(())
        }
        "persistence_engine" => Err(format!(
            "persistence_engine {value}: the kernel has sip alone"
        )),
        "ops" => {
            settings.flags |= ONE_PACKET;
            Ok(())
        }
        flag @ ("flag-1" | "flag-2" | "flag-3" | "sh-port" | "sh-fallback" | "mh-port"
        | "mh-fallback") => ipvsadm::scheduler_flags(flag).map(|flag| settings.flags |= flag),
        "inhibit_on_failure" => {
            service.on_failure = if is_on(child) {
                OnFailure::Quiesce
            } else {
                OnFailure::Remove
            };
            Ok(())
        }
        "ip_family" => Ok(()),
        key => without_counterpart(key, child, told),
    };
    if let Err(words) = read {
        told.refuse(child.line, words);
    }
}

fn without_counterpart(key: &str, child: &Node, told: &mut Told) -> Result<(), String> {
    let (_, why) = LEFT
        .iter()
        .find(|(known, _)| *known == key)
        .ok_or_else(|| format!("unknown keyword \"{key}\" in virtual_server"))?;
    told.note(
        child.line,
        format!("{} is not carried over: {why}", child.words.join(" ")),
    );
    Ok(())
}

fn persistence(value: &str) -> Result<Option<u32>, String> {
    match value {
        "" => Ok(Some(PERSISTENCE)),
        "0" => Ok(None),
        _ => match value.parse() {
            Ok(seconds @ 1..=31_622_400) => Ok(Some(seconds)),
            _ => Err(format!(
                "persistence_timeout {value}: seconds are expected, at most 366 days"
            )),
        },
    }
}

/// A forwarding method; a tunnel is plain IP-IP here.
pub(super) fn method(child: &Node, told: &mut Told) -> Result<Forward, String> {
    match child.word(1) {
        "NAT" => Ok(Forward::Nat),
        "DR" => Ok(Forward::Direct),
        "TUN" => {
            if child.words.len() > 2 && child.word(3) != "ipip" {
                let words = format!(
                    "{} becomes a plain IP-IP tunnel; a table that has it otherwise keeps it",
                    child.words.join(" ")
                );
                told.note(child.line, words);
            }
            Ok(Forward::Tunnel)
        }
        other => Err(format!("{} {other}: NAT, DR or TUN", child.key())),
    }
}

/// A keyword alone, or with a word that says yes.
pub(super) fn is_on(child: &Node) -> bool {
    matches!(child.word(1), "" | "true" | "on" | "yes")
}

/// A whole service is forwarded by one method here: that of its first server.
fn members(reals: &[Real], service: &mut Service, told: &mut Told) {
    let marked = matches!(service.key, ServiceKey::Fwmark { .. });
    if let Some(method) = reals.first().and_then(|real| real.method) {
        service.forward = method;
    }
    for real in reals {
        if real.method.is_some_and(|method| method != service.forward) {
            let words = format!(
                "server {} is left out: its forwarding method differs from that of the first \
                 server",
                real.member.address
            );
            told.note(real.member.line, words);
            continue;
        }
        if real.inhibits {
            service.on_failure = OnFailure::Quiesce;
        }
        let mut member = real.member.clone();
        if marked && member.port != 0 {
            // keepalived takes it out too ("has port specified - clearing").
            let words = format!(
                "port {} of {} says nothing in a service of a mark, but where to check",
                member.port, member.address
            );
            told.note(member.line, words);
            member.port = 0;
        }
        service.members.push(member);
    }
    if service.settings.persistence.is_none() {
        service.settings.netmask =
            crate::table::ServiceSettings::host_netmask(service.key.family());
    }
}
