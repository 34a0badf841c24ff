//! The original set-up with all its checks, before servers on which everything is Exchange's.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::Outcome;
use crate::cluster::{Cluster, MAINTAINED, Scene, UP};
use crate::director::{self, Event, STATE, WHOLE};
use crate::exchange::Exchange;
use crate::process::checked;
use crate::story::{Story, same};
use crate::traffic::visit;

/// The checks of the set-up.
const CHECKS: [&str; 3] = ["rdp", "mail", "owa"];

/// A client that nobody has seen before.
const NEWCOMER: [u8; 4] = [192, 168, 1, 29];

/// The packaged file as it stands: it is accepted, and carried out.
pub(super) fn whole_config(story: &Story) -> Outcome {
    // The file names the state folder of a real director; here it is an empty one.
    checked(Command::new("mount").args(["-t", "tmpfs", "state", "/var/lib"]))?;
    let mut lab = Cluster::of_exchange(story, "/var/lib/governess", WHOLE)?;

    story.tell("governess verify accepts the file");
    story.tell(&lab.governess.says(&["verify"])?);
    lab.begin()?;
    for server in ["ex1", "ex2"] {
        for check in CHECKS {
            story.until(
                &format!("{check} of {server} is ok"),
                &"ok".to_owned(),
                || {
                    let status = lab.governess.status()?;
                    Ok(status.exchange()?.server(server)?.kind(check))
                },
            )?;
        }
    }
    let traffic = lab.traffic()?;
    serves_mail(&lab, "EX")?;

    story.tell("the status page answers");
    let health = page(&lab, "/healthz")?;
    same("/healthz", &health.starts_with("HTTP/1.1 200 "), &true)?;
    let shown = page(&lab, "/")?;
    for words in ["exchange", "ex1", "ex2", "rdp", "mail", "owa"] {
        same(
            &format!("the page shows {words}"),
            &shown.contains(words),
            &true,
        )?;
    }
    lab.until_whole()?;
    lab.until("both servers are up", &Scene::works([UP, UP]))?;
    lab.uncut(traffic)
}

/// A page of the status page, with its head.
fn page(lab: &Cluster<'_, Exchange>, path: &str) -> Outcome<String> {
    lab.net.lb1.within(|| {
        let mut stream = TcpStream::connect("127.0.0.1:3636")?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:3636\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    })?
}

/// Exchange's own word, and a component that does not answer: both drain the server, and give it back.
pub(super) fn exchange_maintenance(story: &Story) -> Outcome {
    let mut lab = Cluster::of_exchange(story, STATE, &director::exchange()?)?;
    lab.begin()?;
    let traffic = lab.traffic()?;

    story.tell("the mail of ex1 goes into maintenance: its front end answers MAIL with 421 4.3.2");
    lab.ex1.switch("smtp/25", "inactive")?;
    let took = lab.until("ex1 is drained", &Scene::works([MAINTAINED, UP]))?;
    let lag = decided_after(&lab, "421 4.3.2")?;
    story.figure(&format!(
        "mail in maintenance: weight 0 after {:.1} s, {} ms after the verdict",
        took.as_secs_f64(),
        lag.as_millis()
    ));
    if lag >= Duration::from_millis(300) {
        return Err(format!("not at once, but {} ms after the verdict", lag.as_millis()).into());
    }
    serves_mail(&lab, "EX2")?;

    lab.ex1.switch("smtp/25", "healthy")?;
    let took = lab.until("ex1 is back", &Scene::works([UP, UP]))?;
    story.figure(&format!("back after {:.1} s", took.as_secs_f64()));

    story.tell("OWA on ex1 goes offline: the health page is closed without an answer");
    lab.ex1.switch("owa", "offline")?;
    let took = lab.until("ex1 is drained", &Scene::works([MAINTAINED, UP]))?;
    let lag = decided_after(&lab, "offline")?;
    story.figure(&format!(
        "OWA offline: weight 0 after {:.1} s, {} ms after the first verdict",
        took.as_secs_f64(),
        lag.as_millis()
    ));
    // Three readings, half a second from the start of one to the next.
    if lag < Duration::from_millis(900) {
        return Err(format!("believed after {} ms already", lag.as_millis()).into());
    }
    serves_mail(&lab, "EX2")?;

    lab.ex1.switch("owa", "healthy")?;
    let took = lab.until("ex1 is back", &Scene::works([UP, UP]))?;
    story.figure(&format!("back after {:.1} s", took.as_secs_f64()));
    same(
        "events server_down",
        &lab.events("server_down", None)?,
        &Vec::new(),
    )?;
    lab.until_whole()?;
    lab.uncut(traffic)
}

/// How long after the last verdict with these words ex1 was put into maintenance for it.
fn decided_after(lab: &Cluster<'_, Exchange>, words: &str) -> Outcome<Duration> {
    let events = lab.governess.events_of_this_run()?;
    let last = |name: &str| -> Outcome<&Event> {
        let is_it = |event: &&Event| {
            event.event == name
                && event.server.as_deref() == Some("ex1")
                && event.reason.contains(words)
        };
        let found = events.iter().rev().find(is_it);
        found.ok_or_else(|| format!("no event {name} of ex1 with {words:?}").into())
    };
    let (said, decided) = (last("verdict")?, last("server_maintenance")?);
    let lag = decided.mono_us.saturating_sub(said.mono_us);
    Ok(Duration::from_micros(lag))
}

/// A new client's mail is taken by a server whose name begins so.
fn serves_mail(lab: &Cluster<'_, Exchange>, server: &str) -> Outcome {
    let greeting = visit(&lab.net.client, IpAddr::from(NEWCOMER), 25)?;
    same(
        &format!("{greeting:?} is of {server}"),
        &greeting.starts_with(&format!("220 {server}")),
        &true,
    )
}
