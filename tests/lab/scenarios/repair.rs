//! Somebody deletes what is ours behind our back: it is back soon, and the journal says so.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::original::TABLE;
use crate::Outcome;
use crate::cluster::Cluster;
use crate::host::{holds, sysctl};
use crate::ipvs::ipvsadm;
use crate::namespace::Namespace;
use crate::story::{Story, same};
use crate::topology::MANAGEMENT;
use crate::traffic::{visit, visit_at};

pub(super) fn repair_service(story: &Story) -> Outcome {
    let lab = Cluster::original(story)?;

    story.tell("another scheduler and another persistence cost nobody anything");
    let traffic = lab.traffic()?;
    ipvsadm(&lab.net.lb1, "-E -f 80 -s rr -p 300")?;
    until_table(&lab, "the service is as it was")?;
    lab.until_event("repaired", "altered")?;
    lab.uncut(traffic)?;

    story.tell("the service and a management service are deleted");
    let traffic = lab.traffic()?;
    ipvsadm(&lab.net.lb1, "-D -f 80")?;
    ipvsadm(&lab.net.lb1, "-D -f 1")?;
    until_table(&lab, "both services are back")?;
    lab.until_event("repaired", "the whole service was gone")?;
    serves(&lab)?;
    lab.toll("ipvsadm -D", traffic)?;

    story.tell("the table is flushed; expire_nodest_conn ends what ran through it");
    let traffic = lab.traffic()?;
    ipvsadm(&lab.net.lb1, "-C")?;
    until_table(&lab, "the whole table is back")?;
    serves(&lab)?;
    lab.toll("ipvsadm -C", traffic)?;
    no_wish(&lab)
}

pub(super) fn repair_destination(story: &Story) -> Outcome {
    let lab = Cluster::original(story)?;

    story.tell("ex1 is deleted from both of its services");
    let traffic = lab.traffic()?;
    ipvsadm(&lab.net.lb1, "-d -f 80 -r 10.0.1.1:0")?;
    ipvsadm(&lab.net.lb1, "-d -f 1 -r 10.0.1.1:0")?;
    until_table(&lab, "ex1 is back in both")?;
    lab.until_event("repaired", "destination 10.0.1.1 was gone")?;
    serves(&lab)?;
    lab.toll("ipvsadm -d", traffic)?.spared("ex2")?;

    story.tell("another forwarding, and weight 0 in a management service, which has no wishes");
    let traffic = lab.traffic()?;
    ipvsadm(&lab.net.lb1, "-e -f 80 -r 10.0.1.1:0 -g -w 1")?;
    ipvsadm(&lab.net.lb1, "-e -f 1 -r 10.0.1.1:0 -m -w 0")?;
    until_table(&lab, "both are as they were")?;
    lab.until_event("repaired", "forwarding to 10.0.1.1 was altered")?;
    serves(&lab)?;
    lab.uncut(traffic)?;
    no_wish(&lab)
}

pub(super) fn repair_address(story: &Story) -> Outcome {
    let lab = Cluster::original(story)?;
    let traffic = lab.traffic()?;
    let lb1 = &lab.net.lb1;

    story.tell("the VIP, a management VIP and the inside gateway are deleted");
    let gone = [
        ("eth0", "192.168.1.35/24"),
        ("eth0", "192.168.1.36/24"),
        ("eth1", "10.0.1.254/24"),
    ];
    for (interface, address) in gone {
        delete_address(lb1, interface, address)?;
    }
    let begun = Instant::now();
    for (interface, address) in gone {
        let held = format!("{interface} {address}");
        story.until(&format!("{held} is back"), &true, || holds(lb1, &held))?;
        lab.until_event("repaired", &format!("address {address} on {interface}"))?;
    }
    took(story, "three addresses are back", begun.elapsed());
    serves(&lab)?;

    story.tell("the director's own address goes and takes the VIPs along; it comes back");
    delete_address(lb1, "eth0", "192.168.1.33/24")?;
    let vip = "eth0 192.168.1.35/24";
    same("the VIP is held", &holds(lb1, vip)?, &false)?;
    lb1.run("ip", &["address", "add", "192.168.1.33/24", "dev", "eth0"])?;
    lab.until_whole()?;
    same("the VIP is held", &holds(lb1, vip)?, &true)?;
    serves(&lab)?;
    lab.uncut(traffic)
}

pub(super) fn repair_nft(story: &Story) -> Outcome {
    let lab = Cluster::original(story)?;
    let traffic = lab.traffic()?;
    let lb1 = &lab.net.lb1;
    let ours = || lb1.run("nft", &["-s", "list", "table", "inet", "governess"]);
    let before = ours()?;

    for (nth, (what, command)) in [
        ("our table is deleted", "delete table inet governess"),
        (
            "its marks are flushed",
            "flush chain inet governess governess_marks",
        ),
        ("everything is flushed", "flush ruleset"),
    ]
    .into_iter()
    .enumerate()
    {
        story.tell(what);
        lb1.feed("nft", &["-f", "-"], command)?;
        let time = story.until("the table is as it was", &before, ours)?;
        took(story, what, time);
        // Told once the table was read back; what is altered before that belongs to this repair.
        story.until("the journal says so", &(nth + 1), || {
            let repaired = lab.events("repaired", None)?;
            Ok(repaired
                .iter()
                .filter(|r| r.contains("nftables table"))
                .count())
        })?;
    }

    story.tell("forwarding is switched off");
    lb1.sysctl("net.ipv4.ip_forward", "0")?;
    story.until("it is on", &"1".to_owned(), || {
        sysctl(lb1, "net.ipv4.ip_forward")
    })?;
    lab.until_event("repaired", "net.ipv4.ip_forward: 0 -> 1")?;
    serves(&lab)?;
    lab.uncut(traffic)
}

fn until_table(lab: &Cluster<'_>, what: &str) -> Outcome {
    let table = || lab.net.lb1.run("ipvsadm", &["-Sn"]);
    let time = lab.story.until(what, &TABLE.to_owned(), table)?;
    took(lab.story, what, time);
    Ok(())
}

fn took(story: &Story, what: &str, time: Duration) {
    story.figure(&format!("{what}: {:.1} s", time.as_secs_f64()));
}

/// A new client gets through, and the management VIPs lead where they always lead.
fn serves(lab: &Cluster<'_>) -> Outcome {
    let newcomer = IpAddr::from([192, 168, 1, 28]);
    visit(&lab.net.client, newcomer, 443)?;
    for (name, address) in MANAGEMENT {
        let found = visit_at(&lab.net.client, newcomer, (address, 25).into())?;
        same(&format!("behind {address}"), &found, &name.to_owned())?;
    }
    Ok(())
}

fn no_wish(lab: &Cluster<'_>) -> Outcome {
    same("wishes", &lab.events("wish_set", None)?, &Vec::new())
}

fn delete_address(place: &Namespace, interface: &str, address: &str) -> Outcome {
    place.run("ip", &["address", "delete", address, "dev", interface])?;
    Ok(())
}
