//! A service that dies refuses connections; its server serves again when it has been restarted.

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, EX1, Scene, UP};
use crate::plugin::tells_nanny;
use crate::story::{Story, same};

pub(super) fn killed(story: &Story) -> Outcome {
    let mut lab = Cluster::serving(story)?;
    let traffic = lab.traffic()?;

    story.tell("xrdp on ex1 is killed: its port refuses connections");
    lab.ex1.kill()?;
    lab.until_kind("ex1", "tcp_refused")?;
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    same(
        "nanny is told",
        &tells_nanny(&lab.net.lb1, EX1)?,
        &"FAIL\n".to_owned(),
    )?;

    story.tell("xrdp on ex1 is started again");
    lab.ex1.start(story)?;
    lab.until("ex1 has its weight back", &Scene::works([UP, UP]))?;
    lab.uncut(traffic)
}
