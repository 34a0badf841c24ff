//! ldirectord asks `check_x224` by the name `check_x224.ldirectord`: up, hung, back, dead, drained.

use crate::Outcome;
use crate::cluster::{Cluster, EX1};
use crate::director::{CONFIG, altered};
use crate::ipvs::{ipvsadm, table};
use crate::ldirectord;
use crate::story::{Story, same};

pub(super) fn ldirectord_external(story: &Story) -> Outcome {
    let mut lab = Cluster::bare(story, CONFIG)?;
    lab.net.lb1_serves()?;
    let link = ldirectord::link("check_x224", "check_x224.ldirectord")?;
    let config = altered(
        include_str!("../../../packaging/ldirectord/ldirectord.cf"),
        &[
            (
                "checkcommand = /usr/lib/nagios/plugins/check_x224.ldirectord",
                &format!("checkcommand = {}", link.display()),
            ),
            ("checkinterval = 5", "checkinterval = 1"),
        ],
    )?;
    let _ldirectord = ldirectord::start(story, &lab.net.lb1, &config)?;
    until_weight(&lab, "ex1 serves", 1)?;

    lab.ex1.hang()?;
    until_weight(&lab, "ex1 hangs and is quiesced", 0)?;
    lab.ex1.resume()?;
    until_weight(&lab, "ex1 serves again", 1)?;
    lab.ex1.kill()?;
    until_weight(&lab, "ex1 is dead and quiesced", 0)?;
    lab.ex1.start(story)?;
    until_weight(&lab, "ex1 serves again", 1)?;

    story.tell("somebody drains ex1 by hand: it stays so, check after check");
    ipvsadm(
        &lab.net.lb1,
        "-e -t 192.168.1.35:3389 -r 10.0.1.1:3389 -m -w 0",
    )?;
    let drained = std::time::Instant::now();
    story.until_past(drained, std::time::Duration::from_secs(4))?;
    same("its weight", &weight(&lab)?, &Some(0))
}

fn until_weight(lab: &Cluster<'_>, what: &str, expected: u32) -> Outcome {
    lab.story.until(what, &Some(expected), || weight(lab))?;
    Ok(())
}

fn weight(lab: &Cluster<'_>) -> Outcome<Option<u32>> {
    let table = table(&lab.net.lb1)?;
    let mut found = table.values().flatten();
    let ex1 = found.find(|(line, _)| line.starts_with(&format!("{EX1}:")));
    Ok(ex1.map(|(_, weight)| *weight))
}
