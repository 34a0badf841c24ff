//! A bare machine becomes the director of the original set-up, and every line of that has its
//! counterpart.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::adopt::step;
use crate::Outcome;
use crate::cluster::{Cluster, DOWN, Scene, UP};
use crate::director::{PlannedStep, original};
use crate::host::{Sight, addresses, sysctl};
use crate::ipvs::listing;
use crate::process::to_the_end;
use crate::story::{Story, same};
use crate::topology::{MANAGEMENT, PORTS, Topology};
use crate::traffic::{visit, visit_at};

/// What a bare machine lacks.
fn everything() -> Vec<PlannedStep> {
    vec![
        step("set_sysctl", "net.ipv4.ip_forward"),
        step("set_sysctl", "net.ipv4.vs.expire_quiescent_template"),
        step("set_sysctl", "net.ipv4.vs.expire_nodest_conn"),
        step("add_service", "fwm:80"),
        step("add_destination", "fwm:80/10.0.1.1"),
        step("add_destination", "fwm:80/10.0.1.2"),
        step("add_service", "fwm:1"),
        step("add_destination", "fwm:1/10.0.1.1"),
        step("add_service", "fwm:2"),
        step("add_destination", "fwm:2/10.0.1.2"),
        step("replace_firewall", "inet governess"),
        step("add_address", "eth1/10.0.1.254/24"),
        step("add_address", "eth0/192.168.1.35/24"),
        step("add_address", "eth0/192.168.1.36/24"),
        step("add_address", "eth0/192.168.1.37/24"),
    ]
}

/// The whole table.
pub(super) const TABLE: &str = "\
-A -f 1 -s wlc
-a -f 1 -r 10.0.1.1:0 -m -w 1
-A -f 2 -s wlc
-a -f 2 -r 10.0.1.2:0 -m -w 1
-A -f 80 -s wlc -p 600
-a -f 80 -r 10.0.1.1:0 -m -w 1
-a -f 80 -r 10.0.1.2:0 -m -w 1
";

/// Everything that lb1 holds, with its own addresses.
pub(super) const HELD: [&str; 7] = [
    "eth0 192.168.1.33/24",
    "eth0 192.168.1.35/24",
    "eth0 192.168.1.36/24",
    "eth0 192.168.1.37/24",
    "eth1 10.0.1.254/24",
    "eth1 10.0.1.33/24",
    "lo 127.0.0.1/8",
];

pub(super) fn original_setup(story: &Story) -> Outcome {
    let mut lab = Cluster::bare(story, &original()?)?;

    story.tell("on the bare machine the plan names every step, and takes none");
    let bare = Sight::of(&lab.net.lb1)?;
    same("the plan", &lab.governess.plan()?, &(Some(2), everything()))?;
    same("the machine", &Sight::of(&lab.net.lb1)?, &bare)?;

    lab.governess.start(story)?;
    lab.until("both servers are up", &Scene::works([UP, UP]))?;
    lab.until_whole()?;
    let traffic = lab.traffic()?;
    holds_everything(&lab)?;
    leads_the_seven_ports(&lab)?;
    masquerades_the_inside_only(&lab)?;
    shows_connections(&lab)?;
    asks_over_tls(&lab)?;
    exports_the_table(&lab)?;

    story.tell("xrdp on ex1 hangs: no new connection, but its management VIP leads to it");
    leads_to_each_server(&lab)?;
    lab.ex1.hang()?;
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    leads_to_each_server(&lab)?;
    lab.ex1.resume()?;
    lab.until("ex1 has its weight back", &Scene::works([UP, UP]))?;
    same("the plan", &lab.governess.plan()?, &(Some(0), Vec::new()))?;
    lab.uncut(traffic)
}

fn holds_everything(lab: &Cluster<'_>) -> Outcome {
    let lb1 = &lab.net.lb1;
    lab.story
        .tell("table, addresses and parameters are those of the article");
    same(
        "ipvsadm -Sn",
        &lb1.run("ipvsadm", &["-Sn"])?,
        &TABLE.to_owned(),
    )?;
    let shown = listing(lb1)?;
    let row = "FWM  80 wlc persistent 600\n  -> 10.0.1.1:0                   Masq    1 ";
    if !shown.contains(row) {
        return Err(format!("ipvsadm -Ln does not show {row:?}: {shown}").into());
    }
    let held: BTreeSet<_> = HELD.into_iter().map(str::to_owned).collect();
    let of_ipv4 = |address: &String| !address.contains(':');
    let found = addresses(lb1)?.into_iter().filter(of_ipv4).collect();
    same("addresses", &found, &held)?;
    for name in [
        "net.ipv4.ip_forward",
        "net.ipv4.vs.expire_quiescent_template",
        "net.ipv4.vs.expire_nodest_conn",
    ] {
        same(name, &sysctl(lb1, name)?, &"1".to_owned())?;
    }
    Ok(())
}

/// Seven ports, one service: a client stays on its server whatever the port. No other port leads
/// anywhere.
fn leads_the_seven_ports(lab: &Cluster<'_>) -> Outcome {
    let client = &lab.net.client;
    lab.story
        .tell("the seven ports lead a client to one server");
    for address in Topology::client_addresses().take(2) {
        let server = visit(client, address, 25)?;
        for port in PORTS {
            let what = format!("{address} on port {port}");
            same(&what, &visit(client, address, port)?, &server)?;
        }
    }
    let from = IpAddr::from([192, 168, 1, 10]);
    match visit(client, from, 81) {
        Err(refusal) if refusal.to_string().contains("refused") => Ok(()),
        other => Err(format!("port 81: expected to be refused, found {other:?}").into()),
    }
}

fn masquerades_the_inside_only(lab: &Cluster<'_>) -> Outcome {
    let (client, ex1) = (&lab.net.client, &lab.net.ex1);
    lab.story
        .tell("a server's own connection leaves with the address of lb1, which is not a VIP");
    let target = SocketAddr::from(([192, 168, 1, 10], 9999));
    let listener = client.within(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 9999)))??;
    let _out = ex1.within(|| TcpStream::connect_timeout(&target, Duration::from_secs(10)))??;
    let lb1 = IpAddr::from([192, 168, 1, 33]);
    same("source", &listener.accept()?.1.ip(), &lb1)?;

    lab.story
        .tell("what is not of the inside network leaves with its own address");
    let stranger = Ipv4Addr::new(172, 16, 9, 9);
    ex1.run("ip", &["address", "add", "172.16.9.9/32", "dev", "lo"])?;
    let inbox = client.within(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 9999)))??;
    inbox.set_read_timeout(Some(Duration::from_secs(10)))?;
    let outbox = ex1.within(|| UdpSocket::bind((stranger, 0)))??;
    outbox.send_to(b"?", target)?;
    let (_, from) = inbox.recv_from(&mut [0; 8])?;
    same("source", &from.ip(), &IpAddr::from(stranger))
}

/// To any port of each management VIP, whatever the server's health.
fn leads_to_each_server(lab: &Cluster<'_>) -> Outcome {
    let from = IpAddr::from([192, 168, 1, 11]);
    for (name, address) in MANAGEMENT {
        let found = visit_at(&lab.net.client, from, (address, 587).into())?;
        same(&format!("behind {address}"), &found, &name.to_owned())?;
    }
    Ok(())
}

fn shows_connections(lab: &Cluster<'_>) -> Outcome {
    let page = lab.governess.says(&["sessions"])?;
    let first = page.lines().next().unwrap_or_default();
    if first.starts_with("ex1 10.0.1.1: 4 established") && page.contains("192.168.1.35:25") {
        return Ok(());
    }
    Err(format!("governess sessions: {page}").into())
}

fn asks_over_tls(lab: &Cluster<'_>) -> Outcome {
    let status = lab.governess.status()?;
    let verdict = status.exchange()?.server("ex1")?.verdict("rdp");
    let measured = verdict.and_then(|verdict| verdict["perfdata"].as_array());
    let of_tls = |value: &Value| value["label"] == "tls";
    match measured {
        Some(values) if values.iter().any(of_tls) => Ok(()),
        _ => Err(format!("the verdict has no time for TLS: {verdict:?}").into()),
    }
}

/// Another machine whose table is filled from `governess export` has the same table.
fn exports_the_table(lab: &Cluster<'_>) -> Outcome {
    lab.story.tell("lb2 takes the exported table");
    let text = lab.governess.says(&["export", "ipvsadm"])?;
    lab.net.lb2.feed("ipvsadm", &["-R"], &text)?;
    let taken = lab.net.lb2.run("ipvsadm", &["-Sn"])?;
    same("the table of lb2", &taken, &TABLE.to_owned())
}

/// The kernel has loaded nothing of IPVS and nftables; governess starts as after a boot.
pub(super) fn cold_boot(story: &Story) -> Outcome {
    let mut lab = Cluster::bare(story, &original()?)?;

    story.tell("the plan needs no module to be there, and is as complete");
    unload_modules(story)?;
    same("the plan", &lab.governess.plan()?, &(Some(2), everything()))?;

    story.tell("neither does the start");
    unload_modules(story)?;
    lab.begin()?;
    holds_everything(&lab)?;
    same(
        "events step_failed",
        &lab.events("step_failed", None)?,
        &Vec::new(),
    )?;
    let traffic = lab.traffic()?;
    leads_the_seven_ports(&lab)?;
    leads_to_each_server(&lab)?;
    lab.ex1.hang()?;
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    let newcomer = IpAddr::from([192, 168, 1, 29]);
    same(
        "a new client's server",
        &visit(&lab.net.client, newcomer, 25)?,
        &"ex2".to_owned(),
    )?;
    lab.uncut(traffic)
}

/// Takes out every module of IPVS and nftables; those of earlier scenarios end their use shortly
/// after their namespaces.
fn unload_modules(story: &Story) -> Outcome {
    story.until_some("no module of IPVS and nftables is loaded", || {
        let modules = fs::read_to_string("/proc/modules")?;
        let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        let is_ours = |name: &String| {
            ["ip_vs", "nft_", "nf_tables"]
                .iter()
                .any(|part| name.starts_with(part))
        };
        let loaded: Vec<_> = modules.lines().map(name).filter(is_ours).collect();
        if loaded.is_empty() {
            return Ok(());
        }
        for module in &loaded {
            // One that another needs goes in a later round.
            let _ = to_the_end(Command::new("rmmod").arg(module))?;
        }
        Err(format!("still loaded: {}", loaded.join(", ")).into())
    })
}
