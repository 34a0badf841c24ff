//! Another machine has our VIP: it is not taken, and all else is served.

use std::net::IpAddr;

use crate::Outcome;
use crate::cluster::{Cluster, Scene, UP};
use crate::director::original;
use crate::host::{addresses, holds, mac};
use crate::story::{Story, same};
use crate::topology::MANAGEMENT;
use crate::traffic::{visit, visit_at};

pub(super) fn address_conflict(story: &Story) -> Outcome {
    let mut lab = Cluster::bare(story, &original()?)?;
    let vip = "eth0 192.168.1.35/24";
    let client = IpAddr::from([192, 168, 1, 10]);

    story.tell("lb2 has the VIP");
    let (lb1, lb2) = (&lab.net.lb1, &lab.net.lb2);
    lb2.run("ip", &["address", "add", "192.168.1.35/24", "dev", "eth0"])?;
    let holder = mac(lb2, "eth0")?;
    same(
        "the client is served",
        &visit(&lab.net.client, client, 25).is_ok(),
        &false,
    )?;

    lab.governess.start(story)?;
    lab.until("both servers are up", &Scene::works([UP, UP]))?;
    lab.until_event("step_failed", &holder)?;
    let problems = lab.governess.status()?.host_problems;
    let named = problems.get("192.168.1.35/24 on eth0");
    if !named.is_some_and(|words| words.contains(&holder)) {
        return Err(format!("the status does not name {holder}: {problems:?}").into());
    }
    same("problems", &problems.len(), &1)?;

    story.tell("the other addresses are held, and the management VIPs serve");
    for address in [
        "eth1 10.0.1.254/24",
        "eth0 192.168.1.36/24",
        "eth0 192.168.1.37/24",
    ] {
        story.until(&format!("{address} is held"), &true, || holds(lb1, address))?;
    }
    for (name, address) in MANAGEMENT {
        let found = visit_at(&lab.net.client, client, (address, 25).into())?;
        same(&format!("behind {address}"), &found, &name.to_owned())?;
    }
    same("the VIP is held", &addresses(lb1)?.contains(vip), &false)?;

    story.tell("lb2 lets go: the VIP is taken, and the client learns it without being asked");
    lb2.run(
        "ip",
        &["address", "delete", "192.168.1.35/24", "dev", "eth0"],
    )?;
    let took = story.until("the VIP is held", &true, || holds(lb1, vip))?;
    story.figure(&format!(
        "taken {:.1} s after the other let go",
        took.as_secs_f64()
    ));
    story.until_some("the client is served", || {
        visit(&lab.net.client, client, 25)
    })?;
    lab.until_whole()?;
    let problems = || Ok(lab.governess.status()?.host_problems.len());
    story.until("no problem is left", &0, problems)?;
    Ok(())
}
