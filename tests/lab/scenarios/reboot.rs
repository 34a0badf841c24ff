//! The machine loses its power and boots again: the kernel's table is gone, the state folder is
//! not. What the operator set by hand counts again; what we wrote ourselves counts for nothing.
//!
//! The two halves run in two boots of the guest. Between them nothing is stopped.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, Scene, UP};
use crate::ipvs::ipvsadm;
use crate::process::checked;
use crate::story::{Story, same};

/// Outlives the guest.
const DISK: &str = "/lab/disk";

/// The state folder of the lab's configurations.
const STATE: &str = "/tmp/governess";

const UP_WITH_3: (&str, u32) = ("up", 3);

pub(super) fn before(story: &Story) -> Outcome {
    fs::create_dir_all(DISK)?;
    state_on_disk()?;
    let lab = Cluster::serving(story)?;

    story.tell("a weight by hand, and a server that is out");
    ipvsadm(&lab.net.lb1, "-e -f 80 -r 10.0.1.1:0 -m -w 3")?;
    lab.until("ex1 has that weight", &Scene::works([UP_WITH_3, UP]))?;
    story.until("it is a wish", &Some(3), || lab.wish("ex1"))?;
    lab.ex2.hang()?;
    lab.until("ex2 loses its weight", &Scene::works([UP_WITH_3, DOWN]))?;
    let table = lab.net.lb1.run("ipvsadm", &["-Sn"])?;
    fs::write(format!("{DISK}/table"), table)?;
    fs::write(format!("{DISK}/boot"), boot()?)?;
    Ok(())
}

pub(super) fn after(story: &Story) -> Outcome {
    let earlier = fs::read_to_string(format!("{DISK}/boot"))?;
    same("this is the earlier boot", &(boot()? == earlier), &false)?;
    state_on_disk()?;
    let kept = "/tmp/kept";
    checked(Command::new("cp").args(["-r", STATE, kept]))?;

    story.tell("the table is empty, as after most boots");
    let mut lab = Cluster::build(story)?;
    same(
        "the table",
        &lab.net.lb1.run("ipvsadm", &["-Sn"])?,
        &String::new(),
    )?;
    counts_what_was_set_by_hand(&mut lab)?;

    story.tell("something of the boot restored the table of before, with the server that was out");
    lab.governess.forget()?;
    for name in ["intents", "wishes.json", "events.jsonl"] {
        fs::copy(format!("{kept}/{name}"), format!("{STATE}/{name}"))?;
    }
    ipvsadm(&lab.net.lb1, "-C")?;
    let table = fs::read_to_string(format!("{DISK}/table"))?;
    lab.net.lb1.feed("ipvsadm", &["-R"], &table)?;
    counts_what_was_set_by_hand(&mut lab)
}

/// Starts governess; then both servers serve, ex1 with the weight that was set by hand, and
/// nothing that governess wrote in the earlier boot is taken for a human's.
fn counts_what_was_set_by_hand(lab: &mut Cluster<'_>) -> Outcome {
    lab.governess.start(lab.story)?;
    lab.until("both serve, ex1 by hand", &Scene::works([UP_WITH_3, UP]))?;
    lab.until_whole()?;
    same("the wish for ex1", &lab.wish("ex1")?, &Some(3))?;
    same("the wish for ex2", &lab.wish("ex2")?, &None)?;
    for name in ["wish_set", "wish_cleared", "step_failed", "fail_open"] {
        same(
            &format!("events {name}"),
            &lab.events(name, None)?,
            &Vec::new(),
        )?;
    }
    let (intents, boot) = (fs::read_to_string(format!("{STATE}/intents"))?, boot()?);
    let foreign = intents.lines().filter(|line| !line.contains(&boot)).count();
    same("intents of other boots", &foreign, &0)?;
    lab.governess.kill()
}

fn state_on_disk() -> Outcome {
    let disk = format!("{DISK}/state");
    fs::create_dir_all(&disk)?;
    fs::create_dir_all(STATE)?;
    checked(Command::new("mount").args(["--bind", &disk, STATE]))?;
    Ok(())
}

fn boot() -> Outcome<String> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    Ok(fs::read_to_string(path)?.trim().to_owned())
}
