//! `server NAME { … }`.

use std::net::Ipv4Addr;

use super::lexer::{self, Statement, Statements};
use super::virtual_block::port;
use crate::config::import::told::Told;

/// A real server as it is written.
#[derive(Debug, Default)]
pub(super) struct Real {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) address: Option<Ipv4Addr>,
    pub(super) active: bool,
    pub(super) weight: Option<u64>,
    pub(super) port: Option<u16>,
}

/// Reads a block up to its closing brace.
pub(super) fn read(
    opening: &Statement,
    statements: &mut Statements,
    told: &mut Told,
) -> Option<Real> {
    if !opening.opens() || opening.words.len() != 3 {
        told.refuse(opening.line, "server NAME { is expected");
        return None;
    }
    let mut server = Real {
        line: opening.line,
        name: opening.word(1).to_owned(),
        ..Real::default()
    };
    for statement in statements.by_ref() {
        if statement.key() == "}" {
            return Some(server);
        }
        key(&statement, &mut server, told);
    }
    told.refuse(
        opening.line,
        format!("the block of \"{}\" is not closed", server.name),
    );
    None
}

fn key(statement: &Statement, server: &mut Real, told: &mut Told) {
    let line = statement.line;
    let key = statement.key();
    if !["address", "active", "weight", "port"].contains(&key) {
        told.refuse(
            line,
            format!("unknown keyword \"{key}\" in server \"{}\"", server.name),
        );
        return;
    }
    let Some([value]) = statement.values(told) else {
        return;
    };
    match key {
        "address" => server.address = lexer::address(value, line, told),
        "active" => server.active = lexer::boolean(value, line, told).unwrap_or(false),
        "weight" => server.weight = lexer::number(value, line, told),
        _ => server.port = port(value, line, told),
    }
}

/// The port that a check of all these servers asks; `None` if each has its own.
pub(super) fn asked_port(servers: &[Real], default: u16) -> Option<u16> {
    let mut ports = servers.iter().map(|server| server.port.unwrap_or(default));
    let first = ports.next().unwrap_or(default);
    ports.all(|port| port == first).then_some(first)
}
