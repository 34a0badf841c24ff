//! The demonstration: the story of one server that hangs and comes back, told on standard output for
//! somebody who sees all this for the first time.

use std::net::IpAddr;

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, EX1, Scene, UP};
use crate::ipvs::listing;
use crate::plugin::check_x224;
use crate::story::{Story, same};
use crate::traffic::{Traffic, visit};

pub(super) fn story(story: &Story) -> Outcome {
    say(
        "Two Exchange servers, ex1 (10.0.1.1) and ex2 (10.0.1.2), stand behind lb1, a director that\n\
         runs Linux Virtual Server. On both, xrdp answers RDP. The kernel's IPVS table on lb1 is\n\
         empty; governess starts, creates the virtual service, and asks both servers every second\n\
         whether RDP answers.",
    );
    let lab = Cluster::serving(story)?;
    let traffic = lab.traffic()?;
    say("Both answer, so both have weight 1, and clients are led to both:");
    show_table(&lab)?;

    say(
        "Now xrdp on ex1 hangs (we stop it with SIGSTOP). Its port still accepts connections, so a\n\
         simple port check would call it healthy. The RDP check does not:",
    );
    lab.ex1.hang()?;
    show_check(&lab, 2)?;
    say("After three failures in a row governess takes ex1 out: weight 0, no new connections.");
    lab.until("ex1 loses its weight", &Scene::works([DOWN, UP]))?;
    show_table(&lab)?;
    show_status(&lab)?;
    show_connections(&lab, &traffic)?;

    say("xrdp on ex1 wakes up (SIGCONT):");
    lab.ex1.resume()?;
    show_check(&lab, 0)?;
    say("After two successes in a row ex1 serves again:");
    lab.until("ex1 has its weight back", &Scene::works([UP, UP]))?;
    show_table(&lab)?;

    let connections = traffic.on("ex1") + traffic.on("ex2");
    let count = traffic.finish()?;
    say(&format!(
        "All the while {connections} connections carried numbered messages through lb1:\n{count}."
    ));
    Ok(())
}

fn say(text: &str) {
    println!("{text}\n");
}

fn show(command: &str, output: &str) {
    println!("  lb1# {command}");
    for line in output.trim_end().lines() {
        println!("  {}", line.trim_end());
    }
    println!();
}

fn show_table(lab: &Cluster<'_>) -> Outcome {
    show("ipvsadm -Ln", &listing(&lab.net.lb1)?);
    Ok(())
}

/// Shows what `check_x224` says of ex1, which must have this exit code.
fn show_check(lab: &Cluster<'_>, code: i32) -> Outcome {
    let arguments = format!("-H {EX1} -t 3");
    let ended = check_x224(&lab.net.lb1, &arguments)?;
    show(&format!("check_x224 {arguments}"), &ended.stdout);
    same("the exit code of check_x224", &ended.code(), &Some(code))
}

/// Shows governess's own words. A connection that xrdp does not accept waits in its queue, which is
/// short; once it is full, the kernel answers no more, and the words change.
fn show_status(lab: &Cluster<'_>) -> Outcome {
    show("governess status", &lab.governess.page()?);
    if lab.kind("ex1")? == "tcp_timeout" {
        say(
            "(In the meantime xrdp's queue of connections that it has not accepted is full, so that\n\
             even connecting times out.)",
        );
    }
    Ok(())
}

/// Shows that ex1's connections live on, and that somebody new is led to ex2.
fn show_connections(lab: &Cluster<'_>, traffic: &Traffic) -> Outcome {
    let newcomer = IpAddr::from([192, 168, 1, 29]);
    let led_to = visit(&lab.net.client, newcomer, 443)?;
    same("the server of a new client", &led_to, &"ex2".to_owned())?;
    say(&format!(
        "Nobody was cut off: the {} connections that clients had to ex1 (ActiveConn) go on, since\n\
         weight 0 only keeps new ones away. A client that comes now is led to {led_to}.",
        traffic.on("ex1")
    ));
    Ok(())
}
