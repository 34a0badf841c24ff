//! Two directors with the same configuration file, and keepalived on both with the file that
//! governess writes; or with keepalived alone.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::director::{altered, original};
use crate::host::mac;
use crate::machine::{HUNG, Machine};
use crate::namespace::Namespace;
use crate::servers::{Rdp, serve_echo};
use crate::story::Story;
use crate::topology::{Topology, VIP};
use crate::traffic::visit;

/// Which of the two holds the addresses when a story begins.
pub(crate) const ACTIVE: usize = 0;

/// The other one.
pub(crate) const BACKUP: usize = 1;

/// The client's address that no session comes from.
pub(crate) const VISITOR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 29));

/// Who sees to the directors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// governess, and keepalived with the file that it writes.
    Governess,
    /// keepalived with the same file without a word of governess in it. The table stays as it is.
    KeepalivedAlone,
}

/// The two, and the servers behind them.
pub(crate) struct Pair<'a> {
    pub(crate) story: &'a Story,
    pub(crate) net: Topology,
    pub(crate) machines: [Machine; 2],
    pub(crate) ex1: Rdp,
    pub(crate) ex2: Rdp,
    pub(crate) keeper: Keeper,
    /// What governess writes for keepalived.
    exported: String,
}

/// The whole original set-up for two directors, the same file on both.
pub(crate) fn config() -> Outcome<String> {
    let original = altered(
        &original()?,
        &[("/run/governess.sock", "/run/governess/control.sock")],
    )?;
    let pair = "\n[pair]\npartner = [\"10.0.1.33\", \"10.0.1.34\"]\n\
                fifo = \"/run/governess/vrrp.fifo\"\n";
    Ok(original + pair)
}

impl<'a> Pair<'a> {
    /// Both directors at work with this configuration, and one of them holds the addresses.
    pub(crate) fn serving(story: &'a Story, config: &str) -> Outcome<Self> {
        let net = Topology::build()?;
        serve_echo(&net.ex1)?;
        serve_echo(&net.ex2)?;
        let ex1 = Rdp::begin(story, Namespace::open("ex1")?)?;
        let ex2 = Rdp::begin(story, Namespace::open("ex2")?)?;
        let machines = [
            Machine::prepare(story, "lb1", "10.0.1.33")?,
            Machine::prepare(story, "lb2", "10.0.1.34")?,
        ];
        let mut pair = Self {
            story,
            net,
            machines,
            ex1,
            ex2,
            keeper: Keeper::Governess,
            exported: String::new(),
        };
        for machine in &mut pair.machines {
            machine.configure(config)?;
            machine.start_governess()?;
        }
        for machine in &mut pair.machines {
            machine.until_servers_are_up(story)?;
        }
        pair.exported = pair.machines[ACTIVE].exported()?;
        pair.elect()?;
        Ok(pair)
    }

    /// The file for keepalived.
    pub(crate) fn file(&self) -> Outcome<String> {
        match self.keeper {
            Keeper::Governess => Ok(self.exported.clone()),
            Keeper::KeepalivedAlone => alone(&self.exported),
        }
    }

    /// Ends governess on both, and begins anew with keepalived alone and the same timers.
    pub(crate) fn leave_to_keepalived(&mut self) -> Outcome {
        self.story
            .tell("now keepalived alone, with the same timers");
        for machine in &mut self.machines {
            machine.kill_governess()?;
            machine.stop_keepalived(self.story)?;
        }
        self.keeper = Keeper::KeepalivedAlone;
        self.elect()
    }

    /// Starts keepalived on both, so that the first one holds the addresses, and the
    /// second one is ready to take over.
    fn elect(&mut self) -> Outcome {
        let file = self.file()?;
        self.machines[ACTIVE].start_keepalived(&file)?;
        self.until_held_by(ACTIVE)?;
        self.machines[BACKUP].start_keepalived(&file)?;
        self.machines[BACKUP].until_keepalived_says(self.story, "Entering BACKUP STATE")?;
        self.until_held_by(ACTIVE)?;
        self.until_known(ACTIVE)?;
        Ok(())
    }

    /// Boots a machine that lost its power, with governess and keepalived.
    pub(crate) fn boot(&mut self, at: usize) -> Outcome {
        let file = self.file()?;
        let machine = &mut self.machines[at];
        machine.boot()?;
        machine.start_governess()?;
        machine.until_servers_are_up(self.story)?;
        machine.start_keepalived(&file)?;
        machine.until_keepalived_says(self.story, "Entering BACKUP STATE")
    }

    /// Waits until the client is served and knows this director by its Ethernet address.
    pub(crate) fn until_known(&self, holder: usize) -> Outcome<Duration> {
        let expected = mac(&self.machines[holder].place, "eth0")?;
        self.story
            .until("the client is served and knows by whom", &expected, || {
                visit(&self.net.client, VISITOR, 25)?;
                self.neighbour()
            })
    }

    /// The Ethernet address to which the client sends what is for the VIP.
    fn neighbour(&self) -> Outcome<String> {
        let vip = VIP.to_string();
        let shown = self.net.client.run("ip", &["neighbour", "show", &vip])?;
        let words: Vec<_> = shown.split_whitespace().collect();
        let mac = words.iter().skip_while(|word| **word != "lladdr").nth(1);
        Ok((*mac.ok_or_else(|| format!("no lladdr in {shown}"))?).to_owned())
    }

    /// Waits until the other one holds the addresses and the client knows it; what this one holds is
    /// of no account, if nobody can hear it. Gives the time until the other one held them.
    pub(crate) fn until_held_by_other(&self, lost: usize) -> Outcome<Duration> {
        let other = &self.machines[1 - lost];
        let what = format!("{} holds all addresses", other.name);
        let took = self.story.until(&what, &true, || other.holds_all())?;
        self.until_known(1 - lost)?;
        Ok(took)
    }

    /// Waits until exactly one of the two holds the addresses; gives its place among them.
    pub(crate) fn until_holder(&self) -> Outcome<usize> {
        self.story
            .until_some("one director holds all addresses", || {
                match self.holders()?[..] {
                    [one] => Ok(one),
                    ref others => Err(format!("{} hold them", others.len()).into()),
                }
            })
    }

    /// Waits until this one of the two holds the addresses, and the other one does not; gives the
    /// time it took.
    pub(crate) fn until_held_by(&self, at: usize) -> Outcome<Duration> {
        let what = format!("{} alone holds all addresses", self.machines[at].name);
        self.story.until(&what, &vec![at], || self.holders())
    }

    /// Who holds the addresses.
    pub(crate) fn holders(&self) -> Outcome<Vec<usize>> {
        let mut holders = Vec::new();
        for (at, machine) in self.machines.iter().enumerate() {
            if machine.holds_all()? {
                holders.push(at);
            }
        }
        Ok(holders)
    }

    /// Fails if the holder changes in this time.
    pub(crate) fn stays_with(&self, at: usize, time: Duration) -> Outcome {
        let begun = Instant::now();
        let name = self.machines[at].name;
        self.story.tell(&format!(
            "{name} has to keep the addresses for {} s",
            time.as_secs()
        ));
        while begun.elapsed() < time {
            let holders = self.holders()?;
            if holders != [at] {
                return Err(format!("{name} alone held the addresses; now {holders:?} do").into());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

/// keepalived's file without a word of governess in it: no score, and a script of keepalived's own
/// with the timers of ours.
fn alone(exported: &str) -> Outcome<String> {
    let is_script = |line: &&str| line.trim_start().starts_with("script ");
    let script = exported.lines().find(is_script).ok_or("no script")?;
    let own = format!("    script \"/usr/bin/test ! -e {HUNG}\"");
    let score = "    track_file {\n        governess_score weight 1\n    }\n";
    altered(exported, &[(script, &own), (score, "")])
}
