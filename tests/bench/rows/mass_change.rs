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

const ROUNDS: usize = 9;

/// A reload that takes longer than this is given up; the figure is a lower bound then.
const PATIENCE: Duration = Duration::from_secs(150);

pub(crate) fn against_keepalived() -> Outcome<Measured> {
    let pool = Pool {
        ask: Ask::Tcp,
        ..POOL
    };
    let asked = "each asked by TCP every 60 s";
    beside_keepalived(&pool, asked, Target::RatioAtMost(0.05))
}

pub(crate) fn against_keepalived_unasked() -> Outcome<Measured> {
    beside_keepalived(&POOL, "without checks", Target::None)
}

fn beside_keepalived(pool: &Pool, asked: &str, target: Target) -> Outcome<Measured> {
    let _farm = Farm::build(&[Who::Governess.place(), Who::Keepalived.place()])?;
    let ours = changes(Who::Governess, pool)?;
    let peer = changes(Who::Keepalived, pool)?;
    if ours.len() < ROUNDS {
        return Err("governess did not finish a reload".into());
    }
    let mut remarks = vec![format!("{} One director after the other.", shape(asked))];
    if peer.len() < ROUNDS {
        remarks.push(format!(
            "keepalived had not finished after {} s and was given up: its figure is a lower bound.",
            PATIENCE.as_secs()
        ));
    }
    let peer = peer.into_iter().chain([PATIENCE]).cycle();
    let rounds = ours.into_iter().zip(peer).map(|(ours, peer)| Round {
        ours: ours.as_secs_f64(),
        peer: peer.as_secs_f64(),
    });
    Ok(Measured {
        ours: "governess, from SIGHUP until the table is right".to_owned(),
        peer: format!(
            "the same with keepalived ({})",
            package_version("keepalived")?
        ),
        remarks,
        quantities: vec![wall(target, rounds.collect())],
    })
}

/// How long each of some reloads takes, up to one that does not come to its end.
fn changes(who: Who, pool: &Pool) -> Outcome<Vec<Duration>> {
    let director = begin(who, pool)?;
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        match change(who, pool, &director, weight_of(round))? {
            Some(took) => all.push(took),
            None => break,
        }
    }
    Ok(all)
}

/// The weight of all servers from this round on.
fn weight_of(round: usize) -> u32 {
    2 + round as u32 % 2
}

pub(crate) fn against_ipvsadm() -> Outcome<Measured> {
    let _farm = Farm::build(&[Who::Governess.place(), "bare"])?;
    let director = begin(Who::Governess, &POOL)?;
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
        let ours = change(Who::Governess, &POOL, &director, weight_of(round))?;
        let ours = ours.ok_or_else(|| unfinished(&director))?;
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
            shape("without checks"),
            "ipvsadm reads no configuration, compares nothing and keeps no record.".to_owned(),
        ],
        quantities: vec![wall(Target::RatioAtMost(0.5), rounds)],
    })
}

fn unfinished(director: &Director) -> String {
    let census = Census::of(director.pid());
    format!("governess did not finish: {census:?}: {}", director.said())
}

fn shape(asked: &str) -> String {
    format!(
        "{} services with {} servers, {asked}, and every weight changes. In the kernel lab.",
        POOL.services, POOL.servers
    )
}

fn wall(target: Target, rounds: Vec<Round>) -> Quantity {
    Quantity {
        name: "wall time".to_owned(),
        unit: Unit::Seconds,
        target,
        rounds,
    }
}

/// Starts a director and waits until every server has its weight, which is 1.
fn begin(who: Who, pool: &Pool) -> Outcome<Director> {
    let director = Director::start(who, &who.config(pool, |_| 1))?;
    match until(PATIENCE, || is_right(&director, 1))? {
        Some(_) => Ok(director),
        None => {
            let (census, said) = (Census::of(director.pid())?, director.said());
            Err(format!("{who:?} has not begun well: {census:?}: {said}").into())
        }
    }
}

/// How long a reload takes that gives every server this weight.
fn change(who: Who, pool: &Pool, director: &Director, weight: u32) -> Outcome<Option<Duration>> {
    let config = who.config(pool, |_| weight);
    director.settle()?;
    director.reload(&config)?;
    until(PATIENCE, || is_right(director, weight))
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
