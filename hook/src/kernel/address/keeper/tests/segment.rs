//! A segment with machines that keep addresses, from one due time to the next.

use std::time::Duration;

use crate::clock::Moment;
use crate::jitter::Jitter;
use crate::kernel::address::keeper::duties::{Duties, Order, View};
use crate::kernel::address::keeper::duty::Act;
use crate::kernel::address::keeper::{Change, Timing};
use crate::kernel::address::{Claim, Heard, Interface, Link, Mac, Role, Saying};
use crate::setup::WantedAddress;

pub(super) const VIP: &str = "192.168.1.35/24";
const STEP: Duration = Duration::from_millis(10);

pub(super) fn claim(address: &str, role: Role) -> Claim {
    Claim {
        wanted: WantedAddress {
            interface: "eth0".to_owned(),
            address: address.parse().unwrap(),
            purpose: "VIP of exchange".to_owned(),
        },
        role,
    }
}

pub(super) fn eth0(last: u8) -> Interface {
    Interface {
        index: 2,
        name: "eth0".to_owned(),
        link: Link::Up,
        mac: Some(Mac([2, 0, 0, 0, 0, last])),
        addresses: vec![format!("192.168.1.{last}/24").parse().unwrap()],
    }
}

/// A machine that wants [`VIP`], and what it did.
pub(super) struct Machine {
    duties: Duties,
    pub(super) interface: Interface,
    read_at: Moment,
    view: View,
    pub(super) refuses: Option<&'static str>,
    pub(super) unfit: Option<&'static str>,
    pub(super) acts: Vec<(Moment, Act)>,
}

impl Machine {
    pub(super) fn new(last: u8, seed: u64) -> Self {
        let duties = Duties::new(
            vec![claim(VIP, Role::Vip)],
            Timing::default(),
            Jitter::seeded(seed),
        );
        let interface = eth0(last);
        Self {
            duties,
            view: View {
                interfaces: vec![interface.clone()],
                read: Moment::default(),
            },
            interface,
            read_at: Moment::default(),
            refuses: None,
            unfit: None,
            acts: Vec::new(),
        }
    }

    pub(super) fn holds(&self) -> bool {
        self.interface.has(vip())
    }

    pub(super) fn changes(&self) -> Vec<Change> {
        let changes = self.acts.iter().filter_map(|(_, act)| match act {
            Act::Tell(change) => Some(change.clone()),
            _ => None,
        });
        changes.collect()
    }

    pub(super) fn times(&self, wanted: &Act) -> Vec<Moment> {
        let acts = self.acts.iter().filter(|(_, act)| act == wanted);
        acts.map(|(at, _)| *at).collect()
    }

    fn mac(&self) -> Mac {
        self.interface.mac.unwrap()
    }

    fn due(&self) -> Moment {
        self.duties.due().unwrap_or(self.read_at).min(self.read_at)
    }

    /// One step as the thread does it. What it says is returned.
    fn step(&mut self, now: Moment) -> Vec<Act> {
        if now >= self.read_at {
            self.read_at = now + Timing::default().period;
            self.view = View {
                interfaces: vec![self.interface.clone()],
                read: now,
            };
        }
        let orders = self.duties.step(&self.view, self.unfit, now);
        self.carry_out(orders, now)
    }

    fn hear(&mut self, heard: &Heard, now: Moment) -> Vec<Act> {
        let orders = self.duties.hear(heard, &self.view, now);
        self.carry_out(orders, now)
    }

    fn carry_out(&mut self, mut orders: Vec<Order>, now: Moment) -> Vec<Act> {
        let mut said = Vec::new();
        while !orders.is_empty() {
            let (at, act) = orders.remove(0);
            self.acts.push((now, act.clone()));
            let refused = self.refuses.filter(|_| !matches!(act, Act::Tell(_)));
            if let Some(words) = refused {
                orders.extend(self.duties.failed(at, words.to_owned(), now));
                continue;
            }
            match act {
                Act::Add => self.interface.addresses.push(VIP.parse().unwrap()),
                Act::Withdraw => self.interface.addresses.retain(|held| held.addr() != vip()),
                Act::Tell(_) => {}
                _ => said.push(act.clone()),
            }
            orders.extend(self.duties.done(at, &act, now));
        }
        said
    }

    fn heard(&self, saying: Saying) -> Heard {
        Heard {
            interface: 2,
            address: vip(),
            by: self.mac(),
            saying,
        }
    }
}

fn vip() -> std::net::IpAddr {
    "192.168.1.35".parse().unwrap()
}

/// Machines that hear each other.
pub(super) struct Segment {
    pub(super) machines: Vec<Machine>,
    pub(super) now: Moment,
}

impl Segment {
    pub(super) fn of(machines: Vec<Machine>) -> Self {
        Self {
            machines,
            now: Moment::default(),
        }
    }

    pub(super) fn alone() -> Self {
        Self::of(vec![Machine::new(1, 1)])
    }

    pub(super) fn machine(&mut self) -> &mut Machine {
        &mut self.machines[0]
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let due = self.machines.iter().map(Machine::due).min();
            self.now = due.unwrap_or(end).max(self.now + STEP).min(end);
            for at in 0..self.machines.len() {
                let said = self.machines[at].step(self.now);
                self.spread(at, said);
            }
        }
    }

    /// A machine that we do not run claims the address.
    pub(super) fn claims(&mut self, by: u8) {
        let heard = Heard {
            interface: 2,
            address: vip(),
            by: Mac([2, 0, 0, 0, 0, by]),
            saying: Saying::Claims,
        };
        let said = self.machines[0].hear(&heard, self.now);
        self.spread(0, said);
    }

    /// Everybody else hears what one says; the kernel of a holder answers questions to the one
    /// who asked.
    fn spread(&mut self, from: usize, said: Vec<Act>) {
        for act in said {
            let saying = match act {
                Act::Announce => Saying::Claims,
                _ => Saying::Asks,
            };
            let heard = self.machines[from].heard(saying);
            for other in (0..self.machines.len()).filter(|other| *other != from) {
                let answers = self.machines[other].hear(&heard, self.now);
                self.spread(other, answers);
                if saying == Saying::Asks && self.machines[other].holds() {
                    let answer = self.machines[other].heard(Saying::Answers);
                    let answers = self.machines[from].hear(&answer, self.now);
                    self.spread(from, answers);
                }
            }
        }
    }
}
