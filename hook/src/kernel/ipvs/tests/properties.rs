//! For every table, and for any bytes at all.

use std::net::{IpAddr, SocketAddr};

use netlink_packet_core::{DefaultNla, Emitable};
use proptest::prelude::*;

use super::super::answer;
use super::super::request::{DESTINATION, Request, SERVICE};
use super::super::{destination, service};
use crate::table::{
    DestinationSettings, Encapsulation, Family, Forward, Protocol, ServiceKey, ServiceSettings,
};

const NETLINK_AND_GENERIC_HEADER: usize = 20;

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::V4), Just(Family::V6)]
}

fn socket() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        Just(Protocol::Tcp),
        Just(Protocol::Udp),
        Just(Protocol::Sctp)
    ]
}

fn key() -> impl Strategy<Value = ServiceKey> {
    prop_oneof![
        (family(), 1..=u32::MAX).prop_map(|(family, mark)| ServiceKey::Fwmark { family, mark }),
        (protocol(), socket())
            .prop_map(|(protocol, socket)| ServiceKey::Address { protocol, socket }),
    ]
}

prop_compose! {
    fn service_settings()(
        scheduler in "[a-z]{1,15}",
        persistence in any::<Option<u32>>(),
        netmask: u32,
        flags: u32,
        persistence_engine in proptest::option::of("[a-z]{1,15}"),
    ) -> ServiceSettings {
        // Bits 0 and 1 are persistence and the kernel's own.
        ServiceSettings { scheduler, persistence, netmask, flags: flags & !3, persistence_engine }
    }
}

prop_compose! {
    fn destination_settings()(
        forward in prop_oneof![
            Just(Forward::Nat), Just(Forward::Local), Just(Forward::Tunnel),
            Just(Forward::Direct), Just(Forward::Bypass),
        ],
        weight: u32,
        upper_threshold: u32,
        lower_threshold: u32,
        kind: u8,
        port: u16,
        flags: u16,
    ) -> DestinationSettings {
        let encapsulation = Encapsulation { kind, port, flags };
        DestinationSettings { forward, weight, upper_threshold, lower_threshold, encapsulation }
    }
}

/// Attributes that look like some, with the numbers that IPVS uses and a few more.
fn attributes() -> impl Strategy<Value = Vec<u8>> {
    let attribute = (0u16..20, proptest::collection::vec(any::<u8>(), 0..20))
        .prop_map(|(kind, value)| DefaultNla::new(kind, value));
    proptest::collection::vec(attribute, 0..16).prop_map(|attributes| {
        let attributes = attributes.as_slice();
        let mut bytes = vec![0; attributes.buffer_len()];
        attributes.emit(&mut bytes);
        bytes
    })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..200), attributes()]
}

proptest! {
    #[test]
    fn a_service_survives_the_way_to_the_kernel_and_back(
        service in key(),
        settings in service_settings(),
        unknown in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let unknown = vec![DefaultNla::new(300, unknown)];
        let message = Request::set_service(&service, &settings, &unknown).unwrap().encode(32, 1);
        let attributes = &message[NETLINK_AND_GENERIC_HEADER..];
        let inner = answer::inside(attributes, SERVICE).unwrap().unwrap();
        let found = service::decode(inner).unwrap().unwrap();
        prop_assert_eq!(found.key, service);
        prop_assert_eq!(found.settings, settings);
        prop_assert_eq!(found.unknown, unknown);
    }

    #[test]
    fn a_destination_survives_the_way_to_the_kernel_and_back(
        service in key(),
        address in socket(),
        settings in destination_settings(),
        unknown in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let unknown = vec![DefaultNla::new(300, unknown)];
        let request = Request::set_destination(&service, address, &settings, &unknown).unwrap();
        let message = request.encode(32, 1);
        let attributes = &message[NETLINK_AND_GENERIC_HEADER..];
        let inner = answer::inside(attributes, DESTINATION).unwrap().unwrap();
        let found = destination::decode(service.family(), inner).unwrap().unwrap();
        prop_assert!(destination::may_be(address, inner));
        prop_assert_eq!(found.address, address);
        prop_assert_eq!(found.destination.settings, settings);
        prop_assert_eq!(found.unknown, unknown);
    }

    #[test]
    fn no_bytes_make_the_decoders_panic(bytes in bytes(), family in family()) {
        let _ = service::decode(&bytes);
        let _ = destination::decode(family, &bytes);
        let _ = destination::may_be(([10, 0, 1, 1], 80).into(), &bytes);
        let _ = answer::inside(&bytes, SERVICE);
        let _ = answer::family_id(&bytes);
    }
}
