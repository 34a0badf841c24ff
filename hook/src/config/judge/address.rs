//! Judges addresses with prefixes, and the VIP and ports of a service.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use toml::Spanned;

use super::super::Front;
use super::super::fault::Fault;
use super::super::file::{self, Placed};
use crate::table::Family;

/// An address with or without a prefix length; without one it stands alone (/32 or /128).
pub(super) fn with_prefix(
    key: &str,
    written: &Spanned<String>,
    faults: &mut Vec<Fault>,
) -> Option<IpNet> {
    let text = written.as_ref();
    let parsed = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let usable = parsed.filter(is_host_address);
    if usable.is_none() {
        let message = format!("{key} = \"{text}\" is not the address of a host");
        faults.push(
            Fault::at(written.span(), message)
                .suggest("write an address with its prefix, such as \"192.168.1.35/24\""),
        );
    }
    usable
}

fn is_host_address(net: &IpNet) -> bool {
    let address = net.addr();
    let alone = net.prefix_len() + 1 >= net.max_prefix_len();
    let usual = !address.is_unspecified() && !address.is_multicast() && !address.is_loopback();
    let in_the_middle = address != net.network()
        && (matches!(address, IpAddr::V6(_)) || address != net.broadcast());
    usual && (alone || in_the_middle)
}

/// An interface's name, as the kernel takes it (`dev_valid_name`: 1 to 15 bytes, no `/`, no
/// blank).
pub(super) fn interface(
    key: &str,
    written: &Spanned<String>,
    faults: &mut Vec<Fault>,
) -> Option<String> {
    let name = written.as_ref();
    let odd = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control() || c == '"';
    if name.is_empty() || name.len() > 15 || name == "." || name == ".." || name.contains(odd) {
        let message = format!("{key} = \"{name}\" is not the name of an interface");
        faults.push(Fault::at(written.span(), message).suggest("such as \"eth0\""));
        return None;
    }
    Some(name.clone())
}

/// The interface and ports that go with a service's VIP, where the file gives one.
pub(super) fn front(
    service: &file::Service,
    vip: Option<IpNet>,
    family: Family,
    faults: &mut Vec<Fault>,
) -> Option<Front> {
    let holder = service
        .interface
        .as_ref()
        .and_then(|name| interface("interface", name, faults));
    let tcp = ports("tcp", &service.tcp, faults);
    let Some(written) = &service.vip else {
        without_a_vip(service, faults);
        return None;
    };
    match (&service.fwmark, &service.tcp) {
        (Some(_), None) => faults.push(
            Fault::at(
                written.span(),
                "a service with fwmark and vip needs ports to mark",
            )
            .suggest("add tcp = [25, 443]"),
        ),
        (Some(_), Some(list)) if list.as_ref().is_empty() => {
            faults.push(Fault::at(list.span(), "tcp is empty").suggest("write tcp = [25, 443]"));
        }
        (None, Some(list)) => faults.push(
            Fault::at(list.span(), "tcp belongs to a service with a fwmark")
                .suggest("add fwmark, or take tcp out: this service has one port"),
        ),
        _ => {}
    }
    let vip = vip?;
    if service.fwmark.is_some() && Family::of(vip.addr()) != family {
        let message = format!("vip {vip} and the servers are of two IP versions");
        faults.push(Fault::at(written.span(), message));
    }
    Some(Front {
        vip,
        interface: holder,
        tcp,
    })
}

fn without_a_vip(service: &file::Service, faults: &mut Vec<Fault>) {
    let lonely = [
        ("interface", service.interface.as_ref().map(Spanned::span)),
        ("tcp", service.tcp.as_ref().map(Spanned::span)),
    ];
    for (key, span) in lonely {
        if let Some(span) = span {
            faults.push(
                Fault::at(span, format!("{key} without vip says nothing"))
                    .suggest("add vip = \"192.168.1.35/24\""),
            );
        }
    }
}

fn ports(key: &str, written: &Placed<Vec<Spanned<i64>>>, faults: &mut Vec<Fault>) -> Vec<u16> {
    let listed = written
        .as_ref()
        .map_or(&[][..], |list| list.as_ref().as_slice());
    let mut ports = BTreeSet::new();
    for port in listed {
        match u16::try_from(*port.as_ref()) {
            Ok(number @ 1..) if !ports.insert(number) => {
                let message = format!("{key}: port {number} is listed twice");
                faults.push(Fault::at(port.span(), message).suggest("take one out"));
            }
            Ok(1..) => {}
            _ => {
                let message = format!("{key}: {} is not a port", port.as_ref());
                faults.push(Fault::at(port.span(), message).suggest("1 to 65535"));
            }
        }
    }
    ports.into_iter().collect()
}
