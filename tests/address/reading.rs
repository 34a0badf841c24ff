//! Interfaces and addresses as `ip` sees them, both ways.

use hook::kernel::address::{Addresses, Interface, KernelAddresses, Link, Role};

use super::world::{DIRECTOR, VIP, VIP6, World};

fn interfaces(world: &World) -> Vec<Interface> {
    world
        .director
        .within(|| KernelAddresses::new().interfaces())
        .unwrap()
}

fn named(world: &World, name: &str) -> Interface {
    let found = interfaces(world).into_iter().find(|it| it.name == name);
    found.unwrap_or_else(|| panic!("no interface {name}"))
}

#[test]
fn interfaces_are_read_with_everything_that_ip_set() {
    let world = World::new();
    let eth0 = named(&world, "eth0");
    let index = world.director.ip("-o link show dev eth0");
    assert!(index.starts_with(&format!("{}:", eth0.index)), "{index}");
    assert_eq!(eth0.mac, Some(DIRECTOR));
    assert_eq!(eth0.link, Link::Up);
    for address in ["192.168.7.1/24", "2001:db8:7::1/64"] {
        assert!(
            eth0.addresses.contains(&address.parse().unwrap()),
            "{eth0:?}"
        );
    }
    assert_eq!(named(&world, "lo").mac, None);
}

#[test]
fn an_interface_without_carrier_and_one_that_is_down_are_told_apart() {
    let world = World::new();
    world.neighbour.ip("link set eth0 down");
    assert_eq!(named(&world, "eth0").link, Link::NoCarrier);
    world.director.ip("link set eth0 down");
    assert_eq!(named(&world, "eth0").link, Link::Down);
}

#[test]
fn many_interfaces_are_read_whole() {
    let world = World::new();
    for number in 0..40 {
        world.director.ip(&format!(
            "link add many{number} type veth peer name manyother{number}"
        ));
    }
    let many = interfaces(&world);
    let found = many.iter().filter(|it| it.name.starts_with("many"));
    assert_eq!(found.count(), 80);
}

#[test]
fn adding_twice_and_deleting_twice_is_no_error() {
    let world = World::new();
    let eth0 = named(&world, "eth0");
    for address in [VIP, VIP6] {
        let network = address.parse().unwrap();
        world.director.within(|| {
            let mut kernel = KernelAddresses::new();
            kernel.add(&eth0, network, Role::Vip).unwrap();
            kernel.add(&eth0, network, Role::Vip).unwrap();
        });
        let shown = world.director.ip("-o addr show dev eth0");
        assert_eq!(shown.matches(&format!(" {address} ")).count(), 1, "{shown}");
        world.director.within(|| {
            let mut kernel = KernelAddresses::new();
            kernel.delete(&eth0, network).unwrap();
            kernel.delete(&eth0, network).unwrap();
        });
        let shown = world.director.ip("-o addr show dev eth0");
        assert!(!shown.contains(address), "{shown}");
    }
}

#[test]
fn an_interface_that_is_gone_is_an_error_for_adding_and_none_for_deleting() {
    let world = World::new();
    let eth0 = named(&world, "eth0");
    world.director.ip("link del eth0");
    let mut kernel = KernelAddresses::new();
    let network = VIP.parse().unwrap();
    let error = world
        .director
        .within(|| kernel.add(&eth0, network, Role::Vip))
        .unwrap_err()
        .to_string();
    assert!(error.contains("add 192.168.7.35/24 to eth0"), "{error}");
    let mut kernel = KernelAddresses::new();
    let deleted = world.director.within(|| kernel.delete(&eth0, network));
    assert!(deleted.is_ok(), "{deleted:?}");
}
