//! Outcome × host for the hosts that need a kernel's table: keepalived, static and dynamic, and
//! ldirectord. Each cell is what the real host made of a check with that outcome.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::ipvs::table;
use crate::keepalived::Keepalived;
use crate::ldirectord;
use crate::process::ours;
use crate::story::{Story, same};
use crate::topology::Topology;

/// Each outcome, and the weight that must be in the table with it: of keepalived with static
/// checks and `inhibit_on_failure`, of `misc_dynamic` (none: taken out), of ldirectord.
const OUTCOMES: [(&str, [Option<u32>; 3]); 7] = [
    ("up", [Some(1), Some(10), Some(1)]),
    ("degraded", [Some(1), Some(10), Some(1)]),
    ("maintenance", [Some(0), Some(0), Some(0)]),
    ("down", [Some(0), None, Some(0)]),
    ("unknown", [Some(0), None, Some(0)]),
    ("panic", [Some(0), None, Some(0)]),
    ("hang", [Some(0), None, Some(0)]),
];

/// How long a column must stay as it is.
const STAYS: Duration = Duration::from_secs(6);

/// The weights by the outcome of the check.
type Column = BTreeMap<&'static str, Option<u32>>;

pub(super) fn hosts_table(story: &Story) -> Outcome {
    let net = Topology::build()?;
    net.lb1_serves()?;
    let mut seen = Vec::new();
    for (host, configuration) in [
        (0, keepalived("-m keepalived", 1, "")?),
        (
            1,
            keepalived("-m keepalived-weight --weight 10", 10, "misc_dynamic")?,
        ),
    ] {
        let keepalived = Keepalived::start(story, &net.lb1, &configuration)?;
        seen.push(settled(story, &net, host)?);
        keepalived.stop(story)?;
    }
    let _ldirectord = ldirectord::start(story, &net.lb1, &ldirectord_configuration()?)?;
    seen.push(settled(story, &net, 2)?);

    story.figure("| outcome | keepalived | keepalived, misc_dynamic | ldirectord |");
    story.figure("|---|---|---|---|");
    for (outcome, _) in OUTCOMES {
        let cells = seen.iter().map(|column| match column[outcome] {
            Some(weight) => format!("weight {weight}"),
            None => "taken out".to_owned(),
        });
        let cells: Vec<String> = cells.collect();
        story.figure(&format!("| {outcome} | {} |", cells.join(" | ")));
    }
    Ok(())
}

/// Waits until the host has made of every outcome what it must, and sees that it stays so.
fn settled(story: &Story, net: &Topology, host: usize) -> Outcome<Column> {
    let expected: Column = OUTCOMES
        .iter()
        .map(|(outcome, weights)| (*outcome, weights[host]))
        .collect();
    let look = || column(net);
    story.until("every outcome has its weight", &expected, look)?;
    let seen = Instant::now();
    story.until_past(seen, STAYS)?;
    let column = look()?;
    same("the column later", &column, &expected)?;
    Ok(column)
}

fn column(net: &Topology) -> Outcome<Column> {
    let table = table(&net.lb1)?;
    let weight = |at: usize| {
        let mut all = table.values().flatten();
        let port = format!(":{}", port(at));
        let found = all.find(|(line, _)| {
            let address = line.split_whitespace().next().unwrap_or_default();
            address.ends_with(&port)
        });
        found.map(|(_, weight)| *weight)
    };
    let outcomes = OUTCOMES.iter().enumerate();
    Ok(outcomes
        .map(|(at, (name, _))| (*name, weight(at)))
        .collect())
}

/// Each outcome has a port of its own.
fn port(at: usize) -> usize {
    3381 + at
}

fn keepalived(mode: &str, weight: u32, dynamic: &str) -> Outcome<String> {
    let check = ours("examples/check_that_breaks")?;
    let check = check.get_program().to_string_lossy().into_owned();
    let mut text =
        "global_defs {\n router_id lb1\n enable_script_security\n script_user root\n}\n".to_owned();
    for (at, (outcome, _)) in OUTCOMES.iter().enumerate() {
        let port = port(at);
        let inhibit = if dynamic.is_empty() {
            "inhibit_on_failure"
        } else {
            ""
        };
        write!(
            text,
            "virtual_server 192.168.1.35 {port} {{\n delay_loop 2\n lvs_sched wlc\n lvs_method NAT\n \
             protocol TCP\n {inhibit}\n real_server 10.0.1.1 {port} {{\n  weight {weight}\n  \
             MISC_CHECK {{\n   misc_path \"{check} {mode} -H {outcome} -t 2\"\n   misc_timeout 5\n   \
             warmup 0\n   {dynamic}\n  }}\n }}\n}}\n"
        )?;
    }
    Ok(text)
}

/// ldirectord passes the server itself, so each outcome is a name to be called by.
fn ldirectord_configuration() -> Outcome<String> {
    fs::create_dir_all("/etc/governess/args")?;
    let mut text = "checktimeout = 6\ncheckinterval = 1\nquiescent = yes\n".to_owned();
    for (at, (outcome, _)) in OUTCOMES.iter().enumerate() {
        let port = port(at);
        let called = format!("{outcome}.ldirectord");
        let link = ldirectord::link("examples/check_that_breaks", &called)?;
        fs::write(
            format!("/etc/governess/args/{called}"),
            format!("--way {outcome}\n-t 2\n"),
        )?;
        write!(
            text,
            "virtual = 192.168.1.35:{port}\n\treal = 10.0.1.1:{port} masq\n\tscheduler = wlc\n\
             \tprotocol = tcp\n\tchecktype = external\n\tcheckcommand = {}\n",
            link.display()
        )?;
    }
    Ok(text)
}
