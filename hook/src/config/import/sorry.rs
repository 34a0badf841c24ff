//! Sorry servers: who serves when nobody else does.

use std::net::{IpAddr, SocketAddr};

use super::draft::{Service, Sorry};
use super::told::Told;
use crate::table::{Family, Forward};

/// The sorry server as a configuration can have it, with what is otherwise than it was.
pub(super) fn settled(service: &Service, told: &mut Told) -> Option<Sorry> {
    let sorry = service.sorry?;
    if let Some(why) = obstacle(&sorry, service) {
        let words = format!("the sorry server {} is left out: {why}", sorry.address);
        told.note(sorry.line, words);
        return None;
    }
    told.note(
        sorry.line,
        "the sorry server serves only while every server refuses its connections (nothing listens \
         there); when they fail in another way governess keeps the last ones instead, for then the \
         check or the director may be ill",
    );
    let port = settled_port(&sorry, service, told);
    let own = service.port();
    let forward = match sorry.address {
        // The kernel gives such packets to the machine itself, whatever the method says.
        address if is_ourselves(address) && port.is_none_or(|port| port == own) => Forward::Local,
        _ => sorry.forward,
    };
    Some(Sorry {
        port: port.filter(|port| *port != own),
        forward,
        ..sorry
    })
}

fn is_ourselves(address: IpAddr) -> bool {
    address.is_loopback()
}

fn obstacle(sorry: &Sorry, service: &Service) -> Option<&'static str> {
    let at = SocketAddr::new(sorry.address, sorry.port.unwrap_or(service.port()));
    if Family::of(sorry.address) != service.key.family() {
        return Some("it is of another IP version than its service");
    }
    if sorry.address.is_unspecified() || sorry.address.is_multicast() {
        return Some("no server has that address");
    }
    // Some write a server here that is in the pool anyway, to have one that is never taken out.
    let members = service.members.iter();
    if members
        .map(|member| SocketAddr::new(member.address, service.port()))
        .any(|member| member == at)
    {
        return Some(
            "it is a server of the service itself; governess never empties a pool, and needs no \
             such trick",
        );
    }
    None
}

/// Only NAT leads to another port than the client's.
fn settled_port(sorry: &Sorry, service: &Service, told: &mut Told) -> Option<u16> {
    let port = sorry.port?;
    if port == service.port() || sorry.forward == Forward::Nat {
        return Some(port);
    }
    let words = format!(
        "port {port} of the sorry server {} never had an effect: without NAT the port stays the \
         client's",
        sorry.address
    );
    told.note(sorry.line, words);
    None
}
