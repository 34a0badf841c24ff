//! A real server has another default gateway than the director: it answers every check from the
//! inside, and no client.

use std::net::IpAddr;

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, Scene, UP};
use crate::namespace::Namespace;
use crate::story::{Story, same};
use crate::traffic::{visit, visit_at};

pub(super) fn wrong_gateway(story: &Story) -> Outcome {
    let lab = Cluster::original(story)?;
    let traffic = lab.traffic()?;

    story.tell("ex1 sends what is for the outside to lb2, which forwards nothing");
    default_route(&lab.net.ex1, "10.0.1.34")?;
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    let reasons = lab.events("server_down", Some("ex1"))?;
    let says = "its default gateway is not 10.0.1.254";
    if !reasons.iter().any(|reason| reason.contains(says)) {
        return Err(format!("no event server_down says {says:?}: {reasons:?}").into());
    }
    same("RDP from the inside", &lab.kind("ex1")?, &"ok".to_owned())?;
    let newcomer = IpAddr::from([192, 168, 1, 29]);
    same(
        "a new client's server",
        &visit(&lab.net.client, newcomer, 443)?,
        &"ex2".to_owned(),
    )?;

    story.tell("its gateway is put right: it serves, and so do its connections of before");
    default_route(&lab.net.ex1, "10.0.1.254")?;
    lab.until("ex1 has its weight back", &Scene::works([UP, UP]))?;
    let management = ([192, 168, 1, 36], 25).into();
    same(
        "behind its management VIP",
        &visit_at(&lab.net.client, newcomer, management)?,
        &"ex1".to_owned(),
    )?;
    lab.uncut(traffic)
}

fn default_route(server: &Namespace, gateway: &str) -> Outcome {
    server.run("ip", &["route", "replace", "default", "via", gateway])?;
    Ok(())
}
