//! A director's host as other programs see it: addresses, packet filter, parameters, table.

use std::collections::BTreeSet;
use std::fs;

use crate::Outcome;
use crate::namespace::Namespace;

/// Its addresses, each as `eth0 192.168.1.33/24`.
pub(crate) fn addresses(place: &Namespace) -> Outcome<BTreeSet<String>> {
    let listing = place.run("ip", &["-o", "address", "show"])?;
    let address = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (interface, _, address) = (words.next()?, words.next()?, words.next()?);
        Some(format!("{interface} {address}"))
    };
    listing
        .lines()
        .map(|line| address(line).ok_or_else(|| format!("ip address says: {line}").into()))
        .collect()
}

/// Whether it has an address on an interface.
pub(crate) fn holds(place: &Namespace, interface_and_address: &str) -> Outcome<bool> {
    Ok(addresses(place)?.contains(interface_and_address))
}

/// A parameter's value.
pub(crate) fn sysctl(place: &Namespace, name: &str) -> Outcome<String> {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    let value = place
        .within(|| fs::read_to_string(&path))?
        .map_err(|error| format!("{path}: {error}"))?;
    Ok(value.trim().to_owned())
}

/// The Ethernet address of an interface.
pub(crate) fn mac(place: &Namespace, interface: &str) -> Outcome<String> {
    let shown = place.run("ip", &["-o", "link", "show", interface])?;
    let words: Vec<_> = shown.split_whitespace().collect();
    let mac = words
        .iter()
        .skip_while(|word| **word != "link/ether")
        .nth(1);
    Ok((*mac.ok_or_else(|| format!("no link/ether in {shown}"))?).to_owned())
}

/// Everything that governess might have touched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    table: String,
    addresses: BTreeSet<String>,
    packet_filter: String,
    forwarding: String,
}

impl Sight {
    /// As it is now.
    pub(crate) fn of(place: &Namespace) -> Outcome<Self> {
        Ok(Self {
            table: place.run("ipvsadm", &["-Sn"])?,
            addresses: addresses(place)?,
            packet_filter: place.run("nft", &["-s", "list", "ruleset"])?,
            forwarding: sysctl(place, "net.ipv4.ip_forward")?,
        })
    }
}
