//! The packaged `vrrp_script`: a director that hangs, or has ended, gives its addresses up to the
//! other one, whatever its servers do.

use nix::sys::signal::Signal;

use crate::Outcome;
use crate::cluster::{Cluster, DOWN, KEPT, Scene, UP};
use crate::director::CONFIG;
use crate::host::holds;
use crate::keepalived::{Keepalived, packaged};
use crate::story::{Story, same};

const VRRP: &str = include_str!("../../../packaging/keepalived/vrrp_script.conf");

pub(super) fn vrrp_script(story: &Story) -> Outcome {
    let mut lab = Cluster::bare(story, CONFIG)?;
    lab.governess.start(story)?;
    lab.until("both servers are up", &Scene::works([UP, UP]))?;
    // The lab's governess listens elsewhere than a package's.
    let config = packaged(VRRP)?.replace("--fresh", "--fresh --socket /run/governess.sock");
    // Alone on the wire, less priority would still be enough: the lab lets the failure count whole.
    let config = config.replace("    weight -50\n", "");
    let _keepalived = Keepalived::start_vrrp(story, &lab.net.lb1, &config)?;
    until_held(&lab, "keepalived takes the addresses", true)?;

    story.tell("both servers hang: the addresses stay");
    lab.ex1.hang()?;
    lab.until("ex1 is out", &Scene::works([DOWN, UP]))?;
    lab.ex2.hang()?;
    lab.until("ex2 is kept", &Scene::fails_open([DOWN, KEPT]))?;
    same("held", &holds(&lab.net.lb1, VIP)?, &true)?;
    lab.ex1.resume()?;
    lab.ex2.resume()?;
    lab.until("both servers are up", &Scene::works([UP, UP]))?;

    story.tell("governess hangs: the addresses are given up");
    lab.governess.signal(Signal::SIGSTOP)?;
    until_held(&lab, "the addresses are given up", false)?;
    lab.governess.signal(Signal::SIGCONT)?;
    until_held(&lab, "the addresses are taken again", true)?;

    story.tell("governess dies");
    lab.governess.kill()?;
    until_held(&lab, "the addresses are given up", false)?;
    lab.governess.start(story)?;
    until_held(&lab, "the addresses are taken again", true)
}

const VIP: &str = "eth0 192.168.1.35/24";

fn until_held(lab: &Cluster<'_>, what: &str, held: bool) -> Outcome {
    lab.story.until(what, &held, || holds(&lab.net.lb1, VIP))?;
    Ok(())
}
