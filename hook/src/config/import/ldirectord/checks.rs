//! How ldirectord checks the servers of a virtual service.

use super::{negotiate, unquoted};
use crate::config::import::command::{self, Reads};
use crate::config::import::draft::{Check, Pace, Probe, Service};
use crate::config::import::mail;
use crate::config::import::told::Told;
use crate::table::ServiceKey;

/// The keys about checks; those of a virtual stand over the ones outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Checking {
    kind: Option<(usize, String)>,
    command: Option<(usize, String)>,
    pub(super) port: Option<u16>,
    pub(super) service: Option<(usize, String)>,
    pub(super) request: Option<(usize, String)>,
    pub(super) receive: Option<(usize, String)>,
    pub(super) head: Option<usize>,
    pub(super) virtualhost: Option<(usize, String)>,
    /// Request and answer of single servers.
    single: Vec<(usize, String, String)>,
    /// What no check of ours does.
    pub(super) credentials: Vec<(usize, String)>,
    checktimeout: Option<u64>,
    negotiatetimeout: Option<u64>,
    interval: Option<u64>,
    failures: Option<u64>,
}

impl Checking {
    /// Takes one key in. False if it is about something else.
    pub(super) fn take(&mut self, line: usize, key: &str, value: &str, told: &mut Told) -> bool {
        let mut number = |most: u64| match value.parse() {
            Ok(number) if (1..=most).contains(&number) => Some(number),
            _ => {
                told.refuse(
                    line,
                    format!("{key} = {value}: a number from 1 to {most} is expected"),
                );
                None
            }
        };
        match key {
            "checktype" => self.kind = Some((line, value.to_owned())),
            "checkcommand" => self.command = Some((line, unquoted(value).to_owned())),
            "checkport" => self.port = number(65535).and_then(|port| u16::try_from(port).ok()),
            "service" => self.service = Some((line, value.to_owned())),
            "checktimeout" => self.checktimeout = number(86_400),
            "negotiatetimeout" => self.negotiatetimeout = number(86_400),
            "checkinterval" => self.interval = number(86_400),
            "failurecount" => self.failures = number(1000),
            "checkcount" => drop(number(1000)),
            "request" => self.request = Some((line, unquoted(value).to_owned())),
            "receive" => self.receive = Some((line, unquoted(value).to_owned())),
            "virtualhost" => self.virtualhost = Some((line, unquoted(value).to_owned())),
            "httpmethod" => match value.to_ascii_uppercase().as_str() {
                "GET" => self.head = None,
                "HEAD" => self.head = Some(line),
                _ => told.refuse(line, format!("{key} = {value}: GET or HEAD")),
            },
            "login" | "passwd" | "database" | "secret" | "load" => {
                let secret = matches!(key, "passwd" | "secret");
                let shown = if secret { "…" } else { value };
                self.credentials.push((line, format!("{key} = {shown}")));
            }
            _ => return false,
        }
        true
    }

    /// A request and an answer that one server alone has.
    pub(super) fn server_has_its_own(&mut self, line: usize, request: &str, receive: &str) {
        let single = (line, request.to_owned(), receive.to_owned());
        self.single.push(single);
    }

    fn pace(&self, negotiates: bool) -> Pace {
        let timeout = match negotiates {
            true => self.negotiatetimeout.or(self.checktimeout).unwrap_or(30),
            false => self.checktimeout.or(self.negotiatetimeout).unwrap_or(5),
        };
        Pace {
            interval: Some(self.interval.unwrap_or(10) * 1000),
            timeout: Some(timeout * 1000),
            retry_interval: None,
            fall: Some(self.failures.unwrap_or(1)),
            rise: Some(1),
        }
    }

    /// Request and answer that all servers have for themselves are those of the service.
    fn with_singles(&self, servers: usize, told: &mut Told) -> Self {
        let mut whole = self.clone();
        let Some((line, request, receive)) = self.single.first() else {
            return whole;
        };
        let alike =
            |(_, other, answer): &(usize, String, String)| (other, answer) == (request, receive);
        if self.single.len() == servers && self.single.iter().all(alike) {
            whole.request = Some((*line, request.clone()));
            whole.receive = Some((*line, receive.clone()));
            return whole;
        }
        for (line, request, receive) in &self.single {
            told.note(
                *line,
                format!(
                    "request \"{request}\", receive \"{receive}\" of one server are not carried \
                     over: the checks of a service are for all of its servers"
                ),
            );
        }
        whole
    }

    /// Notes what is only for a conversation that does not take place.
    pub(super) fn note_unused(&self, told: &mut Told) {
        let texts = [("request", &self.request), ("receive", &self.receive)];
        for (key, value) in texts
            .into_iter()
            .chain([("virtualhost", &self.virtualhost)])
        {
            if let Some((line, value)) = value {
                let words =
                    format!("{key} = \"{value}\" is not carried over: connecting is enough");
                told.note(*line, words);
            }
        }
    }
}

/// The checks of a service.
pub(super) fn of(
    checking: &Checking,
    service: &Service,
    line: usize,
    told: &mut Told,
) -> Vec<Check> {
    let (at, kind) = match &checking.kind {
        Some((at, kind)) => (*at, kind.as_str()),
        None => (line, "negotiate"),
    };
    let probe = match kind {
        "off" | "on" => None,
        "external" => external(checking, service, at, told),
        "external-perl" => {
            told.note(
                at,
                "external-perl runs inside ldirectord; give the check as a program",
            );
            None
        }
        "ping" => {
            told.note(at, "checktype = ping is not carried over: a server that only answers pings may be dead");
            None
        }
        "connect" => port(checking, service, at, told).map(|port| {
            checking.note_unused(told);
            negotiate::connection(port)
        }),
        "negotiate" => negotiated(checking, service, at, told),
        number if number.parse::<u32>().is_ok() => {
            told.note(
                at,
                format!("checktype = {number}: every check is a whole one here"),
            );
            negotiated(checking, service, at, told)
        }
        other => {
            told.refuse(at, format!("checktype = {other} is unknown"));
            None
        }
    };
    if probe.is_some() {
        told.note(
            0,
            "checks are as often and as strict as ldirectord's: failurecount failures and one \
             success decide; without interval, fall and rise governess asks every 5 s, and 3 \
             failures or 2 successes decide",
        );
    }
    let pace = checking.pace(!matches!(kind, "connect" | "external"));
    let pace_of = |probe: &Probe| match probe {
        Probe::Smtp { .. } => mail::pace(pace),
        _ => pace,
    };
    probe
        .map(|probe| Check {
            pace: pace_of(&probe),
            probe,
        })
        .into_iter()
        .collect()
}

fn negotiated(
    checking: &Checking,
    service: &Service,
    line: usize,
    told: &mut Told,
) -> Option<Probe> {
    let port = port(checking, service, line, told)?;
    let asked = checking.with_singles(service.members.len(), told);
    negotiate::check(&asked, service, port, line, told)
}

/// The port to ask, `Some(None)` for that of each server; `None` if it is not known.
fn port(
    checking: &Checking,
    service: &Service,
    line: usize,
    told: &mut Told,
) -> Option<Option<u16>> {
    if service.is_udp() {
        told.note(line, "a check of a UDP service is not carried over");
        return None;
    }
    match (checking.port, asked_port(service), service.key) {
        (Some(port), _, _) => Some(Some(port)),
        (None, Some(0), ServiceKey::Fwmark { .. }) => {
            told.note(
                line,
                "the port to check is not known: the service has a mark; add a check",
            );
            None
        }
        (None, own, _) => Some(own),
    }
}

/// The port of all servers; `None` if each has its own.
fn asked_port(service: &Service) -> Option<u16> {
    let mut ports = service.members.iter().map(|member| member.port);
    let first = ports.next()?;
    ports.all(|port| port == first).then_some(first)
}

/// ldirectord gives its program four words: VIP or mark, port, real server, real port.
fn external(checking: &Checking, service: &Service, line: usize, told: &mut Told) -> Option<Probe> {
    let Some((at, command)) = &checking.command else {
        told.note(
            line,
            "checktype = external without checkcommand: /bin/true, that is, no check",
        );
        return None;
    };
    if command.contains(' ') {
        told.note(
            *at,
            "ldirectord takes checkcommand as one path: with arguments it never ran and every \
             server was down; it is split here",
        );
    }
    let Some(port) = asked_port(service) else {
        told.note(
            *at,
            "checkcommand is left out: the servers have ports of their own",
        );
        return None;
    };
    let (vip, service_port) = match service.key {
        ServiceKey::Fwmark { mark, .. } => (mark.to_string(), 0),
        ServiceKey::Address { socket, .. } => (socket.ip().to_string(), socket.port()),
    };
    let mut words: Vec<String> = command
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let ours = words
        .first()
        .is_some_and(|word| word.contains("check_x224"));
    if ours {
        words.extend(["-H".to_owned(), "{address}".to_owned()]);
    } else {
        words.extend([
            vip,
            service_port.to_string(),
            "{address}".to_owned(),
            port.to_string(),
        ]);
    }
    match command::check(&words, None, Reads::ExitCode) {
        Ok(converted) => {
            if let Some(remark) = converted.remark {
                told.note(*at, remark);
            }
            Some(converted.probe)
        }
        Err(words) => {
            told.note(*at, format!("checkcommand is not carried over: {words}"));
            None
        }
    }
}
