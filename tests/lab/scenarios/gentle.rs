//! What all servers do together, what one does again and again, and coming back by steps.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, EX1, KEPT, Scene, Standing, UP};
use crate::director::{CONFIG, altered};
use crate::health::Health;
use crate::ipvs::weight;
use crate::servers::serve_echo;
use crate::story::{Story, same};
use crate::topology::MARK;
use crate::traffic::visit;

/// More than one interval and one timeout of the configuration.
const APART: Duration = Duration::from_secs(3);

/// The server says so itself, and gets no new connection.
const IN_MAINTENANCE: Standing = ("maintenance", 0);

/// The same, kept because no other works.
const KEPT_IN_MAINTENANCE: Standing = ("maintenance", 1);

/// The lab's machines with a given configuration, both servers up.
fn serving<'a>(story: &'a Story, config: &str, standing: [Standing; 2]) -> Outcome<Cluster<'a>> {
    let mut lab = Cluster::bare(story, config)?;
    lab.net.lb1_serves()?;
    lab.governess.start(story)?;
    lab.until("both servers are up", &Scene::works(standing))?;
    Ok(lab)
}

pub(super) fn both_in_maintenance(story: &Story) -> Outcome {
    let health = Health::begin()?;
    let lab = serving(story, &Health::config()?, [UP, UP])?;
    let traffic = lab.traffic()?;

    story.tell("ex1 says that it is in maintenance: one answer is enough");
    let first = Instant::now();
    health.is_in_maintenance("ex1")?;
    lab.until("ex1 is quiesced", &Scene::works([IN_MAINTENANCE, UP]))?;
    story.until_past(first, APART)?;

    story.tell("ex2 says so, too: it stays, as the last one");
    health.is_in_maintenance("ex2")?;
    let scene = Scene::fails_open([IN_MAINTENANCE, KEPT_IN_MAINTENANCE]);
    lab.until("ex2 is kept", &scene)?;

    story.tell("ex1 is back");
    health.works("ex1")?;
    lab.until("ex1 serves", &Scene::works([UP, IN_MAINTENANCE]))?;
    health.works("ex2")?;
    lab.until("both serve", &Scene::works([UP, UP]))?;
    lab.uncut(traffic)
}

/// The certificates of the lab are good for 30 days, which is less than what is asked for.
pub(super) fn certificate_expires_everywhere(story: &Story) -> Outcome {
    let tls = "x224 = { port = 3389, tls = true, certificate = \"400,365\" }";
    let config = altered(
        CONFIG,
        &[
            ("x224 = { port = 3389 }", tls),
            ("timeout = \"1s\"", "timeout = \"3s\""),
        ],
    )?;
    let lab = serving(story, &config, [UP, UP])?;
    let traffic = lab.traffic()?;
    for server in ["ex1", "ex2"] {
        lab.until_kind(server, "certificate")?;
    }
    let begun = Instant::now();
    story.until_past(begun, Duration::from_secs(5))?;
    same("the scene", &lab.scene()?, &Scene::works([UP, UP]))?;
    let down = lab.events("server_down", None)?;
    same("events server_down", &down, &Vec::new())?;
    lab.uncut(traffic)
}

pub(super) fn all_refused_with_sorry_server(story: &Story) -> Outcome {
    let sorry = "min_up = 1\nsorry_server = { address = \"10.0.1.5\" }\nforward = \"nat\"";
    let config = altered(CONFIG, &[("forward = \"nat\"", sorry)])?;
    let mut lab = serving(story, &config, [UP, UP])?;
    serve_echo(&lab.net.dc1)?;
    let traffic = lab.traffic()?;
    let newcomer = |host| IpAddr::from([192, 168, 1, host]);
    let sorry = |lab: &Cluster<'_>| weight(&lab.net.lb1, MARK, "10.0.1.5");
    same("the sorry server's weight", &sorry(&lab)?, &None)?;

    story.tell("nobody listens on either server any more");
    lab.ex1.kill()?;
    lab.ex2.kill()?;
    story.until("the sorry server serves", &Some(1), || sorry(&lab))?;
    lab.until("nobody else does", &Scene::works([DOWN, DOWN]))?;
    let server = visit(&lab.net.client, newcomer(25), 443)?;
    same("a new client's server", &server, &"dc1".to_owned())?;

    story.tell("ex1 comes back and takes over; nobody cuts the sorry server's connections");
    lab.ex1.start(story)?;
    lab.until("ex1 serves", &Scene::works([UP, DOWN]))?;
    story.until("the sorry server is quiesced or gone", &0, || {
        Ok(sorry(&lab)?.unwrap_or(0))
    })?;
    let server = visit(&lab.net.client, newcomer(26), 443)?;
    same("a new client's server", &server, &"ex1".to_owned())?;

    story.tell("a server that hangs is not sorry: the last set is kept");
    lab.ex1.hang()?;
    lab.until("ex1 is kept", &Scene::fails_open([KEPT, DOWN]))?;
    lab.ex1.resume()?;
    lab.ex2.start(story)?;
    lab.until("both serve", &Scene::works([UP, UP]))?;
    lab.uncut(traffic)
}

pub(super) fn flapping(story: &Story) -> Outcome {
    let health = Health::begin()?;
    let damped = "flap_window = \"10m\"\nforward = \"nat\"";
    let config = altered(&Health::config()?, &[("forward = \"nat\"", damped)])?;
    let lab = serving(story, &config, [UP, UP])?;
    let traffic = lab.traffic()?;

    story.tell("ex1 falls again and again: each time after the second it needs twice as long");
    let factor = |lab: &Cluster<'_>| -> Outcome<u32> {
        let status = lab.governess.status()?;
        Ok(status.exchange()?.server("ex1")?.rise_factor)
    };
    let mut times = Vec::new();
    for expected in [1, 1, 2, 4] {
        health.fails("ex1")?;
        lab.until("ex1 is out", &Scene::works([DOWN, UP]))?;
        same("the factor", &factor(&lab)?, &expected)?;
        health.works("ex1")?;
        let took = lab.until("ex1 is back", &Scene::works([UP, UP]))?;
        times.push(format!("{:.1} s", took.as_secs_f64()));
    }
    story.figure(&format!("ex1 was back after {}", times.join(", ")));
    let steps = lab.events("step", Some("ex1"))?.len();
    story.figure(&format!("{steps} writes for 4 falls"));
    lab.uncut(traffic)
}

pub(super) fn crash_during_ramp(story: &Story) -> Outcome {
    let config = altered(
        CONFIG,
        &[
            ("\"10.0.1.1\"", "\"10.0.1.1\"\nweight = 100"),
            ("\"10.0.1.2\"", "\"10.0.1.2\"\nweight = 100"),
            (
                "forward = \"nat\"",
                "slow_start = \"20s\"\nforward = \"nat\"",
            ),
        ],
    )?;
    let mut lab = serving(story, &config, [("up", 100), ("up", 100)])?;
    let traffic = lab.traffic()?;

    story.tell("ex1 hangs and comes back: it climbs");
    lab.ex1.hang()?;
    lab.until("ex1 is out", &Scene::works([DOWN, ("up", 100)]))?;
    lab.ex1.resume()?;
    let climbs =
        |lab: &Cluster<'_>| -> Outcome<u32> { Ok(weight(&lab.net.lb1, MARK, EX1)?.unwrap_or(0)) };
    let on_its_way = |lab: &Cluster<'_>| -> Outcome<bool> { Ok((20..=80).contains(&climbs(lab)?)) };
    story.until("it is on its way", &true, || on_its_way(&lab))?;

    story.tell("governess dies: the next one goes on where it was");
    lab.governess.kill()?;
    let before = climbs(&lab)?;
    lab.governess.start(story)?;
    let mut last = before;
    let mut lost = None;
    story.until_some("ex1 has its whole weight", || {
        let now = climbs(&lab)?;
        if now < last {
            lost = Some((last, now));
        }
        last = now;
        match now {
            100 => Ok(()),
            _ => Err(format!("it has {now}").into()),
        }
    })?;
    same("weight lost on the way", &lost, &None)?;
    story.figure(&format!(
        "killed at weight {before} of 100, and on from there"
    ));
    let wishes = lab.events("wish_set", None)?;
    same("events wish_set", &wishes, &Vec::new())?;
    lab.uncut(traffic)
}
