//! No server works: the pool is not emptied.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, KEPT, Scene, UP};
use crate::story::{Story, same};

/// More than one interval and one timeout of the configuration: two failures that begin further
/// apart are two events.
const APART: Duration = Duration::from_secs(3);

/// One after the other: the last one stays.
pub(super) fn both_hang(story: &Story) -> Outcome {
    let lab = Cluster::serving(story)?;
    let traffic = lab.traffic()?;

    story.tell("ex1 hangs");
    let hung = Instant::now();
    lab.ex1.hang()?;
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    story.until_past(hung, APART)?;

    story.tell("ex2 hangs, too");
    lab.ex2.hang()?;
    lab.until(
        "ex2 stays, as the last one",
        &Scene::fails_open([DOWN, KEPT]),
    )?;
    same(
        "events fail_open",
        &lab.events("fail_open", None)?.len(),
        &1,
    )?;

    story.tell("ex1 works again");
    lab.ex1.resume()?;
    lab.until("ex1 serves alone", &Scene::works([UP, DOWN]))?;
    same(
        "events fail_open_ended",
        &lab.events("fail_open_ended", None)?.len(),
        &1,
    )?;

    story.tell("ex2 works again");
    lab.ex2.resume()?;
    lab.until("both servers are up", &Scene::works([UP, UP]))?;
    lab.uncut(traffic)
}

/// At once: more likely the checker is ill, or the network; both stay.
pub(super) fn fall_together(story: &Story) -> Outcome {
    let lab = Cluster::serving(story)?;
    let traffic = lab.traffic()?;

    story.tell("ex1 and ex2 hang at the same time");
    lab.ex1.hang()?;
    lab.ex2.hang()?;
    lab.until("both stay", &Scene::fails_open([KEPT, KEPT]))?;
    same(
        "events fail_open",
        &lab.events("fail_open", None)?.len(),
        &1,
    )?;

    story.tell("both work again");
    lab.ex1.resume()?;
    lab.ex2.resume()?;
    lab.until("both servers are up", &Scene::works([UP, UP]))?;
    same(
        "events fail_open_ended",
        &lab.events("fail_open_ended", None)?.len(),
        &1,
    )?;
    lab.uncut(traffic)
}
