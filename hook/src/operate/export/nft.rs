//! Scripts for `nft -f` (`nft(8)`).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::kernel::firewall::script::{self, UnwritableInterface};
use crate::setup::{Firewall, Traffic};
use crate::table::{Family, Protocol};

/// The script that we use ourselves: it replaces our table, and nothing else.
///
/// # Errors
/// An interface's name cannot be written.
pub fn text(firewall: &Firewall) -> Result<String, UnwritableInterface> {
    Ok(format!(
        "# Marks on packets to VIPs, masquerade for real servers. A running governess keeps this \
         table so.\n{}",
        script::replacement(firewall)?
    ))
}

/// What a packet filter has to let through.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// VIPs, and which packets to them are for IPVS; every packet to a management VIP.
    pub services: Vec<(IpAddr, Traffic)>,
    /// The interface towards the clients.
    pub outside: Option<String>,
    /// Where the real servers are.
    pub inside: Option<Inside>,
    /// What the other director sends, where this one has a partner.
    pub partner: Partner,
}

/// What the other director of a pair sends besides VRRP.
#[derive(Clone, Debug, Default)]
pub struct Partner {
    /// Where the messages of the sync daemon come in.
    pub sync: Option<String>,
    /// Who asks this director's status page, and its port.
    pub status: Option<(Vec<IpAddr>, u16)>,
}

/// Of the sync daemon (`ip_vs_sync.c`, `IP_VS_SYNC_GROUP` and `IP_VS_SYNC_PORT`), where nothing else
/// is set.
const SYNC: &str = "ip daddr 224.0.0.81 udp dport 8848";

/// The network of the real servers.
#[derive(Clone, Debug)]
pub struct Inside {
    /// The interface towards it.
    pub interface: String,
    /// Its addresses.
    pub network: IpNet,
}

/// A packet filter for a director, as a proposal: we neither load nor keep it.
///
/// # Errors
/// An interface's name cannot be written.
pub fn filter(filter: &Filter) -> Result<String, UnwritableInterface> {
    const TABLE: &str = "inet governess_filter";
    let input = input(filter)?;
    let forward = forward(filter)?;
    Ok(format!(
        "# A packet filter for this director. It is a proposal: governess neither loads nor keeps \
         it.\n\
         # Look through it before `nft -f`; with it, all that is not named here is dropped.\n\
         #\n\
         # IPVS keeps its connections out of conntrack. To conntrack, what clients send is new\n\
         # again and again and what real servers answer is invalid: rules for either must not ask\n\
         # for a state, and there must be no `ct state invalid drop` in front of them.\n\
         add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{input}\n{forward}}}\n"
    ))
}

fn input(filter: &Filter) -> Result<String, UnwritableInterface> {
    let mut rules = vec![
        "iifname \"lo\" accept".to_owned(),
        "ct state established,related accept".to_owned(),
        "meta l4proto { icmp, ipv6-icmp } accept".to_owned(),
        "# VRRP, if this director has a partner".to_owned(),
        "meta l4proto 112 accept".to_owned(),
    ];
    rules.extend(from_partner(&filter.partner)?);
    rules.extend([
        "# administrators; better from their own addresses only".to_owned(),
        "tcp dport 22 accept".to_owned(),
    ]);
    for (vip, traffic) in &filter.services {
        let remark = match traffic {
            Traffic::Ports { .. } => "# clients".to_owned(),
            Traffic::Everything => {
                "# one real server: RDP and NRPE; better for administrators only".to_owned()
            }
        };
        rules.push(remark);
        rules.push(format!("{} accept", script::to(*vip, &opened(traffic))));
    }
    if let Some(inside) = &filter.inside {
        rules.push("# answers to what this director itself asks of a VIP that it holds".to_owned());
        let family = Family::of(inside.network.addr());
        let of_family = |(vip, _): &&(IpAddr, Traffic)| Family::of(*vip) == family;
        for (vip, traffic) in filter.services.iter().filter(of_family) {
            rules.push(answers_to_director(*vip, traffic, inside)?);
        }
    }
    Ok(chain("governess_input", "input", &rules))
}

fn from_partner(partner: &Partner) -> Result<Vec<String>, UnwritableInterface> {
    let mut rules = Vec::new();
    if let Some(interface) = &partner.sync {
        let interface = script::checked_interface(interface)?;
        rules.push("# the other director's connections".to_owned());
        rules.push(format!("iifname \"{interface}\" {SYNC} accept"));
    }
    if let Some((directors, port)) = &partner.status {
        rules.push("# the other director asks for the status".to_owned());
        for director in directors {
            let from = script::from((*director).into());
            rules.push(format!("{from} tcp dport {port} accept"));
        }
    }
    Ok(rules)
}

/// IPVS works on these packets at the input hook too, behind this chain.
fn answers_to_director(
    vip: IpAddr,
    traffic: &Traffic,
    inside: &Inside,
) -> Result<String, UnwritableInterface> {
    let interface = script::checked_interface(&inside.interface)?;
    let from = script::from(inside.network);
    let to = script::answers_to(vip, &opened(traffic));
    Ok(format!("iifname \"{interface}\" {from} {to} accept"))
}

/// A management VIP leads to the whole machine; what administrators and monitoring need of it.
fn opened(traffic: &Traffic) -> Traffic {
    const RDP: u16 = 3389;
    const NRPE: u16 = 5666;
    match traffic {
        Traffic::Everything => Traffic::Ports {
            protocol: Protocol::Tcp,
            ports: vec![RDP, NRPE],
        },
        ports => ports.clone(),
    }
}

fn forward(filter: &Filter) -> Result<String, UnwritableInterface> {
    let mut rules = Vec::new();
    if let Some(Inside { interface, network }) = &filter.inside {
        let inside = script::checked_interface(interface)?;
        let (out, back) = match &filter.outside {
            Some(outside) => {
                let outside = script::checked_interface(outside)?;
                (
                    format!(" oifname \"{outside}\""),
                    format!("iifname \"{outside}\" "),
                )
            }
            None => Default::default(),
        };
        let source = script::from(*network);
        rules.push("# answers to clients, and what real servers ask of the outside".to_owned());
        rules.push(format!("iifname \"{inside}\"{out} {source} accept"));
        rules.push("# answers to what real servers asked".to_owned());
        rules.push(format!(
            "{back}oifname \"{inside}\" ct state established,related accept"
        ));
    }
    Ok(chain("governess_forward", "forward", &rules))
}

fn chain(name: &str, hook: &str, rules: &[String]) -> String {
    let rules: String = rules.iter().map(|rule| format!("\t\t{rule}\n")).collect();
    format!(
        "\tchain {name} {{\n\t\ttype filter hook {hook} priority filter; policy drop;\n{rules}\t}}\n"
    )
}
