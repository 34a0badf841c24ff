//! governess dies without a word and is started again: the table stays, and nothing is written that
//! is as it should be.

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, Scene, UP};
use crate::story::{Story, same};

pub(super) fn governess_killed(story: &Story) -> Outcome {
    let mut lab = Cluster::serving(story)?;
    let traffic = lab.traffic()?;

    story.tell("with both servers up");
    survives_a_restart(&mut lab, &Scene::works([UP, UP]))?;

    story.tell("with ex1 quiesced");
    lab.ex1.hang()?;
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    survives_a_restart(&mut lab, &Scene::works([DOWN, UP]))?;

    story.tell("the new one still knows that the weight 0 is its own, and takes it back");
    lab.ex1.resume()?;
    lab.until("ex1 has its weight back", &Scene::works([UP, UP]))?;
    lab.uncut(traffic)
}

fn survives_a_restart(lab: &mut Cluster<'_>, scene: &Scene) -> Outcome {
    let saved = |lab: &Cluster<'_>| lab.net.lb1.run("ipvsadm", &["-Sn"]);
    let before = saved(lab)?;
    lab.governess.kill()?;
    same("the table without governess", &saved(lab)?, &before)?;
    lab.governess.start(lab.story)?;
    lab.until("both servers are judged anew", scene)?;
    same("the table after the restart", &saved(lab)?, &before)?;
    for name in ["step", "step_failed", "repaired", "wish_set"] {
        same(
            &format!("events {name}"),
            &lab.events(name, None)?,
            &Vec::new(),
        )?;
    }
    Ok(())
}
