//! A director whose table belongs to another program, or whose verdicts come from one.

use super::*;
use crate::coupling::score::Score;
use crate::coupling::vrrp::State;
use crate::table::{
    Connections, Destination, DestinationSettings, Encapsulation, Family, Forward, Service,
    ServiceSettings,
};

const MARK: ServiceKey = ServiceKey::Fwmark {
    family: Family::V4,
    mark: 80,
};

fn config(backend: &str) -> String {
    CONFIG.replace("backend = \"ipvs\"", &format!("backend = \"{backend}\""))
}

/// A table as keepalived makes it: another scheduler than ours, direct routing, these weights.
fn owners(weights: &[(&str, u32)]) -> Table {
    let settings = ServiceSettings {
        scheduler: "rr".to_owned(),
        persistence: None,
        netmask: u32::MAX,
        flags: 0,
        persistence_engine: None,
    };
    let destination = |(address, weight): &(&str, u32)| {
        let settings = DestinationSettings {
            forward: Forward::Direct,
            weight: *weight,
            upper_threshold: 0,
            lower_threshold: 0,
            encapsulation: Encapsulation::default(),
        };
        let connections = Connections::default();
        let destination = Destination {
            settings,
            connections,
        };
        (format!("{address}:0").parse().unwrap(), destination)
    };
    let destinations = weights.iter().map(destination).collect();
    let service = Service {
        settings,
        destinations,
    };
    Table::from([(MARK, service)])
}

impl Bench {
    fn owned(weights: &[(&str, u32)]) -> Self {
        let bench = Self::new();
        bench.owner_makes(weights);
        bench
    }

    fn owner_makes(&self, weights: &[(&str, u32)]) {
        *self.kernel.twin.lock().unwrap() = Memory::holding(owners(weights));
    }

    /// Nothing but weights was ever written.
    fn only_weights_were_written(&self) {
        for step in self.kernel.written.lock().unwrap().iter() {
            let Step::EditDestination { from, to, .. } = step else {
                panic!("{step:?}");
            };
            let weight = to.weight;
            assert_eq!(DestinationSettings { weight, ..*from }, *to);
        }
    }
}

#[test]
fn under_a_foreign_owner_only_weights_change_and_its_weight_is_the_nominal_one() {
    let bench = Bench::owned(&[("10.0.1.1", 10), ("10.0.1.2", 20)]);
    let mut director = bench.director_with(&config("weights"));
    director.both_up();
    assert_eq!(bench.kernel.weights(), [10, 20]);
    assert_eq!(bench.kernel.writes(), 0);
    director.fails(0).fails(0).fails(0);
    assert_eq!(bench.kernel.weights(), [0, 20]);
    director.works(0).works(0);
    assert_eq!(bench.kernel.weights(), [10, 20]);
    bench.only_weights_were_written();
}

#[test]
fn the_nominal_weight_of_an_owner_outlives_a_restart_while_its_server_is_down() {
    let bench = Bench::owned(&[("10.0.1.1", 10), ("10.0.1.2", 20)]);
    let mut director = bench.director_with(&config("weights"));
    director.both_up().fails(0).fails(0).fails(0);
    drop(director);
    let mut director = bench.director_with(&config("weights"));
    director.both_up();
    assert_eq!(bench.kernel.weights(), [10, 20]);
}

#[test]
fn a_destination_that_its_owner_removes_is_shown_and_not_put_back() {
    let bench = Bench::owned(&[("10.0.1.1", 10), ("10.0.1.2", 20)]);
    let mut director = bench.director_with(&config("weights"));
    director.both_up();
    bench.owner_makes(&[("10.0.1.2", 20)]);
    director.passes(2);
    assert_eq!(bench.kernel.weights(), [20]);
    assert_eq!(director.server(0).weight_kernel, None);
    assert_eq!((bench.events("vanished"), bench.events("repaired")), (1, 0));
    // Nobody else is left: the server that is there keeps its weight whatever is found.
    director.fails(1).fails(1).fails(1);
    assert_eq!(bench.kernel.weights(), [20]);
    bench.owner_makes(&[("10.0.1.1", 30), ("10.0.1.2", 20)]);
    director.passes(2);
    assert_eq!(bench.kernel.weights(), [30, 0]);
    bench.only_weights_were_written();
}

#[test]
fn a_service_that_its_owner_has_not_made_yet_is_waited_for() {
    let bench = Bench::new();
    let mut director = bench.director_with(&config("weights"));
    director.both_up().passes(60);
    assert_eq!(bench.kernel.writes(), 0);
    bench.owner_makes(&[("10.0.1.1", 7), ("10.0.1.2", 7)]);
    director.passes(2).fails(0).fails(0).fails(0);
    assert_eq!(bench.kernel.weights(), [0, 7]);
}

#[test]
fn an_owner_that_drains_a_server_is_obeyed_until_it_sets_a_weight_again() {
    let bench = Bench::owned(&[("10.0.1.1", 10), ("10.0.1.2", 20)]);
    let mut director = bench.director_with(&config("weights"));
    director.both_up();
    bench.kernel.set_by_hand(0, 0);
    director.passes(2).works(0);
    assert_eq!(bench.kernel.weights(), [0, 20]);
    bench.kernel.set_by_hand(0, 15);
    director.passes(2).works(0);
    assert_eq!(bench.kernel.weights(), [15, 20]);
    assert_eq!(director.server(0).wish, None);
}

#[test]
fn where_a_failure_removes_the_owners_destination_is_quiesced_instead() {
    let bench = Bench::owned(&[("10.0.1.1", 10), ("10.0.1.2", 20)]);
    let text = config("weights").replace(
        "[services.exchange]\n",
        "[services.exchange]\non_failure = \"remove\"\n",
    );
    let mut director = bench.director_with(&text);
    director.both_up().fails(0).fails(0).fails(0);
    assert_eq!(bench.kernel.weights(), [0, 20]);
    bench.only_weights_were_written();
}

#[test]
fn what_keepalived_believes_is_shown_and_moves_nothing() {
    let bench = Bench::owned(&[("10.0.1.1", 10), ("10.0.1.2", 20)]);
    let mut director = bench.director_with(&config("weights"));
    director.both_up();
    director
        .director
        .hear_keepalived(Heard::Line(b"RS [10.0.1.1]:none:0 FWM 80 DOWN\0".to_vec()));
    director
        .director
        .hear_keepalived(Heard::Silent("lvs.fifo: is not there".to_owned()));
    director.passes(2);
    let beliefs = director
        .director
        .status(director.now)
        .keepalived
        .expect("beliefs");
    assert!(!beliefs.servers["[10.0.1.1]:none:0 in FWM 80"]);
    assert!(beliefs.silent.is_some());
    assert_eq!(bench.kernel.weights(), [10, 20]);
}

/// A service with a check of our own and one that another program reports.
fn with_reported() -> String {
    CONFIG.replace("checks = [\"rdp\"]", "checks = [\"rdp\", \"store\"]")
        + "\n[checks.store]\nreported = {}\n"
}

impl Running {
    fn reported(&mut self, server: usize, condition: Condition) -> &mut Self {
        self.now = self.now + Duration::from_secs(1);
        let finding = Finding::new(condition, Kind::External, "as Nagios says");
        let report = Report {
            server: format!("ex{}", server + 1).into(),
            check: "store".into(),
            verdict: Verdict::new("store", "10.0.1.1", None, finding),
        };
        self.director.take(report, self.now);
        self
    }
}

#[test]
fn a_reported_check_of_which_nothing_was_reported_keeps_nobody_out() {
    let bench = Bench::new();
    let mut director = bench.director_with(&with_reported());
    director.both_up();
    assert_eq!(bench.kernel.weights(), [1, 1]);
}

#[test]
fn one_report_of_a_failure_takes_a_server_out_until_the_next_one() {
    let bench = Bench::new();
    let mut director = bench.director_with(&with_reported());
    director.both_up().reported(0, Condition::Failed);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    director.works(0).works(0).works(0);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    director.reported(0, Condition::Healthy);
    assert_eq!(bench.kernel.weights(), [1, 1]);
}

#[test]
fn an_old_report_raises_the_alarm_and_moves_nothing() {
    let bench = Bench::new();
    let mut director = bench.director_with(&with_reported());
    director.both_up().reported(0, Condition::Failed);
    director.passes(901);
    assert_eq!(bench.events("stale"), 3, "both checks of our own, too");
    assert_eq!(director.server(0).stale, ["rdp", "store"]);
    assert_eq!(bench.kernel.weights(), [0, 1]);
}

#[test]
fn freshness_is_about_the_checks_of_our_own() {
    let bench = Bench::new();
    let mut director = bench.director_with(&with_reported());
    director.both_up().reported(0, Condition::Failed);
    let fresh = |director: &Running| director.director.freshness(director.now);
    assert_eq!(fresh(&director)["fresh"], true);
    assert_eq!(fresh(&director)["checks"], 2);
    director.passes(16);
    assert_eq!(fresh(&director)["fresh"], false);
    director.works(0).works(1);
    assert_eq!(fresh(&director)["fresh"], true);
}

fn paired() -> String {
    let pair = "\n[pair]\npartner = [\"10.0.1.33\", \"10.0.1.34\"]\ninterface = \"eth0\"\n";
    CONFIG.to_owned() + pair
}

#[test]
fn the_turn_in_a_pair_and_the_own_fitness_are_shown_and_move_nothing() {
    let bench = Bench::new();
    let mut director = bench.director_with(&paired());
    director.both_up();
    let before = bench.kernel.weights();
    let said = |text: &str| Heard::Line(text.as_bytes().to_vec());
    let inner = &mut director.director;
    inner.hear_vrrp(&said("INSTANCE \"governess\" BACKUP 100"));
    inner.hear_vrrp(&said("INSTANCE \"governess\" MASTER 100"));
    inner.hear_vrrp(&said("INSTANCE \"governess\" FAULT 50"));
    let unfit = Some("interface eth1 has no carrier".to_owned());
    for found in [None, unfit.clone(), None, unfit.clone()] {
        inner.take_score(Score { unfit: found });
    }
    director.passes(5);
    let pair = director.director.status(director.now).pair.expect("a pair");
    assert_eq!(
        (pair.state, pair.priority, pair.score, pair.unfit),
        (State::Fault, Some(50), Some(-50), unfit)
    );
    assert_eq!((bench.events("vrrp"), bench.events("score")), (3, 3));
    assert_eq!(bench.kernel.weights(), before);
}

#[test]
fn a_director_without_a_pair_shows_none() {
    let mut director = Bench::new().director_with(CONFIG);
    assert_eq!(director.director.status(director.now).pair, None);
}

#[test]
fn another_configuration_on_the_other_side_is_a_problem_when_met_twice_and_until_it_is_ours() {
    let bench = Bench::new();
    let mut director = bench.director_with(&paired());
    let ours = director.director.config().digest.clone();
    let mut problems = |answer: Result<&str, &str>| {
        let answer = answer.map(str::to_owned).map_err(str::to_owned);
        director.director.take_partner(answer);
        let status = director.director.status(director.now);
        status.host_problems.values().cloned().collect::<Vec<_>>()
    };
    assert!(problems(Ok(&ours)).is_empty());
    assert!(problems(Ok("other")).is_empty());
    let found = problems(Ok("other"));
    assert!(found[0].contains("carries out other") && found[0].contains(&ours));
    assert_eq!(
        problems(Err("no route to host")),
        found,
        "silence proves nothing"
    );
    assert_eq!(problems(Ok("other")), found);
    assert!(problems(Ok(&ours)).is_empty());
    assert!(problems(Err("no route to host")).is_empty());
}
