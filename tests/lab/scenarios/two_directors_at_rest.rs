//! What must not move the addresses between two directors, or not for longer than it takes.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::cost::{Cost, Watch, beside_keepalived_alone};
use crate::Outcome;
use crate::pair::{ACTIVE, BACKUP, Keeper, Pair, config};
use crate::process::checked;
use crate::story::{Story, same};

pub(super) fn all_servers_dead(story: &Story) -> Outcome {
    let mut pair = Pair::serving(story, &config()?)?;
    let die = |pair: &mut Pair<'_>| {
        let watch = Watch::begin(pair)?;
        story.tell("both servers hang for RDP, and answer to all else");
        pair.ex1.hang()?;
        pair.ex2.hang()?;
        if pair.keeper == Keeper::Governess {
            until_all_are(pair, "/services/0/fail_open", &json!(true))?;
        }
        pair.stays_with(ACTIVE, Duration::from_secs(10))?;
        let cost = watch.end(pair, "all servers fail their checks")?;

        story.tell("both servers are off: none answers ARP, but the other director does");
        servers_are(pair, "down")?;
        pair.stays_with(ACTIVE, Duration::from_secs(30))?;
        Ok(cost)
    };
    beside_keepalived_alone(&mut pair, die, |pair| {
        for machine in &pair.machines {
            let what = format!("the score of {}", machine.name);
            same(&what, &machine.says("/pair/score")?, &json!(0))?;
        }
        servers_are(pair, "up")?;
        pair.ex1.resume()?;
        pair.ex2.resume()?;
        for server in ["0", "1"] {
            let health = format!("/services/0/servers/{server}/health");
            until_all_are(pair, &health, &json!("up"))?;
        }
        Ok(())
    })
}

/// Waits until both directors say this.
fn until_all_are(pair: &Pair<'_>, pointer: &str, expected: &Value) -> Outcome {
    for machine in &pair.machines {
        let what = format!("{}: {pointer} is {expected}", machine.name);
        pair.story
            .until(&what, expected, || machine.says(pointer))?;
    }
    Ok(())
}

/// Takes the wires of both servers up or down.
fn servers_are(pair: &Pair<'_>, state: &str) -> Outcome {
    pair.story.tell(&format!("the servers' wires go {state}"));
    for wire in ["ex1-eth0", "ex2-eth0"] {
        checked(Command::new("ip").args(["link", "set", wire, state]))?;
    }
    Ok(())
}

pub(super) fn same_config_on_both(story: &Story) -> Outcome {
    let pair = Pair::serving(story, &config()?)?;
    let [lb1, lb2] = &pair.machines;
    let of_both = |pointer: &str| Ok((lb1.says(pointer)?, lb2.says(pointer)?));
    let (one, two) = of_both("/config_digest")?;
    same("the digest", &one, &two)?;
    same(
        "the partners",
        &of_both("/pair/partner")?,
        &(json!("10.0.1.34"), json!("10.0.1.33")),
    )?;
    same("keepalived\'s file", &lb1.exported()?, &lb2.exported()?)?;
    for (program, arguments) in [("ipvsadm", ["-S", "-n"]), ("nft", ["list", "ruleset"])] {
        same(
            &format!("{program} on both"),
            &lb1.place.run(program, &arguments)?,
            &lb2.place.run(program, &arguments)?,
        )?;
    }
    story.until(
        "each says what it is",
        &(json!("master"), json!("backup")),
        || of_both("/pair/state"),
    )?;
    let plans = (lb1.call(&["plan"])?.code(), lb2.call(&["plan"])?.code());
    same("neither has anything to do", &plans, &(Some(0), Some(0)))
}

/// A new version is brought in: first on the backup, then on the active one, governess and
/// keepalived in turn.
pub(super) fn rolling_restart(story: &Story) -> Outcome {
    let mut pair = Pair::serving(story, &config()?)?;
    let (backup, active) = roll(&mut pair)?;
    pair.leave_to_keepalived()?;
    let (backup_alone, active_alone) = roll(&mut pair)?;
    backup.is_no_more_than(&backup_alone)?;
    backup.cuts_none()?;
    active.is_no_more_than(&active_alone)
}

/// Restarts all; gives the cost up to the backup's keepalived, and
/// that of the active one's.
fn roll(pair: &mut Pair<'_>) -> Outcome<(Cost, Cost)> {
    let story = pair.story;
    let watch = Watch::begin(pair)?;
    if pair.keeper == Keeper::Governess {
        for at in [BACKUP, ACTIVE] {
            pair.machines[at].kill_governess()?;
            pair.machines[at].start_governess()?;
            pair.machines[at].until_servers_are_up(story)?;
        }
    }
    restart_keepalived(pair, BACKUP)?;
    pair.stays_with(ACTIVE, Duration::from_secs(5))?;
    let backup = watch.end(
        pair,
        "all is restarted but the active director's keepalived",
    )?;

    story.tell("keepalived on the active one: it says good-bye");
    let watch = Watch::begin(pair)?;
    restart_keepalived(pair, ACTIVE)?;
    pair.until_held_by(BACKUP)?;
    pair.until_known(BACKUP)?;
    let active = watch.end(pair, "the active director's keepalived is restarted")?;
    pair.stays_with(BACKUP, Duration::from_secs(5))?;
    Ok((backup, active))
}

fn restart_keepalived(pair: &mut Pair<'_>, at: usize) -> Outcome {
    let file = pair.file()?;
    let machine = &mut pair.machines[at];
    machine.stop_keepalived(pair.story)?;
    machine.start_keepalived(&file)?;
    machine.until_keepalived_says(pair.story, "Entering BACKUP STATE")
}
