//! How ldirectord checks the servers of a virtual service.

use super::unquoted;
use crate::config::import::command::{self, Reads};
use crate::config::import::draft::{Check, Pace, Probe, Service};
use crate::config::import::told::Told;
use crate::table::ServiceKey;

/// The keys about checks; those of a virtual stand over the ones outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Checking {
    kind: Option<(usize, String)>,
    command: Option<(usize, String)>,
    port: Option<u16>,
    service: Option<(usize, String)>,
    content: Vec<(usize, String)>,
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
            "request" | "receive" | "httpmethod" | "virtualhost" | "login" | "passwd"
            | "database" | "secret" | "load" => {
                let secret = matches!(key, "passwd" | "secret");
                let shown = if secret { "…" } else { value };
                self.content.push((line, format!("{key} = {shown}")));
            }
            _ => return false,
        }
        true
    }

    /// A request and an answer that one server alone has.
    pub(super) fn server_has_its_own(&mut self, line: usize, request: &str, receive: &str) {
        let words = format!("request \"{request}\", receive \"{receive}\" of one server");
        self.content.push((line, words));
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

    fn note_content(&self, told: &mut Told) {
        for (line, words) in &self.content {
            told.note(
                *line,
                format!("{words} is not carried over: the answer is not looked at"),
            );
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
        "connect" | "negotiate" => port(kind, checking, service, at, told),
        number if number.parse::<u32>().is_ok() => {
            told.note(
                at,
                format!("checktype = {number}: every check is a connection here"),
            );
            port(kind, checking, service, at, told)
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
    let pace = checking.pace(kind == "negotiate");
    probe
        .map(|probe| Check { probe, pace })
        .into_iter()
        .collect()
}

fn port(
    kind: &str,
    checking: &Checking,
    service: &Service,
    line: usize,
    told: &mut Told,
) -> Option<Probe> {
    if service.is_udp() {
        told.note(
            line,
            format!("checktype = {kind} of a UDP service is not carried over"),
        );
        return None;
    }
    if kind == "negotiate" {
        let (at, protocol) = match &checking.service {
            Some((at, name)) => (*at, name.as_str()),
            None => (line, "by the port"),
        };
        if protocol != "none" {
            let words = format!(
                "checktype = negotiate (service {protocol}) becomes a connection to the port: what \
                 the server says is not looked at"
            );
            told.note(at, words);
        }
    }
    checking.note_content(told);
    let own = asked_port(service);
    let port = match (checking.port, own, service.key) {
        (Some(port), _, _) => Some(port),
        (None, Some(0), ServiceKey::Fwmark { .. }) => {
            told.note(
                line,
                "the port to check is not known: the service has a mark; add a check",
            );
            return None;
        }
        (None, own, _) => own,
    };
    Some(Probe::Tcp {
        port,
        send: String::new(),
        expect: String::new(),
    })
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
