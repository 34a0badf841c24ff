//! What the operator asks for.

use super::*;
use crate::operate::status::WishDetail;

impl Running {
    fn asked(&mut self, server: &str, want: Want) -> Result<String, String> {
        let order = Order {
            server: server.to_owned(),
            want,
            reason: Some("CU14".to_owned()),
            author: "alice".to_owned(),
        };
        self.director.obey(&order, self.now)
    }

    fn obeys(&mut self, server: &str, want: Want) -> &mut Self {
        self.asked(server, want).expect("it is done");
        self
    }
}

const DRAIN: Want = Want::Drain {
    deadline: Duration::from_secs(1800),
    even_the_last: false,
};

const DISABLE: Want = Want::Disable {
    even_the_last: false,
};

impl Kernel {
    fn count_connections(&self, at: usize, active: u32, inactive: u32) {
        let mut twin = self.twin.lock().unwrap();
        let mut table = twin.dump().unwrap();
        let service = table.values_mut().next().expect("the service");
        let there = service.destinations.values_mut().nth(at).expect("one");
        there.connections.active = active;
        there.connections.inactive = inactive;
        *twin = Memory::holding(table);
    }
}

#[test]
fn a_drained_server_gets_nothing_until_it_is_enabled_whatever_its_health() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().obeys("ex1", DRAIN);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    director
        .fails(0)
        .fails(0)
        .fails(0)
        .works(0)
        .works(0)
        .passes(60);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    let server = director.server(0);
    assert_eq!((server.health.as_str(), server.wish), ("up", word("drain")));
    let WishDetail { author, reason, .. } = server.wish_detail.expect("who and why");
    assert_eq!(
        (author.as_str(), reason.as_deref()),
        ("alice", Some("CU14"))
    );
    director.obeys("ex1", Want::Enable);
    assert_eq!(bench.kernel.weights(), [1, 1]);
    assert_eq!(
        (bench.events("wish_set"), bench.events("wish_cleared")),
        (1, 1)
    );
}

#[test]
fn a_drain_outlives_a_restart_and_is_no_weight_set_by_hand() {
    let bench = Bench::new();
    bench.director().both_up().obeys("ex1", DRAIN);
    let writes = bench.kernel.writes();
    let mut again = bench.director();
    again.both_up().passes(5);
    assert_eq!(
        (bench.kernel.weights(), bench.kernel.writes()),
        (vec![0, 1], writes)
    );
    assert_eq!(again.server(0).wish, word("drain"));
}

#[test]
fn the_last_server_is_drained_or_disabled_only_by_force() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().obeys("ex1", DRAIN);
    for want in [DRAIN, DISABLE, Want::Weight(0)] {
        let refusal = director.asked("ex2", want).expect_err("the last one");
        assert!(
            refusal.contains("last server") && refusal.contains("--force"),
            "{refusal}"
        );
    }
    assert_eq!(bench.kernel.weights(), [0, 1]);
    let even_the_last = true;
    director.obeys("ex2", Want::Disable { even_the_last });
    assert_eq!(bench.kernel.weights(), [0, 0]);
    director.passes(60).works(1).passes(60);
    assert_eq!(
        bench.kernel.weights(),
        [0, 0],
        "fail-open keeps no one who was taken out"
    );
}

#[test]
fn a_server_that_is_down_is_no_help_to_the_last_one_that_works() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().fails(0).fails(0).fails(0);
    assert!(director.asked("ex2", DRAIN).is_err());
    director.obeys("ex1", DRAIN);
}

#[test]
fn a_drain_is_done_with_the_last_active_connection() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    bench.kernel.count_connections(0, 2, 7);
    director.obeys("ex1", DRAIN).passes(2);
    assert_eq!(bench.events("drained"), 0);
    bench.kernel.count_connections(0, 0, 7);
    director.passes(2).passes(2);
    assert_eq!(bench.events("drained"), 1);
    assert_eq!(director.server(0).wish, word("drain"), "it stays out");
}

#[test]
fn a_drain_is_done_at_its_deadline_and_cuts_nobody() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    bench.kernel.count_connections(0, 2, 0);
    director.obeys("ex1", DRAIN).passes(1799);
    assert_eq!(bench.events("drained"), 0);
    director.passes(2).passes(2);
    assert_eq!(
        (bench.events("drained"), bench.kernel.weights()),
        (1, vec![0, 1])
    );
}

#[test]
fn a_disabled_server_is_not_drained_and_disabling_takes_a_drain_over() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().obeys("ex1", DRAIN).obeys("ex1", DISABLE);
    assert_eq!(director.server(0).wish, word("disable"));
    assert!(director.asked("ex1", DRAIN).unwrap_err().contains("alice"));
}

#[test]
fn force_revives_a_server_that_is_down_for_its_time() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().fails(0).fails(0).fails(0);
    director.obeys("ex1", Want::Force(Duration::from_secs(600)));
    assert_eq!(bench.kernel.weights(), [1, 1]);
    director.fails(0).passes(300).fails(0);
    assert_eq!(bench.kernel.weights(), [1, 1]);
    director.passes(300);
    assert_eq!(
        (bench.kernel.weights(), director.server(0).wish),
        (vec![0, 1], None)
    );
}

#[test]
fn a_weight_asked_for_counts_while_the_server_works_and_the_configured_one_ends_it() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().obeys("ex1", Want::Weight(5));
    assert_eq!(bench.kernel.weights(), [5, 1]);
    director.fails(0).fails(0).fails(0);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    director.works(0).works(0).obeys("ex1", Want::Weight(1));
    assert_eq!(
        (bench.kernel.weights(), director.server(0).wish),
        (vec![1, 1], None)
    );
}

#[test]
fn enabling_ends_a_weight_of_0_set_by_hand_and_no_other_weight() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    bench.kernel.set_by_hand(0, 0);
    bench.kernel.set_by_hand(1, 7);
    director
        .passes(2)
        .obeys("ex1", Want::Enable)
        .obeys("ex2", Want::Enable);
    assert_eq!(bench.kernel.weights(), [1, 7]);
}

#[test]
fn a_weight_set_by_hand_does_not_end_a_drain() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().obeys("ex1", DRAIN);
    bench.kernel.set_by_hand(0, 1);
    director.passes(2);
    assert_eq!(
        (bench.kernel.weights(), director.server(0).wish),
        (vec![0, 1], word("drain"))
    );
}

#[test]
fn an_unknown_server_is_named_with_the_nearest_known_one() {
    let bench = Bench::new();
    let refusal = bench.director().asked("exx1", DRAIN).unwrap_err();
    assert!(refusal.contains("did you mean ex1?"), "{refusal}");
}

#[test]
fn a_file_in_the_maintenance_folder_takes_its_server_out_while_it_is_there() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    for name in ["ex1", "10.0.1.1", "10.0.1.1:0"] {
        let files = BTreeMap::from([(name.to_owned(), "ticket 4711".to_owned())]);
        director.director.take_maintenance(Ok(files), director.now);
        assert_eq!(bench.kernel.weights(), [0, 1], "{name}");
        let detail = director.server(0).wish_detail.expect("why");
        assert_eq!(detail.reason.as_deref(), Some("ticket 4711"));
        let unreadable = Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
        director.director.take_maintenance(unreadable, director.now);
        assert_eq!(bench.kernel.weights(), [0, 1], "what it said last holds");
        director
            .director
            .take_maintenance(Ok(BTreeMap::new()), director.now);
        assert_eq!(bench.kernel.weights(), [1, 1], "{name}");
    }
    assert_eq!(
        (bench.events("wish_set"), bench.events("wish_cleared")),
        (3, 3)
    );
}

#[test]
fn maintenance_that_the_server_states_quiesces_at_once_and_an_inferred_one_after_fall_readings() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().finds(0, Condition::Maintenance);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    director.both_up();
    for expected in [[1, 1], [1, 1], [0, 1]] {
        director.tells(0, 0, Condition::Maintenance, Kind::Offline);
        assert_eq!(bench.kernel.weights(), expected);
    }
    assert_eq!(director.server(0).health, "maintenance");
}

#[test]
fn while_a_check_it_depends_on_fails_nobody_is_judged() {
    let bench = Bench::new();
    let text = CONFIG.replace(
        "[servers.ex1]",
        "depends_on = [\"gateway\"]\n[checks.gateway]\nexec = [\"/bin/true\"]\n[servers.ex1]",
    );
    let mut director = bench.director_with(&text);
    let (gateway, rdp) = (0, 1);
    let mut tells = |check, condition, kind| {
        for server in [0, 1] {
            director.tells(check, server, condition, kind);
        }
        let server = director.server(0);
        (bench.kernel.weights(), server.not_judged)
    };
    for _ in 0..2 {
        tells(rdp, Condition::Healthy, Kind::Ok);
    }
    tells(rdp, Condition::Failed, Kind::Silent);
    tells(rdp, Condition::Failed, Kind::Silent);
    tells(gateway, Condition::Failed, Kind::External);
    for _ in 0..5 {
        let seen = tells(rdp, Condition::Failed, Kind::Silent);
        assert_eq!(seen, (vec![1, 1], vec!["rdp".to_owned()]));
    }
    tells(gateway, Condition::Healthy, Kind::Ok);
    let seen = tells(rdp, Condition::Failed, Kind::Silent);
    assert_eq!(seen, (vec![1, 1], vec![]), "the count begins anew");
    assert_eq!(bench.events("server_down"), 0);
}

const SORRY: &str = "min_up = 1\nsorry_server = { address = \"10.0.1.9\", port = 8080 }\n";

#[test]
fn the_sorry_server_comes_when_all_refuse_and_goes_once_idle() {
    let bench = Bench::new();
    let text = CONFIG.replace(
        "[services.exchange]\n",
        &format!("[services.exchange]\n{SORRY}"),
    );
    let mut director = bench.director_with(&text);
    director.both_up();
    assert_eq!(bench.kernel.weights(), [1, 1]);
    for _ in 0..3 {
        for server in [0, 1] {
            director.tells(0, server, Condition::Failed, Kind::TcpRefused);
        }
    }
    assert_eq!(bench.kernel.weights(), [0, 0, 1]);
    assert!(
        director
            .service()
            .sorry_server
            .is_some_and(|sorry| sorry.serves)
    );
    bench.kernel.count_connections(2, 1, 0);
    director.works(0);
    assert_eq!(
        bench.kernel.weights(),
        [1, 0, 1],
        "beside one that just came back"
    );
    director.works(0);
    assert_eq!(bench.kernel.weights(), [1, 0, 0]);
    director.passes(2).passes(2);
    assert_eq!(bench.kernel.weights(), [1, 0, 0], "it has a connection yet");
    bench.kernel.count_connections(2, 0, 0);
    director.passes(2);
    assert_eq!(bench.kernel.weights(), [1, 0]);
    let events = |name| bench.events(name);
    assert_eq!(
        (events("sorry_server"), events("sorry_server_ended")),
        (1, 1)
    );
}

#[test]
fn a_server_that_comes_back_climbs_and_a_restart_does_not_throw_it_back() {
    let bench = Bench::new();
    let text = CONFIG
        .replace(
            "[services.exchange]\n",
            "[services.exchange]\nslow_start = \"60s\"\n",
        )
        .replace(
            "address = \"10.0.1.1\"",
            "address = \"10.0.1.1\"\nweight = 100",
        )
        .replace(
            "address = \"10.0.1.2\"",
            "address = \"10.0.1.2\"\nweight = 100",
        );
    let mut director = bench.director_with(&text);
    director.both_up();
    assert_eq!(
        bench.kernel.weights(),
        [100, 100],
        "on an empty table nobody comes back"
    );
    director
        .fails(0)
        .fails(0)
        .fails(0)
        .passes(60)
        .works(1)
        .works(0)
        .works(0);
    assert_eq!(bench.kernel.weights(), [1, 100]);
    director.passes(31).works(1);
    assert_eq!(bench.kernel.weights(), [50, 100]);
    drop(director);
    let mut again = bench.director_with(&text);
    assert_eq!(bench.kernel.weights(), [50, 100]);
    again.both_up();
    assert_eq!(bench.kernel.weights(), [50, 100]);
    again.passes(20).passes(20);
    assert_eq!(
        (bench.kernel.weights(), bench.events("wish_set")),
        (vec![100, 100], 0)
    );
}

#[test]
fn a_server_that_flaps_has_to_work_longer() {
    let bench = Bench::new();
    let text = CONFIG.replace(
        "[services.exchange]\n",
        "[services.exchange]\nflap_window = \"10m\"\n",
    );
    let mut director = bench.director_with(&text);
    director.both_up();
    for needed in [2, 2, 4, 8] {
        director.fails(0).fails(0).fails(0);
        for _ in 1..needed {
            director.works(0);
            assert_eq!(bench.kernel.weights(), [0, 1], "{needed}");
        }
        director.works(0);
        assert_eq!(bench.kernel.weights(), [1, 1], "{needed}");
    }
}
