//! Addresses that nobody else holds: taken, announced, put back.

use std::net::{SocketAddr, UdpSocket};

use hook::kernel::address::keeper::{Change, Timing};

use super::world::{DIRECTOR_MAC, QUICK, VIP, VIP6, World, bytes, gateway, vip};

/// Who has 192.168.7.35? Asked from address 0.
const PROBE: &str = "ffffffffffff 02000000000a 0806
    0001080006040001 02000000000a 00000000 000000000000 c0a80723";
/// Gratuitous ARP, as request and as reply.
const REQUEST: &str = "ffffffffffff 02000000000a 0806
    0001080006040001 02000000000a c0a80723 000000000000 c0a80723";
const REPLY: &str = "ffffffffffff 02000000000a 0806
    0001080006040002 02000000000a c0a80723 02000000000a c0a80723";

fn count(frames: &[Vec<u8>], wanted: &str) -> usize {
    let wanted = bytes(wanted);
    frames.iter().filter(|frame| **frame == wanted).count()
}

#[test]
fn a_vip_is_asked_for_three_times_added_with_its_prefix_and_announced_in_both_forms() {
    let world = World::new();
    let mut wire = world.listen();
    let mut kept = world.keep(vec![vip(VIP)], QUICK);
    assert_eq!(kept.next(), Change::Added);
    let shown = world.director.ip("-o -4 addr show dev eth0");
    assert!(shown.contains(&format!("inet {VIP} ")), "{shown}");
    let reply = bytes(REPLY);
    let frames = wire.until(|frame| *frame == reply);
    assert_eq!(count(&frames, PROBE), 3);
    assert_eq!(count(&frames, REQUEST), 1);
    let announced = frames.iter().position(|frame| *frame == bytes(REQUEST));
    let asked = frames.iter().rposition(|frame| *frame == bytes(PROBE));
    assert!(asked < announced, "asked before announced");
}

#[test]
fn a_vip_without_a_prefix_of_its_own_stays_one_address() {
    let world = World::new();
    let mut kept = world.keep(vec![vip("192.168.7.35/32")], QUICK);
    assert_eq!(kept.next(), Change::Added);
    let shown = world.director.ip("-o -4 addr show dev eth0");
    assert!(shown.contains("inet 192.168.7.35/32 "), "{shown}");
}

#[test]
fn a_neighbour_with_an_old_entry_learns_from_the_announcement() {
    let world = World::new();
    for address in ["192.168.7.35", "2001:db8:7::35"] {
        let old = format!("neigh replace {address} lladdr 02:00:00:00:00:99 nud stale dev eth0");
        world.neighbour.ip(&old);
    }
    let mut wire = world.listen();
    let mut kept = world.keep(vec![vip(VIP), vip(VIP6)], QUICK);
    assert_eq!(kept.next(), Change::Added);
    assert_eq!(kept.next(), Change::Added);
    for (address, kind) in [("192.168.7.35", [8, 6]), ("2001:db8:7::35", [0x86, 0xdd])] {
        // The neighbour's kernel has read a frame before it is seen here, so once the second
        // announcement is seen the first was judged.
        for _ in 0..2 {
            wire.until(|frame| frame[12..14] == kind && is_announcement(frame));
        }
        let entry = world.neighbour.ip(&format!("neigh show {address}"));
        assert!(entry.contains(DIRECTOR_MAC), "{address}: {entry}");
    }
}

/// Gratuitous ARP as reply, or an advertisement that overrides.
fn is_announcement(frame: &[u8]) -> bool {
    match frame[12..14] {
        [8, 6] => frame[21] == 2,
        _ => frame[54] == 136 && frame[58] == 0x20,
    }
}

#[test]
fn an_unsolicited_advertisement_goes_to_all_nodes_with_everything_it_needs() {
    let world = World::new();
    let mut wire = world.listen();
    let _kept = world.keep(vec![vip(VIP6)], QUICK);
    let frames = wire.until(|frame| frame[12..14] == [0x86, 0xdd] && frame[54] == 136);
    let frame = frames.last().unwrap();
    let before_checksum = "333300000001 02000000000a 86dd
        6000000000203aff 20010db8000700000000000000000035 ff020000000000000000000000000001
        8800";
    let behind_checksum = "20000000 20010db8000700000000000000000035 020102000000000a";
    assert_eq!(frame[..56], bytes(before_checksum));
    assert_eq!(frame[58..], bytes(behind_checksum));
}

#[test]
fn a_director_that_forwards_ipv6_announces_itself_as_a_router() {
    let world = World::new();
    world.director.sysctl("net.ipv6.conf.eth0.forwarding", "1");
    let mut wire = world.listen();
    let _kept = world.keep(vec![vip(VIP6)], QUICK);
    let frames = wire.until(|frame| {
        frame[12..14] == [0x86, 0xdd] && frame[54] == 136 && frame[..6] == [0x33, 0x33, 0, 0, 0, 1]
    });
    assert_eq!(frames.last().unwrap()[58], 0xa0);
}

#[test]
fn an_ipv6_vip_is_usable_at_once_and_is_not_the_source_of_our_own_connections() {
    let world = World::new();
    let mut kept = world.keep(vec![vip(VIP6)], QUICK);
    assert_eq!(kept.next(), Change::Added);
    let bound = world
        .director
        .within(|| UdpSocket::bind(SocketAddr::from(([0x2001, 0xdb8, 7, 0, 0, 0, 0, 0x35], 0))));
    assert!(bound.is_ok(), "{bound:?}");
    let shown = world.director.ip("-o -6 addr show dev eth0");
    let line = shown.lines().find(|line| line.contains(VIP6)).unwrap();
    assert!(!line.contains("tentative"), "{line}");
    assert!(line.contains("valid_lft forever"), "{line}");
    let route = world.director.ip("-6 route get 2001:db8:7::36");
    assert!(route.contains("src 2001:db8:7::1 "), "{route}");
}

#[test]
fn a_gateway_brings_its_network_along() {
    let world = World::new();
    for family in ["-4", "-6"] {
        world
            .director
            .ip(&format!("{family} addr flush dev eth0 scope global"));
    }
    let claims = vec![
        gateway("10.0.1.254/24"),
        vip("10.0.1.50/32"),
        gateway("2001:db8:1::fe/64"),
    ];
    let mut kept = world.keep(claims, QUICK);
    for _ in 0..3 {
        assert_eq!(kept.next(), Change::Added);
    }
    let routes = world.director.ip("route show dev eth0");
    assert!(routes.contains("10.0.1.0/24"), "{routes}");
    let route = world.director.ip("-6 route get 2001:db8:1::7");
    assert!(route.contains("src 2001:db8:1::fe "), "{route}");
}

#[test]
fn a_deleted_address_comes_back_and_is_announced_again() {
    let world = World::new();
    let mut kept = world.keep(vec![vip(VIP), vip(VIP6)], QUICK);
    assert_eq!(kept.next(), Change::Added);
    assert_eq!(kept.next(), Change::Added);
    let mut wire = world.listen();
    for address in [VIP, VIP6] {
        world.director.ip(&format!("addr del {address} dev eth0"));
        assert_eq!(kept.next(), Change::Repaired);
        let shown = world.director.ip("-o addr show dev eth0");
        assert!(shown.contains(&format!(" {address} ")), "{shown}");
    }
    let reply = bytes(REPLY);
    wire.until(|frame| *frame == reply);
}

#[test]
fn an_interface_that_loses_all_addresses_gets_them_back() {
    let world = World::new();
    let mut kept = world.keep(vec![vip(VIP), vip(VIP6)], QUICK);
    assert_eq!(kept.next(), Change::Added);
    assert_eq!(kept.next(), Change::Added);
    // The kernel drops IPv6 addresses with the link, and keeps IPv4's.
    world.director.ip("link set eth0 down");
    for _ in 0..2 {
        let change = kept.next();
        assert!(
            matches!(&change, Change::Failed { words } if words.contains("`ip link set eth0 up`")),
            "{change:?}"
        );
    }
    world
        .director
        .ip("addr add 2001:db8:7::1/64 dev eth0 nodad");
    world.director.ip("link set eth0 up");
    let mut changes = [kept.next(), kept.next(), kept.next()];
    changes.sort_by_key(|change| *change != Change::Repaired);
    assert_eq!(
        changes,
        [Change::Repaired, Change::FailureEnded, Change::FailureEnded]
    );
}

#[test]
fn addresses_that_are_there_at_the_start_are_kept_and_announced() {
    let world = World::new();
    world.director.ip(&format!("addr add {VIP} dev eth0"));
    let mut wire = world.listen();
    let mut kept = world.keep(vec![vip(VIP)], QUICK);
    assert_eq!(kept.next(), Change::Found);
    let reply = bytes(REPLY);
    wire.until(|frame| *frame == reply);
}

#[test]
fn an_announcement_is_refreshed() {
    let world = World::new();
    let timing = Timing {
        refresh: QUICK.retry,
        ..QUICK
    };
    let mut wire = world.listen();
    let _kept = world.keep(vec![vip(VIP)], timing);
    let reply = bytes(REPLY);
    for _ in 0..8 {
        wire.until(|frame| *frame == reply);
    }
}

#[test]
fn the_addresses_stay_when_the_keeper_stops() {
    let world = World::new();
    let mut kept = world.keep(vec![vip(VIP)], QUICK);
    assert_eq!(kept.next(), Change::Added);
    drop(kept);
    let shown = world.director.ip("-o -4 addr show dev eth0");
    assert!(shown.contains(VIP), "{shown}");
}

#[test]
fn without_a_carrier_nothing_is_taken_until_it_comes_back() {
    let world = World::new();
    world.neighbour.ip("link set eth0 down");
    let mut kept = world.keep(vec![vip(VIP)], QUICK);
    let change = kept.next();
    assert!(
        matches!(&change, Change::Failed { words } if words.contains("no carrier")),
        "{change:?}"
    );
    world.neighbour.ip("link set eth0 up");
    assert_eq!(kept.next(), Change::Added);
    assert_eq!(kept.next(), Change::FailureEnded);
}

#[test]
fn an_interface_that_comes_later_is_waited_for() {
    let world = World::new();
    world.director.ip("link set eth0 down");
    world.director.ip("link set eth0 name wan0");
    let mut kept = world.keep(vec![vip(VIP)], QUICK);
    let change = kept.next();
    assert!(
        matches!(&change, Change::Failed { words } if words.contains("there is no interface eth0")),
        "{change:?}"
    );
    world.director.ip("link set wan0 name eth0");
    let change = kept.next();
    assert!(matches!(&change, Change::Failed { words } if words.contains("is down")));
    world.director.ip("link set eth0 up");
    assert_eq!(kept.next(), Change::Added);
    assert_eq!(kept.next(), Change::FailureEnded);
}

#[test]
fn where_ipv6_is_off_the_question_is_asked() {
    let world = World::new();
    let mut kept = world.keep(vec![vip(VIP6)], QUICK);
    assert_eq!(kept.next(), Change::Added);
    world
        .director
        .sysctl("net.ipv6.conf.eth0.disable_ipv6", "1");
    let change = kept.next();
    assert!(
        matches!(&change, Change::Failed { words } if words.contains("no address of that family")),
        "{change:?}"
    );
    drop(kept);
    let mut kept = world.keep(vec![gateway("2001:db8:7::fe/64")], QUICK);
    let change = kept.next();
    assert!(
        matches!(&change, Change::Failed { words }
            if words.contains("is ipv6 enabled in the kernel?")
                && words.contains("net.ipv6.conf.eth0.disable_ipv6")),
        "{change:?}"
    );
}
