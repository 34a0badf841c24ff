//! Random histories of one service with everything that may happen to it, and what always holds.
//! `PROPTEST_CASES` says how many; each has 50 steps on
//! average.

use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::director::record::TableIdentity;
use crate::policy::Pool;
use crate::table::{DestinationSettings, Family, Forward, ServiceSettings};

const NAMES: [&str; 3] = ["ex1", "ex2", "ex3"];

fn config(variant: usize) -> Config {
    let servers = if variant == 1 {
        "\"ex1\", \"ex2\""
    } else {
        "\"ex1\", \"ex2\", \"ex3\""
    };
    let weight = if variant == 2 { 20 } else { 10 };
    let more = match variant {
        3 => "slow_start = \"30s\"\nsorry_server = { address = \"10.0.1.9\" }",
        4 => "min_up = 2\nflap_window = \"60s\"",
        _ => "",
    };
    let one = |at: usize| {
        format!(
            "[servers.ex{at}]\naddress = \"10.0.1.{at}\"\nweight = {weight}\n\
             management = {{ vip = \"192.168.1.{at}\", fwmark = {at}, interface = \"eth0\" }}\n"
        )
    };
    let text = format!(
        "[checks.rdp]\nx224 = {{}}\nfall = 2\n{}{}{}[services.s]\nfwmark = 80\n\
         servers = [{servers}]\nchecks = [\"rdp\"]\n{more}\n",
        one(1),
        one(2),
        one(3)
    );
    Config::parse(Path::new("h.toml"), &text).unwrap()
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Happening {
    Reading(usize, Condition, Kind),
    Asked(usize, Want),
    /// `ipvsadm -e … -w`
    ByHand(usize, u32),
    /// `ipvsadm -d`
    Deleted(usize),
    /// `ipvsadm -C`, all but what is not ours.
    Cleared,
    Connections(usize, u32),
    /// `kill -9` and a new start.
    Restart,
    Reload(usize),
    Files(Vec<usize>),
    Passes(u64),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let verdict = prop_oneof![
        6 => Just((Condition::Healthy, Kind::Ok)),
        4 => Just((Condition::Failed, Kind::Silent)),
        3 => Just((Condition::Failed, Kind::TcpRefused)),
        1 => Just((Condition::Degraded, Kind::Slow)),
        1 => Just((Condition::Unknown, Kind::OwnStall)),
        1 => Just((Condition::Maintenance, Kind::Maintenance)),
        1 => Just((Condition::Maintenance, Kind::Offline)),
    ];
    let want = prop_oneof![
        (1_u64..60, any::<bool>()).prop_map(|(seconds, even_the_last)| Want::Drain {
            deadline: Duration::from_secs(seconds),
            even_the_last
        }),
        any::<bool>().prop_map(|even_the_last| Want::Disable { even_the_last }),
        Just(Want::Enable),
        Just(Want::Enable),
        (1_u64..60).prop_map(|seconds| Want::Force(Duration::from_secs(seconds))),
        prop_oneof![Just(10), 0_u32..30].prop_map(Want::Weight),
    ];
    prop_oneof![
        20 => (0_usize..3, verdict).prop_map(|(at, (condition, kind))| {
            Happening::Reading(at, condition, kind)
        }),
        4 => (0_usize..3, want).prop_map(|(at, want)| Happening::Asked(at, want)),
        1 => (0_usize..3, prop_oneof![Just(10_u32), 0_u32..30])
            .prop_map(|(at, weight)| Happening::ByHand(at, weight)),
        1 => (0_usize..3).prop_map(Happening::Deleted),
        1 => Just(Happening::Cleared),
        1 => (0_usize..3, 0_u32..2).prop_map(|(at, count)| Happening::Connections(at, count)),
        1 => Just(Happening::Restart),
        2 => (0_usize..5).prop_map(Happening::Reload),
        1 => prop::collection::vec(0_usize..3, 0..2).prop_map(Happening::Files),
        3 => (1_u64..40).prop_map(Happening::Passes),
    ]
}

/// What we expect the director to remember of a server.
#[derive(Clone, Debug, Default)]
struct Wished {
    stand: Option<(&'static str, Option<Moment>)>,
    by_hand: Option<u32>,
    asked: Option<u32>,
    in_folder: bool,
}

struct World {
    kernel: Kernel,
    director: Option<Director>,
    now: Moment,
    /// When the director looked last: times end then.
    ticked: Moment,
    variant: usize,
    wished: [Wished; 3],
}

fn ours() -> ServiceKey {
    mark(80)
}

fn mark(mark: u32) -> ServiceKey {
    let family = Family::V4;
    ServiceKey::Fwmark { family, mark }
}

fn at(server: usize) -> SocketAddr {
    format!("10.0.1.{}:0", server + 1).parse().unwrap()
}

fn foreign() -> (SocketAddr, DestinationSettings) {
    let settings = DestinationSettings {
        forward: Forward::Direct,
        weight: 3,
        upper_threshold: 5,
        lower_threshold: 2,
        encapsulation: Default::default(),
    };
    ("10.0.1.99:0".parse().unwrap(), settings)
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            kernel: Kernel::default(),
            director: None,
            now: Moment::default(),
            ticked: Moment::default(),
            variant: 0,
            wished: Default::default(),
        };
        world.with_what_is_not_ours();
        let identity = TableIdentity {
            boot: "b".to_owned(),
            namespace: 1,
        };
        world.start(Records {
            intents: Intents::in_memory(identity),
            wishes: Wishes::none(),
            journal: Journal::nowhere(),
        });
        world
    }

    fn start(&mut self, records: Records) {
        let kernel = Box::new(self.kernel.clone());
        let mut director =
            Director::start(config(self.variant), kernel, records, self.now).unwrap();
        director.epoch = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        self.director = Some(director);
    }

    /// A service that is not ours, and a destination of somebody else's in one that is.
    fn with_what_is_not_ours(&mut self) {
        let settings = ServiceSettings {
            scheduler: "rr".to_owned(),
            persistence: None,
            netmask: u32::MAX,
            flags: 0,
            persistence_engine: None,
        };
        let mut twin = self.kernel.twin.lock().unwrap();
        let (destination, to) = foreign();
        for service in [mark(7), ours()] {
            let there = twin.dump().unwrap().contains_key(&service);
            let to_settings = settings.clone();
            if !there {
                twin.apply(&Step::AddService {
                    service,
                    to: to_settings,
                })
                .unwrap();
            }
            twin.apply(&Step::AddDestination {
                service,
                destination,
                to,
            })
            .unwrap();
        }
    }

    fn director(&mut self) -> &mut Director {
        self.director.as_mut().expect("it runs")
    }

    fn is_member(&self, server: usize) -> bool {
        self.variant != 1 || server < 2
    }

    fn nominal(&self) -> u32 {
        if self.variant == 2 { 20 } else { 10 }
    }

    fn weight(&self, server: usize) -> Option<u32> {
        let table = self.kernel.twin.lock().unwrap().dump().unwrap();
        Some(
            table
                .get(&ours())?
                .destinations
                .get(&at(server))?
                .settings
                .weight,
        )
    }

    /// The weights of all destinations of the service but somebody else's.
    fn total(table: &Table) -> u32 {
        let service = table.get(&ours()).into_iter();
        let all = service.flat_map(|service| service.destinations.iter());
        all.filter(|(at, _)| **at != foreign().0)
            .map(|(_, there)| there.settings.weight)
            .sum()
    }

    fn happens(&mut self, happening: &Happening) {
        self.now = self.now + Duration::from_millis(500);
        let now = self.now;
        match happening {
            Happening::Reading(server, condition, kind) => {
                let finding = Finding::new(*condition, *kind, "as the history says");
                let report = Report {
                    server: NAMES[*server].into(),
                    check: "rdp".into(),
                    verdict: Verdict::new("x224", "10.0.1.1", Some(3389), finding),
                };
                self.director().take(report, now);
            }
            Happening::Asked(server, want) => self.ask(*server, *want),
            Happening::ByHand(server, weight) => self.set_by_hand(*server, *weight),
            Happening::Deleted(server) => self.alter(|table| {
                if let Some(service) = table.get_mut(&ours()) {
                    service.destinations.remove(&at(*server));
                }
            }),
            Happening::Cleared => {
                self.alter(Table::clear);
                self.with_what_is_not_ours();
            }
            Happening::Connections(server, count) => self.alter(|table| {
                let there = table.get_mut(&ours());
                let there = there.and_then(|service| service.destinations.get_mut(&at(*server)));
                if let Some(there) = there {
                    there.connections.active = *count;
                }
            }),
            Happening::Restart => {
                let Director { records, .. } = self.director.take().expect("it runs");
                for wished in &mut self.wished {
                    wished.in_folder = false;
                }
                self.start(records);
            }
            Happening::Reload(variant) => {
                self.variant = *variant;
                self.director().reload(config(*variant), now).unwrap();
            }
            Happening::Files(servers) => {
                let files = servers
                    .iter()
                    .map(|at| (NAMES[*at].to_owned(), String::new()));
                let files = files.collect();
                self.director().take_maintenance(Ok(files), now);
                for (at, wished) in self.wished.iter_mut().enumerate() {
                    wished.in_folder = servers.contains(&at);
                }
            }
            Happening::Passes(seconds) => self.now = now + Duration::from_secs(*seconds),
        }
    }

    fn alter(&mut self, change: impl FnOnce(&mut Table)) {
        let mut twin = self.kernel.twin.lock().unwrap();
        let mut table = twin.dump().unwrap();
        change(&mut table);
        *twin = Memory::holding(table);
    }

    fn set_by_hand(&mut self, server: usize, weight: u32) {
        let found = self.weight(server);
        if !self.is_member(server) || found.is_none() || found == Some(weight) {
            return;
        }
        self.alter(|table| {
            let service = table.get_mut(&ours()).expect("it is there");
            let there = service
                .destinations
                .get_mut(&at(server))
                .expect("it is there");
            there.settings.weight = weight;
        });
        let nominal = self.nominal();
        let wished = &mut self.wished[server];
        wished.by_hand = (weight != nominal).then_some(weight);
        wished.asked = wished.asked.filter(|_| weight != nominal);
    }

    fn ask(&mut self, server: usize, want: Want) {
        let order = Order {
            server: NAMES[server].to_owned(),
            want,
            reason: None,
            author: "alice".to_owned(),
        };
        let now = self.now;
        if self.director().obey(&order, now).is_err() {
            return;
        }
        let nominal = self.nominal();
        let wished = &mut self.wished[server];
        match want {
            Want::Drain { .. } => wished.stand = Some(("drain", None)),
            Want::Disable { .. } => wished.stand = Some(("disable", None)),
            Want::Enable => wished.stand = None,
            Want::Force(time) => wished.stand = Some(("enable", Some(now + time))),
            Want::Weight(weight) => {
                wished.by_hand = None;
                wished.asked = (weight != nominal).then_some(weight);
            }
        }
        if matches!(want, Want::Enable | Want::Force(_)) {
            wished.by_hand = wished.by_hand.filter(|weight| *weight > 0);
            wished.asked = wished.asked.filter(|weight| *weight > 0);
        }
    }

    /// What the status must say of a server's wish.
    fn expected_wish(&self, server: usize) -> Option<WishStatus> {
        let wished = &self.wished[server];
        let stand = match wished.stand {
            Some((_, Some(until))) if self.unix_of(self.ticked) >= self.unix_of(until) => None,
            Some((stand, _)) => Some(stand),
            None => None,
        };
        match (stand, wished.in_folder) {
            (Some("disable"), _) => word("disable"),
            (Some("drain"), _) | (_, true) => word("drain"),
            (Some(stand), _) => word(stand),
            (None, false) => wished.by_hand.or(wished.asked).map(WishStatus::Weight),
        }
    }

    fn unix_of(&self, moment: Moment) -> u64 {
        moment.micros() / 1_000_000
    }

    /// What holds right after whatever happened, before anybody looks at the table again.
    fn check_weights(&mut self) -> Result<(), TestCaseError> {
        let now = self.now;
        let service = self.director().service_of_status(now);
        for (server, status) in service.servers.iter().enumerate() {
            let serves = status.weight_kernel.unwrap_or(0) > 0;
            let ill = ["down", "maintenance"].contains(&status.health.as_str());
            let forced = status.wish == word("enable");
            if ill && serves {
                prop_assert!(service.fail_open || forced, "{status:?}");
            }
            let out = status.wish == word("drain") || status.wish == word("disable");
            if out || status.wish == weight_wish(0) {
                prop_assert!(!serves, "{status:?}");
            }
            prop_assert_eq!(
                &status.wish,
                &self.expected_wish(server),
                "of {}",
                &status.name
            );
        }
        Ok(())
    }

    /// What holds once the director has looked at the table.
    fn check_table(&mut self) -> Result<(), TestCaseError> {
        let now = self.now;
        let table = self.kernel.twin.lock().unwrap().dump().unwrap();
        for service in [mark(7), ours()] {
            let there = &table[&service].destinations[&foreign().0];
            prop_assert_eq!(there.settings, foreign().1);
        }
        prop_assert_eq!(table[&mark(7)].destinations.len(), 1);
        for server in 0..3 {
            let number = u32::try_from(server).unwrap() + 1;
            let management = &table[&mark(number)].destinations;
            let weights: Vec<_> = management
                .iter()
                .map(|(at, d)| (*at, d.settings.weight))
                .collect();
            prop_assert_eq!(weights, vec![(at(server), 1)]);
        }
        let director = self.director();
        let waiting = director.services[0].memory.pool == Pool::default()
            && director.services[0]
                .members
                .iter()
                .any(|m| m.state == State::Unknown);
        let candidates = director.candidates(ServiceId(0), now);
        let all_out = candidates.iter().all(policy::Candidate::is_out);
        prop_assert!(
            waiting || all_out || Self::total(&table) > 0,
            "{candidates:?}"
        );
        prop_assert_eq!(director.pending(now).unwrap(), vec![]);
        Ok(())
    }

    /// Every step on the way from a table that serves to one that serves left one that serves.
    fn check_prefixes(&mut self, before: &Table) -> Result<(), TestCaseError> {
        let steps = std::mem::take(&mut *self.kernel.written.lock().unwrap());
        let mut twin = Memory::holding(before.clone());
        let totals: Vec<u32> = steps
            .iter()
            .map(|step| {
                twin.apply(step).expect("a step that was taken");
                Self::total(&twin.dump().expect("memory"))
            })
            .collect();
        if Self::total(before) > 0 && totals.last().is_some_and(|last| *last > 0) {
            prop_assert!(totals.iter().all(|total| *total > 0), "{steps:?}");
        }
        Ok(())
    }
}

impl Director {
    fn service_of_status(&mut self, now: Moment) -> ServiceStatus {
        self.status(now).services.remove(0)
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_hold(
        history in prop::collection::vec(any_happening(), 1..100),
    ) {
        let mut world = World::new();
        for happening in &history {
            let before = world.kernel.twin.lock().unwrap().dump().unwrap();
            world.kernel.written.lock().unwrap().clear();
            world.happens(happening);
            let by_us = matches!(
                happening,
                Happening::Reading(..) | Happening::Asked(..) | Happening::Files(_)
            );
            if by_us {
                world.check_prefixes(&before)?;
                world.check_weights()?;
            }
            let before = world.kernel.twin.lock().unwrap().dump().unwrap();
            world.kernel.written.lock().unwrap().clear();
            let now = world.now;
            world.ticked = now;
            world.director().tick(now);
            world.check_prefixes(&before)?;
            world.check_weights()?;
            world.check_table()?;
        }
    }
}
