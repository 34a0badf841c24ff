//! Servers taken out by the operator.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, Scene, Standing, UP};
use crate::story::{Story, same};
use crate::topology::MANAGEMENT;
use crate::traffic::{Traffic, visit, visit_at};

/// It works, and the operator took it out.
const DRAINED: Standing = ("up", 0);

/// A session on ex1 and one on ex2.
struct Sessions {
    on_ex1: Traffic,
    on_ex2: Traffic,
}

impl Sessions {
    fn begin(lab: &Cluster<'_>) -> Outcome<Self> {
        let session = |host| {
            let from = IpAddr::from([192, 168, 1, host]);
            Traffic::begin(&lab.net.client, [from].into_iter(), &[443])
        };
        let (one, other) = (session(10)?, session(11)?);
        match (one.on("ex1"), other.on("ex1")) {
            (1, 0) => Ok(Self {
                on_ex1: one,
                on_ex2: other,
            }),
            (0, 1) => Ok(Self {
                on_ex1: other,
                on_ex2: one,
            }),
            _ => Err("both sessions lead to one server".into()),
        }
    }
}

/// No new client comes to ex1.
fn newcomers_come_to_ex2(lab: &Cluster<'_>, hosts: std::ops::Range<u8>) -> Outcome {
    for host in hosts {
        let newcomer = IpAddr::from([192, 168, 1, host]);
        let server = visit(&lab.net.client, newcomer, 443)?;
        same("a new client's server", &server, &"ex2".to_owned())?;
    }
    Ok(())
}

pub(super) fn drain_with_sessions(story: &Story) -> Outcome {
    let mut lab = Cluster::serving(story)?;
    let Sessions { on_ex1, on_ex2 } = Sessions::begin(&lab)?;

    story.tell("ex1 is drained, and the command waits");
    let ended = thread::scope(|scope| {
        let governess = &lab.governess;
        let drain = ["drain", "ex1", "--wait", "--reason", "ticket 4711"];
        let waits = scope.spawn(move || governess.call(&drain));
        lab.until("ex1 gets nothing new", &Scene::works([DRAINED, UP]))?;
        newcomers_come_to_ex2(&lab, 25..28)?;
        story.tell("the session on ex1 ends by itself");
        lab.uncut(on_ex1)?;
        waits.join().map_err(|_| "the waiting panicked")?
    })?;
    story.figure(&format!(
        "it said: {}",
        ended.stdout.trim().replace('\n', " / ")
    ));
    same("its exit code", &ended.code(), &Some(0))?;
    same(
        "it saw the session",
        &ended.stdout.contains("1 active"),
        &true,
    )?;
    same(
        "it saw its end",
        &ended.stdout.contains("drained after"),
        &true,
    )?;

    story.tell("the wish outlives governess, and the other server cannot be drained by accident");
    lab.governess.kill()?;
    lab.governess.start(story)?;
    lab.until("ex1 is out", &Scene::works([DRAINED, UP]))?;
    same("the wish", &lab.word("ex1")?, &Some(json!("drain")))?;
    let page = lab.governess.page()?;
    same("the page tells why", &page.contains("ticket 4711"), &true)?;
    let refused = lab.governess.call(&["drain", "ex2"])?;
    same("its exit code", &refused.code(), &Some(1))?;
    same("it says how", &refused.stderr.contains("--force"), &true)?;
    same(
        "a usage error",
        &lab.governess.call(&["drain"])?.code(),
        &Some(64),
    )?;
    same("the scene", &lab.scene()?, &Scene::works([DRAINED, UP]))?;

    lab.governess.says(&["enable", "ex1"])?;
    lab.until("ex1 is back", &Scene::works([UP, UP]))?;
    lab.uncut(on_ex2)
}

pub(super) fn drain_deadline(story: &Story) -> Outcome {
    let lab = Cluster::serving(story)?;
    let Sessions { on_ex1, on_ex2 } = Sessions::begin(&lab)?;

    story.tell("a session that does not end meets the deadline");
    let ended = lab
        .governess
        .call(&["drain", "ex1", "--wait", "--deadline", "4s"])?;
    story.figure(&format!(
        "it said: {}",
        ended.stdout.trim().replace('\n', " / ")
    ));
    same("its exit code", &ended.code(), &Some(1))?;
    let left = ended
        .stdout
        .contains("the deadline has come; left: 1 active");
    same("it says what is left", &left, &true)?;
    lab.until_event("drained", "1 active connections are left")?;
    same("the scene", &lab.scene()?, &Scene::works([DRAINED, UP]))?;

    story.tell("the session goes on, and so does the drain");
    newcomers_come_to_ex2(&lab, 25..27)?;
    lab.uncut(on_ex1)?;
    lab.governess.says(&["enable", "ex1"])?;
    lab.until("ex1 is back", &Scene::works([UP, UP]))?;
    lab.uncut(on_ex2)
}

/// The commands of the README's section, in their order.
fn commands() -> Outcome<Vec<String>> {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme
        .split_once("## Updating an Exchange server")
        .ok_or("the README has no such section")?;
    let section = section.split("\n## ").next().unwrap_or(section);
    let blocks = section.split("```").skip(1).step_by(2);
    let lines = blocks
        .filter_map(|block| block.strip_prefix("sh\n"))
        .flat_map(str::lines);
    let commands = lines.map(|line| line.split(" #").next().unwrap_or("").trim().to_owned());
    Ok(commands
        .filter(|line| line.starts_with("governess "))
        .collect())
}

pub(super) fn update_an_exchange_server(story: &Story) -> Outcome {
    let mut lab = Cluster::original(story)?;
    let Sessions { on_ex1, on_ex2 } = Sessions::begin(&lab)?;
    let commands = commands()?;
    let verbs: Vec<&str> = commands
        .iter()
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    same(
        "the commands",
        &verbs,
        &vec!["drain", "sessions", "status", "enable"],
    )?;
    let run = |lab: &Cluster<'_>, at: usize| -> Outcome<String> {
        let line = commands.get(at).ok_or("a command is missing")?;
        story.tell(line);
        let quoted: Vec<&str> = line.split('"').collect();
        let mut words: Vec<&str> = quoted[0].split_whitespace().skip(1).collect();
        words.extend(quoted.get(1));
        lab.governess.says(&words)
    };

    let begun = thread::scope(|scope| {
        let drain = scope.spawn(|| run(&lab, 0));
        lab.until("ex1 gets nothing new", &Scene::works([DRAINED, UP]))?;
        newcomers_come_to_ex2(&lab, 25..27)?;
        lab.uncut(on_ex1)?;
        drain.join().map_err(|_| "the drain panicked")?
    })?;
    story.figure(&format!(
        "drain said: {}",
        begun.trim().replace('\n', " / ")
    ));
    run(&lab, 1)?;
    run(&lab, 2)?;

    story.tell("ex1 is updated: its services stop and start; the way to it stays");
    lab.ex1.kill()?;
    lab.until("ex1 is down", &Scene::works([DOWN, UP]))?;
    let (_, vip) = MANAGEMENT[0];
    let from = IpAddr::from([192, 168, 1, 20]);
    let server = visit_at(&lab.net.client, from, (vip, 443).into())?;
    same("the management VIP's server", &server, &"ex1".to_owned())?;
    lab.governess.kill()?;
    lab.governess.start(story)?;
    lab.ex1.start(story)?;
    lab.until("ex1 works and is still out", &Scene::works([DRAINED, UP]))?;
    let waited = std::time::Instant::now();
    story.until_past(waited, Duration::from_secs(3))?;
    same("the scene", &lab.scene()?, &Scene::works([DRAINED, UP]))?;

    run(&lab, 3)?;
    lab.until("ex1 is back", &Scene::works([UP, UP]))?;
    lab.uncut(on_ex2)
}
