//! The input of `iptables-restore(8)` and `ip6tables-restore(8)`.

use std::net::IpAddr;

use crate::kernel::firewall::script::{self, UnwritableInterface};
use crate::setup::{Firewall, MarkRule, Masquerade, Traffic};
use crate::table::Family;

/// As many ports as the match `multiport` takes (`XT_MULTI_PORTS` of `xt_multiport.h`).
const MOST_PORTS: usize = 15;

/// The marks and the masquerade of one address family.
///
/// # Errors
/// An interface's name cannot be written.
pub fn text(firewall: &Firewall, family: Family) -> Result<String, UnwritableInterface> {
    let program = match family {
        Family::V4 => "iptables-restore",
        Family::V6 => "ip6tables-restore",
    };
    let marks = script::in_order(&firewall.marks)
        .into_iter()
        .filter(|rule| Family::of(rule.vip) == family)
        .flat_map(mark);
    let masquerade = firewall
        .masquerade
        .iter()
        .filter(|rule| Family::of(rule.source.addr()) == family)
        .map(masquerade)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(format!(
        "# For {program} --noflush: without that option all other rules of the tables mangle and \
         nat are lost.\n{}{}",
        table("mangle", ":PREROUTING ACCEPT [0:0]", marks),
        table("nat", ":POSTROUTING ACCEPT [0:0]", masquerade.into_iter())
    ))
}

fn table(name: &str, chain: &str, rules: impl Iterator<Item = String>) -> String {
    let rules: String = rules.map(|rule| format!("{rule}\n")).collect();
    format!("*{name}\n{chain}\n{rules}COMMIT\n")
}

fn mark(rule: &MarkRule) -> Vec<String> {
    let target = format!("-j MARK --set-mark {}", rule.mark);
    let vip = format!("-A PREROUTING -d {}", host(rule.vip));
    match &rule.traffic {
        Traffic::Everything => vec![format!("{vip} {target}")],
        Traffic::Ports { protocol, ports } => ports
            .chunks(MOST_PORTS)
            .map(|ports| format!("{vip} -p {protocol} {} {target}", port_match(ports)))
            .collect(),
    }
}

fn port_match(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("-m multiport --dports {}", ports.join(","))
}

fn masquerade(rule: &Masquerade) -> Result<String, UnwritableInterface> {
    let outside = script::checked_interface(&rule.outside)?;
    let source = rule.source.trunc();
    let target = match rule.bears {
        Some(address) => format!("SNAT --to-source {address}"),
        None => "MASQUERADE".to_owned(),
    };
    Ok(format!(
        "-A POSTROUTING -s {source} -o {outside} -j {target}"
    ))
}

fn host(address: IpAddr) -> ipnet::IpNet {
    address.into()
}
