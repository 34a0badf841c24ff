//! Judges `[nat]` and the management VIPs, and that no address or mark has two meanings.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use toml::Spanned;

use super::super::fault::Fault;
use super::super::file;
use super::super::{Management, Nat, Server, ServerId, VirtualService};
use super::{address, not_yet, number};
use crate::table::{Family, ServiceKey};

pub(super) fn judge(
    written: &file::Nat,
    services: &[VirtualService],
    faults: &mut Vec<Fault>,
) -> Option<Nat> {
    not_yet(faults, "hairpin", &written.hairpin);
    let mut interface = |key: &str, name: &file::Placed<String>| match name {
        Some(name) => address::interface(key, name, faults),
        None => {
            let message = format!("[nat] has no {key} interface");
            faults.push(Fault::at(0..0, message).suggest(format!("add {key} = \"eth1\"")));
            None
        }
    };
    let inside = interface("inside", &written.inside);
    let outside = interface("outside", &written.outside);
    let gateway = written
        .gateway
        .as_ref()
        .and_then(|net| address::with_prefix("gateway", net, faults));
    let masquerade = written
        .masquerade
        .as_ref()
        .is_some_and(|wanted| *wanted.as_ref());
    if let (Some(wanted), true, None) = (&written.masquerade, masquerade, &written.gateway) {
        faults.push(
            Fault::at(
                wanted.span(),
                "masquerade needs the gateway: its network is the inside one",
            )
            .suggest("add gateway = \"10.0.1.254/24\""),
        );
    }
    let source = written.source.as_ref().and_then(|source| {
        let judged = source_of(source, gateway, services);
        if masquerade || judged.is_err() {
            return judged.map_err(|fault| faults.push(fault)).ok();
        }
        let message = "source is the address for masquerade, which is not asked for";
        faults.push(Fault::at(source.span(), message).suggest("add masquerade = true"));
        None
    });
    Some(Nat {
        inside: inside?,
        outside: outside?,
        gateway,
        masquerade,
        source,
    })
}

/// The address for the servers' own connections: one that we hold whenever we hold the gateway. A
/// management VIP is none, for all that comes to it is marked for one server.
fn source_of(
    written: &Spanned<String>,
    gateway: Option<IpNet>,
    services: &[VirtualService],
) -> Result<IpAddr, Fault> {
    let text = written.as_ref();
    let fronts = services.iter().filter_map(|service| service.front.as_ref());
    let vips: Vec<IpAddr> = fronts.map(|front| front.vip.addr()).collect();
    let refused = |why: &str| {
        let vip = vips
            .first()
            .map_or("192.168.1.35".to_owned(), IpAddr::to_string);
        Fault::at(written.span(), format!("source = \"{text}\" {why}"))
            .suggest(format!("such as source = \"{vip}\""))
    };
    match text.parse::<IpAddr>() {
        Ok(address) if !vips.contains(&address) => Err(refused("is not the vip of a service")),
        Ok(address) if gateway.is_some_and(|net| Family::of(net.addr()) != Family::of(address)) => {
            Err(refused("and the gateway are of two IP versions"))
        }
        Ok(address) => Ok(address),
        Err(_) => Err(refused("is not an address")),
    }
}

/// The servers with their management VIPs, once services and `[nat]` are known.
pub(super) fn with_management(
    servers: Vec<Server>,
    file: &file::File,
    services: &[VirtualService],
    nat: Option<&Nat>,
    faults: &mut Vec<Fault>,
) -> Vec<Server> {
    let mut taken = Taken::by(services, nat);
    let judged = servers.into_iter().zip(file.servers.iter()).enumerate();
    judged
        .map(|(id, (server, (name, written)))| {
            let management = written.management.as_ref().and_then(|management| {
                let holder = holder(ServerId(id), services, nat);
                let judged = judge_management(name, management, holder, &server, faults)?;
                taken.claim(name, management, &judged, faults);
                Some(judged)
            });
            Server {
                management: management.map(Box::new),
                ..server
            }
        })
        .collect()
}

/// The interface that a server's management VIP belongs to unless it says so itself: that of a
/// service the server is in, else the outside one.
fn holder(server: ServerId, services: &[VirtualService], nat: Option<&Nat>) -> Option<String> {
    services
        .iter()
        .filter(|service| service.servers.contains(&server))
        .find_map(|service| service.front.as_ref()?.interface.clone())
        .or_else(|| nat.map(|nat| nat.outside.clone()))
}

fn judge_management(
    name: &Spanned<String>,
    written: &Spanned<file::Management>,
    holder: Option<String>,
    server: &Server,
    faults: &mut Vec<Fault>,
) -> Option<Management> {
    let inner = written.as_ref();
    let (Some(vip), Some(mark)) = (&inner.vip, &inner.fwmark) else {
        let message = format!("management of \"{}\" needs vip and fwmark", name.as_ref());
        faults.push(
            Fault::at(written.span(), message)
                .suggest("management = { vip = \"192.168.1.36/24\", fwmark = 1 }"),
        );
        return None;
    };
    let vip = address::with_prefix("vip", vip, faults);
    let fwmark = number(
        faults,
        "fwmark",
        &Some(mark.clone()),
        1..=i64::from(u32::MAX),
        0_u32,
    );
    let own = inner
        .interface
        .as_ref()
        .and_then(|n| address::interface("interface", n, faults));
    let Some(interface) = own.or(holder) else {
        let message = format!(
            "no interface is known for the management VIP of \"{}\"",
            name.as_ref()
        );
        faults.push(
            Fault::at(written.span(), message).suggest("add interface = \"eth0\" to management"),
        );
        return None;
    };
    let vip = vip?;
    if Family::of(vip.addr()) != Family::of(server.address) {
        let message = format!(
            "management VIP {vip} and {} are of two IP versions",
            server.address
        );
        faults.push(Fault::at(written.span(), message));
    }
    (fwmark != 0).then_some(Management {
        vip,
        interface,
        fwmark,
    })
}

/// Which addresses and marks already have a meaning.
struct Taken {
    addresses: BTreeMap<IpAddr, String>,
    marks: BTreeMap<(Family, u32), String>,
}

impl Taken {
    fn by(services: &[VirtualService], nat: Option<&Nat>) -> Self {
        let mut taken = Self {
            addresses: BTreeMap::new(),
            marks: BTreeMap::new(),
        };
        if let Some(gateway) = nat.and_then(|nat| nat.gateway) {
            taken
                .addresses
                .insert(gateway.addr(), "the inside gateway".to_owned());
        }
        for service in services {
            let meaning = format!("[services.{}]", service.name);
            if let ServiceKey::Fwmark { family, mark } = service.key {
                taken.marks.insert((family, mark), meaning.clone());
            }
            if let Some(front) = &service.front {
                taken.addresses.insert(front.vip.addr(), meaning);
            }
        }
        taken
    }

    fn claim(
        &mut self,
        name: &Spanned<String>,
        written: &Spanned<file::Management>,
        management: &Management,
        faults: &mut Vec<Fault>,
    ) {
        let meaning = format!("the management of \"{}\"", name.as_ref());
        let mark = (Family::of(management.vip.addr()), management.fwmark);
        if let Some(other) = self.marks.insert(mark, meaning.clone()) {
            let message = format!("fwmark {} belongs to {other} and to {meaning}", mark.1);
            faults.push(
                Fault::at(written.span(), message)
                    .suggest("choose another; IPVS compares the whole mark"),
            );
        }
        if let Some(other) = self
            .addresses
            .insert(management.vip.addr(), meaning.clone())
        {
            let message = format!(
                "{} is held for {other} and for {meaning}",
                management.vip.addr()
            );
            faults.push(Fault::at(written.span(), message).suggest("choose another address"));
        }
    }
}

/// An address that we hold and that is also a real server's would be answered by both.
pub(super) fn held_apart_from_servers(
    servers: &[Server],
    services: &[VirtualService],
    nat: Option<&Nat>,
    faults: &mut Vec<Fault>,
) {
    let vips = services
        .iter()
        .filter_map(|service| Some(service.front.as_ref()?.vip));
    let management = servers
        .iter()
        .filter_map(|server| Some(server.management.as_ref()?.vip));
    let gateway = nat.and_then(|nat| nat.gateway);
    for held in vips.chain(management).chain(gateway).map(|net| net.addr()) {
        if let Some(server) = servers.iter().find(|server| server.address == held) {
            let message = format!(
                "{held} is to be held here and is the address of \"{}\"",
                server.name
            );
            faults.push(Fault::at(0..0, message).suggest("one of them is wrong"));
        }
    }
}
