//! A step changes what it means to change and nothing else.

use super::super::merge;
use super::{natted, scheduled_by};
use crate::table::{DestinationSettings, Encapsulation, Forward, ServiceSettings};

#[test]
fn a_weight_step_keeps_what_somebody_else_set_since_it_was_decided() {
    let now = DestinationSettings {
        forward: Forward::Tunnel,
        weight: 9,
        upper_threshold: 100,
        lower_threshold: 50,
        encapsulation: Encapsulation {
            kind: 1,
            port: 6080,
            flags: 2,
        },
    };
    let merged = merge::destination(&now, &natted(1), &natted(0));
    assert_eq!(merged, DestinationSettings { weight: 0, ..now });
}

#[test]
fn every_field_of_a_destination_that_a_step_changes_is_set() {
    let from = natted(1);
    let to = DestinationSettings {
        forward: Forward::Tunnel,
        weight: 2,
        upper_threshold: 3,
        lower_threshold: 4,
        encapsulation: Encapsulation {
            kind: 1,
            port: 5,
            flags: 6,
        },
    };
    assert_eq!(merge::destination(&from, &from, &to), to);
    assert_eq!(merge::destination(&natted(77), &from, &to), to);
}

#[test]
fn every_field_of_a_service_that_a_step_changes_is_set() {
    let from = scheduled_by("rr");
    let to = ServiceSettings {
        scheduler: "wlc".to_owned(),
        persistence: Some(600),
        netmask: 0xffff_ff00,
        flags: 0x4,
        persistence_engine: Some("sip".to_owned()),
    };
    assert_eq!(merge::service(&from, &from, &to), to);
    assert_eq!(merge::service(&to, &to, &from), from);
}

#[test]
fn flags_are_merged_bit_by_bit() {
    let with = |flags| ServiceSettings {
        flags,
        ..scheduled_by("sh")
    };
    // The step turns 0x08 into 0x10; somebody else has set 0x20 meanwhile.
    let merged = merge::service(&with(0x28), &with(0x08), &with(0x10));
    assert_eq!(merged, with(0x30));
}
