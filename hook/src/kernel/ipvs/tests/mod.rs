//! Tests of the pure parts: bytes captured from a kernel, round trips, and any bytes at all.

mod captured;
mod decoding;
mod encoding;
mod merging;
mod operations;
mod properties;

use std::net::SocketAddr;

use crate::table::{
    DestinationSettings, Encapsulation, Family, Forward, Protocol, ServiceKey, ServiceSettings,
};

/// Bytes from their hexadecimal form; blanks are allowed.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| character.to_digit(16).unwrap() as u8)
        .collect();
    assert!(digits.len().is_multiple_of(2));
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn marked(mark: u32) -> ServiceKey {
    let family = Family::V4;
    ServiceKey::Fwmark { family, mark }
}

fn tcp(socket: &str) -> ServiceKey {
    ServiceKey::Address {
        protocol: Protocol::Tcp,
        socket: at(socket),
    }
}

fn udp(socket: &str) -> ServiceKey {
    ServiceKey::Address {
        protocol: Protocol::Udp,
        socket: at(socket),
    }
}

fn at(socket: &str) -> SocketAddr {
    socket.parse().unwrap()
}

pub(super) fn scheduled_by(scheduler: &str) -> ServiceSettings {
    ServiceSettings {
        scheduler: scheduler.to_owned(),
        persistence: None,
        netmask: u32::MAX,
        flags: 0,
        persistence_engine: None,
    }
}

pub(super) fn natted(weight: u32) -> DestinationSettings {
    DestinationSettings {
        forward: Forward::Nat,
        weight,
        upper_threshold: 0,
        lower_threshold: 0,
        encapsulation: Encapsulation::default(),
    }
}
