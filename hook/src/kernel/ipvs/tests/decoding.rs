//! What the kernel says is understood.

use netlink_packet_core::DefaultNla;

use super::super::answer;
use super::super::destination::{self, KernelDestination};
use super::super::request::{DESTINATION, SERVICE};
use super::super::service::{self, KernelService};
use super::captured::*;
use super::{at, hex, marked, natted, scheduled_by, tcp, udp};
use crate::table::{
    Connections, DestinationSettings, Encapsulation, Family, Forward, ServiceKey, ServiceSettings,
};

const GENERIC_HEADER: usize = 4;

/// The inside of a captured message.
fn inside(captured: &str, kind: u16) -> Vec<u8> {
    let mut message = hex(captured);
    message.extend(hex(STATISTICS));
    answer::inside(&message[GENERIC_HEADER..], kind)
        .unwrap()
        .unwrap()
        .to_vec()
}

fn service(captured: &str) -> (ServiceKey, ServiceSettings) {
    let found = service::decode(&inside(captured, SERVICE))
        .unwrap()
        .unwrap();
    assert_eq!(found.unknown, [], "Linux 6.1 sends nothing unknown");
    (found.key, found.settings)
}

fn destination(captured: &str, family: Family) -> KernelDestination {
    let found = destination::decode(family, &inside(captured, DESTINATION))
        .unwrap()
        .unwrap();
    assert_eq!(found.unknown, [], "Linux 6.1 sends nothing unknown");
    found
}

#[test]
fn a_service_by_address_without_persistence_is_read() {
    let (key, settings) = service(TCP_SERVICE);
    assert_eq!(key, tcp("192.0.2.1:80"));
    assert_eq!(settings, scheduled_by("rr"));
}

#[test]
fn an_ipv6_netmask_is_a_prefix_length() {
    let (key, settings) = service(TCP_SERVICE_IPV6);
    assert_eq!(key, tcp("[2001:db8::1]:443"));
    let expected = ServiceSettings {
        persistence: Some(300),
        netmask: 64,
        ..scheduled_by("wrr")
    };
    assert_eq!(settings, expected);
}

#[test]
fn scheduler_flags_are_kept_apart_from_persistence_and_the_kernels_own() {
    let (key, settings) = service(UDP_SERVICE_WITH_SCHEDULER_FLAGS);
    assert_eq!(key, udp("192.0.2.1:53"));
    let expected = ServiceSettings {
        flags: 0x18,
        ..scheduled_by("sh")
    };
    assert_eq!(settings, expected);
}

#[test]
fn a_persistence_engine_is_read() {
    let (key, settings) = service(UDP_SERVICE_WITH_ENGINE);
    assert_eq!(key, udp("192.0.2.1:5060"));
    let expected = ServiceSettings {
        persistence: Some(60),
        persistence_engine: Some("sip".to_owned()),
        ..scheduled_by("rr")
    };
    assert_eq!(settings, expected);
}

#[test]
fn one_mark_is_two_services_ipv4_and_ipv6() {
    let (v4, settings) = service(MARKED_SERVICE);
    assert_eq!(v4, marked(80));
    assert_eq!(settings.persistence, Some(600));
    let (v6, settings) = service(MARKED_SERVICE_IPV6);
    let family = Family::V6;
    assert_eq!(v6, ServiceKey::Fwmark { family, mark: 80 });
    assert_eq!(settings.netmask, ServiceSettings::host_netmask(family));
}

#[test]
fn a_destination_by_nat_is_read_with_its_thresholds() {
    let plain = destination(NAT_DESTINATION, Family::V4);
    assert_eq!(plain.address, at("10.0.1.2:0"));
    assert_eq!(plain.destination.settings, natted(3));
    assert_eq!(plain.destination.connections, Connections::default());

    let limited = destination(NAT_DESTINATION_WITH_THRESHOLDS, Family::V4);
    let expected = DestinationSettings {
        upper_threshold: 100,
        lower_threshold: 50,
        ..natted(1)
    };
    assert_eq!(limited.destination.settings, expected);
}

#[test]
fn a_destination_by_ipv6_is_read() {
    let found = destination(NAT_DESTINATION_IPV6, Family::V6);
    assert_eq!(found.address, at("[2001:db8::a]:443"));
    assert_eq!(found.destination.settings, natted(7));
}

#[test]
fn each_forwarding_method_and_encapsulation_is_read() {
    let direct = destination(DIRECT_DESTINATION, Family::V4);
    assert_eq!(direct.destination.settings.forward, Forward::Direct);

    for (captured, kind, port, flags) in [
        (TUNNEL_DESTINATION, 0, 0, 0),
        (GUE_DESTINATION, 1, 6080, 2),
        (GRE_DESTINATION, 2, 0, 1),
    ] {
        let settings = destination(captured, Family::V4).destination.settings;
        assert_eq!(settings.forward, Forward::Tunnel);
        assert_eq!(settings.encapsulation, Encapsulation { kind, port, flags });
    }
}

#[test]
fn other_destinations_are_passed_over_before_they_are_decoded() {
    let bytes = inside(NAT_DESTINATION, DESTINATION);
    assert!(destination::may_be(at("10.0.1.2:0"), &bytes));
    assert!(!destination::may_be(at("10.0.1.2:80"), &bytes));
    assert!(!destination::may_be(at("10.0.1.3:0"), &bytes));
    assert!(!destination::may_be(at("[2001:db8::a]:0"), &bytes));
    let by_v6 = inside(NAT_DESTINATION_IPV6, DESTINATION);
    assert!(destination::may_be(at("[2001:db8::a]:443"), &by_v6));
    assert!(!destination::may_be(at("[2001:db8::b]:443"), &by_v6));
}

#[test]
fn connections_are_counted() {
    let mut bytes = inside(NAT_DESTINATION, DESTINATION);
    for (kind, count) in [(7u16, 5u32), (8, 6), (9, 7)] {
        let head = [8u16.to_ne_bytes(), kind.to_ne_bytes()].concat();
        let place = bytes.windows(4).position(|four| four == head).unwrap();
        bytes[place + 4..place + 8].copy_from_slice(&count.to_ne_bytes());
    }
    let found = destination::decode(Family::V4, &bytes).unwrap().unwrap();
    let expected = Connections {
        active: 5,
        inactive: 6,
        persistent: 7,
    };
    assert_eq!(found.destination.connections, expected);
}

#[test]
fn a_destination_without_its_own_family_has_that_of_the_service() {
    let named = inside(NAT_DESTINATION, DESTINATION);
    let family_attribute = hex("06000b00 02000000");
    let place = named
        .windows(8)
        .position(|eight| eight == family_attribute)
        .unwrap();
    let old_kernel = [&named[..place], &named[place + 8..]].concat();
    let found = destination::decode(Family::V4, &old_kernel).unwrap();
    assert_eq!(found.unwrap().address, at("10.0.1.2:0"));
}

#[test]
fn attributes_of_a_later_kernel_are_kept_and_are_no_error() {
    let later = DefaultNla::new(77, vec![1, 2, 3]);

    let mut bytes = inside(TCP_SERVICE, SERVICE);
    bytes.extend(hex("07004d00 01020300"));
    let KernelService { unknown, .. } = service::decode(&bytes).unwrap().unwrap();
    assert_eq!(unknown, std::slice::from_ref(&later));

    let mut bytes = inside(NAT_DESTINATION, DESTINATION);
    bytes.extend(hex("07004d00 01020300"));
    let found = destination::decode(Family::V4, &bytes).unwrap().unwrap();
    assert_eq!(found.unknown, [later]);
}

#[test]
fn a_service_that_has_no_name_here_is_left_out_and_hides_no_other() {
    for (what, from, to) in [
        ("protocol ESP", "06000200 06000000", "06000200 32000000"),
        ("family AF_UNIX", "06000100 02000000", "06000100 01000000"),
    ] {
        let captured = TCP_SERVICE
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace(from, to);
        let decoded = service::decode(&inside(&captured, SERVICE)).unwrap();
        assert_eq!(decoded, None, "{what}");
    }
}

#[test]
fn an_error_names_the_attribute_and_shows_its_bytes() {
    let short_weight = hex(
        "14000100 0a000101 00000000 00000000 00000000 06000200 00500000 \
         06000400 01000000",
    );
    let error = destination::decode(Family::V4, &short_weight)
        .unwrap_err()
        .to_string();
    assert!(error.contains("IPVS_DEST_ATTR_WEIGHT"), "{error}");
    assert!(error.contains("[01, 00]"), "{error}");

    let missing = hex("06000100 02000000 08000500 50000000");
    let error = service::decode(&missing).unwrap_err().to_string();
    assert!(error.contains("IPVS_SVC_ATTR_FLAGS is missing"), "{error}");
}

#[test]
fn the_number_of_the_family_is_found_in_the_controllers_reply() {
    // CTRL_ATTR_FAMILY_NAME "IPVS", then CTRL_ATTR_FAMILY_ID 0x20.
    let reply = hex("09000200 49505653 00000000 06000100 20000000");
    assert_eq!(answer::family_id(&reply).unwrap(), 0x20);
    assert!(answer::family_id(&reply[..12]).is_err());
}
