//! What must not move the addresses between two directors, or not for longer than it takes.

use std::time::Duration;

use serde_json::json;

use crate::Outcome;
use crate::pair::{Pair, config};
use crate::process::checked;
use crate::story::{Story, same};
use crate::topology::Topology;
use crate::traffic::{Traffic, Visits};

pub(super) fn all_servers_dead(story: &Story) -> Outcome {
    let pair = Pair::serving(story, &config()?)?;
    let active = pair.until_holder()?;

    story.tell("both servers hang");
    pair.ex1.hang()?;
    pair.ex2.hang()?;
    for machine in &pair.machines {
        let what = format!("{} keeps servers that do not work", machine.name);
        story.until(&what, &json!(true), || {
            machine.says("/services/0/fail_open")
        })?;
    }
    pair.stays_with(active, Duration::from_secs(10))?;

    story.tell("both servers are off: none answers ARP, but the other director does");
    for wire in ["ex1-eth0", "ex2-eth0"] {
        checked(std::process::Command::new("ip").args(["link", "set", wire, "down"]))?;
    }
    pair.stays_with(active, Duration::from_secs(30))?;
    for machine in &pair.machines {
        let what = format!("the score of {}", machine.name);
        same(&what, &machine.says("/pair/score")?, &json!(0))?;
    }
    Ok(())
}

pub(super) fn same_config_on_both(story: &Story) -> Outcome {
    let pair = Pair::serving(story, &config()?)?;
    let active = pair.until_holder()?;
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
    let state = |at: usize| if at == active { "master" } else { "backup" };
    story.until(
        "each says what it is",
        &(json!(state(0)), json!(state(1))),
        || of_both("/pair/state"),
    )?;
    let plans = (lb1.call(&["plan"])?.code(), lb2.call(&["plan"])?.code());
    same("neither has anything to do", &plans, &(Some(0), Some(0)))
}

/// A new version is brought in: first on the backup, then on the active one, governess and
/// keepalived in turn.
pub(super) fn rolling_restart(story: &Story) -> Outcome {
    let mut pair = Pair::serving(story, &config()?)?;
    let active = pair.until_holder()?;
    let clients = Topology::client_addresses().take(4);
    let sessions = Traffic::begin(&pair.net.client, clients, &[25, 443])?;
    for at in [1 - active, active] {
        pair.machines[at].kill_governess()?;
        pair.machines[at].start_governess(story)?;
    }
    let exported = pair.machines[active].exported()?;
    let backup = &mut pair.machines[1 - active];
    backup.stop_keepalived(story)?;
    backup.start_keepalived(&exported)?;
    pair.stays_with(active, Duration::from_secs(5))?;
    let count = sessions.finish()?;
    story.figure(&format!(
        "governess on both, keepalived on the backup: {count}"
    ));

    story.tell("keepalived on the active one: it says good-bye");
    let visits = Visits::begin([192, 168, 1, 29].into(), 25)?;
    let clients = Topology::client_addresses().take(4);
    let sessions = Traffic::begin(&pair.net.client, clients, &[25, 443])?;
    pair.machines[active].stop_keepalived(story)?;
    pair.machines[active].start_keepalived(&exported)?;
    pair.until_held_by(1 - active)?;
    pair.stays_with(1 - active, Duration::from_secs(5))?;
    let gap = visits.longest_gap()?;
    let toll = sessions.toll()?;
    story.figure(&format!(
        "keepalived on the active one: {:.1} s without service; established: {toll}",
        gap.as_secs_f64()
    ));
    Ok(())
}
