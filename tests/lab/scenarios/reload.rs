//! SIGHUP: a bad file changes nothing, a good one what differs.

use std::collections::BTreeSet;
use std::fs;

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, Scene, UP};
use crate::director::{altered, original};
use crate::host::addresses;
use crate::story::{Story, same};

pub(super) fn reload_bad_file(story: &Story) -> Outcome {
    let lab = Cluster::original(story)?;
    let traffic = lab.traffic()?;
    lab.ex1.hang()?;
    lab.until("ex1 is out", &Scene::works([DOWN, UP]))?;
    let saved = || lab.net.lb1.run("ipvsadm", &["-Sn"]);
    let (table, steps) = (saved()?, lab.events("step", None)?.len());
    let good = fs::read_to_string(lab.governess.config())?;

    for (from, to, said) in [
        (
            "scheduler = \"wlc\"",
            "scheduler = \"wcl\"",
            "did you mean \"wlc\"?",
        ),
        (
            "fwmark = 80",
            "fwmark = 80\nfwmrk = 81",
            "unknown key `fwmrk`",
        ),
        ("eth0", "eth7", "eth7"),
        (
            "\"/tmp/governess\"",
            "\"/tmp/elsewhere\"",
            "takes a restart",
        ),
    ] {
        story.tell(&format!("a file with {to}"));
        lab.governess.configure(&good.replace(from, to))?;
        lab.governess.hang_up()?;
        lab.until_event("reload_refused", said)?;
    }
    lab.governess.configure("[director\n")?;
    lab.governess.hang_up()?;
    lab.until_event("reload_refused", "governess.toml:1:")?;
    same("the table", &saved()?, &table)?;
    same("the scene", &lab.scene()?, &Scene::works([DOWN, UP]))?;

    story.tell("the same file as before: nothing is written");
    lab.governess.configure(&good)?;
    lab.governess.hang_up()?;
    lab.until_event("reloaded", "as before")?;
    same("the table", &saved()?, &table)?;
    same("steps", &lab.events("step", None)?.len(), &steps)?;
    let nothing = (Some(0), Vec::new());
    same("the plan", &lab.governess.plan()?, &nothing)?;

    story.tell("a file without ex2's management VIP: what belongs to it goes, and nothing else");
    let management = "management = { vip = \"192.168.1.37/24\", fwmark = 2 }";
    lab.governess
        .configure(&altered(&original()?, &[(management, "")])?)?;
    lab.governess.hang_up()?;
    lab.until_event("reloaded", "instead of")?;
    lab.until_whole()?;
    let without: String = table
        .lines()
        .filter(|line| !line.contains("-f 2 "))
        .map(|line| format!("{line}\n"))
        .collect();
    same("the table", &saved()?, &without)?;
    let held: BTreeSet<String> = addresses(&lab.net.lb1)?.into_iter().collect();
    let still = held.iter().any(|line| line.contains("192.168.1.37"));
    same("the address is held", &still, &false)?;
    same("the scene", &lab.scene()?, &Scene::works([DOWN, UP]))?;
    lab.ex1.resume()?;
    lab.until("both serve", &Scene::works([UP, UP]))?;
    lab.uncut(traffic)
}
