//! The rest of a director's set-up as data: addresses, firewall marks, masquerade, sysctls.
//! What belongs to the IPVS table is in `table`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::table::Protocol;

/// What one director wants of its host besides the IPVS table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Addresses to hold, the inside gateway first.
    pub addresses: Vec<WantedAddress>,
    /// The firewall rules of our own table.
    pub firewall: Firewall,
    /// Kernel parameters, by their names in `sysctl(8)`.
    pub sysctls: Vec<WantedSysctl>,
}

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedAddress {
    /// The interface's name, such as `eth0`.
    pub interface: String,
    /// The address with its prefix length; host bits are kept.
    pub address: IpNet,
    /// Why it is held, in words: `VIP of exchange`, `management VIP of ex1`, `inside gateway`.
    pub purpose: String,
}

/// The content of our nftables table. Empty if there is nothing to mark or masquerade.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firewall {
    /// Marks on packets to VIPs.
    pub marks: Vec<MarkRule>,
    /// Source translation for connections that real servers open to the outside.
    pub masquerade: Vec<Masquerade>,
}

/// Packets to one address and some or all ports of a protocol get a mark.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MarkRule {
    /// The VIP.
    pub vip: IpAddr,
    /// Which packets to it.
    pub traffic: Traffic,
    /// The whole mark; IPVS compares all of its bits.
    pub mark: u32,
}

/// Which packets to a VIP are marked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Traffic {
    /// Every packet, as for a management VIP.
    Everything,
    /// The listed ports of one protocol.
    Ports {
        /// The protocol.
        protocol: Protocol,
        /// Sorted, without repetition, never empty.
        ports: Vec<u16>,
    },
}

/// Connections from the inside network that leave by the outside interface take its address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Masquerade {
    /// The inside network; nothing else is translated.
    pub source: IpNet,
    /// The outside interface's name.
    pub outside: String,
}

/// A kernel parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedSysctl {
    /// Its name, such as `net.ipv4.vs.expire_quiescent_template`.
    pub name: &'static str,
    /// Its value.
    pub value: &'static str,
    /// What goes wrong without it, in words.
    pub why: &'static str,
}

/// One change of the host. Steps are idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostStep {
    /// Write a kernel parameter.
    SetSysctl {
        /// Its name.
        name: &'static str,
        /// The value found.
        from: String,
        /// The value wanted.
        to: &'static str,
    },
    /// Replace our nftables table as one transaction.
    ReplaceFirewall {
        /// Whether a table of ours was there, altered or of another configuration.
        was_there: bool,
        /// What it is to contain.
        to: Firewall,
    },
    /// Hold an address, after nobody else was found to hold it, and announce it.
    AddAddress {
        /// Which.
        address: WantedAddress,
    },
}
