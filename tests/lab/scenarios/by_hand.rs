//! Weights set by hand with `ipvsadm` count, until the configured weight is set by hand again.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, Scene, Standing, UP};
use crate::ipvs::ipvsadm;
use crate::story::{Story, same};
use crate::traffic::visit;

/// It works and serves with the weight that was set by hand.
const UP_WITH_5: Standing = ("up", 5);

/// It works and was drained by hand.
const DRAINED: Standing = ("up", 0);

pub(super) fn hand_set_weight(story: &Story) -> Outcome {
    let mut lab = Cluster::serving(story)?;
    let traffic = lab.traffic()?;

    story.tell("somebody gives ex1 the weight 5");
    set_by_hand(&lab, 5)?;
    until_wish(&lab, Some(5))?;
    lab.until("it counts", &Scene::works([UP_WITH_5, UP]))?;
    restart(&mut lab, &Scene::works([UP_WITH_5, UP]), Some(5))?;

    story.tell("ex1 hangs and comes back: with that weight");
    lab.ex1.hang()?;
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    same("the wish", &lab.wish("ex1")?, &Some(5))?;
    restart(&mut lab, &Scene::works([DOWN, UP]), Some(5))?;
    lab.ex1.resume()?;
    lab.until("ex1 is back", &Scene::works([UP_WITH_5, UP]))?;
    lab.uncut(traffic)
}

pub(super) fn hand_set_zero(story: &Story) -> Outcome {
    let mut lab = Cluster::serving(story)?;
    let traffic = lab.traffic()?;

    story.tell("somebody drains ex1, which works: it stays drained, check after check");
    set_by_hand(&lab, 0)?;
    let drained = Instant::now();
    until_wish(&lab, Some(0))?;
    story.until_past(drained, Duration::from_secs(4))?;
    same("the scene", &lab.scene()?, &Scene::works([DRAINED, UP]))?;
    for host in 26..29 {
        let newcomer = IpAddr::from([192, 168, 1, host]);
        let server = visit(&lab.net.client, newcomer, 443)?;
        same("a new client's server", &server, &"ex2".to_owned())?;
    }
    restart(&mut lab, &Scene::works([DRAINED, UP]), Some(0))?;

    story.tell("it fails and works again while it is drained: it stays drained");
    lab.ex1.hang()?;
    lab.until("ex1 is down", &Scene::works([DOWN, UP]))?;
    lab.ex1.resume()?;
    lab.until("ex1 is drained", &Scene::works([DRAINED, UP]))?;
    lab.uncut(traffic)
}

pub(super) fn hand_back_to_nominal(story: &Story) -> Outcome {
    let mut lab = Cluster::serving(story)?;
    let traffic = lab.traffic()?;

    story.tell("a wish ends when the configured weight is set by hand");
    set_by_hand(&lab, 0)?;
    until_wish(&lab, Some(0))?;
    set_by_hand(&lab, 1)?;
    until_wish(&lab, None)?;
    let cleared = lab.events("wish_cleared", Some("ex1"))?.len();
    same("events wish_cleared", &cleared, &1)?;
    restart(&mut lab, &Scene::works([UP, UP]), None)?;

    story.tell("a hand edit while ex1 is being restored and nobody looks counts at the next start");
    lab.ex1.hang()?;
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    lab.governess.kill()?;
    lab.ex1.resume()?;
    set_by_hand(&lab, 5)?;
    lab.governess.start(story)?;
    lab.until("ex1 has that weight", &Scene::works([UP_WITH_5, UP]))?;
    same("the wish", &lab.wish("ex1")?, &Some(5))?;

    story.tell("a hand edit while ex1 is down revives nothing; it counts once ex1 works");
    lab.ex1.hang()?;
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    set_by_hand(&lab, 7)?;
    until_wish(&lab, Some(7))?;
    lab.until("ex1 is at 0", &Scene::works([DOWN, UP]))?;
    lab.ex1.resume()?;
    lab.until("ex1 has that weight", &Scene::works([("up", 7), UP]))?;
    set_by_hand(&lab, 1)?;
    until_wish(&lab, None)?;
    lab.until("all is as configured", &Scene::works([UP, UP]))?;
    lab.uncut(traffic)
}

fn set_by_hand(lab: &Cluster<'_>, weight: u32) -> Outcome {
    let command = format!("-e -f 80 -r 10.0.1.1:0 -m -w {weight}");
    ipvsadm(&lab.net.lb1, &command)
}

fn until_wish(lab: &Cluster<'_>, wish: Option<u32>) -> Outcome {
    let what = format!("governess knows the wish {wish:?}");
    lab.story.until(&what, &wish, || lab.wish("ex1"))?;
    Ok(())
}

/// A new governess after `kill -9` keeps scene and wish, writes nothing, and takes nothing of ours
/// for a wish.
fn restart(lab: &mut Cluster<'_>, scene: &Scene, wish: Option<u32>) -> Outcome {
    lab.governess.kill()?;
    lab.governess.start(lab.story)?;
    lab.until("both servers are judged anew", scene)?;
    same("the wish", &lab.wish("ex1")?, &wish)?;
    for name in ["step", "repaired", "wish_set", "wish_cleared"] {
        let events = lab.events(name, None)?;
        same(&format!("events {name}"), &events, &Vec::new())?;
    }
    Ok(())
}
