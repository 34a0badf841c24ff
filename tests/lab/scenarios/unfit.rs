//! A director that cannot do its work gives its addresses up, and takes them again; what the
//! servers' health is does not matter to that.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::cluster::{Cluster, KEPT, Scene, UP};
use crate::host::holds;
use crate::process::checked;
use crate::story::{Story, same};
use crate::traffic::visit;

const HELD: [&str; 4] = [
    "eth1 10.0.1.254/24",
    "eth0 192.168.1.35/24",
    "eth0 192.168.1.36/24",
    "eth0 192.168.1.37/24",
];

/// Judgements lie three times the slowest detection apart, which takes three rounds of a second;
/// and some time for an emulated machine.
const DAMPED: Duration = Duration::from_secs(12);

pub(super) fn unfit_withdraws(story: &Story) -> Outcome {
    let lab = Cluster::original(story)?;
    until_held(&lab, true)?;

    story.tell("no server works: that is no reason to give an address up");
    lab.ex1.hang()?;
    lab.ex2.hang()?;
    lab.until("both are kept", &Scene::fails_open([KEPT, KEPT]))?;
    story.until_past(Instant::now(), DAMPED)?;
    same("the addresses are held", &how_many(&lab)?, &HELD.len())?;
    lab.ex1.resume()?;
    lab.ex2.resume()?;
    lab.until("both are up", &Scene::works([UP, UP]))?;

    story.tell("the outside link loses its carrier");
    let took = until_unfit(&lab, "lb1-eth0", &["eth0 has no carrier"])?;
    story.figure(&format!(
        "given up {:.1} s after the carrier went",
        took.as_secs_f64()
    ));
    until_fit(&lab, &["lb1-eth0"])?;

    story.tell("no real server answers ARP");
    link("ex2-eth0", "down")?;
    let took = until_unfit(&lab, "ex1-eth0", &["no real server answers"])?;
    story.figure(&format!(
        "given up {:.1} s after the last server fell silent",
        took.as_secs_f64()
    ));
    until_fit(&lab, &["ex1-eth0", "ex2-eth0"])
}

/// Takes a wire down and waits until all addresses are given up for this reason.
fn until_unfit(lab: &Cluster<'_>, wire: &str, words: &[&str]) -> Outcome<Duration> {
    link(wire, "down")?;
    let took = until_held(lab, false)?;
    // The kernel shows it a moment before the control socket tells it.
    let words = [&["withdrawn"], words].concat();
    let said = || {
        let problems = lab.governess.status()?.host_problems;
        let why = problems.get("192.168.1.35/24 on eth0");
        Ok(why.is_some_and(|why| words.iter().all(|words| why.contains(words))))
    };
    lab.story
        .until(&format!("the reason says {words:?}"), &true, said)?;
    Ok(took)
}

/// Takes wires up and waits until all is as before, and a client is served.
fn until_fit(lab: &Cluster<'_>, wires: &[&str]) -> Outcome {
    for wire in wires {
        link(wire, "up")?;
    }
    let took = until_held(lab, true)?;
    lab.story
        .figure(&format!("taken again after {:.1} s", took.as_secs_f64()));
    lab.until("both are up", &Scene::works([UP, UP]))?;
    lab.until_whole()?;
    let client = [192, 168, 1, 10].into();
    lab.story.until_some("the client is served", || {
        visit(&lab.net.client, client, 25)
    })?;
    let problems = || Ok(lab.governess.status()?.host_problems.len());
    lab.story.until("no problem is left", &0, problems)?;
    Ok(())
}

fn until_held(lab: &Cluster<'_>, held: bool) -> Outcome<Duration> {
    let (what, count) = match held {
        true => ("all addresses are held", HELD.len()),
        false => ("no address is held", 0),
    };
    lab.story.until(what, &count, || how_many(lab))
}

fn how_many(lab: &Cluster<'_>) -> Outcome<usize> {
    let mut count = 0;
    for address in HELD {
        count += usize::from(holds(&lab.net.lb1, address)?);
    }
    Ok(count)
}

/// The end of a wire that is at the bridge: the other end loses its carrier.
fn link(wire: &str, state: &str) -> Outcome {
    checked(Command::new("ip").args(["link", "set", wire, state]))?;
    Ok(())
}
