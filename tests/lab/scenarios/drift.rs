//! The two directors carry out different files: both say so until one file is pushed to the other.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::Outcome;
use crate::director::altered;
use crate::machine::Machine;
use crate::pair::{ACTIVE, BACKUP, Pair, config};
use crate::ssh::Sshd;
use crate::story::{Story, same};

/// What each director says of the other one's file.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    /// `governess status` has a line about it.
    status: bool,
    /// The exit code of `check_director`, and whether it says why.
    check_director: (Option<i32>, bool),
    /// The metric.
    drift: bool,
}

impl Told {
    /// That the files are the same.
    const NOTHING: Self = Self {
        status: false,
        check_director: (Some(0), false),
        drift: false,
    };

    const DRIFT: Self = Self {
        status: true,
        check_director: (Some(1), true),
        drift: true,
    };

    fn by(machine: &Machine) -> Outcome<Self> {
        let drifts = |text: &str| text.contains("the other director's configuration");
        let status = machine.call(&["status"])?;
        let checked = machine.check_director()?;
        let metrics = machine.page("/metrics")?;
        Ok(Self {
            status: drifts(&status.stdout),
            check_director: (checked.code(), drifts(&checked.stdout)),
            drift: metrics.lines().any(|line| line == "governess_pair_drift 1"),
        })
    }
}

pub(super) fn drift(story: &Story) -> Outcome {
    let asked = altered(&config()?, &[("127.0.0.1:3636", "0.0.0.0:3636")])?;
    let config = asked + "partner_status = 3636\n";
    let pair = Pair::serving(story, &config)?;
    until_both_know(&pair)?;
    until_both_tell(&pair, "the files are the same", &Told::NOTHING)?;

    story.tell("the file is changed on the active director alone");
    let active = &pair.machines[ACTIVE];
    let before = digest(active)?;
    let shorter = ("persistence = \"600s\"", "persistence = \"300s\"");
    active.configure(&altered(&config, &[shorter])?)?;
    active.signal(Signal::SIGHUP)?;
    story.until("it carries out another file", &true, || {
        Ok(digest(active)? != before)
    })?;
    until_both_know(&pair)?;
    until_both_tell(&pair, "they drift", &Told::DRIFT)?;

    story.tell("governess push");
    let sshd = Sshd::begin(story, &pair.machines[BACKUP])?;
    let pushed = active.push(&sshd)?;
    same(&format!("{pushed:?}"), &pushed.code(), &Some(0))?;
    until_both_know(&pair)?;
    until_both_tell(&pair, "they are the same again", &Told::NOTHING)?;
    let table = |at: usize| pair.machines[at].place.run("ipvsadm", &["-S", "-n"]);
    story.until("the tables are the same", &table(ACTIVE)?, || table(BACKUP))?;
    Ok(())
}

fn digest(machine: &Machine) -> Outcome<Value> {
    machine.says("/config_digest")
}

/// Waits until each director knows which file the other one carries out.
fn until_both_know(pair: &Pair<'_>) -> Outcome {
    for (at, machine) in pair.machines.iter().enumerate() {
        let what = format!("{} knows the other one's digest", machine.name);
        let theirs = digest(&pair.machines[1 - at])?;
        same("a digest", &theirs.is_string(), &true)?;
        pair.story
            .until(&what, &theirs, || machine.says("/pair/partner_digest"))?;
    }
    Ok(())
}

/// Waits until both directors tell this, and prints how long after they knew that took.
fn until_both_tell(pair: &Pair<'_>, what: &str, told: &Told) -> Outcome {
    for machine in &pair.machines {
        let what = format!("{} tells that {what}", machine.name);
        let took = pair.story.until(&what, told, || Told::by(machine))?;
        let seconds = took.as_secs_f64();
        pair.story.figure(&format!("{what}: {seconds:.1} s later"));
    }
    Ok(())
}
