//! keepalived owns the table and follows governess's files: by the packaged configuration, across
//! reloads of keepalived, deaths of governess and lost files.

use std::fs;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, EX1, Scene, UP};
use crate::director::{CONFIG, altered};
use crate::ipvs::weight;
use crate::keepalived::{Keepalived, packaged};
use crate::story::{Story, same};
use crate::topology::MARK;

const TRACK_FILES: &str = include_str!("../../../packaging/keepalived/track_file.conf");

/// Where keepalived's files are.
const FOLDER: &str = "/run/governess/keepalived";

/// The file that keepalived follows for ex1.
const FILE: &str = "/run/governess/keepalived/exchange.ex1";

pub(super) fn keepalived_files(story: &Story) -> Outcome {
    let config = altered(
        CONFIG,
        &[
            ("\"ipvs\"", "\"keepalived-files\""),
            (
                "[checks.rdp]",
                "[keepalived]\nfifo = \"/run/keepalived/lvs.fifo\"\n\n[checks.rdp]",
            ),
        ],
    )?;
    let mut lab = Cluster::bare(story, &config)?;
    lab.net.lb1_serves()?;
    // As governess.tmpfiles does at boot.
    fs::create_dir_all(FOLDER)?;
    let track_files = packaged(TRACK_FILES)?;
    let keepalived = Keepalived::start(story, &lab.net.lb1, &track_files)?;
    lab.governess.start(story)?;
    lab.until("both servers are up", &Scene::works([UP, UP]))?;
    until_believed(&lab, "FWM 80")?;
    let traffic = lab.traffic()?;

    story.tell("xrdp on ex1 is stopped");
    lab.ex1.hang()?;
    lab.until("keepalived quiesces ex1", &Scene::works([DOWN, UP]))?;
    same("the file", &fs::read_to_string(FILE)?, &"-1\n".to_owned())?;
    same("keepalived's log", &complains(&keepalived)?, &false)?;

    story.tell("keepalived reloads, twice, while ex1 is down: it stays quiesced");
    for _ in 0..2 {
        let reloaded = Instant::now();
        keepalived.reload(&track_files)?;
        story.until_past(reloaded, Duration::from_secs(3))?;
        same("the scene", &lab.scene()?, &Scene::works([DOWN, UP]))?;
    }

    story.tell("somebody removes the file: written again");
    fs::remove_file(FILE)?;
    story.until("the file is back", &true, || Ok(fs::exists(FILE)?))?;
    lab.until("ex1 is quiesced", &Scene::works([DOWN, UP]))?;

    story.tell("governess dies, and its files with it: every server serves");
    lab.governess.kill()?;
    for file in fs::read_dir(FOLDER)? {
        fs::remove_file(file?.path())?;
    }
    story.until("ex1 serves", &Some(1), || weight(&lab.net.lb1, MARK, EX1))?;

    story.tell("governess comes back");
    lab.governess.start(story)?;
    lab.until("ex1 is quiesced again", &Scene::works([DOWN, UP]))?;
    lab.ex1.resume()?;
    let took = lab.until("ex1 has its weight back", &Scene::works([UP, UP]))?;
    story.figure(&format!(
        "weight back through keepalived seen {:.1} s after SIGCONT",
        took.as_secs_f64()
    ));
    same("the plan", &lab.governess.plan()?, &(Some(0), Vec::new()))?;

    story.tell("keepalived ends: its FIFO's end is told, and nothing else follows");
    keepalived.stop(story)?;
    story.until("the silence is told", &true, || {
        let beliefs = lab.governess.status()?.keepalived.unwrap_or_default();
        Ok(beliefs["silent"].is_string())
    })?;
    drop(traffic);
    Ok(())
}

/// Waits until governess has heard from keepalived that this service is up.
fn until_believed(lab: &Cluster<'_>, service: &str) -> Outcome {
    let what = format!("governess knows what keepalived believes of {service}");
    lab.story.until(&what, &true, || {
        let beliefs = lab.governess.status()?.keepalived.unwrap_or_default();
        if beliefs["services"][service] == true {
            return Ok(true);
        }
        Err(format!("it knows {beliefs}").into())
    })?;
    Ok(())
}

fn complains(keepalived: &Keepalived) -> Outcome<bool> {
    let log = keepalived.log()?;
    Ok(["ignoring", "unknown", "Unknown"]
        .iter()
        .any(|word| log.contains(word)))
}
