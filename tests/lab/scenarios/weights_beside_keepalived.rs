//! keepalived owns the table, with weights and a forwarding method of its own; governess changes
//! the weights of what is there and nothing else.

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, EX2, Scene, Standing};
use crate::director::{CONFIG, altered};
use crate::ipvs::{Table, table, weight};
use crate::keepalived::Keepalived;
use crate::story::{Story, same};
use crate::topology::MARK;

/// As keepalived's operator wrote it: other weights, another scheduler than governess's file says.
const KEEPALIVED: &str = "
global_defs {
    router_id lb1
}
virtual_server fwmark 80 {
    lvs_sched wrr
    lvs_method NAT
    real_server 10.0.1.1 0 {
        weight 10
    }
    real_server 10.0.1.2 0 {
        weight 20
    }
}
";

const UP_10: Standing = ("up", 10);
const UP_20: Standing = ("up", 20);

pub(super) fn weights_beside_keepalived(story: &Story) -> Outcome {
    let mut lab = Cluster::bare(story, &altered(CONFIG, &[("\"ipvs\"", "\"weights\"")])?)?;
    lab.net.lb1_serves()?;

    story.tell("governess is there first: it waits for the service and makes nothing");
    lab.governess.start(story)?;
    same("the table", &lab.table()?, &Table::new())?;
    let keepalived = Keepalived::start(story, &lab.net.lb1, KEEPALIVED)?;
    lab.until(
        "both servers have keepalived's weights",
        &Scene::works([UP_10, UP_20]),
    )?;

    story.tell("xrdp on ex1 hangs and comes back");
    lab.ex1.hang()?;
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP_20]))?;
    keepalived.reload(KEEPALIVED)?;
    lab.governess.kill()?;
    lab.governess.start(story)?;
    lab.until("ex1 is judged anew", &Scene::works([DOWN, UP_20]))?;
    lab.ex1.resume()?;
    lab.until(
        "ex1 has the weight of before",
        &Scene::works([UP_10, UP_20]),
    )?;

    story.tell("keepalived's operator takes ex2 out: governess shows it and does not put it back");
    let without = altered(
        KEEPALIVED,
        &[(
            "    real_server 10.0.1.2 0 {\n        weight 20\n    }\n",
            "",
        )],
    )?;
    keepalived.reload(&without)?;
    lab.until_event("vanished", "not put back")?;
    same(
        "ex2 in the kernel",
        &weight(&lab.net.lb1, MARK, EX2)?,
        &None,
    )?;
    let status = lab.governess.status()?;
    same(
        "ex2 in the status",
        &status.exchange()?.server("ex2")?.weight_kernel,
        &None,
    )?;

    story.tell("the last server that is there hangs: it is kept");
    lab.ex1.hang()?;
    lab.until_event("fail_open", "kept so that the pool is not empty: ex1")?;
    lab.ex1.resume()?;
    lab.until_event("fail_open_ended", "ex1")?;

    story.tell("ex2 is taken in again, with another weight");
    let with_30 = altered(KEEPALIVED, &[("weight 20", "weight 30")])?;
    keepalived.reload(&with_30)?;
    lab.until("ex2 has it", &Scene::works([UP_10, ("up", 30)]))?;
    let scheduler = lab.table()?;
    let kept = scheduler
        .keys()
        .all(|service| service.starts_with("-f 80 -s wrr"));
    same("the service is as keepalived made it", &kept, &true)?;

    story.tell("keepalived ends and takes its service with it: governess makes none");
    keepalived.stop(story)?;
    story.until("the table is empty", &Table::new(), || table(&lab.net.lb1))?;
    lab.until_event("vanished", "not put back")?;
    same("the table", &lab.table()?, &Table::new())
}
