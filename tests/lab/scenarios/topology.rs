//! The set-up itself, with a table made by `ipvsadm`: what all other scenarios build on.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use crate::Outcome;
use crate::ipvs::{self, ipvsadm};
use crate::servers::serve_echo;
use crate::story::{Story, same};
use crate::topology::{PORTS, Topology};
use crate::traffic::{Traffic, visit};

pub(super) fn topology(story: &Story) -> Outcome {
    let lab = Topology::build()?;
    lab.lb1_serves()?;
    serve_echo(&lab.ex1)?;
    serve_echo(&lab.ex2)?;
    for command in [
        "-A -f 80 -s wlc -p 600",
        "-a -f 80 -r 10.0.1.1:0 -m -w 1",
        "-a -f 80 -r 10.0.1.2:0 -m -w 1",
    ] {
        ipvsadm(&lab.lb1, command)?;
    }
    story.tell("the set-up stands");
    story.tell(&ipvs::listing(&lab.lb1)?);

    story.tell(
        "every client is led to one server, whatever the port, and both servers have clients",
    );
    let mut seen = BTreeSet::new();
    for address in Topology::client_addresses().take(4) {
        let server = visit(&lab.client, address, 25)?;
        for port in PORTS {
            same(
                &format!("{address} on port {port}"),
                &visit(&lab.client, address, port)?,
                &server,
            )?;
        }
        seen.insert(server);
    }
    same(
        "servers reached",
        &seen,
        &BTreeSet::from(["ex1".to_owned(), "ex2".to_owned()]),
    )?;

    story.tell("a persistent client stays on a server of weight 0 until the template is expired");
    let client = IpAddr::from([192, 168, 1, 10]);
    let home = visit(&lab.client, client, 443)?;
    let (address, other) = if home == "ex1" {
        ("10.0.1.1", "ex2")
    } else {
        ("10.0.1.2", "ex1")
    };
    let traffic = Traffic::begin(&lab.client, [client].into_iter(), &[25, 443])?;
    ipvsadm(&lab.lb1, &format!("-e -f 80 -r {address}:0 -m -w 0"))?;
    same("weight", &ipvs::weight(&lab.lb1, 80, address)?, &Some(0))?;
    same(
        "with the template",
        &visit(&lab.client, client, 443)?,
        &home,
    )?;
    lab.lb1
        .sysctl("net.ipv4.vs.expire_quiescent_template", "1")?;
    same(
        "without the template",
        &visit(&lab.client, client, 443)?,
        &other.to_owned(),
    )?;
    same("connections of before", &traffic.on(&home), &2)?;
    story.tell(&traffic.finish()?.to_string());

    story.tell("a real server reaches the outside with the director's address");
    let listener = lab
        .client
        .within(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 9999)))??;
    let target = (Ipv4Addr::new(192, 168, 1, 10), 9999).into();
    let _out = lab
        .ex1
        .within(|| TcpStream::connect_timeout(&target, Duration::from_secs(10)))??;
    let (_, peer) = listener.accept()?;
    same(
        "source address",
        &peer.ip(),
        &IpAddr::from([192, 168, 1, 33]),
    )
}
