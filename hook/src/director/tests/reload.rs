//! Another configuration for a running director.

use super::*;

impl Running {
    fn reloads(&mut self, text: &str) -> &mut Self {
        let config = Config::parse(Path::new("g.toml"), text).unwrap();
        self.director.reload(config, self.now).unwrap();
        self
    }
}

impl Bench {
    fn destinations(&self) -> Vec<String> {
        let table = self.kernel.twin.lock().unwrap().dump().unwrap();
        let all = table
            .values()
            .flat_map(|service| service.destinations.iter());
        all.map(|(at, there)| format!("{}={}", at.ip(), there.settings.weight))
            .collect()
    }
}

const THIRD: &str = "[servers.ex3]\naddress = \"10.0.1.3\"\n[services.exchange]";

fn with_third() -> String {
    CONFIG
        .replace("[services.exchange]", THIRD)
        .replace("\"ex2\"]", "\"ex2\", \"ex3\"]")
}

#[test]
fn a_reload_without_change_writes_nothing() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().fails(0);
    let writes = bench.kernel.writes();
    director.reloads(CONFIG).passes(2);
    assert_eq!(
        (bench.kernel.writes(), bench.events("reloaded")),
        (writes, 1)
    );
    director.fails(0).fails(0);
    assert_eq!(bench.kernel.weights(), [0, 1], "the streak went on");
}

#[test]
fn names_keep_their_health_when_indices_move() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up().fails(1).fails(1).fails(1);
    assert_eq!(bench.kernel.weights(), [1, 0]);
    let text = with_third()
        .replace("servers.ex3", "servers.a")
        .replace("[\"ex1\", \"ex2\", \"ex3\"]", "[\"a\", \"ex2\", \"ex1\"]");
    director.reloads(&text);
    assert_eq!(
        bench.destinations(),
        ["10.0.1.1=1", "10.0.1.2=0", "10.0.1.3=0"]
    );
    director.works(2).works(2).works(0).works(0);
    assert_eq!(
        bench.destinations(),
        ["10.0.1.1=1", "10.0.1.2=1", "10.0.1.3=1"]
    );
}

#[test]
fn a_server_taken_out_of_the_file_is_quiesced_and_goes_with_its_last_connection() {
    let bench = Bench::new();
    let mut director = bench.director_with(&with_third());
    director.both_up().works(2).works(2);
    {
        let mut twin = bench.kernel.twin.lock().unwrap();
        let mut table = twin.dump().unwrap();
        let service = table.values_mut().next().unwrap();
        let there = service.destinations.values_mut().nth(2).unwrap();
        there.connections.inactive = 3;
        *twin = Memory::holding(table);
    }
    director.reloads(CONFIG);
    assert_eq!(
        bench.destinations(),
        ["10.0.1.1=1", "10.0.1.2=1", "10.0.1.3=0"]
    );
    director.passes(2).passes(2);
    assert_eq!(director.service().leaving, ["10.0.1.3:0"]);
    assert_eq!(director.service().foreign, [] as [String; 0]);
    {
        let mut twin = bench.kernel.twin.lock().unwrap();
        let mut table = twin.dump().unwrap();
        let service = table.values_mut().next().unwrap();
        let there = service.destinations.values_mut().nth(2).unwrap();
        there.connections.inactive = 0;
        *twin = Memory::holding(table);
    }
    director.passes(2);
    assert_eq!(bench.destinations(), ["10.0.1.1=1", "10.0.1.2=1"]);
}

#[test]
fn when_every_server_is_replaced_the_old_ones_serve_until_a_new_one_works() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    let moved = CONFIG
        .replace("10.0.1.1\"", "10.0.1.11\"")
        .replace("10.0.1.2\"", "10.0.1.12\"");
    director.passes(600).reloads(&moved);
    let old_ones_serve = ["10.0.1.1=1", "10.0.1.2=1", "10.0.1.11=0", "10.0.1.12=0"];
    let sorted = |mut all: Vec<String>| {
        all.sort();
        all
    };
    assert_eq!(
        sorted(bench.destinations()),
        sorted(old_ones_serve.map(String::from).into())
    );
    director.works(0);
    let new_one_serves = ["10.0.1.1=0", "10.0.1.2=0", "10.0.1.11=1", "10.0.1.12=0"];
    assert_eq!(
        sorted(bench.destinations()),
        sorted(new_one_serves.map(String::from).into())
    );
}

#[test]
fn a_service_that_we_created_goes_with_a_reload_and_wishes_stay() {
    let bench = Bench::new();
    let mut director = bench.director();
    director.both_up();
    bench.kernel.set_by_hand(0, 5);
    let order = Order {
        server: "ex2".to_owned(),
        want: Want::Weight(3),
        reason: None,
        author: "alice".to_owned(),
    };
    director.passes(2);
    director.director.obey(&order, director.now).unwrap();
    director.reloads(&CONFIG.replace("fwmark = 80", "fwmark = 81"));
    let table = bench.kernel.twin.lock().unwrap().dump().unwrap();
    let keys: Vec<String> = table.keys().map(ToString::to_string).collect();
    assert_eq!(keys, ["fwm:81"]);
    assert_eq!(bench.kernel.weights()[1], 3);
    director.reloads(CONFIG);
    assert_eq!(
        bench.kernel.weights(),
        [5, 3],
        "the weight by hand belongs to fwm:80"
    );
}

#[test]
fn reports_of_checks_and_servers_that_are_gone_are_for_nobody() {
    let bench = Bench::new();
    let mut director = bench.director_with(&with_third());
    director.both_up();
    let finding = Finding::new(Condition::Failed, Kind::Silent, "late");
    let verdict = Verdict::new("x224", "10.0.1.3", Some(3389), finding);
    let late = Report {
        server: "ex3".into(),
        check: "rdp".into(),
        verdict,
    };
    director.reloads(CONFIG);
    director.director.take(late, director.now);
    assert_eq!(director.director.probes.len(), 2);
}
