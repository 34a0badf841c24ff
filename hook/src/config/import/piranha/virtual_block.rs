//! `virtual NAME { … }`.

use std::net::{Ipv4Addr, SocketAddr};

use super::lexer::{self, Statement, Statements};
use super::monitor::{self, Monitor};
use super::real::{self, Real};
use crate::config::OnFailure;
use crate::config::import::draft::{LEAST_FOR_SLOW_START, Member, Service, Sorry, Vip};
use crate::config::import::ports;
use crate::config::import::told::Told;
use crate::table::{Family, Forward, Protocol, ServiceKey};

/// A block as it is written.
#[derive(Debug, Default)]
pub(super) struct Block {
    line: usize,
    name: String,
    active: bool,
    address: Option<(Ipv4Addr, String)>,
    vip_nmask: Option<Ipv4Addr>,
    sorry_server: Option<(usize, Ipv4Addr)>,
    mark: Option<u64>,
    udp: bool,
    port: Option<u16>,
    scheduler: Option<String>,
    persistent: Option<u64>,
    pmask: Option<Ipv4Addr>,
    quiesce: bool,
    pub(super) monitor: Monitor,
    servers: Vec<Real>,
}

/// Reads a block up to its closing brace.
pub(super) fn read(
    opening: &Statement,
    statements: &mut Statements,
    told: &mut Told,
) -> Option<Block> {
    if !opening.opens() || opening.words.len() != 3 {
        told.refuse(opening.line, "virtual NAME { is expected");
        return None;
    }
    let mut block = Block {
        line: opening.line,
        name: opening.word(1).to_owned(),
        ..Block::default()
    };
    while let Some(statement) = statements.next() {
        match statement.key() {
            "}" => return Some(block),
            "server" => block
                .servers
                .extend(real::read(&statement, statements, told)),
            _ => key(&statement, &mut block, told),
        }
    }
    told.refuse(
        opening.line,
        format!("the block of \"{}\" is not closed", block.name),
    );
    None
}

fn key(statement: &Statement, block: &mut Block, told: &mut Told) {
    let line = statement.line;
    match statement.key() {
        "address" => address(statement, block, told),
        "dirs" | "start_cmd" | "stop_cmd" | "master" => told.note(
            line,
            format!(
                "{} belongs to failover services and says nothing here",
                statement.key()
            ),
        ),
        key if monitor::KEYS.contains(&key) => monitor::key(statement, &mut block.monitor, told),
        _ => scalar(statement, block, told),
    }
}

fn scalar(statement: &Statement, block: &mut Block, told: &mut Told) {
    let line = statement.line;
    let known = [
        "active",
        "sorry_server",
        "vip_nmask",
        "fwmark",
        "protocol",
        "port",
        "scheduler",
        "persistent",
        "pmask",
        "quiesce_server",
    ];
    let key = statement.key();
    if !known.contains(&key) {
        told.refuse(
            line,
            format!("unknown keyword \"{key}\" in virtual \"{}\"", block.name),
        );
        return;
    }
    let Some([value]) = statement.values(told) else {
        return;
    };
    match key {
        "active" => block.active = lexer::boolean(value, line, told).unwrap_or(false),
        "quiesce_server" => block.quiesce = lexer::boolean(value, line, told).unwrap_or(false),
        "sorry_server" => {
            block.sorry_server = lexer::address(value, line, told).map(|address| (line, address));
        }
        "vip_nmask" => block.vip_nmask = lexer::address(value, line, told),
        "pmask" => block.pmask = lexer::address(value, line, told),
        "fwmark" => block.mark = lexer::number(value, line, told),
        "persistent" => block.persistent = lexer::number(value, line, told),
        "port" => block.port = port(value, line, told),
        "protocol" => match value {
            "tcp" => block.udp = false,
            "udp" => block.udp = true,
            _ => told.refuse(line, format!("protocol = {value}: tcp or udp")),
        },
        _ => scheduler(value, line, block, told),
    }
}

fn scheduler(value: &str, line: usize, block: &mut Block, told: &mut Told) {
    let known = ["lc", "rr", "wlc", "wrr", "lblc", "lblcr", "dh", "sh"];
    if known.contains(&value) {
        block.scheduler = Some(value.to_owned());
    } else {
        told.refuse(
            line,
            format!("scheduler = {value}: one of {}", known.join(", ")),
        );
    }
}

/// A port by number in any base, or by name.
pub(super) fn port(value: &str, line: usize, told: &mut Told) -> Option<u16> {
    if value.starts_with(|first: char| first.is_ascii_digit()) {
        let number = lexer::number(value, line, told)?;
        return u16::try_from(number).ok().or_else(|| {
            told.refuse(line, format!("{number} is no port"));
            None
        });
    }
    ports::port(value)
        .map_err(|words| told.refuse(line, words))
        .ok()
}

fn address(statement: &Statement, block: &mut Block, told: &mut Told) {
    let Some([address, device]) = statement.values(told) else {
        return;
    };
    if let Some(address) = lexer::address(address, statement.line, told) {
        let interface = lexer::unalias(device, statement.line, told);
        block.address = Some((address, interface));
    }
}

/// The service that a block is, if lvsd would have started it.
pub(super) fn service(block: Block, forward: Forward, told: &mut Told) -> Option<Service> {
    if !block.active {
        let words = format!(
            "virtual \"{}\" is not active; it is left out, with its servers",
            block.name
        );
        told.note(block.line, words);
        return None;
    }
    let key = key_of(&block, told)?;
    let mut service = Service::new(block.line, block.name.clone(), key);
    service.forward = forward;
    service.on_failure = if block.quiesce {
        OnFailure::Quiesce
    } else {
        OnFailure::Remove
    };
    note_removal(&block, told);
    settings(&block, &mut service, told);
    service.vip = vip(&block, told);
    let port = block.port.unwrap_or(80);
    members(&block, port, &mut service, told);
    service.sorry = block.sorry_server.map(|(line, address)| Sorry {
        line,
        address: address.into(),
        port: None,
        forward,
    });
    service.slow_start = slow_start(&service.members, monitor::interval(&block.monitor));
    note_slow_start(&service, told);
    let asked = real::asked_port(&block.servers, port);
    let checked = monitor::check(&block.monitor, block.line, asked, (port, block.udp), told);
    service.checks.extend(checked);
    Some(service)
}

fn key_of(block: &Block, told: &mut Told) -> Option<ServiceKey> {
    let family = Family::V4;
    match (block.mark.filter(|mark| *mark > 0), &block.address) {
        (Some(mark), _) => match u32::try_from(mark) {
            Ok(mark) => Some(ServiceKey::Fwmark { family, mark }),
            Err(_) => {
                told.refuse(block.line, format!("fwmark = {mark} is no mark"));
                None
            }
        },
        (None, Some((address, _))) => Some(ServiceKey::Address {
            protocol: if block.udp {
                Protocol::Udp
            } else {
                Protocol::Tcp
            },
            socket: SocketAddr::new((*address).into(), block.port.unwrap_or(80)),
        }),
        (None, None) => {
            let words = format!("virtual \"{}\" has neither address nor fwmark", block.name);
            told.refuse(block.line, words);
            None
        }
    }
}

fn note_removal(block: &Block, told: &mut Told) {
    if !block.quiesce {
        let words = format!(
            "virtual \"{}\": without quiesce_server = 1 a server that fails is removed and its \
             connections end; on_failure = \"quiesce\" lets them go on",
            block.name
        );
        told.note(block.line, words);
    }
}

fn settings(block: &Block, service: &mut Service, told: &mut Told) {
    if let Some(scheduler) = &block.scheduler {
        service.settings.scheduler.clone_from(scheduler);
    }
    match block.persistent {
        None | Some(0) => {}
        // As long as a duration of our configuration may be: 366 days.
        Some(seconds @ 1..=31_622_400) => {
            service.settings.persistence = u32::try_from(seconds).ok();
        }
        Some(seconds) => told.refuse(block.line, format!("persistent = {seconds} is too long")),
    }
    let mask = block
        .pmask
        .map(u32::from)
        .filter(|mask| !matches!(*mask, 0 | u32::MAX));
    let Some(mask) = mask else { return };
    if service.settings.persistence.is_none() {
        told.note(block.line, "pmask without persistent says nothing");
    } else if mask.leading_ones() + mask.trailing_zeros() != 32 {
        told.refuse(
            block.line,
            format!("pmask = {} is not a netmask", Ipv4Addr::from(mask)),
        );
    } else {
        service.settings.netmask = mask;
    }
}

fn vip(block: &Block, told: &mut Told) -> Option<Vip> {
    let (address, interface) = block.address.clone()?;
    let prefix = match block.vip_nmask {
        Some(mask) => lexer::prefix(mask, block.line, told),
        None => 32,
    };
    Some(Vip {
        address: address.into(),
        prefix,
        interface: Some(interface),
    })
}

fn members(block: &Block, port: u16, service: &mut Service, told: &mut Told) {
    let marked = matches!(service.key, ServiceKey::Fwmark { .. });
    for server in &block.servers {
        let Some(address) = server.address else {
            let words = format!("server \"{}\" has no address and is left out", server.name);
            told.note(server.line, words);
            continue;
        };
        if !server.active {
            let words = format!("server \"{}\" is not active and is left out", server.name);
            told.note(server.line, words);
            continue;
        }
        service.members.push(Member {
            line: server.line,
            name: Some(server.name.clone()),
            address: address.into(),
            port: if marked {
                0
            } else {
                server.port.unwrap_or(port)
            },
            // nanny makes 1 of 0.
            weight: u32::try_from(server.weight.unwrap_or(1).max(1)).unwrap_or(u32::MAX),
        });
    }
}

/// Where nanny begins with a weight.
fn first_weight(weight: u32) -> u32 {
    (weight >> 5).max(1)
}

/// How long nanny takes a server to its weight, in milliseconds: it doubles the first one about
/// every 20 s, with some check. `None` where there is nothing to double.
fn slow_start(members: &[Member], interval: u64) -> Option<u64> {
    let heaviest = members.iter().map(|member| member.weight).max()?;
    let first = first_weight(heaviest);
    let doublings = heaviest.div_ceil(first).next_power_of_two().ilog2();
    let every = interval * (20 / interval).max(1);
    (doublings > 0).then(|| u64::from(doublings) * every * 1000)
}

fn note_slow_start(service: &Service, told: &mut Told) {
    let heaviest = service.members.iter().map(|member| member.weight).max();
    // Of weights that are too light for it the rest of the importer tells.
    let light = service
        .members
        .iter()
        .any(|member| member.weight < LEAST_FOR_SLOW_START);
    if let (Some(length), Some(heaviest), false) = (service.slow_start, heaviest, light) {
        let words = format!(
            "nanny took a server that came back from weight {} to {heaviest} in about {} s, doubling \
             it; slow_start takes as long, in ten equal steps, and leaves it out for the first \
             server of an empty pool",
            first_weight(heaviest),
            length / 1000
        );
        told.note(service.line, words);
    }
}
