//! Piranha's `lvs.cf` (lvs.cf(5), `lvsconfig.c` of 0.8.6).

mod lexer;
mod monitor;
mod real;
mod virtual_block;

use std::net::Ipv4Addr;

use super::draft::{Draft, Management, Nat, Vip};
use super::text::Line;
use super::told::Told;
use crate::table::{Forward, ServiceKey};
use lexer::{Statement, Statements, unalias};

/// What the keys outside of blocks say.
#[derive(Debug, Default)]
struct Globals {
    forward: Option<Forward>,
    router: Option<(usize, Ipv4Addr, String)>,
    router_mask: Option<Ipv4Addr>,
}

/// Reads a whole file.
pub(super) fn read(lines: &[Line<'_>], told: &mut Told) -> Draft {
    let mut statements = lexer::statements(lines, told);
    let mut globals = Globals::default();
    let mut blocks = Vec::new();
    while let Some(statement) = statements.next() {
        match statement.key() {
            "virtual" => blocks.extend(virtual_block::read(&statement, &mut statements, told)),
            "failover" => {
                told.note(
                    statement.line,
                    format!(
                        "failover service \"{}\" is left out: governess balances and moves no \
                         services between two hosts; every line of the block",
                        statement.word(1)
                    ),
                );
                skip_block(&mut statements, told);
            }
            _ => global(&statement, &mut globals, told),
        }
    }
    let forward = globals.forward.unwrap_or(Forward::Nat);
    let mut draft = Draft::default();
    for block in blocks {
        draft
            .services
            .extend(virtual_block::service(block, forward, told));
    }
    draft.nat = nat(&globals, &draft, told);
    find_management(&mut draft, told);
    draft
}

fn skip_block(statements: &mut Statements, told: &mut Told) {
    let mut depth = 1;
    for statement in statements.by_ref() {
        match (statement.opens(), statement.key()) {
            (true, _) => depth += 1,
            (false, "}") => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
    told.refuse(0, "a block is not closed: } is missing at the end");
}

/// What becomes of each key outside of blocks that has no counterpart.
const PAIR: &str = "belongs to the pair of directors; keepalived elects from now on ([pair])";
const NEEDLESS: &str = "is not needed";

fn global(statement: &Statement, globals: &mut Globals, told: &mut Told) {
    let line = statement.line;
    match statement.key() {
        "nat_router" => {
            let Some([address, device]) = statement.values(told) else {
                return;
            };
            if let Some(address) = lexer::address(address, line, told) {
                globals.router = Some((line, address, unalias(device, line, told)));
            }
        }
        "nat_nmask" => {
            let Some([mask]) = statement.values(told) else {
                return;
            };
            globals.router_mask = lexer::address(mask, line, told);
        }
        "network" => network(statement, globals, told),
        "service" => {
            let Some([service]) = statement.values(told) else {
                return;
            };
            match service {
                "lvs" => {}
                "fos" => told.note(line, "service = fos: only virtual services are imported"),
                other => told.refuse(line, format!("service = {other}: lvs or fos")),
            }
        }
        key => without_counterpart(key, statement, told),
    }
}

fn network(statement: &Statement, globals: &mut Globals, told: &mut Told) {
    let Some([method]) = statement.values(told) else {
        return;
    };
    globals.forward = match method {
        "nat" => Some(Forward::Nat),
        "direct" => Some(Forward::Direct),
        "tunnel" => Some(Forward::Tunnel),
        other => {
            told.refuse(
                statement.line,
                format!("network = {other}: nat, direct or tunnel"),
            );
            None
        }
    };
}

fn without_counterpart(key: &str, statement: &Statement, told: &mut Told) {
    let why = match key {
        "primary"
        | "primary_private"
        | "primary_shared"
        | "backup"
        | "backup_private"
        | "backup_shared"
        | "backup_active"
        | "reservation_conflict_action"
        | "keepalive"
        | "deadtime"
        | "heartbeat"
        | "heartbeat_port"
        | "syncdaemon"
        | "syncd_iface"
        | "syncd_id"
        | "monitor_links" => PAIR,
        "serial_no" | "debug_level" | "ipvsadm" | "rsh_command" | "sync" => NEEDLESS,
        "hard_shutdown" => "is not needed: a check that ends takes no service down",
        "active_cmd" | "inactive_cmd" => {
            "is not run: give it to keepalived as notify_master or notify_backup"
        }
        "tcp_timeout" | "tcpfin_timeout" | "udp_timeout" => {
            "is not set by governess: `ipvsadm --set TCP TCPFIN UDP` at boot, if not 0"
        }
        _ => {
            let words = format!("unknown keyword \"{key}\"");
            told.refuse(statement.line, words);
            return;
        }
    };
    if let Some([value]) = statement.values(told) {
        told.note(statement.line, format!("{key} = {value} {why}"));
    }
}

/// `nat_router` is the inside gateway. The outside interface is that of the VIPs.
fn nat(globals: &Globals, draft: &Draft, told: &mut Told) -> Option<Nat> {
    let (line, address, inside) = globals.router.as_ref()?;
    let vips = draft.services.iter().filter_map(|s| s.vip.as_ref());
    let mut outside = vips.filter_map(|vip| vip.interface.clone());
    let outside = outside.find(|interface| interface != inside);
    let prefix = match globals.router_mask {
        Some(mask) => lexer::prefix(mask, *line, told),
        None => {
            told.note(
                *line,
                format!("nat_router {address} has no nat_nmask; /24 is assumed"),
            );
            24
        }
    };
    Some(Nat {
        inside: inside.clone(),
        outside,
        gateway: Vip {
            address: (*address).into(),
            prefix,
            interface: None,
        },
        masquerade: false,
    })
}

/// A marked service by NAT with one server, nothing but defaults and no check of its own is a way
/// to that server alone, if another service has the server too.
fn find_management(draft: &mut Draft, told: &mut Told) {
    let shared: Vec<_> = draft
        .services
        .iter()
        .filter(|service| service.members.len() > 1)
        .flat_map(|service| service.members.iter().map(|member| member.address))
        .collect();
    let services = std::mem::take(&mut draft.services);
    for service in services {
        let only = match (&service.members[..], service.key, &service.vip) {
            ([member], ServiceKey::Fwmark { mark, .. }, Some(vip))
                if shared.contains(&member.address)
                    && member.weight == 1
                    && service.forward == Forward::Nat
                    && service.settings.scheduler == "wlc"
                    && service.settings.persistence.is_none()
                    && draft.management.iter().all(|m| m.server != member.address) =>
            {
                Some((member.address, mark, vip.clone()))
            }
            _ => None,
        };
        let Some((server, mark, vip)) = only else {
            draft.services.push(service);
            continue;
        };
        let words = format!(
            "virtual \"{}\" leads to {server} alone: it becomes its management VIP, always weight \
             1 and without a check; every packet to {} has mark {mark}",
            service.name, vip.address
        );
        told.note(service.line, words);
        draft.management.push(Management { server, vip, mark });
    }
}
