//! keepalived's `virtual_server` blocks (keepalived.conf(5), 2.2.7). VRRP stays with keepalived.

mod asked;
mod checks;
mod lexer;
mod real;
mod service;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::draft::Draft;
use super::ports;
use super::text::Line;
use super::told::Told;
use crate::table::{Family, Protocol, ServiceKey};
use lexer::Node;

/// Blocks and keywords outside of IPVS, which are left alone.
const NOT_OURS: &[&str] = &[
    "global_defs",
    "static_ipaddress",
    "static_routes",
    "static_rules",
    "track_group",
    "track_file",
    "track_process",
    "vrrp_track_file",
    "vrrp_track_process",
    "vrrp_script",
    "vrrp_sync_group",
    "vrrp_instance",
    "garp_group",
    "bfd_instance",
    "linkbeat_interfaces",
    "linkbeat_use_polling",
    "interface_up_down_delays",
    "net_namespace",
    "net_namespace_ipvs",
    "namespace_with_ipsets",
    "instance",
    "use_pid_dir",
    "child_wait_time",
    "config_save_dir",
    "random_seed",
    "reload_file",
    "reload_time_file",
    "reload_repeat",
    "reload_check_config",
    "tmp_config_directory",
    "SSL",
];

/// A range of addresses longer than this is a mistake.
const LONGEST_RANGE: u32 = 1024;

/// Where the packets of a `virtual_server` come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entrance {
    Mark(u32, Option<Family>),
    Socket(SocketAddr),
}

/// Reads a whole file.
pub(super) fn read(lines: &[Line<'_>], told: &mut Told) -> Draft {
    let nodes = lexer::nodes(lines, told);
    let mut groups: BTreeMap<&str, Vec<Entrance>> = BTreeMap::new();
    for node in nodes
        .iter()
        .filter(|node| node.key() == "virtual_server_group")
    {
        let entrances = node
            .children()
            .iter()
            .flat_map(|entry| group_entry(entry, told));
        groups.insert(node.word(1), entrances.collect());
    }
    let mut draft = Draft::default();
    for node in &nodes {
        match node.key() {
            "virtual_server_group" => {}
            "virtual_server" => {
                for (at, entrance) in entrances(node, &groups, told).into_iter().enumerate() {
                    // What is to be said of the block is said once.
                    let mut silent = Told::default();
                    let told = if at == 0 { &mut *told } else { &mut silent };
                    draft.services.extend(service::read(node, entrance, told));
                }
            }
            key if NOT_OURS.contains(&key) => told.note(
                node.line,
                format!(
                    "{} is not carried over; it stays keepalived's",
                    node.words.join(" ")
                ),
            ),
            key => told.refuse(node.line, format!("unknown keyword \"{key}\"")),
        }
    }
    draft
}

/// `virtual_server ADDRESS PORT`, `virtual_server fwmark N` or `virtual_server group NAME`.
fn entrances(
    node: &Node,
    groups: &BTreeMap<&str, Vec<Entrance>>,
    told: &mut Told,
) -> Vec<Entrance> {
    if node.word(1) == "group" {
        let found = groups.get(node.word(2)).cloned();
        return found.unwrap_or_else(|| {
            told.refuse(
                node.line,
                format!("group \"{}\" is not defined", node.word(2)),
            );
            Vec::new()
        });
    }
    let words: Vec<&str> = node.words.iter().skip(1).map(String::as_str).collect();
    read_entrances(&words, node.line, told)
}

fn group_entry(entry: &Node, told: &mut Told) -> Vec<Entrance> {
    let words: Vec<&str> = entry.words.iter().map(String::as_str).collect();
    read_entrances(&words, entry.line, told)
}

fn read_entrances(words: &[&str], line: usize, told: &mut Told) -> Vec<Entrance> {
    let read = match words {
        ["fwmark", mark] => mark_of(mark, None),
        ["fwmark", mark, "inet"] => mark_of(mark, Some(Family::V4)),
        ["fwmark", mark, "inet6"] => mark_of(mark, Some(Family::V6)),
        [address, port] => sockets(address, port),
        [address] => sockets(address, "0"),
        _ => Err("ADDRESS PORT, fwmark NUMBER or group NAME is expected".to_owned()),
    };
    read.unwrap_or_else(|words| {
        told.refuse(line, words);
        Vec::new()
    })
}

fn mark_of(mark: &str, family: Option<Family>) -> Result<Vec<Entrance>, String> {
    let mark = mark
        .parse()
        .map_err(|_| format!("fwmark {mark} is not a number"))?;
    Ok(vec![Entrance::Mark(mark, family)])
}

/// One address, `A.B.C.D-E` or `A.B.C.D-E.F.G.H`.
fn sockets(address: &str, port: &str) -> Result<Vec<Entrance>, String> {
    let port = ports::port(port)?;
    let refused = || format!("\"{address}\" is no address; names are not resolved");
    let socket = |address: IpAddr| Entrance::Socket(SocketAddr::new(address, port));
    if let Ok(one) = address.parse::<IpAddr>() {
        return Ok(vec![socket(one)]);
    }
    let (first, last) = address.split_once('-').ok_or_else(refused)?;
    let first: Ipv4Addr = first.parse().map_err(|_| refused())?;
    let last: Ipv4Addr = match last.parse::<u8>() {
        Ok(last) => {
            let [a, b, c, _] = first.octets();
            Ipv4Addr::new(a, b, c, last)
        }
        Err(_) => last.parse().map_err(|_| refused())?,
    };
    let (from, to) = (u32::from(first), u32::from(last));
    if to < from || to - from >= LONGEST_RANGE {
        return Err(format!(
            "{address} is no range of at most {LONGEST_RANGE} addresses"
        ));
    }
    Ok((from..=to)
        .map(|address| socket(Ipv4Addr::from(address).into()))
        .collect())
}

/// The identity of a service; the family of a mark is that of its servers.
fn key_of(entrance: Entrance, protocol: Protocol, block: &Node) -> ServiceKey {
    let reals = block.children().iter();
    let mut addresses = reals
        .filter(|child| child.key() == "real_server")
        .filter_map(|child| child.word(1).parse().ok());
    match entrance {
        Entrance::Mark(mark, family) => ServiceKey::Fwmark {
            family: family
                .or_else(|| addresses.next().map(Family::of))
                .unwrap_or(Family::V4),
            mark,
        },
        Entrance::Socket(socket) => ServiceKey::Address { protocol, socket },
    }
}
