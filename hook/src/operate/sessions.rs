//! `governess sessions`: the kernel's connections, by server.

use std::fmt::Write;

use crate::config::Config;
use crate::kernel::connections::Connection;

/// The page for a terminal: one block a server of the configuration, the rest at the end.
pub fn page(config: &Config, connections: &[Connection]) -> String {
    let mut page = String::new();
    for server in &config.servers {
        let of_server = |c: &&Connection| c.destination.ip() == server.address;
        let own: Vec<&Connection> = connections.iter().filter(of_server).collect();
        block(
            &mut page,
            &format!("{} {}", server.name, server.address),
            &own,
        );
    }
    let named = |c: &&Connection| {
        config
            .servers
            .iter()
            .any(|s| s.address == c.destination.ip())
    };
    let others: Vec<&Connection> = connections.iter().filter(|c| !named(c)).collect();
    if !others.is_empty() {
        block(
            &mut page,
            "(servers that the configuration does not name)",
            &others,
        );
    }
    page
}

fn block(page: &mut String, title: &str, connections: &[&Connection]) {
    let (templates, sessions): (Vec<&Connection>, Vec<&Connection>) = connections
        .iter()
        .partition(|connection| connection.is_template());
    let established = sessions.iter().filter(|c| c.state == "ESTABLISHED").count();
    let _ = writeln!(
        page,
        "{title}: {established} established, {} other, {} persistence templates",
        sessions.len() - established,
        templates.len()
    );
    for connection in sessions.iter().chain(&templates) {
        let _ = writeln!(
            page,
            "  {:<4} {:<24} {:<24} {:<24} {:<12} {:>5} s",
            connection.protocol,
            connection.client.to_string(),
            connection.virtual_address.to_string(),
            connection.destination.to_string(),
            connection.state,
            connection.expires.as_secs()
        );
    }
}
