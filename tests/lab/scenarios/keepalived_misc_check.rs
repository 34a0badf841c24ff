//! keepalived asks the plugins itself, static and `misc_dynamic`, by the packaged configurations:
//! up, hung, back, across a reload, and with a timeout of keepalived's that is shorter than the
//! plugin's own.

use crate::Outcome;
use crate::cluster::{Cluster, EX1};
use crate::director::{CONFIG, altered};
use crate::ipvs::{Table, table};
use crate::keepalived::{Keepalived, packaged};
use crate::story::Story;

const STATIC: &str = include_str!("../../../packaging/keepalived/misc_check.conf");
const DYNAMIC: &str = include_str!("../../../packaging/keepalived/misc_dynamic.conf");

pub(super) fn keepalived_misc_check(story: &Story) -> Outcome {
    let lab = Cluster::bare(story, CONFIG)?;
    lab.net.lb1_serves()?;

    story.tell("misc_check.conf: up or down");
    let config = faster(STATIC)?;
    let keepalived = Keepalived::start(story, &lab.net.lb1, &config)?;
    until_weight(&lab, "ex1 serves", Some(1))?;
    lab.ex1.hang()?;
    until_weight(&lab, "ex1 is quiesced", Some(0))?;
    keepalived.reload(&config)?;
    lab.ex1.resume()?;
    until_weight(
        &lab,
        "ex1 serves again, after a reload while it was down",
        Some(1),
    )?;

    story.tell("keepalived kills a check that is given more time than misc_timeout: down");
    let impatient = altered(
        &config,
        &[("misc_timeout 5", "misc_timeout 1"), ("-t 3", "-t 8")],
    )?;
    keepalived.reload(&impatient)?;
    lab.ex1.hang()?;
    until_weight(&lab, "ex1 is quiesced", Some(0))?;
    lab.ex1.resume()?;
    until_weight(&lab, "ex1 serves again", Some(1))?;
    keepalived.stop(story)?;
    story.until("the table is empty", &Table::new(), || table(&lab.net.lb1))?;

    story.tell("misc_dynamic.conf: the weight in the exit code");
    let config = faster(DYNAMIC)?;
    let keepalived = Keepalived::start(story, &lab.net.lb1, &config)?;
    until_weight(&lab, "ex1 serves", Some(10))?;
    lab.ex1.hang()?;
    until_weight(&lab, "ex1 is out", None)?;
    lab.ex1.resume()?;
    until_weight(&lab, "ex1 serves with its weight", Some(10))?;
    for _ in 0..2 {
        keepalived.reload(&config)?;
        lab.ex1.hang()?;
        until_weight(&lab, "ex1 is out, after a reload", None)?;
        lab.ex1.resume()?;
        until_weight(&lab, "ex1 serves with the same weight", Some(10))?;
    }
    keepalived.stop(story)
}

/// The packaged configuration with times that the lab has the patience for.
fn faster(text: &str) -> Outcome<String> {
    Ok(packaged(text)?.replace("delay_loop 5", "delay_loop 2"))
}

fn until_weight(lab: &Cluster<'_>, what: &str, weight: Option<u32>) -> Outcome {
    lab.story.until(what, &weight, || {
        let table = table(&lab.net.lb1)?;
        let mut found = table.values().flatten();
        let ex1 = found.find(|(line, _)| line.starts_with(&format!("{EX1}:")));
        Ok(ex1.map(|(_, weight)| *weight))
    })?;
    Ok(())
}
