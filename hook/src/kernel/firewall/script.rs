//! The rules as text for `nft(8)`. Pure.
//!
//! The text is in the form in which `nft list table` shows it, so that a listing can be compared
//! with what is wanted without a record of what was written.
//!
//! There is no chain for packets that the director itself sends: one to a VIP that this director
//! holds comes back on the loopback interface through the prerouting hook and gets its mark there,
//! and one to a VIP that the partner holds must leave unmarked, or IPVS here would answer for the
//! partner with connections whose replies the partner's gateway receives.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::setup::{Firewall, MarkRule, Masquerade, Traffic};

/// The address family of our table; rules for IPv4 and IPv6 share it.
pub const FAMILY: &str = "inet";

/// The name of our table. Everything in it is ours; nothing outside it is touched.
pub const TABLE: &str = "governess";

/// Longest interface name (`IFNAMSIZ` of `linux/if.h` less the closing 0).
const LONGEST_INTERFACE_NAME: usize = 15;

/// An interface name that has a meaning of its own in a firewall rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "interface name {name:?} cannot be written in a firewall rule: it needs 1 to 15 ASCII \
     characters without blanks and none of \" \\ * / :"
)]
pub struct UnwritableInterface {
    /// The name.
    pub name: String,
}

/// One transaction that replaces our table, whether it is there or not, altered or not.
///
/// # Errors
/// An interface's name cannot be written.
pub fn replacement(firewall: &Firewall) -> Result<String, UnwritableInterface> {
    // `add` first, because deleting a table that is not there would fail.
    Ok(format!(
        "add table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n{}",
        table(firewall)?
    ))
}

/// Our table as it is to be; empty if it is not to be there.
///
/// # Errors
/// An interface's name cannot be written.
pub fn table(firewall: &Firewall) -> Result<String, UnwritableInterface> {
    let chains: Vec<String> = [marks(&firewall.marks), masquerade(&firewall.masquerade)?]
        .into_iter()
        .flatten()
        .collect();
    if chains.is_empty() {
        return Ok(String::new());
    }
    Ok(format!(
        "table {FAMILY} {TABLE} {{\n{}}}\n",
        chains.join("\n")
    ))
}

/// The rules in the order in which they are to be written: those for whole addresses first, for
/// the last mark that is set counts, and a port says more than an address.
pub(crate) fn in_order(marks: &[MarkRule]) -> Vec<&MarkRule> {
    let mut ordered: Vec<&MarkRule> = marks.iter().collect();
    ordered.sort_by_key(|rule| rule.traffic != Traffic::Everything);
    ordered
}

/// Before the routing decision and before IPVS, which works at the input hook.
fn marks(rules: &[MarkRule]) -> Option<String> {
    let rules: Vec<String> = in_order(rules).into_iter().map(mark).collect();
    chain(
        "governess_marks",
        "type filter hook prerouting priority mangle; policy accept;",
        &rules,
    )
}

/// At the postrouting hook replies that IPVS translates bear the VIP already, so that a rule for
/// the inside network's own addresses does not touch them.
fn masquerade(rules: &[Masquerade]) -> Result<Option<String>, UnwritableInterface> {
    let rules = rules
        .iter()
        .map(|rule| {
            let outside = checked_interface(&rule.outside)?;
            let source = from(rule.source);
            let translated = match rule.bears {
                Some(address) => format!("snat {} to {address}", protocol(address)),
                None => "masquerade".to_owned(),
            };
            Ok(format!("oifname \"{outside}\" {source} {translated}"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(chain(
        "governess_masquerade",
        "type nat hook postrouting priority srcnat; policy accept;",
        &rules,
    ))
}

fn chain(name: &str, hook: &str, rules: &[String]) -> Option<String> {
    if rules.is_empty() {
        return None;
    }
    let rules: String = rules.iter().map(|rule| format!("\t\t{rule}\n")).collect();
    Some(format!("\tchain {name} {{\n\t\t{hook}\n{rules}\t}}\n"))
}

fn mark(rule: &MarkRule) -> String {
    let to = to(rule.vip, &rule.traffic);
    format!("{to} meta mark set {}", rule.mark)
}

/// What matches packets to an address and some or all of its ports.
pub(crate) fn to(address: IpAddr, traffic: &Traffic) -> String {
    with_ports(address, "dport", traffic)
}

/// What matches packets to an address that come from some or all ports.
pub(crate) fn answers_to(address: IpAddr, traffic: &Traffic) -> String {
    with_ports(address, "sport", traffic)
}

fn with_ports(address: IpAddr, field: &str, traffic: &Traffic) -> String {
    let address = format!("{} daddr {address}", protocol(address));
    match traffic {
        Traffic::Everything => address,
        Traffic::Ports { protocol, ports } => {
            format!("{address} {protocol} {field} {}", port_set(ports))
        }
    }
}

/// What matches packets from a network. A single address is written without its length, as `nft`
/// shows it.
pub(crate) fn from(network: IpNet) -> String {
    let protocol = protocol(network.addr());
    if network.prefix_len() == network.max_prefix_len() {
        format!("{protocol} saddr {}", network.addr())
    } else {
        format!("{protocol} saddr {}", network.trunc())
    }
}

fn protocol(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ip" } else { "ip6" }
}

fn port_set(ports: &[u16]) -> String {
    match ports {
        [port] => port.to_string(),
        ports => {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            format!("{{ {} }}", ports.join(", "))
        }
    }
}

/// An interface's name, if it stands for itself between quotation marks.
///
/// # Errors
/// It does not.
pub(crate) fn checked_interface(name: &str) -> Result<&str, UnwritableInterface> {
    let harmless = |byte: u8| byte.is_ascii_graphic() && !br#""\*/:"#.contains(&byte);
    if (1..=LONGEST_INTERFACE_NAME).contains(&name.len()) && name.bytes().all(harmless) {
        Ok(name)
    } else {
        Err(UnwritableInterface {
            name: name.to_owned(),
        })
    }
}

/// A table's text without what may differ in writing: layout, number base, forms of an address.
pub(super) fn normalised(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(normalised_word).collect();
    words.join(" ")
}

fn normalised_word(word: &str) -> String {
    let hexadecimal = word
        .strip_prefix("0x")
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    if let Some(number) = hexadecimal {
        return number.to_string();
    }
    if let Ok(address) = word.parse::<IpAddr>() {
        return address.to_string();
    }
    if let Ok(network) = word.parse::<IpNet>() {
        return network.to_string();
    }
    word.to_owned()
}
