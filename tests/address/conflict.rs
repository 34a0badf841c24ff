//! Another machine holds the address, before or after us.

use std::net::UdpSocket;

use hook::kernel::address::keeper::{Change, Timing};

use super::world::{NEIGHBOUR, QUICK, VIP, VIP6, World, bytes, vip};

#[test]
fn an_address_that_another_machine_holds_is_not_taken_until_it_lets_go() {
    let world = World::new();
    for address in [VIP, VIP6] {
        world
            .neighbour
            .ip(&format!("addr add {address} dev eth0 {}", nodad(address)));
        let mut kept = world.keep(vec![vip(address)], QUICK);
        let holder = NEIGHBOUR;
        assert_eq!(kept.next(), Change::Conflict { holder }, "{address}");
        let shown = world.director.ip("-o addr show dev eth0");
        assert!(!shown.contains(address), "{shown}");
        world.neighbour.ip(&format!("addr del {address} dev eth0"));
        assert_eq!(kept.next(), Change::ConflictEnded);
        assert_eq!(kept.next(), Change::Added);
    }
}

fn nodad(address: &str) -> &'static str {
    if address.contains(':') { "nodad" } else { "" }
}

#[test]
fn our_own_second_interface_on_the_same_segment_is_no_other_holder() {
    let world = World::new();
    // Both ends of a cable are ours: eth2 answers for the addresses of eth1, with its own MAC.
    world.director.ip("link add eth1 type veth peer name eth2");
    world.director.ip("link set eth1 up");
    world.director.ip("link set eth2 up");
    world.director.ip("addr add 192.168.8.1/24 dev eth1");
    world.director.ip("addr add 192.168.8.35/32 dev eth1");
    let mut claim = vip("192.168.8.35/32");
    claim.wanted.interface = "eth1".to_owned();
    let timing = Timing {
        refresh: QUICK.retry,
        ..QUICK
    };
    let mut wanted = vip(VIP);
    wanted.wanted.purpose = "a second one, whose events come after the first was judged".to_owned();
    let mut kept = world.keep(vec![claim, wanted], timing);
    assert_eq!(kept.next(), Change::Found);
    assert_eq!(kept.next(), Change::Added);
    world.director.ip(&format!("addr del {VIP} dev eth0"));
    assert_eq!(kept.next(), Change::Repaired);
}

#[test]
fn a_machine_that_uses_our_address_later_is_told_and_answered() {
    let world = World::new();
    let mut kept = world.keep(vec![vip(VIP)], QUICK);
    assert_eq!(kept.next(), Change::Added);
    let request = bytes(
        "ffffffffffff 02000000000a 0806
         0001080006040001 02000000000a c0a80723 000000000000 c0a80723",
    );
    let mut wire = world.listen();
    // Past the first announcements: what follows is an answer.
    for _ in 0..4 {
        wire.until(|frame| *frame == request);
    }
    world.neighbour.ip(&format!("addr add {VIP} dev eth0"));
    let mut wire = world.listen();
    world.neighbour.within(|| {
        // The neighbour's kernel looks for .99, and says who asks.
        let socket = UdpSocket::bind("192.168.7.35:0").unwrap();
        let _ = socket.send_to(b"?", "192.168.7.99:9");
    });
    let holder = NEIGHBOUR;
    assert_eq!(kept.next(), Change::Contested { holder });
    wire.until(|frame| *frame == request);
    let shown = world.director.ip("-o -4 addr show dev eth0");
    assert!(shown.contains(VIP), "it is kept: {shown}");
}

#[test]
fn a_second_holder_that_says_nothing_is_found_when_the_announcement_is_refreshed() {
    let timing = Timing {
        refresh: QUICK.retry,
        ..QUICK
    };
    for address in [VIP, VIP6] {
        let world = World::new();
        let mut kept = world.keep(vec![vip(address)], timing);
        assert_eq!(kept.next(), Change::Added);
        world
            .neighbour
            .ip(&format!("addr add {address} dev eth0 {}", nodad(address)));
        let holder = NEIGHBOUR;
        assert_eq!(kept.next(), Change::Contested { holder }, "{address}");
        world.neighbour.ip(&format!("addr del {address} dev eth0"));
        assert_eq!(kept.next(), Change::ConflictEnded);
    }
}
