//! What belongs to somebody else is left alone, whatever happens around it.

use std::collections::BTreeSet;

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, Scene, UP};
use crate::director::original;
use crate::host::addresses;
use crate::ipvs::ipvsadm;
use crate::story::{Story, same};

/// A table of somebody else, at the hooks of ours.
const THEIRS: &str = "table inet theirs {
    chain marks {
        type filter hook prerouting priority mangle; policy accept;
        ip daddr 192.168.1.99 meta mark set 9
    }
}
";

pub(super) fn foreign_untouched(story: &Story) -> Outcome {
    let mut lab = Cluster::bare(story, &original()?)?;
    let lb1 = &lab.net.lb1;

    story.tell("lb1 has a service, an address and a packet filter of somebody else");
    ipvsadm(lb1, "-A -f 9 -s rr -p 77")?;
    ipvsadm(lb1, "-a -f 9 -r 10.0.1.5:0 -m -w 7")?;
    lb1.run("ip", &["address", "add", "192.168.1.99/24", "dev", "eth0"])?;
    lb1.feed("nft", &["-f", "-"], THEIRS)?;
    let before = Theirs::of(&lab)?;
    lab.begin()?;
    same("after the start", &Theirs::of(&lab)?, &before)?;

    story.tell("a destination of somebody else joins our service, and is shown");
    ipvsadm(&lab.net.lb1, "-a -f 80 -r 10.0.1.5:0 -m -w 0")?;
    let foreign = vec!["10.0.1.5:0".to_owned()];
    story.until("it is shown", &foreign, || {
        Ok(lab.governess.status()?.exchange()?.foreign.clone())
    })?;
    let traffic = lab.traffic()?;
    let before = Theirs::of(&lab)?;

    story.tell("through a failure");
    lab.ex1.hang()?;
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    lab.ex1.resume()?;
    lab.until("ex1 has its weight back", &Scene::works([UP, UP]))?;
    same("after a failure", &Theirs::of(&lab)?, &before)?;

    story.tell("through a restart");
    lab.governess.kill()?;
    lab.begin()?;
    same("after a restart", &Theirs::of(&lab)?, &before)?;

    story.tell("through repairs of everything beside it");
    let lb1 = &lab.net.lb1;
    lb1.feed("nft", &["-f", "-"], "delete table inet governess")?;
    ipvsadm(lb1, "-E -f 80 -s rr -p 300")?;
    ipvsadm(lb1, "-D -f 1")?;
    lb1.run(
        "ip",
        &["address", "delete", "192.168.1.36/24", "dev", "eth0"],
    )?;
    lab.until_whole()?;
    same("after repairs", &Theirs::of(&lab)?, &before)?;
    lab.uncut(traffic)
}

/// What is somebody else's.
#[derive(Debug, PartialEq, Eq)]
struct Theirs {
    table: BTreeSet<String>,
    packet_filter: String,
    address: bool,
}

impl Theirs {
    fn of(lab: &Cluster<'_>) -> Outcome<Self> {
        let lb1 = &lab.net.lb1;
        let saved = lb1.run("ipvsadm", &["-Sn"])?;
        let is_theirs = |line: &&str| line.contains("-f 9 ") || line.contains("10.0.1.5");
        Ok(Self {
            table: saved.lines().filter(is_theirs).map(str::to_owned).collect(),
            packet_filter: lb1.run("nft", &["-s", "list", "table", "inet", "theirs"])?,
            address: addresses(lb1)?.contains("eth0 192.168.1.99/24"),
        })
    }
}
