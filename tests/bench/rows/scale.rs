//! The size at which keepalived's reload became famous: 2,277 services with 37,205 checks.

use std::thread;
use std::time::{Duration, Instant};

use super::{Measured, Quantity, Target, Unit};
use crate::Outcome;
use crate::beside::director::{Director, Who};
use crate::beside::farm::Farm;
use crate::beside::kernel::{Census, until};
use crate::beside::pool::{Ask, Pool};
use crate::origin::package_version;
use crate::statistics::Round;

/// The interval is what an emulated machine keeps up with.
const POOL: Pool = Pool {
    services: 2277,
    servers: 37_205,
    ask: Ask::Tcp,
    interval: 120,
};

/// What takes longer is given up; the figure is a lower bound then.
const PATIENCE: Duration = Duration::from_secs(240);

/// So many weights are changed by one reload.
const CHANGED: usize = 6000;

/// Connections are counted by this much time.
const WINDOW: Duration = Duration::from_secs(1);

/// What was seen of one director.
struct Seen {
    /// Until every destination is in the table.
    complete: Duration,
    /// Until every destination has its weight.
    right: Duration,
    memory_per_check: f64,
    /// Connections in the busiest window, in relation to the mean.
    busiest: f64,
    /// Of many weights that changed, and of one.
    reloads: [Option<Duration>; 2],
}

pub(crate) fn measure() -> Outcome<Measured> {
    let farm = Farm::build(&[Who::Governess.place(), Who::Keepalived.place()])?;
    let ours = see(&farm, Who::Governess)?;
    let peer = see(&farm, Who::Keepalived)?;
    let mut remarks = vec![format!(
        "{} services with {} servers, each asked by TCP every {} s, in the kernel lab: one run \
         each, one after the other. keepalived takes servers for healthy before it has asked them; \
         governess gives a server its weight with its first success, so that its start takes as \
         long as the first checks are spread over. The last reload changes one weight of all, by \
         which its end is seen; one without a change was seen to write nothing.",
        POOL.services, POOL.servers, POOL.interval
    )];
    if peer.reloads.iter().any(Option::is_none) {
        remarks.push(format!(
            "keepalived's reload had not finished after {} s and was given up: its figure is a \
             lower bound.",
            PATIENCE.as_secs()
        ));
    }
    let row = |name: &str, unit, target, ours, peer| Quantity {
        name: name.to_owned(),
        unit,
        target,
        rounds: vec![Round { ours, peer }],
    };
    let seconds = |name: &str, target, ours: Duration, peer: Duration| {
        row(
            name,
            Unit::Seconds,
            target,
            ours.as_secs_f64(),
            peer.as_secs_f64(),
        )
    };
    let [Some(ours_many), Some(ours_one)] = ours.reloads else {
        return Err("governess did not finish its reloads".into());
    };
    let [peer_many, peer_one] = peer.reloads.map(|took| took.unwrap_or(PATIENCE));
    Ok(Measured {
        ours: "governess".to_owned(),
        peer: package_version("keepalived")?,
        remarks,
        quantities: vec![
            seconds(
                "start, table complete",
                Target::None,
                ours.complete,
                peer.complete,
            ),
            seconds("start, table right", Target::None, ours.right, peer.right),
            seconds(
                "reload, 6,000 weights changed",
                Target::RatioAtMost(0.05),
                ours_many,
                peer_many,
            ),
            seconds(
                "reload, one weight changed",
                Target::RatioAtMost(1.0),
                ours_one,
                peer_one,
            ),
            row(
                "memory a check",
                Unit::Bytes,
                Target::OursAtMost(2048.0),
                ours.memory_per_check,
                peer.memory_per_check,
            ),
            row(
                "busiest second over the mean",
                Unit::Times,
                Target::OursAtMost(2.0),
                ours.busiest,
                peer.busiest,
            ),
        ],
    })
}

fn see(farm: &Farm, who: Who) -> Outcome<Seen> {
    let empty = memory_of_little(who)?;
    let config = who.config(&POOL, |_| 1);
    let director = Director::start(who, &config)?;
    let failed = |what: &str| format!("{who:?}: {what}: {}", director.said());
    let complete = until(PATIENCE, || {
        let found = Census::of(director.pid())?;
        Ok(found.services == POOL.services && found.destinations == POOL.servers)
    })?;
    let complete = complete.ok_or_else(|| failed("the table is not complete"))?;
    let right = until(PATIENCE, || is_right(&director, 0))?;
    let right = complete + right.ok_or_else(|| failed("the weights are not right"))?;
    let moments = farm.moments(|| {
        thread::sleep(Duration::from_secs(POOL.interval.into()));
        Ok(())
    })?;
    let memory_per_check = (director.memory()? - empty) as f64 / POOL.servers as f64;
    if who == Who::Governess {
        writes_nothing_without_a_change(&director, &config)?;
    }
    let reload = |changed: usize| {
        director.reload(&who.config(&POOL, |at| 1 + u32::from(at < changed)))?;
        until(PATIENCE, || is_right(&director, changed as u64))
    };
    let many = reload(CHANGED)?;
    // One that is given up is still under way, and keeps the next from beginning.
    let one = match many {
        Some(_) => reload(CHANGED + 1)?,
        None => None,
    };
    Ok(Seen {
        complete,
        right,
        memory_per_check,
        busiest: busiest(&moments).ok_or("no check came within an interval")?,
        reloads: [many, one],
    })
}

/// Of a director with one server.
fn memory_of_little(who: Who) -> Outcome<u64> {
    let little = Pool {
        services: 1,
        servers: 1,
        ..POOL
    };
    let director = Director::start(who, &who.config(&little, |_| 1))?;
    until(PATIENCE, || Ok(Census::of(director.pid())?.weight == 1))?;
    director.memory()
}

fn is_right(director: &Director, more: u64) -> Outcome<bool> {
    let right = Census {
        services: POOL.services,
        destinations: POOL.servers,
        weight: POOL.servers as u64 + more,
    };
    Ok(Census::of(director.pid())? == right)
}

/// Every write to the table is announced in `intents` before it is made.
fn writes_nothing_without_a_change(director: &Director, config: &str) -> Outcome {
    let before = director.intents()?;
    director.reload(config)?;
    director.until_said("reloaded")?;
    match director.intents()? {
        after if after == before => Ok(()),
        after => Err(format!(
            "a reload without a change wrote to the table: intents grew from {before} to {after} bytes"
        )
        .into()),
    }
}

fn busiest(moments: &[Instant]) -> Option<f64> {
    let (first, last) = (moments.iter().min()?, moments.iter().max()?);
    let windows = ((*last - *first).as_secs_f64() / WINDOW.as_secs_f64()).ceil();
    let mut counts = vec![0_u32; windows as usize + 1];
    for moment in moments {
        let at = (*moment - *first).as_secs_f64() / WINDOW.as_secs_f64();
        *counts.get_mut(at as usize)? += 1;
    }
    let mean = moments.len() as f64 / windows;
    Some(f64::from(*counts.iter().max()?) / mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_checks_are_alike_in_all_windows_and_a_burst_is_seen() {
        let began = Instant::now();
        let even: Vec<Instant> = (0..1000)
            .map(|at| began + Duration::from_millis(at * 100))
            .collect();
        assert!((busiest(&even).unwrap() - 1.0).abs() < 0.15);
        let ninety = Duration::from_secs(90);
        let burst: Vec<Instant> = even
            .iter()
            .map(|at| began.max(at.checked_sub(ninety).unwrap_or(began)))
            .collect();
        assert!(busiest(&burst).unwrap() > 5.0);
    }
}
