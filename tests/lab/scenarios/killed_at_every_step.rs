//! governess dies after any message to the kernel, before it has read the answer: a plain restart
//! ends in the right table.

use std::fs;
use std::time::{Duration, Instant};

use super::original::TABLE;
use crate::Outcome;
use crate::cluster::{Cluster, DOWN, Scene, UP};
use crate::director::{altered, original};
use crate::host::addresses;
use crate::story::{Story, every_step, same};

/// Which calls of a series are met: the first, how far apart, and for how long, unless governess
/// comes to its goal before.
#[derive(Clone, Copy)]
struct Calls {
    first: usize,
    step: usize,
    time: Duration,
}

/// A thread reads each of the kernel's answers with two calls, the first of which only looks at its
/// length: so this is every message.
const EVERY: Calls = Calls {
    first: 1,
    step: 2,
    time: Duration::MAX,
};

/// How a series is sampled, unless `LAB_EVERY_STEP` is set: an emulated machine takes some seconds
/// for a death. What is left out first are the messages that only read, before the first that writes.
fn sampled(first: usize, step: usize, seconds: u64) -> Calls {
    if every_step() {
        return EVERY;
    }
    let time = Duration::from_secs(seconds);
    Calls { first, step, time }
}

pub(super) fn killed_at_every_step(story: &Story) -> Outcome {
    let mut lab = Cluster::bare(story, &with_a_switch()?)?;
    let gateway = ["address", "add", "10.0.1.254/24", "dev", "eth1"];
    lab.net.lb1.run("ip", &gateway)?;
    switch(0)?;
    let begun = Instant::now();

    story.tell("around a start on a bare machine");
    let calls = sampled(15, 2, 60);
    let bare = deaths(&mut lab, calls, |lab, call| {
        make_bare(lab)?;
        dies(lab, call, || table_is(lab, TABLE))
    })?;
    story.tell("around a start that has only addresses to take");
    let calls = sampled(27, 8, 20);
    let addressed = deaths(&mut lab, calls, |lab, call| {
        delete_addresses(lab)?;
        dies(lab, call, || holds_all(lab))
    })?;

    story.tell("around the fall and the return of a server");
    lab.begin()?;
    let traffic = lab.traffic()?;
    lab.governess.kill()?;
    let quiesced = TABLE.replacen(
        "-f 80 -r 10.0.1.1:0 -m -w 1",
        "-f 80 -r 10.0.1.1:0 -m -w 0",
        1,
    );
    let calls = sampled(21, 2, 40);
    let fallen = deaths(&mut lab, calls, |lab, call| {
        switch(2)?;
        let died = dies(lab, call, || table_is(lab, &quiesced))?;
        restart(lab, &Scene::works([DOWN, UP]), &quiesced)?;
        switch(0)?;
        let died_again = dies(lab, call, || table_is(lab, TABLE))?;
        Ok(died || died_again)
    })?;
    story.figure(&format!(
        "deaths: {bare} in a start from nothing, {addressed} in one that has only addresses to take, \
         {fallen} in a fall and as many in a return; {:.0} s",
        begun.elapsed().as_secs_f64()
    ));
    lab.uncut(traffic)
}

/// Lets governess die at one call after the other until it comes to its goal alive; after each
/// death a plain restart must end in the right state. Gives the number of deaths.
fn deaths(
    lab: &mut Cluster<'_>,
    calls: Calls,
    attempt: impl Fn(&mut Cluster<'_>, usize) -> Outcome<bool>,
) -> Outcome<usize> {
    let begun = Instant::now();
    let mut deaths = 0;
    for call in (calls.first..).step_by(calls.step) {
        lab.story.tell(&format!("death at call {call}"));
        let died = attempt(lab, call)?;
        restart(lab, &Scene::works([UP, UP]), TABLE)
            .map_err(|why| format!("after a death at call {call}: {why}"))?;
        deaths += usize::from(died);
        if !died || begun.elapsed() > calls.time {
            break;
        }
    }
    Ok(deaths)
}

/// Starts governess so that it dies when one of its threads reads for this time from a socket.
/// False if it comes to the goal before; then it is killed, too.
fn dies(lab: &Cluster<'_>, call: usize, goal: impl Fn() -> Outcome<bool>) -> Outcome<bool> {
    let inject = format!("inject=recvfrom:signal=KILL:when={call}");
    let strace = [
        "strace",
        "-f",
        "-b",
        "execve",
        "-qqq",
        "-o",
        "/dev/null",
        "-e",
    ];
    let wrapper = [&strace[..], &["trace=recvfrom", "-e", &inject]].concat();
    let mut process = lab.governess.start_below(&wrapper)?;
    lab.story.until_some("it dies or comes to its goal", || {
        if process.has_ended()? {
            return Ok(true);
        }
        if goal()? {
            process.kill_all()?;
            return Ok(false);
        }
        Err("neither yet".into())
    })
}

/// A plain start, a right table, nothing left to do, nothing taken for a wish; then the end.
fn restart(lab: &mut Cluster<'_>, scene: &Scene, table: &str) -> Outcome {
    lab.governess.start(lab.story)?;
    lab.until("health is as it should be", scene)?;
    lab.until_whole()?;
    same(
        "the table",
        &lab.net.lb1.run("ipvsadm", &["-Sn"])?,
        &table.to_owned(),
    )?;
    for name in ["wish_set", "step_failed", "fail_open"] {
        same(
            &format!("events {name}"),
            &lab.events(name, None)?,
            &Vec::new(),
        )?;
    }
    lab.governess.kill()
}

/// The original set-up with a check that a file switches: here only the writing matters, and the
/// check reads from no socket. The inside gateway is held already, by lb1's own configuration: so
/// no health has to wait for the slower check of the real path.
fn with_a_switch() -> Outcome<String> {
    let config = original()?;
    let check = config.lines().find(|line| line.starts_with("x224 = "));
    let check = check.ok_or("the configuration has no x224 check")?;
    altered(
        &config,
        &[
            (
                check,
                "exec = [\"/bin/sh\", \"-c\", \"exit $(cat /tmp/{server})\"]",
            ),
            ("retry_interval = \"300ms\"", "retry_interval = \"100ms\""),
            ("gateway = ", "# gateway = "),
            ("masquerade = ", "# masquerade = "),
        ],
    )
}

/// The exit code of the check on ex1; ex2 is always well.
fn switch(code: i32) -> Outcome {
    fs::write("/tmp/ex2", "0")?;
    // Replaced as one: a reader must not find it empty.
    fs::write("/tmp/ex1.new", code.to_string())?;
    Ok(fs::rename("/tmp/ex1.new", "/tmp/ex1")?)
}

fn table_is(lab: &Cluster<'_>, table: &str) -> Outcome<bool> {
    Ok(lab.net.lb1.run("ipvsadm", &["-Sn"])? == table)
}

const TAKEN: [(&str, &str); 3] = [
    ("eth0", "192.168.1.35/24"),
    ("eth0", "192.168.1.36/24"),
    ("eth0", "192.168.1.37/24"),
];

fn holds_all(lab: &Cluster<'_>) -> Outcome<bool> {
    let held = addresses(&lab.net.lb1)?;
    let is_held =
        |(interface, address): &(&str, &str)| held.contains(&format!("{interface} {address}"));
    Ok(TAKEN.iter().all(is_held))
}

fn delete_addresses(lab: &Cluster<'_>) -> Outcome {
    let held = addresses(&lab.net.lb1)?;
    for (interface, address) in TAKEN {
        if held.contains(&format!("{interface} {address}")) {
            let delete = ["address", "delete", address, "dev", interface];
            lab.net.lb1.run("ip", &delete)?;
        }
    }
    Ok(())
}

/// As before the first start.
fn make_bare(lab: &Cluster<'_>) -> Outcome {
    let lb1 = &lab.net.lb1;
    lb1.run("ipvsadm", &["-C"])?;
    let script = "add table inet governess\ndelete table inet governess\n";
    lb1.feed("nft", &["-f", "-"], script)?;
    delete_addresses(lab)?;
    lab.governess.forget()
}
