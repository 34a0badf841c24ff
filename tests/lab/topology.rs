//! The original set-up in network namespaces:
//!
//! ```text
//! client 192.168.1.10 … .29 ── 192.168.1.0/24 ── lb1 (.33), lb2 (.34)
//!                                                lb1, lb2 (10.0.1.33, .34) ── 10.0.1.0/24 ── ex1 .1, ex2 .2, dc1 .5
//! ```
//!
//! Real servers have the default route 10.0.1.254, which some director must hold.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use crate::Outcome;
use crate::namespace::Namespace;
use crate::process::fed;

/// The virtual address of the Exchange service.
pub(crate) const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 35);

/// The management addresses: each leads to one server.
pub(crate) const MANAGEMENT: [(&str, Ipv4Addr); 2] = [
    ("ex1", Ipv4Addr::new(192, 168, 1, 36)),
    ("ex2", Ipv4Addr::new(192, 168, 1, 37)),
];

/// The TCP ports of the Exchange service, all marked [`MARK`].
pub(crate) const PORTS: [u16; 7] = [25, 80, 443, 465, 587, 717, 2525];

/// The firewall mark of the Exchange service.
pub(crate) const MARK: u32 = 80;

/// How many addresses the client has, from 192.168.1.10 on: to IPVS, as many clients.
const CLIENTS: u8 = 20;

/// All machines of the set-up.
pub(crate) struct Topology {
    pub(crate) client: Namespace,
    pub(crate) lb1: Namespace,
    pub(crate) lb2: Namespace,
    pub(crate) ex1: Namespace,
    pub(crate) ex2: Namespace,
    pub(crate) dc1: Namespace,
}

impl Topology {
    /// Machines, wires, addresses and routes. The directors forward nothing yet.
    pub(crate) fn build() -> Outcome<Self> {
        fed(Command::new("ip").args(["-batch", "-"]), &wiring())?;
        let topology = Self {
            client: Namespace::open("client")?,
            lb1: Namespace::open("lb1")?,
            lb2: Namespace::open("lb2")?,
            ex1: Namespace::open("ex1")?,
            ex2: Namespace::open("ex2")?,
            dc1: Namespace::open("dc1")?,
        };
        let clients: Vec<_> = Self::client_addresses()
            .map(|address| format!("{address}/24"))
            .collect();
        address(&topology.client, &[("eth0", &clients)], None)?;
        for (director, host) in [(&topology.lb1, 33), (&topology.lb2, 34)] {
            let outside = [format!("192.168.1.{host}/24")];
            let inside = [format!("10.0.1.{host}/24")];
            address(director, &[("eth0", &outside), ("eth1", &inside)], None)?;
        }
        for (server, host) in [(&topology.ex1, 1), (&topology.ex2, 2), (&topology.dc1, 5)] {
            address(
                server,
                &[("eth0", &[format!("10.0.1.{host}/24")])],
                Some("10.0.1.254"),
            )?;
        }
        Ok(topology)
    }

    /// Everything that lb1 needs for the original set-up beside the table of IPVS: forwarding, the
    /// VIP and the inside gateway, the marks, the masquerade.
    pub(crate) fn lb1_serves(&self) -> Outcome {
        self.lb1.sysctl("net.ipv4.ip_forward", "1")?;
        let vip = [format!("{VIP}/24")];
        let gateway = ["10.0.1.254/24".to_owned()];
        address(&self.lb1, &[("eth0", &vip), ("eth1", &gateway)], None)?;
        self.lb1.feed("nft", &["-f", "-"], &marks_and_masquerade())
    }

    /// Gives client, lb1 and both servers addresses of IPv6 beside those of IPv4.
    pub(crate) fn speaks_ipv6(&self) -> Outcome {
        let clients: Vec<_> = Self::client_addresses_v6()
            .map(|address| format!("{address}/64"))
            .collect();
        let one = |address: &str| [address.to_owned()];
        address6(&self.client, "eth0", &clients, None)?;
        address6(&self.lb1, "eth0", &one("fd00:1::33/64"), None)?;
        address6(&self.lb1, "eth1", &one("fd00:2::33/64"), None)?;
        let gateway = Some("fd00:2::fe");
        address6(&self.ex1, "eth0", &one("fd00:2::1/64"), gateway)?;
        address6(&self.ex2, "eth0", &one("fd00:2::2/64"), gateway)
    }

    /// The client's addresses of IPv6.
    pub(crate) fn client_addresses_v6() -> impl Iterator<Item = IpAddr> {
        (0x10..0x14).map(|host| IpAddr::from([0xfd00, 1, 0, 0, 0, 0, 0, host]))
    }

    /// The client's addresses.
    pub(crate) fn client_addresses() -> impl Iterator<Item = IpAddr> {
        (10..10 + CLIENTS).map(|host| IpAddr::from([192, 168, 1, host]))
    }
}

/// The namespaces, two bridges here, and the wires between them, for `ip -batch`.
fn wiring() -> String {
    let mut batch = String::new();
    for machine in ["client", "lb1", "lb2", "ex1", "ex2", "dc1"] {
        batch += &format!("netns add {machine}\n");
    }
    for lan in ["outside", "inside"] {
        batch += &format!("link add {lan} type bridge stp_state 0\nlink set {lan} up\n");
    }
    for (machine, interface, lan) in [
        ("client", "eth0", "outside"),
        ("lb1", "eth0", "outside"),
        ("lb2", "eth0", "outside"),
        ("lb1", "eth1", "inside"),
        ("lb2", "eth1", "inside"),
        ("ex1", "eth0", "inside"),
        ("ex2", "eth0", "inside"),
        ("dc1", "eth0", "inside"),
    ] {
        let wire = format!("{machine}-{interface}");
        batch += &format!("link add {wire} type veth peer name {interface} netns {machine}\n");
        batch += &format!("link set {wire} master {lan} up\n");
    }
    batch
}

/// Gives a machine's interfaces these addresses, takes them up, and sets the default route.
fn address(
    machine: &Namespace,
    interfaces: &[(&str, &[String])],
    gateway: Option<&str>,
) -> Outcome {
    let mut batch = "link set lo up\n".to_owned();
    for (interface, addresses) in interfaces {
        batch += &format!("link set {interface} up\n");
        for address in *addresses {
            batch += &format!("address add {address} dev {interface}\n");
        }
    }
    if let Some(gateway) = gateway {
        batch += &format!("route add default via {gateway}\n");
    }
    machine.feed("ip", &["-batch", "-"], &batch)
}

/// Adds addresses of IPv6, usable at once, and the default route.
fn address6(
    machine: &Namespace,
    interface: &str,
    addresses: &[String],
    gateway: Option<&str>,
) -> Outcome {
    let mut batch = String::new();
    for address in addresses {
        batch += &format!("address add {address} dev {interface} nodad\n");
    }
    if let Some(gateway) = gateway {
        batch += &format!("route add default via {gateway}\n");
    }
    machine.feed("ip", &["-batch", "-"], &batch)
}

/// The original's packet filter, for `nft -f -`.
fn marks_and_masquerade() -> String {
    let ports = PORTS.map(|port| port.to_string()).join(", ");
    format!(
        "table ip lab {{
            chain marks {{
                type filter hook prerouting priority mangle;
                ip daddr {VIP} tcp dport {{ {ports} }} meta mark set {MARK}
            }}
            chain outward {{
                type nat hook postrouting priority srcnat;
                ip saddr 10.0.1.0/24 oifname \"eth0\" masquerade
            }}
        }}\n"
    )
}
