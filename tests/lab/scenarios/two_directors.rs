//! One of two directors is lost, hangs or is cut off, and the other one serves. Each prints what it
//! cost, beside keepalived alone with the same timers.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::cost::{Cost, Watch, beside_keepalived_alone, no_longer};
use crate::Outcome;
use crate::machine::HUNG;
use crate::pair::{ACTIVE, BACKUP, Keeper, Pair, config};
use crate::story::{Story, same};

pub(super) fn active_loses_power(story: &Story) -> Outcome {
    let mut pair = Pair::serving(story, &config()?)?;
    let lose_power = |pair: &mut Pair<'_>| {
        let watch = Watch::begin(pair)?;
        pair.machines[ACTIVE].lose_power()?;
        pair.until_held_by_other(ACTIVE)?;
        watch.end(pair, "the active director loses its power")
    };
    beside_keepalived_alone(&mut pair, lose_power, |pair| {
        story.tell("it boots again: nothing moves back");
        pair.boot(ACTIVE)?;
        pair.stays_with(BACKUP, Duration::from_secs(8))
    })
}

pub(super) fn active_loses_a_link(story: &Story) -> Outcome {
    let mut pair = Pair::serving(story, &config()?)?;
    until_scores(&pair, [0, 0])?;
    let lose_link = |pair: &mut Pair<'_>| {
        let watch = Watch::begin(pair)?;
        pair.machines[ACTIVE].wire("eth1", "down")?;
        pair.until_held_by_other(ACTIVE)?;
        watch.end(pair, "the active director loses its inside link")
    };
    beside_keepalived_alone(&mut pair, lose_link, |pair| {
        until_scores(pair, [-50, 0])?;
        let why = pair.machines[ACTIVE].says("/pair/unfit")?.to_string();
        let named = why.contains("eth1 has no carrier");
        same(&format!("{why} names the link"), &named, &true)?;

        story.tell("the link is back: nothing moves back");
        pair.machines[ACTIVE].wire("eth1", "up")?;
        until_scores(pair, [0, 0])?;
        pair.stays_with(BACKUP, Duration::from_secs(8))
    })
}

/// Waits until the directors give themselves these scores.
fn until_scores(pair: &Pair<'_>, scores: [i16; 2]) -> Outcome {
    let score = |at: usize| pair.machines[at].says("/pair/score");
    let what = format!("the scores are {scores:?}");
    let expected = scores.map(|score| json!(score));
    pair.story
        .until(&what, &expected, || Ok([score(0)?, score(1)?]))?;
    Ok(())
}

/// Where keepalived is alone, a script of its own with the same timers finds the fault.
pub(super) fn governess_hangs_on_active(story: &Story) -> Outcome {
    let mut pair = Pair::serving(story, &config()?)?;
    let hang = |pair: &mut Pair<'_>| {
        let watch = Watch::begin(pair)?;
        let active = &pair.machines[ACTIVE];
        match pair.keeper {
            Keeper::Governess => active.signal(Signal::SIGSTOP)?,
            Keeper::KeepalivedAlone => fs::write(active.own(HUNG), "")?,
        }
        let took = pair.until_held_by_other(ACTIVE)?;
        pair.until_held_by(BACKUP)?;
        let cost = watch.end(pair, "what judges the active director hangs")?;
        story.figure(&format!("moved {:.1} s after it hung", took.as_secs_f64()));
        Ok(cost)
    };
    beside_keepalived_alone(&mut pair, hang, |pair| {
        pair.machines[ACTIVE].signal(Signal::SIGCONT)?;
        pair.stays_with(BACKUP, Duration::from_secs(8))?;
        states(pair, BACKUP)
    })
}

/// Both say what they are.
fn states(pair: &Pair<'_>, master: usize) -> Outcome {
    for (at, machine) in pair.machines.iter().enumerate() {
        let state = if at == master { "master" } else { "backup" };
        let what = format!("{} says {state}", machine.name);
        pair.story
            .until(&what, &Value::from(state), || machine.says("/pair/state"))?;
    }
    Ok(())
}

pub(super) fn split_and_heal(story: &Story) -> Outcome {
    let mut pair = Pair::serving(story, &config()?)?;
    let (with, both) = split(&pair)?;
    pair.leave_to_keepalived()?;
    let (alone, both_alone) = split(&pair)?;
    no_longer(both, both_alone)?;
    with.is_no_more_than(&alone)
}

/// Cuts VRRP until both directors hold the addresses, and heals it; gives the cost and the time
/// that two held them afterwards. The client must know the one that stays.
fn split(pair: &Pair<'_>) -> Outcome<(Cost, Duration)> {
    let story = pair.story;
    let cut = "table ip cut {\n chain in { type filter hook input priority 0; \
               ip protocol vrrp drop; }\n chain out { type filter hook output priority 0; \
               ip protocol vrrp drop; }\n}\n";
    let place = &pair.machines[ACTIVE].place;
    let watch = Watch::begin(pair)?;
    story.tell("the directors do not hear each other any more");
    place.feed("nft", &["-f", "-"], cut)?;
    story.until("both hold the addresses", &vec![0, 1], || pair.holders())?;
    place.run("nft", &["delete", "table", "ip", "cut"])?;
    let begun = Instant::now();
    let holder = pair.until_holder()?;
    let both = begun.elapsed();
    let took = pair.until_known(holder)?;
    let cost = watch.end(pair, "the directors do not hear each other")?;
    story.figure(&format!(
        "healed: both held the addresses for {:.1} s; the client's ARP entry was right {:.1} s later",
        both.as_secs_f64(),
        took.as_secs_f64()
    ));
    Ok((cost, both))
}
