//! What a director costs by the number of its servers.

use std::thread;
use std::time::Duration;

use super::{Measured, Quantity, Target, Unit};
use crate::Outcome;
use crate::beside::director::{Director, Who};
use crate::beside::farm::Farm;
use crate::beside::kernel::{Census, until};
use crate::beside::pool::{Ask, Pool};
use crate::origin::package_version;
use crate::statistics::Round;

const SERVERS_A_SERVICE: usize = 20;
const INTERVAL: u32 = 60;
const RELOADS: usize = 3;
/// A reload that takes longer is given up; the figure is a lower bound then.
const PATIENCE: Duration = Duration::from_secs(120);
/// Over so much time the processor time is measured: in it, every server is asked once.
const SPELL: Duration = Duration::from_secs(INTERVAL as u64);

/// The names of the rows.
const CPU: &str = "CPU time a second";
const MEMORY: &str = "memory";
const RELOAD: &str = "reload, one weight changed";

/// What was seen of one director.
struct Seen {
    cpu: f64,
    memory: f64,
    reloads: Vec<Option<Duration>>,
}

pub(crate) fn measure(servers: usize) -> Outcome<Measured> {
    let pool = Pool {
        services: servers.div_ceil(SERVERS_A_SERVICE),
        servers,
        ask: Ask::Tcp,
        interval: INTERVAL,
    };
    let _farm = Farm::build(&[Who::Governess.place(), Who::Keepalived.place()])?;
    let ours = see(Who::Governess, &pool)?;
    let peer = see(Who::Keepalived, &pool)?;
    let mut remarks = vec![format!(
        "{servers} servers, {SERVERS_A_SERVICE} to a service, each asked by TCP every {INTERVAL} s; in \
         the kernel lab, one director after the other."
    )];
    if peer.reloads.iter().any(Option::is_none) {
        remarks.push(format!(
            "keepalived's reload had not finished after {} s and was given up: its figure is a \
             lower bound.",
            PATIENCE.as_secs()
        ));
    }
    let both = |quantity: fn(&Seen) -> f64| Round {
        ours: quantity(&ours),
        peer: quantity(&peer),
    };
    let seconds = |took: &Option<Duration>| took.unwrap_or(PATIENCE).as_secs_f64();
    let reloads = ours.reloads.iter().zip(&peer.reloads);
    let row = |name: &str, unit, rounds| Quantity {
        name: name.to_owned(),
        unit,
        target: Target::None,
        rounds,
    };
    Ok(Measured {
        ours: "governess".to_owned(),
        peer: package_version("keepalived")?,
        remarks,
        quantities: vec![
            row(CPU, Unit::Seconds, vec![both(|seen| seen.cpu)]),
            row(MEMORY, Unit::Bytes, vec![both(|seen| seen.memory)]),
            row(
                RELOAD,
                Unit::Seconds,
                reloads
                    .map(|(ours, peer)| Round {
                        ours: seconds(ours),
                        peer: seconds(peer),
                    })
                    .collect(),
            ),
        ],
    })
}

fn see(who: Who, pool: &Pool) -> Outcome<Seen> {
    let director = Director::start(who, &who.config(pool, |_| 1))?;
    let right = |weight: u64| {
        let right = Census {
            services: pool.services,
            destinations: pool.servers,
            weight,
        };
        until(PATIENCE, || Ok(Census::of(director.pid())? == right))
    };
    let servers = pool.servers as u64;
    if right(servers)?.is_none() {
        return Err(format!("{who:?} has not begun well: {}", director.said()).into());
    }
    let before = director.cpu()?;
    thread::sleep(SPELL);
    let cpu = (director.cpu()? - before).as_secs_f64() / SPELL.as_secs_f64();
    let memory = director.memory()? as f64;
    let mut reloads = Vec::new();
    for round in 0..RELOADS {
        let last = 2 - round as u32 % 2;
        let weight = |at| if at + 1 == pool.servers { last } else { 1 };
        director.reload(&who.config(pool, weight))?;
        let took = right(servers - 1 + u64::from(last))?;
        reloads.push(took);
        if took.is_none() {
            break;
        }
    }
    Ok(Seen {
        cpu,
        memory,
        reloads,
    })
}
