//! `fallback = ADDRESS[:PORT] [gate|masq|ipip]`

use super::Globals;
use super::real::forward_of;
use crate::config::import::draft::Sorry;
use crate::config::import::ipvsadm;
use crate::config::import::ports;
use crate::config::import::told::Told;
use crate::table::{Family, Forward, ServiceKey};

/// Reads a value. Without a method it is `gate`.
pub(super) fn read(line: usize, value: &str, told: &mut Told) -> Option<Sorry> {
    let mut words = value.split_whitespace();
    let at = words.next().unwrap_or("");
    let forward = match words.next() {
        None => Ok(Forward::Direct),
        Some(word) => forward_of(word),
    };
    let read = match (at_of(at), forward, words.next()) {
        (Some((address, port)), Ok(forward), None) => Ok(Sorry {
            line,
            address,
            port,
            forward,
        }),
        (_, Err(words), _) => Err(words),
        _ => Err(format!(
            "\"{value}\": ADDRESS[:PORT] [gate|masq|ipip] is expected; names are not resolved"
        )),
    };
    read.map_err(|words| told.refuse(line, words)).ok()
}

/// An address with or without a port, by number or by name.
fn at_of(word: &str) -> Option<(std::net::IpAddr, Option<u16>)> {
    let with_name = |(address, name): (&str, &str)| {
        let port = ports::port(name).ok().filter(|port| *port > 0)?;
        let (address, _) = ipvsadm::socket(address)?;
        Some((address, Some(port)))
    };
    ipvsadm::socket(word).or_else(|| word.rsplit_once(':').and_then(with_name))
}

/// The one that a virtual has itself; the word for it depends on the IP version.
pub(super) fn of_its_own(
    line: usize,
    (key, value): (&str, &str),
    family: Family,
    told: &mut Told,
) -> Option<Sorry> {
    let word = match family {
        Family::V4 => "fallback",
        Family::V6 => "fallback6",
    };
    if key != word {
        told.refuse(
            line,
            format!("{key} does not go with this virtual; use {word}"),
        );
        return None;
    }
    read(line, value, told)
}

/// The one that all virtuals have.
pub(super) fn of(key: &ServiceKey, globals: &Globals, told: &mut Told) -> Option<Sorry> {
    let sorry = match key.family() {
        Family::V4 => globals.fallback,
        Family::V6 => globals.fallback6,
    }?;
    if let ServiceKey::Fwmark { mark, .. } = key {
        let words = format!(
            "a fallback outside of `virtual` has no port for a mark: ldirectord never reached it \
             in service {mark}; it is taken as it was meant"
        );
        told.note(sorry.line, words);
    }
    Some(sorry)
}
