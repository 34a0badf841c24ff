//! Services of other kinds: IPv6, UDP, by address and port.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::Outcome;
use crate::cluster::Cluster;
use crate::director::{altered, original};
use crate::ipvs::ipvsadm;
use crate::namespace::Namespace;
use crate::servers::serve_udp;
use crate::story::{Story, same};
use crate::topology::{Topology, VIP};
use crate::traffic::Traffic;

const VIP_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 0x35);

pub(super) fn ipv6(story: &Story) -> Outcome {
    let config = altered(
        &original()?,
        &[
            ("10.0.1.1\"", "fd00:2::1\""),
            ("10.0.1.2\"", "fd00:2::2\""),
            ("192.168.1.35/24", "fd00:1::35/64"),
            ("192.168.1.36/24", "fd00:1::36/64"),
            ("192.168.1.37/24", "fd00:1::37/64"),
            ("10.0.1.254/24", "fd00:2::fe/64"),
        ],
    )?;
    let mut lab = Cluster::bare(story, &config)?;
    lab.net.speaks_ipv6()?;
    lab.governess.start(story)?;
    lab.until_whole()?;
    let table = "\
        -A -f 1 -6 -s wlc\n-a -f 1 -6 -r [fd00:2::1]:0 -m -w 1\n\
        -A -f 2 -6 -s wlc\n-a -f 2 -6 -r [fd00:2::2]:0 -m -w 1\n\
        -A -f 80 -6 -s wlc -p 600\n\
        -a -f 80 -6 -r [fd00:2::1]:0 -m -w 1\n-a -f 80 -6 -r [fd00:2::2]:0 -m -w 1\n";
    until_saved(&lab, "both servers serve", table)?;

    let clients = Topology::client_addresses_v6();
    let traffic = Traffic::begin_at(&lab.net.client, clients, VIP_V6.into(), &[25, 443])?;
    same("connections to ex1", &traffic.on("ex1"), &4)?;

    story.tell("ex1 hangs and comes back");
    let quiesced = table.replacen(
        "fd00:2::1]:0 -m -w 1\n-a -f 80",
        "fd00:2::1]:0 -m -w 0\n-a -f 80",
        1,
    );
    lab.ex1.hang()?;
    until_saved(&lab, "ex1 loses its weight", &quiesced)?;
    lab.ex1.resume()?;
    until_saved(&lab, "ex1 has its weight back", table)?;
    lab.uncut(traffic)
}

/// The original set-up with a service by address and port in the place of the marked one.
fn by_port(protocol: &str, port: u16) -> Outcome<String> {
    let service = format!("protocol = \"{protocol}\"\nport = {port}");
    altered(
        &original()?,
        &[
            ("fwmark = 80", &service),
            ("tcp = [25, 80, 443, 465, 587, 717, 2525]", ""),
            ("persistence = \"600s\"", ""),
            ("scheduler = \"wlc\"", "scheduler = \"rr\""),
        ],
    )
}

pub(super) fn by_address(story: &Story) -> Outcome {
    let mut lab = Cluster::bare(story, &by_port("tcp", 443)?)?;
    lab.governess.start(story)?;
    lab.until_whole()?;
    let table = |weight| {
        format!(
            "-A -t 192.168.1.35:443 -s rr\n\
             -a -t 192.168.1.35:443 -r 10.0.1.1:443 -m -w {weight}\n\
             -a -t 192.168.1.35:443 -r 10.0.1.2:443 -m -w 1\n"
        )
    };
    until_service(&lab, "both servers serve", "-t", &table(1))?;
    let clients = Topology::client_addresses().take(6);
    let traffic = Traffic::begin(&lab.net.client, clients, &[443])?;
    same("connections to ex1", &traffic.on("ex1"), &3)?;

    story.tell("ex1 hangs and comes back");
    lab.ex1.hang()?;
    until_service(&lab, "ex1 loses its weight", "-t", &table(0))?;
    lab.ex1.resume()?;
    until_service(&lab, "ex1 has its weight back", "-t", &table(1))?;

    story.tell("the service is deleted and comes back");
    lab.uncut(traffic)?;
    ipvsadm(&lab.net.lb1, "-D -t 192.168.1.35:443")?;
    until_service(&lab, "it is back", "-t", &table(1))?;
    same("the plan", &lab.governess.plan()?, &(Some(0), Vec::new()))
}

/// A flow of UDP has no end that weight 0 could wait for: the server is removed.
pub(super) fn udp(story: &Story) -> Outcome {
    let mut lab = Cluster::bare(story, &by_port("udp", 53)?)?;
    serve_udp(&lab.net.ex1, 53)?;
    serve_udp(&lab.net.ex2, 53)?;
    lab.governess.start(story)?;
    lab.until_whole()?;
    let alone = "-A -u 192.168.1.35:53 -s rr\n-a -u 192.168.1.35:53 -r 10.0.1.2:53 -m -w 1\n";
    let both = alone.replacen("-a", "-a -u 192.168.1.35:53 -r 10.0.1.1:53 -m -w 1\n-a", 1);
    until_service(&lab, "both servers serve", "-u", &both)?;

    story.tell("four flows: two lead to each server");
    let flows = (0..4).map(|_| Flow::open(&lab.net.client));
    let flows = flows.collect::<Outcome<Vec<_>>>()?;
    let answers = |flows: &[Flow]| flows.iter().map(Flow::ask).collect::<Outcome<Vec<_>>>();
    let before = answers(&flows)?;
    let on_ex1 = before.iter().filter(|server| *server == "ex1").count();
    same("flows on ex1", &on_ex1, &2)?;

    story.tell("ex1 hangs: it is removed, and its flows go on to ex2 without being opened anew");
    lab.ex1.hang()?;
    until_service(&lab, "ex1 is removed", "-u", alone)?;
    story.until("all flows lead to ex2", &vec!["ex2".to_owned(); 4], || {
        answers(&flows)
    })?;
    let lost: u32 = flows.iter().map(|flow| flow.lost.get()).sum();
    story.figure(&format!("{lost} datagrams of 4 flows lost by the removal"));
    same("the plan", &lab.governess.plan()?, &(Some(0), Vec::new()))?;

    story.tell("ex1 comes back");
    lab.ex1.resume()?;
    until_service(&lab, "ex1 is back", "-u", &both)?;
    let fresh = (0..2).map(|_| Flow::open(&lab.net.client)?.ask());
    let mut fresh = fresh.collect::<Outcome<Vec<_>>>()?;
    fresh.sort_unstable();
    same(
        "two new flows",
        &fresh,
        &vec!["ex1".to_owned(), "ex2".to_owned()],
    )
}

/// One source port of the client.
struct Flow {
    socket: UdpSocket,
    lost: std::cell::Cell<u32>,
}

impl Flow {
    fn open(client: &Namespace) -> Outcome<Self> {
        let any = SocketAddr::from(([192, 168, 1, 10], 0));
        let socket = client.within(|| UdpSocket::bind(any))??;
        socket.connect((IpAddr::from(VIP), 53))?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        let lost = std::cell::Cell::new(0);
        Ok(Self { socket, lost })
    }

    /// One question; gives the server that answered it.
    fn ask(&self) -> Outcome<String> {
        self.socket.send(b"?")?;
        let mut buffer = [0; 64];
        let length = self.socket.recv(&mut buffer).inspect_err(|_| {
            self.lost.set(self.lost.get() + 1);
        })?;
        let answer = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        let (server, _) = answer.split_once(' ').ok_or("an answer without a name")?;
        Ok(server.to_owned())
    }
}

/// Waits for what `ipvsadm -Sn` says.
fn until_saved(lab: &Cluster<'_>, what: &str, expected: &str) -> Outcome {
    let saved = || lab.net.lb1.run("ipvsadm", &["-Sn"]);
    lab.story.until(what, &expected.to_owned(), saved)?;
    Ok(())
}

/// The same for the lines about services of one kind.
fn until_service(lab: &Cluster<'_>, what: &str, kind: &str, expected: &str) -> Outcome {
    let saved = || {
        let saved = lab.net.lb1.run("ipvsadm", &["-Sn"])?;
        let of_kind = |line: &&str| line.split(' ').nth(1) == Some(kind);
        Ok(saved
            .lines()
            .filter(of_kind)
            .map(|line| format!("{line}\n"))
            .collect())
    };
    lab.story.until(what, &expected.to_owned(), saved)?;
    Ok(())
}
