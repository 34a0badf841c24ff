//! `ldirectord.cf` (ldirectord(8), 4.12.0).

mod checks;
mod fallback;
mod negotiate;
mod real;

use std::net::SocketAddr;

use super::draft::{Draft, Service, Sorry, name_of};
use super::ipvsadm;
use super::ports;
use super::text::Line;
use super::told::Told;
use crate::config::OnFailure;
use crate::table::{Family, ONE_PACKET, Protocol, ServiceKey};
use checks::Checking;

/// What the keys outside of `virtual` say, as the defaults of every service.
#[derive(Clone, Debug, Default)]
struct Globals {
    checking: Checking,
    quiescent: bool,
    fallback: Option<Sorry>,
    fallback6: Option<Sorry>,
}

/// One `virtual` as it is written.
#[derive(Debug)]
struct Virtual {
    line: usize,
    six: bool,
    at: String,
    settings: Vec<(usize, String, String)>,
}

/// Reads a whole file.
pub(super) fn read(lines: &[Line<'_>], told: &mut Told) -> Draft {
    let mut globals = Globals::default();
    let mut virtuals: Vec<Virtual> = Vec::new();
    let mut inside = false;
    for line in lines {
        let whole = line.text.replace('\t', "    ");
        if whole.trim_start().starts_with('#') {
            continue;
        }
        let indented = whole.starts_with("    ") && !whole.trim().is_empty();
        // Inside of a virtual a comment may follow; outside it is part of the value.
        let text = if inside && indented {
            whole.split('#').next().unwrap_or("").trim()
        } else {
            whole.trim()
        };
        if text.is_empty() {
            inside = inside && indented;
            continue;
        }
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key.trim(), value.trim()),
            None => (text, ""),
        };
        match (key, indented && inside) {
            ("virtual" | "virtual6", _) if !indented => {
                inside = true;
                virtuals.push(Virtual {
                    line: line.number,
                    six: key == "virtual6",
                    at: value.to_owned(),
                    settings: Vec::new(),
                });
            }
            (_, true) => {
                if let Some(open) = virtuals.last_mut() {
                    let setting = (line.number, key.to_owned(), value.to_owned());
                    open.settings.push(setting);
                }
            }
            (_, false) if indented => {
                let words = "this belongs to no virtual: an empty line ends one";
                told.refuse(line.number, words);
            }
            (_, false) => {
                inside = false;
                global(line.number, key, value, &mut globals, told);
            }
        }
    }
    let services = virtuals
        .iter()
        .filter_map(|written| service(written, &globals, told));
    Draft {
        services: services.collect(),
        ..Draft::default()
    }
}

const FALLBACK_COMMAND: &str = "is not run: follow `governess events` (fail_open, fail_open_ended)";

const MAIL: &str = "is not carried over: governess mails by [alert], mail = { to = […], from = … }";

fn global(line: usize, key: &str, value: &str, globals: &mut Globals, told: &mut Told) {
    if globals.checking.take(line, key, value, told) {
        return;
    }
    let note = match key {
        "quiescent" => {
            globals.quiescent = yes(line, key, value, told);
            return;
        }
        "fallback" => {
            globals.fallback = fallback::read(line, value, told);
            return;
        }
        "fallback6" => {
            globals.fallback6 = fallback::read(line, value, told);
            return;
        }
        "fallbackcommand" => FALLBACK_COMMAND,
        "autoreload" | "callback" => "is not carried over: SIGHUP reloads, when you say so",
        "logfile" => "is not carried over: the journal is events.jsonl, and standard error",
        "execute" => "is not carried over: import that file by itself",
        "emailalert" | "emailalertfreq" | "emailalertstatus" | "emailalertfrom" | "smtp" => MAIL,
        "maintenancedir" => {
            "is not carried over: [director] maintenance_dir does the same, with the names of the \
             servers in governess.toml"
        }
        "cleanstop" => "is not carried over: stopping governess leaves the table",
        "readdquiescent" => "is not carried over: a server comes back with `rise` successes",
        "fork" | "supervised" => "is not needed",
        _ => {
            told.refuse(line, format!("unknown keyword \"{key}\""));
            return;
        }
    };
    told.note(line, format!("{key} = {value} {note}"));
}

fn yes(line: usize, key: &str, value: &str, told: &mut Told) -> bool {
    match value {
        "yes" => true,
        "no" => false,
        _ => {
            told.refuse(line, format!("{key} = {value}: yes or no"));
            false
        }
    }
}

/// The text inside double quotes, or the word as it is.
fn unquoted(value: &str) -> &str {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
}

fn service(written: &Virtual, globals: &Globals, told: &mut Told) -> Option<Service> {
    let key = key_of(written, told)?;
    let mut service = Service::new(written.line, name_of(&key), key);
    service.settings.scheduler = "wrr".to_owned();
    let mut checking = globals.checking.clone();
    let mut quiescent = globals.quiescent;
    let mut reals = Vec::new();
    for (line, key, value) in &written.settings {
        match key.as_str() {
            "real" | "real6" => reals.push((*line, value.as_str())),
            "quiescent" => quiescent = yes(*line, key, value, told),
            _ if checking.take(*line, key, value, told) => {}
            _ => setting(*line, key, value, &mut service, told),
        }
    }
    service.on_failure = if quiescent {
        OnFailure::Quiesce
    } else {
        told.note(
            written.line,
            "not quiescent: a server that fails is removed and its connections end; on_failure = \
             \"quiesce\" lets them go on",
        );
        OnFailure::Remove
    };
    for (line, value) in reals {
        real::add(line, value, &mut service, &mut checking, told);
    }
    if service.settings.persistence.is_none() {
        let family = service.key.family();
        let host = crate::table::ServiceSettings::host_netmask(family);
        if service.settings.netmask != host {
            service.settings.netmask = host;
            told.note(written.line, "netmask without persistent says nothing");
        }
    }
    service.sorry = service.sorry.or(fallback::of(&key, globals, told));
    service.checks = checks::of(&checking, &service, written.line, told);
    Some(service)
}

fn key_of(written: &Virtual, told: &mut Told) -> Option<ServiceKey> {
    let family = if written.six { Family::V6 } else { Family::V4 };
    if let Ok(mark) = written.at.parse() {
        return Some(ServiceKey::Fwmark { family, mark });
    }
    let protocol = written
        .settings
        .iter()
        .rev()
        .find(|(_, key, _)| key == "protocol");
    let at = written.at.rsplit_once(':').and_then(|(host, port)| {
        let port = ports::port(port).ok()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(SocketAddr::new(host.parse().ok()?, port))
    });
    let Some(socket) = at.filter(|socket| Family::of(socket.ip()) == family) else {
        told.refuse(
            written.line,
            format!(
                "\"{}\" is no mark and no ADDRESS:PORT; names are not resolved",
                written.at
            ),
        );
        return None;
    };
    let udp = match protocol {
        Some((line, _, value)) => match value.as_str() {
            "tcp" => false,
            "udp" => true,
            _ => {
                told.refuse(*line, format!("protocol = {value}: tcp or udp"));
                return None;
            }
        },
        None => socket.port() == 53,
    };
    let protocol = if udp { Protocol::Udp } else { Protocol::Tcp };
    Some(ServiceKey::Address { protocol, socket })
}

fn setting(line: usize, key: &str, value: &str, service: &mut Service, told: &mut Told) {
    let family = service.key.family();
    let settings = &mut service.settings;
    let read = match key {
        "protocol" => match (service.key, value) {
            (ServiceKey::Fwmark { .. }, "fwm") | (ServiceKey::Address { .. }, "tcp" | "udp") => {
                Ok(())
            }
            _ => Err(format!("protocol = {value} does not go with this virtual")),
        },
        "scheduler" => ipvsadm::known_scheduler(value).map(|name| settings.scheduler = name),
        "persistent" => match value.parse() {
            Ok(seconds @ 1..=31_622_400) => {
                settings.persistence = Some(seconds);
                Ok(())
            }
            _ => Err(format!(
                "persistent = {value}: seconds are expected, at most 366 days"
            )),
        },
        "netmask" => ipvsadm::netmask(value, family).map(|mask| settings.netmask = mask),
        "schedflags" => ipvsadm::scheduler_flags(value).map(|flags| settings.flags |= flags),
        "ops" => {
            if yes(line, key, value, told) {
                settings.flags |= ONE_PACKET;
            }
            Ok(())
        }
        "servicename" | "comment" => {
            told.note(line, format!("{key} = {value}"));
            Ok(())
        }
        "fallback" | "fallback6" => {
            service.sorry = fallback::of_its_own(line, (key, value), family, told);
            Ok(())
        }
        "fallbackcommand" => {
            told.note(line, format!("{key} = {value} {FALLBACK_COMMAND}"));
            Ok(())
        }
        "emailalert" | "emailalertfreq" | "emailalertstatus" | "smtp" => {
            told.note(line, format!("{key} = {value} {MAIL}"));
            Ok(())
        }
        "monitorfile" => {
            let words = "is not carried over: the journal has it; see `governess events`";
            told.note(line, format!("{key} = {value} {words}"));
            Ok(())
        }
        "cleanstop" => {
            let words = "is not carried over: stopping governess leaves the table";
            told.note(line, format!("{key} = {value} {words}"));
            Ok(())
        }
        _ => Err(format!("unknown keyword \"{key}\"")),
    };
    if let Err(words) = read {
        told.refuse(line, words);
    }
}
