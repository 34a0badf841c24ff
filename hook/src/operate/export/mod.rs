//! `governess export`: the set-up in the words of other tools, for those who want to carry it out
//! without us, or to see it. Pure.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::config::Config;
use crate::director::{plan_for_healthy, wishes::Wishes};
use crate::kernel::firewall::foreign;
use crate::kernel::firewall::script::UnwritableInterface;
use crate::setup::{self, Setup, Traffic};
use crate::table::{Family, Table};

pub mod hosts;
pub mod iptables;
pub mod ipvsadm;
pub mod keepalived;
pub mod nft;
pub mod sysctl;

/// The whole table of a configuration, every server healthy.
pub fn table(config: &Config) -> Table {
    let mut table = Table::new();
    for step in plan_for_healthy(config, &Wishes::none(), &Table::new()) {
        step.follow(&mut table);
    }
    table
}

/// VIPs, and which packets to them are for IPVS.
pub fn services(config: &Config) -> Vec<(IpAddr, Traffic)> {
    let keys = config.services.iter().map(|service| service.key);
    foreign::services(&Setup::of(config).firewall, keys)
}

/// The proposal of a packet filter for a configuration.
///
/// # Errors
/// An interface's name cannot be written.
pub fn filter(config: &Config) -> Result<String, UnwritableInterface> {
    let nat = config.nat.as_ref();
    let inside = |nat: &crate::config::Nat| {
        let network: IpNet = nat.gateway?.trunc();
        Some(nft::Inside {
            interface: nat.inside.clone(),
            network,
        })
    };
    nft::filter(&nft::Filter {
        services: services(config),
        outside: nat.map(|nat| nat.outside.clone()),
        inside: nat.and_then(inside),
        partner: nft::Partner {
            sync: sync_interface(config),
            status: status_for_partner(config),
        },
    })
}

/// Where the directors tell each other of connections, if they do: inside, where there is one.
fn sync_interface(config: &Config) -> Option<String> {
    let pair = config.pair.as_ref().filter(|pair| pair.sync)?;
    let inside = config.nat.as_ref().map(|nat| &nat.inside);
    Some(inside.unwrap_or(&pair.interface).clone())
}

/// Which of the two directors' addresses ask for our status, and at which port.
fn status_for_partner(config: &Config) -> Option<(Vec<IpAddr>, u16)> {
    let pair = config.pair.as_ref()?;
    Some((pair.directors.clone(), pair.partner_status?))
}

/// Both families' rules for `iptables-restore` and `ip6tables-restore`, as far as there are any.
///
/// # Errors
/// An interface's name cannot be written.
pub fn iptables(config: &Config) -> Result<String, UnwritableInterface> {
    let firewall = Setup::of(config).firewall;
    let mut text = iptables::text(&firewall, Family::V4)?;
    if firewall.marks.iter().any(|rule| rule.vip.is_ipv6()) {
        text += &iptables::text(&firewall, Family::V6)?;
    }
    Ok(text)
}

/// keepalived's file for both directors of a pair; `check_director` is where that program is.
///
/// # Errors
/// The configuration has no pair, or nothing that VRRP can elect by.
pub fn keepalived(config: &Config, check_director: PathBuf) -> anyhow::Result<String> {
    let Some(pair) = &config.pair else {
        anyhow::bail!(
            "the file has no [pair]: on one director governess holds the addresses itself, and \
             keepalived must not; add [pair] with partner = [\"10.0.1.33\", \"10.0.1.34\"]"
        );
    };
    Ok(keepalived::text(&keepalived::Vrrp {
        interface: pair.interface.clone(),
        router_id: pair.router_id,
        addresses: setup::addresses(config),
        score_file: pair.score_file.clone(),
        fifo: pair.fifo.clone(),
        sync: sync_interface(config),
        check_director,
        control: config.director.control.clone(),
    })?)
}

/// The names of VIPs, management VIPs and servers.
pub fn hosts(config: &Config) -> String {
    let vips = config.services.iter().filter_map(|service| {
        let address = service.front.as_ref()?.vip.addr();
        let purpose = format!("VIP of {}", service.name);
        Some(hosts::Entry {
            address,
            name: service.name.clone(),
            purpose,
        })
    });
    let management = config.servers.iter().filter_map(|server| {
        let address = server.management.as_ref()?.vip.addr();
        let purpose = format!("management VIP of {}", server.name);
        Some(hosts::Entry {
            address,
            name: format!("{}-management", server.name),
            purpose,
        })
    });
    let servers = config.servers.iter().map(|server| hosts::Entry {
        address: server.address,
        name: server.name.clone(),
        purpose: "real server".to_owned(),
    });
    hosts::text(&vips.chain(management).chain(servers).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
