//! Thousands of weights changed by one reload, until the kernel has them all.

use std::fs;
use std::time::Duration;

use super::{Measured, Quantity, Target, Unit};
use crate::Outcome;
use crate::beside::director::{Director, Who};
use crate::beside::farm::Farm;
use crate::beside::kernel::{Census, until};
use crate::beside::pool::{Ask, Pool};
use crate::measure::Program;
use crate::origin::package_version;
use crate::statistics::Round;

const POOL: Pool = Pool {
    services: 300,
    servers: 6000,
    ask: Ask::Nothing,
    interval: 60,
};

/// A reload that takes longer than this is given up; the figure is a lower bound then.
const PATIENCE: Duration = Duration::from_secs(150);

pub(crate) fn against_keepalived() -> Outcome<Measured> {
    const ROUNDS: usize = 3;
    let _farm = Farm::build(&[Who::Governess.place(), Who::Keepalived.place()])?;
    let (ours, peer) = (begin(Who::Governess)?, begin(Who::Keepalived)?);
    let mut rounds = Vec::new();
    let mut given_up = false;
    for round in 0..ROUNDS {
        let weight = 2 + round as u32 % 2;
        let ours = change(Who::Governess, &ours, weight)?.ok_or_else(|| unfinished(&ours))?;
        let peer = if given_up {
            None
        } else {
            change(Who::Keepalived, &peer, weight)?
        };
        given_up |= peer.is_none();
        rounds.push(Round {
            ours: ours.as_secs_f64(),
            peer: peer.unwrap_or(PATIENCE).as_secs_f64(),
        });
    }
    let mut remarks = vec![shape()];
    if given_up {
        remarks.push(format!(
            "keepalived had not finished after {} s and was given up: its figure is a lower bound.",
            PATIENCE.as_secs()
        ));
    }
    Ok(Measured {
        ours: "governess, from SIGHUP until the table is right".to_owned(),
        peer: format!(
            "the same with keepalived ({})",
            package_version("keepalived")?
        ),
        remarks,
        quantities: vec![wall(0.05, rounds)],
    })
}

pub(crate) fn against_ipvsadm() -> Outcome<Measured> {
    const ROUNDS: usize = 9;
    let _farm = Farm::build(&[Who::Governess.place(), "bare"])?;
    let director = begin(Who::Governess)?;
    fs::write("/run/bench/saved", saved(&director)?)?;
    let within = |words: &[&str]| {
        let words = [&["netns", "exec", "bare", "ipvsadm"], words].concat();
        Program::new("/sbin/ip", &words)
    };
    let restore = Program::new(
        "/sbin/ip",
        &[
            "netns",
            "exec",
            "bare",
            "sh",
            "-c",
            "exec ipvsadm -R </run/bench/saved",
        ],
    );
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let weight = 2 + round as u32 % 2;
        let ours =
            change(Who::Governess, &director, weight)?.ok_or_else(|| unfinished(&director))?;
        let peer = restore.time()?.wall;
        // With services in two namespaces, `/proc/net/ip_vs` leaves some out: the kernel counts
        // its place in the list by those of all namespaces, and finds it by its own.
        within(&["-C"]).output()?;
        rounds.push(Round {
            ours: ours.as_secs_f64(),
            peer: peer.as_secs_f64(),
        });
    }
    Ok(Measured {
        ours: "governess, from SIGHUP until the table is right".to_owned(),
        peer: format!(
            "one ipvsadm -R of the same table into an empty one ({})",
            package_version("ipvsadm")?
        ),
        remarks: vec![
            shape(),
            "ipvsadm reads no configuration, compares nothing and keeps no record.".to_owned(),
        ],
        quantities: vec![wall(0.5, rounds)],
    })
}

fn unfinished(director: &Director) -> String {
    let census = Census::of(director.pid());
    format!("governess did not finish: {census:?}: {}", director.said())
}

fn shape() -> String {
    format!(
        "{} services with {} servers without checks, and every weight changes. In the \
         kernel lab, both directors in a namespace each; the one that is not measured is frozen.",
        POOL.services, POOL.servers
    )
}

fn wall(at_most: f64, rounds: Vec<Round>) -> Quantity {
    Quantity {
        name: "wall time".to_owned(),
        unit: Unit::Seconds,
        target: Target::RatioAtMost(at_most),
        rounds,
    }
}

/// Starts a director and waits until every server has its weight, which is 1.
fn begin(who: Who) -> Outcome<Director> {
    let director = Director::start(who, &who.config(&POOL, |_| 1))?;
    match until(PATIENCE, || is_right(&director, 1))? {
        Some(_) => director.freeze()?,
        None => {
            let (census, said) = (Census::of(director.pid())?, director.said());
            return Err(format!("{who:?} has not begun well: {census:?}: {said}").into());
        }
    }
    Ok(director)
}

/// How long a reload takes that gives every server this weight.
fn change(who: Who, director: &Director, weight: u32) -> Outcome<Option<Duration>> {
    let config = who.config(&POOL, |_| weight);
    director.thaw()?;
    director.settle()?;
    director.reload(&config)?;
    let took = until(PATIENCE, || is_right(director, weight))?;
    if took.is_some() {
        director.settle()?;
    }
    director.freeze()?;
    Ok(took)
}

fn is_right(director: &Director, weight: u32) -> Outcome<bool> {
    let right = Census {
        services: POOL.services,
        destinations: POOL.servers,
        weight: POOL.servers as u64 * u64::from(weight),
    };
    Ok(Census::of(director.pid())? == right)
}

/// The table as `ipvsadm -Sn` writes it.
fn saved(director: &Director) -> Outcome<String> {
    let place = format!("--net=/proc/{}/ns/net", director.pid());
    Program::new("/usr/bin/nsenter", &[&place, "ipvsadm", "-Sn"]).output()
}
