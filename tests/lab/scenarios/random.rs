//! Random flips, drains, reloads and deaths, with connections that must not notice; and random
//! histories on the kernel's table and on its twin in memory, which must end alike.

use std::cell::RefCell;
use std::env;
use std::path::Path;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hook::clock::Moment;
use hook::config::{Backend, Config};
use hook::director::record::Intents;
use hook::director::wishes::Wishes;
use hook::director::{Director, Order, Records, Report, Want};
use hook::kernel::ipvs::Ipvs;
use hook::kernel::memory::Memory;
use hook::kernel::{KernelError, VirtualServers, backend};
use hook::operate::journal::Journal;
use hook::table::{Step, Table};
use shared::verdict::{Condition, Finding, Kind, Verdict};

use crate::Outcome;
use crate::cluster::{Cluster, Scene, UP};
use crate::director::{CONFIG, altered};
use crate::story::{Story, same};

/// Numbers from a seed (a linear congruential generator with Knuth's constants).
struct Dice(u64);

impl Dice {
    /// Another seed each time; it is told, so that a failure can be had again.
    fn thrown(story: &Story) -> Self {
        let seed = setting("LAB_SEED").unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.map_or(1, |now| u64::from(now.subsec_nanos()))
        });
        story.figure(&format!("LAB_SEED={seed}"));
        Self(seed)
    }

    fn below(&mut self, sides: u64) -> u64 {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// As many happenings as `LAB_HISTORY` says, 40 by default.
pub(super) fn random_history(story: &Story) -> Outcome {
    let mut lab = Cluster::serving(story)?;
    let traffic = lab.traffic()?;
    let mut dice = Dice::thrown(story);
    let count = setting("LAB_HISTORY").filter(|n| *n > 0).unwrap_or(40);
    let heavier = altered(CONFIG, &[("\"10.0.1.1\"", "\"10.0.1.1\"\nweight = 3")])?;
    let mut hung = [false, false];
    for _ in 0..count {
        let at = usize::from(dice.below(2) == 1);
        let name = ["ex1", "ex2"][at];
        match dice.below(8) {
            0..=2 => {
                let rdp = if at == 0 { &lab.ex1 } else { &lab.ex2 };
                hung[at] = !hung[at];
                let state = if hung[at] { "hangs" } else { "works" };
                story.tell(&format!("{name} {state}"));
                if hung[at] { rdp.hang()? } else { rdp.resume()? }
            }
            3 => {
                story.tell(&format!("{name} is drained"));
                // The last one is refused.
                lab.governess.call(&["drain", name])?;
            }
            4 => {
                story.tell(&format!("{name} is enabled"));
                lab.governess.says(&["enable", name])?;
            }
            5 | 6 => {
                story.tell("a reload");
                let config = if dice.below(2) == 0 { CONFIG } else { &heavier };
                lab.governess.configure(config)?;
                lab.governess.hang_up()?;
            }
            _ => {
                story.tell("governess dies");
                lab.governess.kill()?;
                thread::sleep(Duration::from_millis(dice.below(500)));
                lab.governess.start(story)?;
            }
        }
        thread::sleep(Duration::from_millis(100 + dice.below(900)));
    }
    story.tell("everybody works and nobody is drained");
    lab.governess.configure(CONFIG)?;
    lab.governess.hang_up()?;
    for (name, rdp) in [("ex1", &lab.ex1), ("ex2", &lab.ex2)] {
        rdp.resume()?;
        lab.governess.says(&["enable", name])?;
    }
    lab.until("both serve", &Scene::works([UP, UP]))?;
    story.figure(&format!("{count} happenings"));
    lab.uncut(traffic)
}

/// A twin that can be looked into while a director drives it.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Memory>>);

impl VirtualServers for Shared {
    fn dump(&mut self) -> Result<Table, KernelError> {
        self.0.borrow_mut().dump()
    }

    fn apply(&mut self, step: &Step) -> Result<(), KernelError> {
        self.0.borrow_mut().apply(step)
    }

    fn fingerprint(&mut self) -> Option<String> {
        None
    }
}

const ALIKE: &str = r#"
[checks.rdp]
x224 = {}
fall = 2

[servers.ex1]
address = "10.0.1.1"
weight = 10
management = { vip = "192.168.1.36", fwmark = 1, interface = "eth0" }

[servers.ex2]
address = "10.0.1.2"
weight = 10

[services.exchange]
fwmark = 80
persistence = "600s"
servers = ["ex1", "ex2"]
checks = ["rdp"]
slow_start = "30s"
sorry_server = { address = "10.0.1.5", port = 8080 }

[services.names]
vip = "192.168.1.35"
port = 53
protocol = "udp"
servers = ["ex1", "ex2"]
checks = ["rdp"]
"#;

pub(super) fn same_table(story: &Story) -> Outcome {
    let lab = Cluster::bare(story, CONFIG)?;
    let mut dice = Dice::thrown(story);
    let seeds: Vec<u64> = (0..20).map(|_| dice.below(u64::from(u32::MAX))).collect();
    let histories = seeds.len();
    let steps: Outcome<u32> = lab.net.lb1.within(|| {
        let mut steps = 0;
        for seed in seeds {
            let mut kernel = Ipvs::new();
            for service in kernel.dump()?.into_iter() {
                let (service, there) = service;
                let from = there.settings;
                kernel.apply(&Step::DeleteService { service, from })?;
            }
            let twin = Shared::default();
            history(Dice(seed), Box::new(Ipvs::new()))?;
            steps += history(Dice(seed), Box::new(twin.clone()))?;
            let (found, expected) = (bare(kernel.dump()?), bare(twin.clone().dump()?));
            if found != expected {
                return Err(format!("seed {seed}: {found:?} instead of {expected:?}").into());
            }
        }
        Ok(steps)
    })?;
    let steps = steps?;
    story.figure(&format!(
        "{histories} histories of {steps} steps: the same tables"
    ));
    same("no steps at all", &(steps == 0), &false)
}

/// Without what the traffic changes.
fn bare(mut table: Table) -> Table {
    for service in table.values_mut() {
        for destination in service.destinations.values_mut() {
            destination.connections = Default::default();
        }
    }
    table
}

/// The same happenings for the same dice; gives their number.
fn history(mut dice: Dice, kernel: Box<dyn VirtualServers>) -> Outcome<u32> {
    let config = Config::parse(Path::new("alike.toml"), ALIKE).map_err(|f| f.to_string())?;
    let records = Records {
        intents: Intents::in_memory(backend::identity(Backend::Memory)?),
        wishes: Wishes::none(),
        journal: Journal::nowhere(),
    };
    let mut now = Moment::default();
    let mut director = Director::start(config, kernel, records, now)?;
    let mut count = 0;
    for _ in 0..60 {
        now = now + Duration::from_millis(1500);
        let server = if dice.below(2) == 0 { "ex1" } else { "ex2" };
        if dice.below(8) == 0 {
            let want = match dice.below(4) {
                0 => Want::Disable {
                    even_the_last: true,
                },
                1 => Want::Weight(u32::try_from(dice.below(30))?),
                _ => Want::Enable,
            };
            let order = Order {
                server: server.to_owned(),
                want,
                reason: None,
                author: "lab".to_owned(),
            };
            let _ = director.obey(&order, now);
        } else {
            let (condition, kind) = match dice.below(6) {
                0 | 1 => (Condition::Failed, Kind::TcpRefused),
                2 => (Condition::Failed, Kind::Silent),
                _ => (Condition::Healthy, Kind::Ok),
            };
            let finding = Finding::new(condition, kind, "as the dice say");
            let report = Report {
                server: server.into(),
                check: "rdp".into(),
                verdict: Verdict::new("x224", server, None, finding),
            };
            director.take(report, now);
        }
        director.tick(now);
        count += 1;
    }
    Ok(count)
}
