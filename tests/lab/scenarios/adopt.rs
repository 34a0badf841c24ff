//! governess starts on a director whose table is empty, or is not.

use std::net::IpAddr;

use crate::Outcome;
use crate::cluster::{Cluster, Scene, UP};
use crate::director::PlannedStep;
use crate::ipvs::{Table, ipvsadm};
use crate::servers::serve_echo;
use crate::story::{Story, same};
use crate::traffic::visit;

pub(super) fn adopt_empty(story: &Story) -> Outcome {
    let mut lab = Cluster::build(story)?;

    story.tell("before the start the plan names all there is to do, and does none of it");
    let everything = vec![
        step("set_sysctl", "net.ipv4.vs.expire_quiescent_template"),
        step("set_sysctl", "net.ipv4.vs.expire_nodest_conn"),
        step("add_service", "fwm:80"),
        step("add_destination", "fwm:80/10.0.1.1"),
        step("add_destination", "fwm:80/10.0.1.2"),
    ];
    same(
        "the plan before",
        &lab.governess.plan()?,
        &(Some(2), everything),
    )?;
    same("the table before", &lab.table()?, &Table::new())?;

    story.tell("after the start the table is the configuration's, and the plan is empty");
    lab.governess.start(story)?;
    lab.until("both servers are up", &Scene::works([UP, UP]))?;
    let traffic = lab.traffic()?;
    let expected = table(&[(
        "-f 80 -s wlc -p 600",
        &[("10.0.1.1:0 -m", 1), ("10.0.1.2:0 -m", 1)],
    )]);
    same("the table after", &lab.table()?, &expected)?;
    same(
        "the plan after",
        &lab.governess.plan()?,
        &(Some(0), Vec::new()),
    )?;

    story.tell("clients are served through it, by both servers");
    same("connections to ex1", &traffic.on("ex1"), &4)?;
    same("connections to ex2", &traffic.on("ex2"), &4)?;
    lab.uncut(traffic)
}

/// The table was made by hand: another scheduler, other weights, a destination and a service that
/// governess does not know.
pub(super) fn adopt_filled(story: &Story) -> Outcome {
    let mut lab = Cluster::build(story)?;
    serve_echo(&lab.net.dc1)?;
    for command in [
        "-A -f 80 -s rr -p 300",
        "-a -f 80 -r 10.0.1.1:0 -m -w 5",
        "-a -f 80 -r 10.0.1.2:0 -m -w 0",
        "-a -f 80 -r 10.0.1.5:0 -m -w 2",
        "-A -f 8 -s rr",
        "-a -f 8 -r 10.0.1.5:0 -m -w 7",
    ] {
        ipvsadm(&lab.net.lb1, command)?;
    }
    let traffic = lab.traffic()?;
    same("connections to ex1", &traffic.on("ex1"), &4)?;
    same(
        "connections to the foreign destination",
        &traffic.on("dc1"),
        &4,
    )?;

    story.tell("the plan edits what is ours, deletes nothing, and touches nothing foreign");
    let edits = vec![
        step("set_sysctl", "net.ipv4.vs.expire_quiescent_template"),
        step("set_sysctl", "net.ipv4.vs.expire_nodest_conn"),
        step("edit_service", "fwm:80"),
        // What rises comes before what falls.
        step("edit_destination", "fwm:80/10.0.1.2"),
        step("edit_destination", "fwm:80/10.0.1.1"),
    ];
    same("the plan before", &lab.governess.plan()?, &(Some(2), edits))?;

    lab.governess.start(story)?;
    lab.until("both servers are up", &Scene::works([UP, UP]))?;
    let exchange: &[_] = &[
        ("10.0.1.1:0 -m", 1),
        ("10.0.1.2:0 -m", 1),
        ("10.0.1.5:0 -m", 2),
    ];
    let expected = table(&[
        ("-f 80 -s wlc -p 600", exchange),
        ("-f 8 -s rr", &[("10.0.1.5:0 -m", 7)]),
    ]);
    same("the table after", &lab.table()?, &expected)?;
    same(
        "the plan after",
        &lab.governess.plan()?,
        &(Some(0), Vec::new()),
    )?;

    story.tell("ex2 gets new clients, now that it has a weight");
    let newcomer = IpAddr::from([192, 168, 1, 29]);
    same(
        "a new client's server",
        &visit(&lab.net.client, newcomer, 443)?,
        &"ex2".to_owned(),
    )?;

    story.tell("each server was written once: ex1 served on with its weight until it was judged");
    for server in ["ex1", "ex2"] {
        let steps = lab.events("step", Some(server))?;
        same(&format!("steps on {server}: {steps:?}"), &steps.len(), &1)?;
    }
    lab.uncut(traffic)
}

pub(super) fn step(action: &str, target: &str) -> PlannedStep {
    PlannedStep {
        action: action.to_owned(),
        target: target.to_owned(),
    }
}

fn table(services: &[(&str, &[(&str, u32)])]) -> Table {
    let destinations = |found: &[(&str, u32)]| {
        found
            .iter()
            .map(|(line, weight)| ((*line).to_owned(), *weight))
            .collect()
    };
    services
        .iter()
        .map(|(line, found)| ((*line).to_owned(), destinations(found)))
        .collect()
}
