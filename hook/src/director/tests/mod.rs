mod beside;
mod histories;
mod many;
mod operator;
mod refusals;
mod reload;

use std::path::Path;
use std::sync::{Arc, Mutex};

use std::time::Duration;

use shared::verdict::{Condition, Finding, Kind};

use super::*;
use crate::config::Backend;
use crate::kernel::backend;
use crate::kernel::memory::Memory;
use crate::operate::status::{ServerStatus, ServiceStatus, WishStatus};
use crate::table::{ServiceKey, Step};

const CONFIG: &str = include_str!("../../../../packaging/examples/x224.toml");

/// Which steps the kernel refuses.
type Refuses = fn(&Step) -> bool;

/// A kernel that the test can look into and reach into, as an operator with ipvsadm would.
#[derive(Clone, Default)]
struct Kernel {
    twin: Arc<Mutex<Memory>>,
    written: Arc<Mutex<Vec<Step>>>,
    refuses: Arc<Mutex<Option<Refuses>>>,
    refused: Arc<Mutex<usize>>,
    dumps: Arc<Mutex<usize>>,
}

impl VirtualServers for Kernel {
    fn dump(&mut self) -> Result<Table, KernelError> {
        *self.dumps.lock().unwrap() += 1;
        self.twin.lock().unwrap().dump()
    }

    fn apply(&mut self, step: &Step) -> Result<(), KernelError> {
        if self
            .refuses
            .lock()
            .unwrap()
            .is_some_and(|refuses| refuses(step))
        {
            *self.refused.lock().unwrap() += 1;
            return Err(KernelError::Permission {
                what: "IPVS".to_owned(),
            });
        }
        self.written.lock().unwrap().push(step.clone());
        self.twin.lock().unwrap().apply(step)
    }

    /// As the real one: services, destinations and weights.
    fn fingerprint(&mut self) -> Option<String> {
        let table = self.twin.lock().unwrap().dump().unwrap();
        Some(shown(&table))
    }

    fn became(&self, _before: &str, fingerprint: &str, expected: &Table) -> bool {
        fingerprint == shown(expected)
    }
}

fn shown(table: &Table) -> String {
    let weights = table.iter().map(|(key, service)| {
        let members = service.destinations.iter();
        let members = members.map(|(at, destination)| (at, destination.settings.weight));
        (key, &service.settings, members.collect::<Vec<_>>())
    });
    format!("{:?}", weights.collect::<Vec<_>>())
}

impl Kernel {
    fn weights(&self) -> Vec<u32> {
        let table = self.twin.lock().unwrap().dump().unwrap();
        let service = table.values().next().expect("the service");
        service
            .destinations
            .values()
            .map(|there| there.settings.weight)
            .collect()
    }

    fn writes(&self) -> usize {
        self.written.lock().unwrap().len()
    }

    /// `ipvsadm -e -f 80 -r 10.0.1.N -w WEIGHT`
    fn set_by_hand(&self, at: usize, weight: u32) {
        let mut twin = self.twin.lock().unwrap();
        let table = twin.dump().unwrap();
        let (service, found) = table.iter().next().expect("the service");
        let (destination, there) = found.destinations.iter().nth(at).expect("the destination");
        let from = there.settings;
        let to = crate::table::DestinationSettings { weight, ..from };
        let (service, destination) = (*service, *destination);
        twin.apply(&Step::EditDestination {
            service,
            destination,
            from,
            to,
        })
        .unwrap();
    }

    /// `ipvsadm -C`
    fn clear(&self) {
        *self.twin.lock().unwrap() = Memory::default();
    }
}

/// A director on a kernel and a state folder that outlive it.
struct Bench {
    folder: tempfile::TempDir,
    kernel: Kernel,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            kernel: Kernel::default(),
        }
    }

    fn director(&self) -> Running {
        self.director_with(CONFIG)
    }

    fn director_with(&self, text: &str) -> Running {
        let config = Config::parse(Path::new("g.toml"), text).unwrap();
        let at = |name: &str| self.folder.path().join(name);
        let records = Records {
            intents: Intents::open(&at("intents"), backend::identity(Backend::Ipvs).unwrap())
                .unwrap(),
            wishes: Wishes::open(&at("wishes.json")).unwrap(),
            journal: Journal::open(&at("events.jsonl")).unwrap(),
        };
        let kernel = Box::new(self.kernel.clone());
        let director = Director::start(config, kernel, records, Moment::default()).unwrap();
        Running {
            director,
            now: Moment::default(),
        }
    }

    fn events(&self, name: &str) -> usize {
        let journal = std::fs::read_to_string(self.folder.path().join("events.jsonl")).unwrap();
        journal.matches(&format!("\"event\":\"{name}\"")).count()
    }
}

fn weight_wish(weight: u32) -> Option<WishStatus> {
    Some(WishStatus::Weight(weight))
}

fn word(word: &str) -> Option<WishStatus> {
    Some(WishStatus::Stand(word.to_owned()))
}

/// A director and its clock: every call takes a second.
struct Running {
    director: Director,
    now: Moment,
}

impl Running {
    fn finds(&mut self, server: usize, condition: Condition) -> &mut Self {
        let kind = match condition {
            Condition::Failed => Kind::Silent,
            Condition::Maintenance => Kind::Maintenance,
            _ => Kind::Ok,
        };
        self.tells(0, server, condition, kind)
    }

    /// One reading of one check.
    fn tells(
        &mut self,
        check: usize,
        server: usize,
        condition: Condition,
        kind: Kind,
    ) -> &mut Self {
        self.now = self.now + Duration::from_secs(1);
        let finding = Finding::new(condition, kind, "as the test says");
        let verdict = Verdict::new("x224", "10.0.1.1", Some(3389), finding);
        let report = Report {
            server: self.director.config.servers[server].name.as_str().into(),
            check: self.director.config.checks[check].name.as_str().into(),
            verdict,
        };
        self.director.take(report, self.now);
        self
    }

    fn both_up(&mut self) -> &mut Self {
        self.works(0).works(1).works(0).works(1)
    }

    fn works(&mut self, server: usize) -> &mut Self {
        self.finds(server, Condition::Healthy)
    }

    fn fails(&mut self, server: usize) -> &mut Self {
        self.finds(server, Condition::Failed)
    }

    fn passes(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now + Duration::from_secs(seconds);
        self.director.tick(self.now);
        self
    }

    fn service(&mut self) -> ServiceStatus {
        self.director.status(self.now).services.remove(0)
    }

    fn server(&mut self, at: usize) -> ServerStatus {
        self.service().servers.remove(at)
    }
}

#[test]
fn an_empty_table_is_filled_as_soon_as_servers_are_known_to_work() {
    let bench = Bench::new();
    let mut director = bench.director();
    assert_eq!(bench.kernel.weights(), [0, 0]);
    director.works(0);
    assert_eq!(
        bench.kernel.weights(),
        [1, 0],
        "one success is enough for the first"
    );
    director.works(1);
    assert_eq!(
        bench.kernel.weights(),
        [1, 0],
        "the second needs rise successes"
    );
    director.works(1);
    assert_eq!(bench.kernel.weights(), [1, 1]);
}

#[test]
fn a_hung_server_loses_its_weight_after_fall_and_gets_it_back_after_rise() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().fails(0).fails(0);
    assert_eq!(bench.kernel.weights(), [1, 1]);
    director.fails(0);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    director.works(0);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    director.works(0);
    assert_eq!(bench.kernel.weights(), [1, 1]);
    assert_eq!(
        (bench.events("server_down"), bench.events("fail_open")),
        (1, 0)
    );
}

#[test]
fn unknown_verdicts_change_nothing() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    let writes = bench.kernel.writes();
    for _ in 0..9 {
        director.finds(0, Condition::Unknown);
    }
    assert_eq!(
        (bench.kernel.weights(), bench.kernel.writes()),
        (vec![1, 1], writes)
    );
}

#[test]
fn the_last_up_server_keeps_its_weight_and_the_status_says_so() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().fails(0).fails(0).fails(0).passes(60);
    director.fails(1).fails(1).fails(1);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    assert!(director.service().fail_open);
    director.works(0).works(0);
    assert_eq!(bench.kernel.weights(), [1, 0]);
    assert!(!director.service().fail_open);
    assert_eq!(
        (bench.events("fail_open"), bench.events("fail_open_ended")),
        (1, 1)
    );
}

#[test]
fn servers_that_fall_together_are_both_kept() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    for _ in 0..3 {
        director.fails(0).fails(1);
    }
    assert_eq!(bench.kernel.weights(), [1, 1]);
    assert!(director.service().fail_open);
}

#[test]
fn a_restart_finds_the_table_as_it_left_it_and_writes_nothing() {
    let bench = Bench::new();
    bench.director().both_up().fails(0).fails(0).fails(0);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    let writes = bench.kernel.writes();
    let mut again = bench.director();
    again.passes(1).works(1).works(1).fails(0).passes(1);
    assert_eq!(
        (bench.kernel.weights(), bench.kernel.writes()),
        (vec![0, 1], writes)
    );
    assert_eq!(bench.events("wish_set"), 0, "our own weights are no wishes");
}

#[test]
fn weights_found_without_a_record_stay_until_judged() {
    let bench = Bench::new();
    bench.director().both_up();
    bench.kernel.set_by_hand(0, 7);
    std::fs::remove_file(bench.folder.path().join("intents")).unwrap();
    let mut director = bench.director();
    director.passes(1);
    assert_eq!(bench.kernel.weights(), [7, 1]);
    director.works(0).works(0);
    assert_eq!(bench.kernel.weights(), [1, 1]);
}

#[test]
fn a_server_found_at_0_without_a_record_joins_after_rise_while_another_serves() {
    let bench = Bench::new();
    bench.director().both_up();
    bench.kernel.set_by_hand(0, 0);
    std::fs::remove_file(bench.folder.path().join("intents")).unwrap();
    let mut director = bench.director();
    director.works(0);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    director.works(0);
    assert_eq!(bench.kernel.weights(), [1, 1]);
}

#[test]
fn a_weight_set_by_hand_is_a_wish_that_survives_checks_and_restarts() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    bench.kernel.set_by_hand(0, 5);
    director.passes(2).works(0).fails(0).works(0);
    assert_eq!(bench.kernel.weights(), [5, 1]);
    assert_eq!(director.server(0).wish, weight_wish(5));
    drop(director);
    let mut again = bench.director();
    again.both_up();
    assert_eq!(bench.kernel.weights(), [5, 1]);
    bench.kernel.set_by_hand(0, 1);
    again.passes(2).works(0);
    assert_eq!(
        (bench.kernel.weights(), again.server(0).wish),
        (vec![1, 1], None)
    );
}

#[test]
fn a_hand_edit_that_undoes_our_last_step_before_we_look_again_is_seen() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.works(1).passes(1).works(0).works(0);
    assert_eq!(bench.kernel.weights(), [1, 1]);
    bench.kernel.set_by_hand(0, 0);
    director.passes(2);
    assert_eq!(director.server(0).wish, weight_wish(0));
    assert_eq!(bench.kernel.weights(), [0, 1]);
}

#[test]
fn a_server_drained_by_hand_stays_drained_while_it_works() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    bench.kernel.set_by_hand(0, 0);
    director.passes(2).works(0).works(0).works(0);
    assert_eq!(
        (bench.kernel.weights(), director.server(0).wish),
        (vec![0, 1], weight_wish(0))
    );
}

#[test]
fn a_positive_weight_set_by_hand_does_not_revive_a_server_that_is_down() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().fails(0).fails(0).fails(0);
    bench.kernel.set_by_hand(0, 4);
    director.passes(2);
    assert_eq!(
        (bench.kernel.weights(), director.server(0).wish),
        (vec![0, 1], weight_wish(4))
    );
    director.works(0).works(0);
    assert_eq!(bench.kernel.weights(), [4, 1]);
}

#[test]
fn a_table_cleared_by_somebody_comes_back() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    bench.kernel.clear();
    director.passes(2).passes(2);
    assert_eq!(bench.kernel.weights(), [1, 1]);
    assert_eq!(bench.events("repaired"), 1);
}

#[test]
fn a_check_that_falls_silent_is_reported_and_moves_no_weight() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().passes(16).passes(16);
    assert_eq!(bench.events("stale"), 2);
    assert_eq!(director.server(0).stale, ["rdp"]);
    assert_eq!(bench.kernel.weights(), [1, 1]);
}

#[test]
fn services_of_others_are_never_touched() {
    let bench = Bench::new();
    let theirs = ServiceKey::Fwmark {
        family: crate::table::Family::V4,
        mark: 7,
    };
    let settings = crate::table::ServiceSettings {
        scheduler: "rr".to_owned(),
        persistence: None,
        netmask: u32::MAX,
        flags: 0,
        persistence_engine: None,
    };
    let add = Step::AddService {
        service: theirs,
        to: settings,
    };
    bench.kernel.twin.lock().unwrap().apply(&add).unwrap();
    bench.director().both_up().fails(0).fails(0).fails(0);
    assert!(
        bench
            .kernel
            .twin
            .lock()
            .unwrap()
            .dump()
            .unwrap()
            .contains_key(&theirs)
    );
    let ours = |step: &Step| step.service() != theirs;
    assert!(bench.kernel.written.lock().unwrap().iter().all(ours));
}

#[test]
fn a_management_service_leads_to_its_server_while_that_is_down_and_while_it_is_drained() {
    let bench = Bench::new();
    let text = include_str!("../../../../packaging/examples/original.toml");
    let text = text
        .replace(
            "checks = [\"rdp\", \"mail\", \"owa\"]",
            "checks = [\"rdp\"]",
        )
        .replace("gateway = ", "# ")
        .replace("masquerade = ", "# ");
    let mut director = bench.director_with(&text);
    director.both_up().fails(0).fails(0).fails(0);
    let management = |mark| ServiceKey::Fwmark {
        family: crate::table::Family::V4,
        mark,
    };
    let weight = |mark| {
        let table = bench.kernel.twin.lock().unwrap().dump().unwrap();
        let destinations = &table[&management(mark)].destinations;
        assert_eq!(destinations.len(), 1);
        destinations.values().next().expect("one").settings.weight
    };
    assert_eq!((weight(1), weight(2)), (1, 1));
    bench.kernel.clear();
    director.passes(2);
    assert_eq!((weight(1), weight(2)), (1, 1));
    let pending = director.director.pending(director.now).unwrap();
    assert_eq!(pending, []);
}

#[test]
fn a_service_that_we_created_goes_with_its_section_and_one_that_we_found_stays() {
    let bench = Bench::new();
    let keys = || {
        let table = bench.kernel.twin.lock().unwrap().dump().unwrap();
        table.keys().map(ToString::to_string).collect::<Vec<_>>()
    };
    bench.director().both_up();
    let elsewhere = CONFIG.replace("fwmark = 80", "fwmark = 81");
    bench.director_with(&elsewhere).both_up();
    assert_eq!(keys(), ["fwm:81"]);
    std::fs::remove_file(bench.folder.path().join("intents")).unwrap();
    bench.director();
    assert_eq!(
        keys(),
        ["fwm:80", "fwm:81"],
        "without a record it is somebody else's"
    );
}

#[test]
fn a_service_of_ours_with_somebody_elses_destination_stays_when_its_section_goes() {
    let bench = Bench::new();
    bench.director().both_up();
    let add = {
        let mut twin = bench.kernel.twin.lock().unwrap();
        let table = twin.dump().unwrap();
        let (service, found) = table.iter().next().expect("the service");
        let to = found.destinations.values().next().expect("one").settings;
        let destination = "10.0.1.99:0".parse().unwrap();
        Step::AddDestination {
            service: *service,
            destination,
            to,
        }
    };
    bench.kernel.twin.lock().unwrap().apply(&add).unwrap();
    bench.director_with(&CONFIG.replace("fwmark = 80", "fwmark = 81"));
    let table = bench.kernel.twin.lock().unwrap().dump().unwrap();
    assert_eq!(
        table.keys().map(ToString::to_string).collect::<Vec<_>>(),
        ["fwm:80", "fwm:81"]
    );
}

#[test]
fn a_udp_server_that_fails_is_removed_and_comes_back_with_its_weight() {
    let bench = Bench::new();
    let udp = CONFIG.replace(
        "fwmark = 80",
        "vip = \"192.0.2.1\"\nport = 53\nprotocol = \"udp\"",
    );
    let mut director = bench.director_with(&udp);
    director.both_up();
    assert_eq!(bench.kernel.weights(), [1, 1]);
    director.fails(0).fails(0).fails(0);
    assert_eq!(bench.kernel.weights(), [1]);
    director.works(0).works(0);
    assert_eq!(bench.kernel.weights(), [1, 1]);
}

#[test]
fn servers_that_nothing_asks_serve_from_the_first_moment() {
    let bench = Bench::new();
    let unchecked = CONFIG.replace("checks = [\"rdp\"]", "checks = []");
    assert_ne!(unchecked, CONFIG);
    let mut director = bench.director_with(&unchecked);
    assert_eq!(bench.kernel.weights(), [1, 1]);
    bench.kernel.set_by_hand(0, 0);
    director.passes(60);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    bench.kernel.clear();
    director.passes(2).passes(2);
    assert_eq!(
        (bench.kernel.weights(), bench.events("fail_open")),
        (vec![0, 1], 0)
    );
}

const WATCHED: &str = "\n[watch.dns]\ndns = { names = [\"ex1.exch.test\"] }\nfall = 2\n\
                       [watch.rdp]\nx224 = {}\n";

impl Running {
    fn status(&mut self) -> crate::operate::status::Status {
        self.director.status(self.now)
    }

    fn watch_finds(&mut self, watch: usize, server: Option<usize>, kind: Kind) -> &mut Self {
        self.now = self.now + Duration::from_secs(1);
        let condition = match kind {
            Kind::Ok => Condition::Healthy,
            _ => Condition::Failed,
        };
        let finding = Finding::new(condition, kind, "dc1 answers ex1 with 10.0.1.1");
        let report = WatchReport {
            watch: self.director.config.watches[watch].name.as_str().into(),
            server: server.map(|at| self.director.config.servers[at].name.as_str().into()),
            verdict: Verdict::new("ad_dns", "ex1.exch.test", Some(53), finding),
        };
        self.director.take_watch(report, self.now);
        self
    }
}

#[test]
fn a_watch_is_told_with_each_change_alarms_after_fall_and_never_moves_a_weight() {
    let bench = Bench::new();
    let mut director = bench.director_with(&format!("{CONFIG}{WATCHED}"));
    director.both_up();
    let (writes, told) = (bench.kernel.writes(), bench.events("verdict"));
    for server in [None, Some(0), Some(1)] {
        let watch = usize::from(server.is_some());
        for _ in 0..10 {
            director.watch_finds(watch, server, Kind::DnsForbidden);
        }
    }
    assert_eq!(bench.kernel.weights(), [1, 1]);
    assert_eq!(bench.kernel.writes(), writes);
    assert_eq!(bench.events("verdict"), told + 3, "each change once");
    director.watch_finds(0, None, Kind::Ok);
    assert_eq!(bench.events("verdict"), told + 4);
    assert_eq!(bench.kernel.weights(), [1, 1]);
}

#[test]
fn a_watch_is_in_the_status_with_its_alarm_and_its_last_words() {
    let bench = Bench::new();
    let mut director = bench.director_with(&format!("{CONFIG}{WATCHED}"));
    let before = director.status();
    assert_eq!(
        (before.watches.len(), &before.watches[0].verdict),
        (2, &None)
    );
    director.watch_finds(0, None, Kind::DnsForbidden);
    assert!(!director.status().watches[0].alarm, "fall is 2");
    director.watch_finds(0, None, Kind::DnsForbidden);
    director.watch_finds(1, Some(1), Kind::Ok);
    let status = director.status();
    let [dns, rdp] = status.watches.as_slice() else {
        panic!("{status:?}");
    };
    assert!(
        dns.alarm && dns.name == "dns" && dns.server.is_none(),
        "{dns:?}"
    );
    let kind = dns.verdict.as_ref().map(|verdict| verdict["kind"].clone());
    assert_eq!(kind, Some("dns_forbidden".into()));
    assert_eq!((rdp.server.as_deref(), rdp.alarm), (Some("ex2"), false));
    let page = status.page();
    assert!(
        page.contains("ALARM dns: failed - dc1 answers ex1 with 10.0.1.1"),
        "{page}"
    );
    assert!(page.contains("rdp on ex2: healthy"), "{page}");
}

#[test]
fn a_watch_that_falls_silent_is_told_once() {
    let bench = Bench::new();
    let mut director = bench.director_with(&format!("{CONFIG}{WATCHED}"));
    director.watch_finds(0, None, Kind::Ok);
    director.passes(181).passes(60);
    assert_eq!(bench.events("stale"), 1);
    assert!(director.status().watches[0].stale);
    director.watch_finds(0, None, Kind::Ok);
    assert!(!director.status().watches[0].stale);
}
