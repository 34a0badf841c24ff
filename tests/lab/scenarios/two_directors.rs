//! One of two directors is lost, hangs or is cut off, and the other one serves. Each prints what it
//! cost, where it is cheap beside keepalived alone with the same timers.

use std::net::IpAddr;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::Outcome;
use crate::director::altered;
use crate::host::mac;
use crate::pair::{Pair, config};
use crate::story::{Story, same};
use crate::topology::{Topology, VIP};
use crate::traffic::{Toll, Traffic, Visits, visit};

/// keepalived waits three advertisements of a second and its skew (RFC 5798 section 6.1) before it
/// takes over; and some time for an emulated machine.
const TAKES_OVER: Duration = Duration::from_secs(12);

/// Who visits, and who has sessions.
const VISITOR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 29));

pub(super) fn active_loses_power(story: &Story) -> Outcome {
    let mut pair = Pair::serving(story, &config()?)?;
    let lost = pair.until_holder()?;
    let watch = Watch::begin(&pair)?;
    pair.machines[lost].lose_power()?;
    pair.until_held_by_other(lost)?;
    let with = watch.end(&pair, "the active director loses its power")?;

    story.tell("it boots again: nothing moves back");
    pair.machines[lost].boot()?;
    pair.machines[lost].start_governess(story)?;
    let exported = pair.machines[lost].exported()?;
    pair.machines[lost].start_keepalived(&exported)?;
    pair.stays_with(1 - lost, Duration::from_secs(8))?;

    story.tell("keepalived alone, with the same timers");
    for machine in &mut pair.machines {
        machine.kill_governess()?;
        machine.stop_keepalived(story)?;
        machine.start_keepalived(&alone(&exported)?)?;
    }
    let lost = pair.until_holder()?;
    let watch = Watch::begin(&pair)?;
    pair.machines[lost].lose_power()?;
    pair.until_held_by_other(lost)?;
    let without = watch.end(&pair, "keepalived alone: the same")?;
    let limit = without + Duration::from_secs(3);
    same("no longer than keepalived alone", &(with <= limit), &true)
}

/// The file without a word of governess in it.
fn alone(exported: &str) -> Outcome<String> {
    altered(
        exported,
        &[
            ("    track_script {\n        governess_fresh\n    }\n", ""),
            (
                "    track_file {\n        governess_score weight 1\n    }\n",
                "",
            ),
        ],
    )
}

pub(super) fn active_loses_a_link(story: &Story) -> Outcome {
    let pair = Pair::serving(story, &config()?)?;
    let active = pair.until_holder()?;
    let score = |at: usize| pair.machines[at].says("/pair/score");
    story.until("both are fit", &(json!(0), json!(0)), || {
        Ok((score(0)?, score(1)?))
    })?;
    let watch = Watch::begin(&pair)?;
    pair.machines[active].wire("eth1", "down")?;
    pair.until_held_by_other(active)?;
    watch.end(&pair, "the active director loses its inside link")?;
    story.until("its score is -50", &json!(-50), || score(active))?;
    let why = pair.machines[active].says("/pair/unfit")?;
    same(
        &format!("{why} names the link"),
        &why.to_string().contains("eth1 has no carrier"),
        &true,
    )?;
    same("the score of the other one", &score(1 - active)?, &json!(0))?;

    story.tell("the link is back: nothing moves back");
    pair.machines[active].wire("eth1", "up")?;
    story.until("its score is 0 again", &json!(0), || score(active))?;
    pair.stays_with(1 - active, Duration::from_secs(8))
}

pub(super) fn governess_hangs_on_active(story: &Story) -> Outcome {
    let pair = Pair::serving(story, &config()?)?;
    let active = pair.until_holder()?;
    let watch = Watch::begin(&pair)?;
    pair.machines[active].signal(Signal::SIGSTOP)?;
    let took = pair.until_held_by_other(active)?;
    watch.end(&pair, "governess hangs on the active director")?;
    story.figure(&format!("moved {:.1} s after it hung", took.as_secs_f64()));
    pair.machines[active].signal(Signal::SIGCONT)?;
    pair.stays_with(1 - active, Duration::from_secs(8))?;
    states(&pair, 1 - active)
}

pub(super) fn split_and_heal(story: &Story) -> Outcome {
    let pair = Pair::serving(story, &config()?)?;
    let with = split(&pair)?;
    story.figure(&format!(
        "after a split both held the addresses for {:.1} s",
        with.as_secs_f64()
    ));

    story.tell("keepalived alone, with the same timers");
    let mut pair = pair;
    let exported = pair.machines[0].exported()?;
    for machine in &mut pair.machines {
        machine.kill_governess()?;
        machine.stop_keepalived(story)?;
        machine.start_keepalived(&alone(&exported)?)?;
    }
    pair.until_holder()?;
    let without = split(&pair)?;
    story.figure(&format!(
        "keepalived alone: the same for {:.1} s",
        without.as_secs_f64()
    ));
    let limit = without + Duration::from_secs(3);
    same("no longer than keepalived alone", &(with <= limit), &true)
}

/// Cuts VRRP until both directors hold the addresses, and heals it; gives the time that two held
/// them afterwards. The client must know the one that stays.
fn split(pair: &Pair<'_>) -> Outcome<Duration> {
    let story = pair.story;
    let cut = "table ip cut {\n chain in { type filter hook input priority 0; \
               ip protocol vrrp drop; }\n chain out { type filter hook output priority 0; \
               ip protocol vrrp drop; }\n}\n";
    let place = &pair.machines[0].place;
    story.tell("the directors do not hear each other any more");
    place.feed("nft", &["-f", "-"], cut)?;
    story.until("both hold the addresses", &vec![0, 1], || pair.holders())?;
    place.run("nft", &["delete", "table", "ip", "cut"])?;
    let begun = std::time::Instant::now();
    let holder = pair.until_holder()?;
    let both = begun.elapsed();
    let took = until_known(pair, holder)?;
    story.figure(&format!(
        "the client's ARP entry was right {:.1} s later",
        took.as_secs_f64()
    ));
    Ok(both)
}

/// Waits until the client is served and knows this director by its Ethernet address.
fn until_known(pair: &Pair<'_>, holder: usize) -> Outcome<Duration> {
    let expected = mac(&pair.machines[holder].place, "eth0")?;
    pair.story
        .until("the client is served and knows by whom", &expected, || {
            visit(&pair.net.client, VISITOR, 25)?;
            neighbour(pair)
        })
}

/// The Ethernet address to which the client sends what is for the VIP.
fn neighbour(pair: &Pair<'_>) -> Outcome<String> {
    let vip = VIP.to_string();
    let shown = pair.net.client.run("ip", &["neighbour", "show", &vip])?;
    let words: Vec<_> = shown.split_whitespace().collect();
    let mac = words.iter().skip_while(|word| **word != "lladdr").nth(1);
    Ok((*mac.ok_or_else(|| format!("no lladdr in {shown}"))?).to_owned())
}

impl Pair<'_> {
    /// Waits until the other one holds the addresses; what this one holds is of no account, if
    /// nobody can hear it.
    fn until_held_by_other(&self, lost: usize) -> Outcome<Duration> {
        let other = &self.machines[1 - lost];
        let what = format!("{} holds all addresses", other.name);
        let took = self.story.until(&what, &true, || other.holds_all())?;
        until_known(self, 1 - lost)?;
        Ok(took)
    }
}

/// What clients notice.
struct Watch {
    visits: Visits,
    sessions: Traffic,
}

impl Watch {
    fn begin(pair: &Pair<'_>) -> Outcome<Self> {
        let clients = Topology::client_addresses().take(4);
        Ok(Self {
            sessions: Traffic::begin(&pair.net.client, clients, &[25, 443])?,
            visits: Visits::begin(VISITOR, 25)?,
        })
    }

    /// Prints it; gives the time without service.
    fn end(self, pair: &Pair<'_>, of: &str) -> Outcome<Duration> {
        let gap = self.visits.longest_gap()?;
        let toll: Toll = self.sessions.toll()?;
        pair.story.figure(&format!(
            "{of}: {:.1} s without service; established: {toll}",
            gap.as_secs_f64()
        ));
        same("service is back in time", &(gap <= TAKES_OVER), &true)?;
        Ok(gap)
    }
}

/// Both say what they are.
fn states(pair: &Pair<'_>, master: usize) -> Outcome {
    for (at, machine) in pair.machines.iter().enumerate() {
        let state = if at == master { "master" } else { "backup" };
        let what = format!("{} says {state}", machine.name);
        pair.story
            .until(&what, &Value::from(state), || machine.says("/pair/state"))?;
    }
    Ok(())
}
