//! The main job: a server that accepts connections and says nothing loses its weight, and gets it
//! back.

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, EX1, Scene, UP};
use crate::host::sysctl;
use crate::plugin::tells_nanny;
use crate::story::{Story, same};
use crate::topology::Topology;
use crate::traffic::visit;

pub(super) fn hang(story: &Story) -> Outcome {
    let lab = Cluster::serving(story)?;
    let traffic = lab.traffic()?;
    same(
        "nanny is told",
        &tells_nanny(&lab.net.lb1, EX1)?,
        &"OK\n".to_owned(),
    )?;

    story.tell("xrdp on ex1 is stopped: it accepts and says nothing");
    lab.ex1.hang()?;
    lab.until_kind("ex1", "silent")?;
    let took = lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    story.figure(&format!(
        "weight 0 seen {:.1} s after the first silence",
        took.as_secs_f64()
    ));
    same(
        "nanny is told",
        &tells_nanny(&lab.net.lb1, EX1)?,
        &"FAIL\n".to_owned(),
    )?;

    story.tell("a persistent client of ex1 connects anew and gets ex2: its template has expired");
    same(
        "the parameter that governess has set",
        &sysctl(&lab.net.lb1, "net.ipv4.vs.expire_quiescent_template")?,
        &"1".to_owned(),
    )?;
    let client = Topology::client_addresses().find(|client| traffic.leads_from(*client, "ex1"));
    let client = client.ok_or("no client was led to ex1")?;
    same(
        "its server",
        &visit(&lab.net.client, client, 443)?,
        &"ex2".to_owned(),
    )?;

    story.tell("xrdp on ex1 goes on");
    lab.ex1.resume()?;
    let took = lab.until("ex1 has its weight back", &Scene::works([UP, UP]))?;
    story.figure(&format!(
        "weight back seen {:.1} s after SIGCONT",
        took.as_secs_f64()
    ));
    same(
        "nanny is told",
        &tells_nanny(&lab.net.lb1, EX1)?,
        &"OK\n".to_owned(),
    )?;

    same("the plan", &lab.governess.plan()?, &(Some(0), Vec::new()))?;
    lab.uncut(traffic)
}
