//! What stands in the way of an address is named, with what to do about it.

use super::*;
use crate::kernel::address::Mac;
use crate::setup::WantedAddress;

fn interface(name: &str, addresses: &[&str]) -> Interface {
    Interface {
        index: 2,
        name: name.to_owned(),
        link: Link::Up,
        mac: Some(Mac([2, 0, 0, 0, 0, 1])),
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

fn vip(interface: &str, address: &str) -> Claim {
    Claim {
        wanted: WantedAddress {
            interface: interface.to_owned(),
            address: address.parse().unwrap(),
            purpose: "VIP of exchange".to_owned(),
        },
        role: Role::Vip,
    }
}

fn gateway(interface: &str, address: &str) -> Claim {
    Claim {
        role: Role::Gateway,
        ..vip(interface, address)
    }
}

fn words(claims: &[Claim], interfaces: &[Interface]) -> Vec<String> {
    preflight(claims, interfaces)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_vip_in_a_network_of_its_interface_is_fine_whatever_its_prefix() {
    let eth0 = [interface("eth0", &["192.168.1.1/24", "2001:db8::1/64"])];
    for address in ["192.168.1.35/24", "192.168.1.35/32", "2001:db8::35/128"] {
        assert_eq!(words(&[vip("eth0", address)], &eth0), [""; 0]);
    }
}

#[test]
fn a_wrong_interface_name_is_corrected() {
    let there = [interface("lo", &[]), interface("eth0", &["192.168.1.1/24"])];
    assert_eq!(
        words(&[vip("etho", "192.168.1.35/24")], &there),
        ["VIP of exchange 192.168.1.35/24: there is no interface etho; did you mean eth0?"]
    );
}

#[test]
fn an_interface_that_resembles_none_is_answered_with_all_names() {
    let there = [interface("lo", &[]), interface("eth0", &[])];
    let said = words(&[vip("bond-inside", "192.168.1.35/24")], &there);
    assert!(said[0].contains("only lo, eth0;"), "{said:?}");
}

#[test]
fn a_vip_outside_the_networks_of_its_interface_is_told_with_them() {
    let eth0 = [interface(
        "eth0",
        &["192.168.1.1/24", "fe80::1/64", "10.9.0.1/16"],
    )];
    let said = words(&[vip("eth0", "192.168.2.35/24")], &eth0);
    assert!(
        said[0]
            .contains("in no network of interface eth0, which is in 10.9.0.0/16, 192.168.1.0/24;"),
        "{said:?}"
    );
}

#[test]
fn the_vip_itself_and_other_families_are_no_network() {
    let eth0 = [interface("eth0", &["2001:db8::1/64"])];
    let said = words(&[vip("eth0", "192.168.1.35/24")], &eth0);
    assert!(said[0].contains("no address of that family"), "{said:?}");
}

#[test]
fn a_gateway_may_bring_its_network_and_vips_may_lie_in_it() {
    let eth1 = [interface("eth1", &[])];
    let claims = [
        gateway("eth1", "10.0.1.254/24"),
        vip("eth1", "10.0.1.50/32"),
    ];
    assert_eq!(words(&claims, &eth1), [""; 0]);
    assert_eq!(words(&claims[1..], &eth1).len(), 1);
}

#[test]
fn an_interface_that_is_down_or_without_carrier_is_told_even_if_it_has_the_address() {
    let mut eth0 = interface("eth0", &["192.168.1.1/24", "192.168.1.35/24"]);
    eth0.link = Link::Down;
    let claim = [vip("eth0", "192.168.1.35/24")];
    let said = words(&claim, std::slice::from_ref(&eth0));
    assert!(said[0].contains("`ip link set eth0 up`"), "{said:?}");
    eth0.link = Link::NoCarrier;
    let said = words(&claim, &[eth0]);
    assert!(said[0].contains("no carrier"), "{said:?}");
}

#[test]
fn an_address_that_another_interface_of_ours_has_is_not_added_twice() {
    let there = [
        interface("eth0", &["192.168.1.1/24"]),
        interface("eth1", &["192.168.1.35/32"]),
    ];
    let said = words(&[vip("eth0", "192.168.1.35/24")], &there);
    assert!(said[0].contains("dev eth1"), "{said:?}");
}

#[test]
fn only_addresses_that_are_not_there_are_missing() {
    let there = [interface("eth0", &["192.168.1.1/24", "192.168.1.35/32"])];
    let claims = [
        vip("eth0", "192.168.1.35/24"),
        vip("eth0", "192.168.1.36/24"),
    ];
    let address = claims[1].wanted.clone();
    assert_eq!(missing(&claims, &there), [HostStep::AddAddress { address }]);
}
