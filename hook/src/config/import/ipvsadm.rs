//! What `ipvsadm -Sn` prints and `ipvsadm -R` takes (ipvsadm(8)).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::draft::{Draft, Member, Service, name_of};
use super::text::Line;
use super::told::Told;
use crate::table::{Family, Forward, ONE_PACKET, Protocol, SCHEDULER_FLAGS, ServiceKey};

/// Persistence without a time, as ipvsadm gives it (`-p` alone).
const PERSISTENCE: u32 = 360;

/// Reads the rules of a table.
pub(super) fn read(lines: &[Line<'_>], told: &mut Told) -> Draft {
    let mut services: Vec<Service> = Vec::new();
    let mut known: BTreeMap<ServiceKey, usize> = BTreeMap::new();
    for line in lines {
        let text = line.text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match rule(text, line.number, told) {
            Ok(Rule::Service(service)) => {
                if let Entry::Vacant(place) = known.entry(service.key) {
                    place.insert(services.len());
                    services.push(*service);
                } else {
                    let words = format!("service {} is added twice", service.key);
                    told.refuse(line.number, words);
                }
            }
            Ok(Rule::Server(key, member, forward)) => match known.get(&key) {
                Some(at) => add(&mut services[*at], member, forward, told),
                None => told.refuse(line.number, format!("no service {key} was added before")),
            },
            Err(words) => told.refuse(line.number, words),
        }
    }
    Draft {
        services,
        ..Draft::default()
    }
}

enum Rule {
    Service(Box<Service>),
    Server(ServiceKey, Member, Forward),
}

/// A whole service is forwarded by one method here: that of its first server.
fn add(service: &mut Service, member: Member, forward: Forward, told: &mut Told) {
    if service.members.is_empty() {
        service.forward = forward;
    } else if service.forward != forward {
        let words = format!(
            "server {} is left out: its forwarding method differs from that of the service's first \
             server",
            member.address
        );
        told.note(member.line, words);
        return;
    }
    service.members.push(member);
}

/// What the options of one line say.
#[derive(Default)]
struct Options {
    adds_service: bool,
    adds_server: bool,
    at: Option<(Protocol, String)>,
    mark: Option<u32>,
    six: bool,
    scheduler: Option<String>,
    persistence: Option<u32>,
    netmask: Option<String>,
    engine: Option<String>,
    flags: u32,
    server: Option<String>,
    forward: Option<Forward>,
    weight: Option<u32>,
}

fn rule(text: &str, line: usize, told: &mut Told) -> Result<Rule, String> {
    let options = options(text, line, told)?;
    let key = key(&options)?;
    match (options.adds_service, options.adds_server) {
        (true, false) => service(options, key, line).map(|s| Rule::Service(Box::new(s))),
        (false, true) => server(options, key, line),
        _ => Err("a rule begins with -A or -a, as `ipvsadm -Sn` prints it".to_owned()),
    }
}

fn options(text: &str, line: usize, told: &mut Told) -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = text
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .peekable();
    while let Some(word) = words.next() {
        if matches!(word, "-p" | "--persistent") {
            let number = words.peek().filter(|next| !next.starts_with('-'));
            options.persistence = Some(match number {
                Some(number) => seconds(number)?,
                None => {
                    told.note(
                        line,
                        format!("-p without a time: {PERSISTENCE} s are taken"),
                    );
                    PERSISTENCE
                }
            });
            if number.is_some() {
                words.next();
            }
        } else if !lonely(word, &mut options, line, told) {
            let value = words.next();
            let value = value.ok_or_else(|| format!("{word}: unknown, or its value is missing"))?;
            with_value(word, value, &mut options, line, told)?;
        }
    }
    Ok(options)
}

/// As long as a duration of our configuration may be.
fn seconds(word: &str) -> Result<u32, String> {
    let read = word.parse().ok();
    read.filter(|seconds| (1..=31_622_400).contains(seconds))
        .ok_or_else(|| format!("-p {word}: seconds are expected, at most 366 days"))
}

/// Options without a value. False for another word.
fn lonely(word: &str, options: &mut Options, line: usize, told: &mut Told) -> bool {
    match word {
        "-A" | "--add-service" => options.adds_service = true,
        "-a" | "--add-server" => options.adds_server = true,
        "-o" | "--ops" => options.flags |= ONE_PACKET,
        "-6" | "--ipv6" => options.six = true,
        "-g" | "--gatewaying" => options.forward = Some(Forward::Direct),
        "-m" | "--masquerading" => options.forward = Some(Forward::Nat),
        "-i" | "--ipip" => options.forward = Some(Forward::Tunnel),
        "-n" | "--numeric" | "--tun-nocsum" => {}
        "--tun-csum" | "--tun-remcsum" => encapsulated(word, line, told),
        _ => return false,
    }
    true
}

fn encapsulated(words: &str, line: usize, told: &mut Told) {
    told.note(
        line,
        format!(
            "{words} is not carried over: a table that has it keeps it, a new one is plain IP-IP"
        ),
    );
}

fn with_value(
    word: &str,
    value: &str,
    options: &mut Options,
    line: usize,
    told: &mut Told,
) -> Result<(), String> {
    let number = || {
        value
            .parse::<u32>()
            .map_err(|_| format!("{word} {value}: not a number"))
    };
    match word {
        "-t" | "--tcp-service" => options.at = Some((Protocol::Tcp, value.to_owned())),
        "-u" | "--udp-service" => options.at = Some((Protocol::Udp, value.to_owned())),
        "--sctp-service" => options.at = Some((Protocol::Sctp, value.to_owned())),
        "-f" | "--fwmark-service" => options.mark = Some(number()?),
        "-s" | "--scheduler" => options.scheduler = Some(value.to_owned()),
        "-M" | "--netmask" => options.netmask = Some(value.to_owned()),
        "--pe" => options.engine = Some(value.to_owned()),
        "-b" | "--sched-flags" => options.flags |= scheduler_flags(value)?,
        "-r" | "--real-server" => options.server = Some(value.to_owned()),
        "-w" | "--weight" => options.weight = Some(number()?),
        "-x" | "--u-threshold" | "-y" | "--l-threshold" => {
            if number()? != 0 {
                told.note(
                    line,
                    format!(
                        "the connection threshold {word} {value} is not carried over; a table that \
                         has it keeps it"
                    ),
                );
            }
        }
        "--tun-type" if value == "ipip" => {}
        "--tun-type" | "--tun-port" => encapsulated(&format!("{word} {value}"), line, told),
        _ => return Err(format!("unknown option {word}")),
    }
    Ok(())
}

/// Flags in the words of ipvsadm(8), commas between.
pub(super) fn scheduler_flags(words: &str) -> Result<u32, String> {
    words.split(',').try_fold(0, |flags, word| {
        let flag = match word {
            "flag-1" | "sh-fallback" | "mh-fallback" => SCHEDULER_FLAGS[0],
            "flag-2" | "sh-port" | "mh-port" => SCHEDULER_FLAGS[1],
            "flag-3" => SCHEDULER_FLAGS[2],
            other => return Err(format!("unknown scheduler flag {other}")),
        };
        Ok(flags | flag)
    })
}

fn key(options: &Options) -> Result<ServiceKey, String> {
    match (&options.at, options.mark) {
        (Some((protocol, at)), None) => Ok(ServiceKey::Address {
            protocol: *protocol,
            socket: at
                .parse()
                .map_err(|_| format!("{at} is not ADDRESS:PORT in numbers; save with -n"))?,
        }),
        (None, Some(mark)) => Ok(ServiceKey::Fwmark {
            family: if options.six { Family::V6 } else { Family::V4 },
            mark,
        }),
        _ => Err("exactly one of -t, -u, --sctp-service and -f is expected".to_owned()),
    }
}

fn service(options: Options, key: ServiceKey, line: usize) -> Result<Service, String> {
    let mut service = Service::new(line, name_of(&key), key);
    let settings = &mut service.settings;
    if let Some(scheduler) = options.scheduler {
        settings.scheduler = known_scheduler(&scheduler)?;
    }
    settings.persistence = options.persistence;
    settings.flags = options.flags;
    match options.engine.as_deref() {
        None => {}
        Some("sip") => settings.persistence_engine = options.engine,
        Some(other) => return Err(format!("--pe {other}: the kernel has sip alone")),
    }
    if let Some(mask) = options.netmask.filter(|_| options.persistence.is_some()) {
        settings.netmask = netmask(&mask, key.family())?;
    }
    Ok(service)
}

/// A scheduler that the configuration takes too.
pub(super) fn known_scheduler(name: &str) -> Result<String, String> {
    if crate::config::SCHEDULERS.contains(&name) {
        Ok(name.to_owned())
    } else {
        Err(format!("\"{name}\" is no scheduler of the kernel"))
    }
}

/// A persistence netmask as the table has it.
pub(super) fn netmask(word: &str, family: Family) -> Result<u32, String> {
    let refused = || format!("\"{word}\" is no netmask");
    match family {
        Family::V4 => {
            let mask = word
                .parse::<Ipv4Addr>()
                .map(u32::from)
                .map_err(|_| refused())?;
            let contiguous = mask.leading_ones() + mask.trailing_zeros() == 32;
            contiguous.then_some(mask).ok_or_else(refused)
        }
        Family::V6 => {
            let length = word.parse().ok();
            length
                .filter(|length| (1..=128).contains(length))
                .ok_or_else(refused)
        }
    }
}

fn server(options: Options, key: ServiceKey, line: usize) -> Result<Rule, String> {
    let written = options.server.ok_or("-r is missing")?;
    let (address, port) = socket(&written)
        .ok_or_else(|| format!("{written} is not ADDRESS:PORT in numbers; save with -n"))?;
    let port = port.unwrap_or(match key {
        ServiceKey::Fwmark { .. } => 0,
        ServiceKey::Address { socket, .. } => socket.port(),
    });
    let member = Member {
        line,
        name: None,
        address,
        port,
        weight: options.weight.unwrap_or(1),
    };
    let forward = options.forward.unwrap_or(Forward::Direct);
    Ok(Rule::Server(key, member, forward))
}

/// An address with or without a port; IPv6 with a port, or alone, in brackets.
pub(super) fn socket(word: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(socket) = word.parse::<SocketAddr>() {
        return Some((socket.ip(), Some(socket.port())));
    }
    let bare = word
        .strip_prefix('[')
        .and_then(|word| word.strip_suffix(']'));
    Some((bare.unwrap_or(word).parse().ok()?, None))
}
