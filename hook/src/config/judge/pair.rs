//! Judges `[pair]`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use toml::{Spanned, Value};

use super::super::fault::Fault;
use super::super::file::{self, Placed};
use super::super::{Nat, Pair, VirtualService};
use super::{address, number};

/// The pair's number on the segment, where the file names none.
const ROUTER_ID: u8 = 51;

const BOTH: &str = "write partner = [\"10.0.1.33\", \"10.0.1.34\"], the own inside addresses of both \
                    directors, and the file can be the same on both";

pub(super) fn judge(
    written: &Spanned<file::Pair>,
    state_dir: &Path,
    nat: Option<&Nat>,
    services: &[VirtualService],
    faults: &mut Vec<Fault>,
) -> Option<Pair> {
    let inner = written.as_ref();
    let directors = directors(written, nat, faults);
    let own = inner
        .interface
        .as_ref()
        .and_then(|name| address::interface("interface", name, faults));
    let interface = own.or_else(|| outside(nat, services));
    if interface.is_none() {
        faults.push(
            Fault::at(
                written.span(),
                "[pair] does not say where the directors hear each other",
            )
            .suggest("add interface = \"eth0\""),
        );
    }
    Some(Pair {
        directors,
        router_id: number(faults, "router_id", &inner.router_id, 1..=255, ROUTER_ID),
        score_file: path(&inner.score_file, "score_file", faults)
            .unwrap_or_else(|| state_dir.join("score")),
        fifo: path(&inner.fifo, "fifo", faults),
        sync: inner.sync.as_ref().is_some_and(|wanted| *wanted.as_ref()),
        partner_status: inner.partner_status.as_ref().map(|_| {
            number(
                faults,
                "partner_status",
                &inner.partner_status,
                1..=65535,
                0,
            )
        }),
        interface: interface?,
    })
}

fn outside(nat: Option<&Nat>, services: &[VirtualService]) -> Option<String> {
    let of_vips = || {
        services
            .iter()
            .find_map(|s| s.front.as_ref()?.interface.clone())
    };
    nat.map(|nat| nat.outside.clone()).or_else(of_vips)
}

/// The inside addresses of the other director, or of both: with both, the file can be the same on
/// the two machines.
fn directors(
    written: &Spanned<file::Pair>,
    nat: Option<&Nat>,
    faults: &mut Vec<Fault>,
) -> Vec<IpAddr> {
    let Some(partner) = &written.as_ref().partner else {
        faults.push(
            Fault::at(
                written.span(),
                "[pair] needs partner, the inside address of the other director",
            )
            .suggest(BOTH),
        );
        return Vec::new();
    };
    let listed = match partner.as_ref() {
        Value::Array(several) => several.as_slice(),
        one => std::slice::from_ref(one),
    };
    let gateway = nat.and_then(|nat| nat.gateway).map(|net| net.addr());
    let mut directors = BTreeSet::new();
    for value in listed {
        let words = value.as_str().unwrap_or_else(|| value.type_str());
        let address = words.parse::<IpAddr>().ok();
        let complaint = match address.filter(|ip| !ip.is_unspecified() && !ip.is_multicast()) {
            None => "is not the IP address of a director",
            Some(ip) if gateway == Some(ip) => "is the gateway, which moves between the directors",
            Some(ip) if !directors.insert(ip) => "is listed twice",
            Some(_) => continue,
        };
        let message = format!("partner: {words} {complaint}");
        faults.push(Fault::at(partner.span(), message).suggest(BOTH));
    }
    if !matches!(listed.len(), 1 | 2) {
        let message = format!("partner lists {} addresses", listed.len());
        faults.push(Fault::at(partner.span(), message).suggest(BOTH));
    }
    directors.into_iter().collect()
}

fn path(written: &Placed<String>, key: &str, faults: &mut Vec<Fault>) -> Option<PathBuf> {
    let written = written.as_ref()?;
    // Both are named in keepalived's file too, within quotes.
    let odd = |c: char| c == '"' || c.is_control();
    if !written.as_ref().starts_with('/') || written.as_ref().contains(odd) {
        let message = format!("{key} = \"{}\" is not an absolute path", written.as_ref());
        faults.push(Fault::at(written.span(), message).suggest("begin it with /"));
    }
    Some(PathBuf::from(written.as_ref()))
}
