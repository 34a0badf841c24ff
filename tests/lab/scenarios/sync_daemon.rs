//! IPVS's sync daemon, which keepalived starts where `[pair]` asks for it: the other director knows
//! the clients' servers and their connections.

use std::net::{IpAddr, TcpListener, TcpStream};

use super::cost::{Watch, beside_keepalived_alone};
use crate::Outcome;
use crate::director::altered;
use crate::pair::{ACTIVE, BACKUP, Pair, VISITOR, config};
use crate::story::{Story, patience, same};
use crate::topology::{Topology, VIP};
use crate::traffic::visit;

/// Clients that come to be served before and after a failover.
const CLIENTS: usize = 8;

/// What the clients of [`Watch`] keep open.
const SESSIONS: usize = 8;

/// A client stays with its server over a failover, what is established goes on, and what the
/// servers open themselves comes from the same address as before.
pub(super) fn templates_after_failover(story: &Story) -> Outcome {
    let masquerade = "masquerade = true";
    let source = format!("{masquerade}\nsource = \"{VIP}\"");
    let config = altered(&config()?, &[(masquerade, &source)])? + "sync = true\n";
    let mut pair = Pair::serving(story, &config)?;
    let lose_power = |pair: &mut Pair<'_>| {
        let clients: Vec<IpAddr> = Topology::client_addresses().take(CLIENTS).collect();
        same(
            "whom the servers come from",
            &source_of_ex1(pair)?,
            &VIP.into(),
        )?;
        let before = servers(pair, clients.iter())?;
        let watch = Watch::begin(pair)?;
        until_known(pair)?;
        pair.machines[ACTIVE].lose_power()?;
        pair.until_held_by_other(ACTIVE)?;
        let cost = watch.end(
            pair,
            "the active director loses its power, and the sync daemon runs",
        )?;
        cost.cuts_none()?;
        // In the opposite order: a director that knew nothing would choose other servers.
        let mut after = servers(pair, clients.iter().rev())?;
        after.reverse();
        same("the servers of the clients", &after, &before)?;
        let kept = after.len();
        same(
            "whom the servers come from",
            &source_of_ex1(pair)?,
            &VIP.into(),
        )?;
        story.figure(&format!("{kept} of {CLIENTS} clients keep their server"));
        Ok(cost)
    };
    beside_keepalived_alone(&mut pair, lose_power, |pair| {
        pair.boot(ACTIVE)?;
        // Templates that it has of the time when it served would outlive those that it is told of
        // (ip_vs_proc_conn of ip_vs_sync.c changes no template that is there).
        pair.machines[BACKUP].lose_power()?;
        pair.boot(BACKUP)
    })
}

/// Who serves each of these clients.
fn servers<'a>(pair: &Pair<'_>, clients: impl Iterator<Item = &'a IpAddr>) -> Outcome<Vec<String>> {
    clients
        .map(|client| visit(&pair.net.client, *client, 443))
        .collect()
}

/// From which address ex1 comes to the client.
fn source_of_ex1(pair: &Pair<'_>) -> Outcome<IpAddr> {
    let client = &pair.net.client;
    let listener = client.within(|| TcpListener::bind((VISITOR, 0)))??;
    let to = listener.local_addr()?;
    let _connection = pair
        .net
        .ex1
        .within(|| TcpStream::connect_timeout(&to, patience()))??;
    Ok(listener.accept()?.1.ip())
}

/// Waits until the other director knows the persistence of all clients and all their sessions.
fn until_known(pair: &Pair<'_>) -> Outcome {
    let other = &pair.machines[BACKUP];
    let what = format!("{} knows templates and sessions", other.name);
    pair.story.until_some(&what, || {
        let connections = other.place.run("ipvsadm", &["-L", "-c", "-n"])?;
        let of = |protocol: &str, state: &str| {
            let is = |line: &&str| line.starts_with(protocol) && line.contains(state);
            connections.lines().filter(is).count()
        };
        // A template is a connection of no protocol but IP (ip_vs_conn_fill_param_persist).
        let known = (of("IP ", ""), of("TCP ", " ESTABLISHED "));
        match known {
            (templates, sessions) if templates >= CLIENTS && sessions >= SESSIONS => Ok(()),
            (templates, sessions) => {
                Err(format!("it knows {templates} templates, {sessions} sessions").into())
            }
        }
    })
}
