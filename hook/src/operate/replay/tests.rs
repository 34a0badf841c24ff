use std::path::Path;

use proptest::prelude::*;

use super::*;

fn config(fall: u32) -> Config {
    let text = include_str!("../../../../packaging/examples/x224.toml")
        .replace("fall = 3", &format!("fall = {fall}"))
        .replace("[director]", "[director]\nreconcile_interval = \"1s\"");
    Config::parse(Path::new("g.toml"), &text).unwrap()
}

/// One thing that happens, some time after the one before.
#[derive(Clone, Debug)]
enum Happening {
    Reading(usize, Condition, Kind),
    Asked(usize, Want),
    Passes,
    Restart,
}

fn any_happening() -> impl Strategy<Value = (u64, Happening)> {
    let verdict = prop_oneof![
        5 => Just((Condition::Healthy, Kind::Ok)),
        4 => Just((Condition::Failed, Kind::Silent)),
        2 => Just((Condition::Failed, Kind::TcpRefused)),
        1 => Just((Condition::Degraded, Kind::Slow)),
        1 => Just((Condition::Unknown, Kind::OwnStall)),
        1 => Just((Condition::Maintenance, Kind::Maintenance)),
    ];
    let want = prop_oneof![
        Just(Want::Disable {
            even_the_last: true
        }),
        Just(Want::Enable),
        (0..5_u32).prop_map(Want::Weight),
    ];
    let happening = prop_oneof![
        16 => (0..2_usize, verdict).prop_map(|(at, (condition, kind))| Happening::Reading(at, condition, kind)),
        2 => (0..2_usize, want).prop_map(|(at, want)| Happening::Asked(at, want)),
        2 => Just(Happening::Passes),
        1 => Just(Happening::Restart),
    ];
    (1..9_u64, happening)
}

/// A director that lives through a history, and the journal that it leaves. Its clock is put into
/// the events, as a real one's is.
struct Lived {
    config: Config,
    kernel: Twin,
    director: Option<Director>,
    lines: Arc<std::sync::Mutex<Vec<u8>>>,
    now: Moment,
    records: Vec<Record>,
}

impl Lived {
    fn new(config: Config) -> Self {
        let kernel = Twin::default();
        let (director, lines) = started(&config, &kernel, None, Moment::default());
        let mut lived = Self {
            config,
            kernel,
            director: Some(director),
            lines,
            now: Moment::default(),
            records: Vec::new(),
        };
        lived.collect();
        lived
    }

    fn lives(&mut self, seconds: u64, happening: &Happening) {
        for _ in 0..seconds {
            self.now = self.now + Duration::from_secs(1);
            let now = self.now;
            self.running().tick(now);
            self.collect();
        }
        let (now, names) = (self.now, ["ex1", "ex2"]);
        match happening {
            Happening::Reading(at, condition, kind) => {
                let finding = Finding::new(*condition, *kind, "as the test says");
                let report = Report {
                    server: names[*at].into(),
                    check: "rdp".into(),
                    verdict: Verdict::new("x224", "10.0.1.1", Some(3389), finding),
                };
                self.running().take(report, now);
            }
            Happening::Asked(at, want) => {
                let order = Order {
                    server: names[*at].to_owned(),
                    want: *want,
                    reason: None,
                    author: "the test".to_owned(),
                };
                let _ = self.running().obey(&order, now);
            }
            Happening::Passes => self.running().tick(now),
            Happening::Restart => {
                let before = self.director.take();
                let (director, lines) = started(&self.config, &self.kernel, before, now);
                (self.director, self.lines) = (Some(director), lines);
                self.running().take_maintenance(Ok(BTreeMap::new()), now);
            }
        }
        self.collect();
    }

    fn running(&mut self) -> &mut Director {
        self.director.as_mut().expect("a director runs")
    }

    fn collect(&mut self) {
        let taken = std::mem::take(&mut *self.lines.lock().unwrap());
        for line in taken
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let mut record: Record = serde_json::from_slice(line).unwrap();
            record.mono_us = self.now.micros();
            record.ts = format!("{:08}", record.mono_us / 1_000_000);
            self.records.push(record);
        }
    }
}

fn started(
    config: &Config,
    kernel: &Twin,
    before: Option<Director>,
    now: Moment,
) -> (Director, Arc<std::sync::Mutex<Vec<u8>>>) {
    let (journal, lines) = Journal::kept();
    let records = restarted(before, journal);
    let director = Director::start(config.clone(), Box::new(kernel.clone()), records, now).unwrap();
    (director, lines)
}

fn lived(config: Config, history: &[(u64, Happening)]) -> Lived {
    let mut lived = Lived::new(config);
    for (seconds, happening) in history {
        lived.lives(*seconds, happening);
    }
    lived
}

proptest! {
    #[test]
    fn the_same_configuration_does_the_same_again(
        history in proptest::collection::vec(any_happening(), 0..60)
    ) {
        let config = config(3);
        let lived = lived(config.clone(), &history);
        let comparison = replay(&config, &lived.records).unwrap();
        prop_assert_eq!(comparison.differences(), 0, "{}", comparison.page());
    }
}

fn readings(condition: Condition, kind: Kind, count: usize) -> Vec<(u64, Happening)> {
    (0..count)
        .flat_map(|_| {
            [
                (1, Happening::Reading(0, condition, kind)),
                (1, Happening::Reading(1, Condition::Healthy, Kind::Ok)),
            ]
        })
        .collect()
}

#[test]
fn a_stricter_configuration_would_have_taken_the_server_out_and_a_laxer_one_not() {
    let mut history = readings(Condition::Healthy, Kind::Ok, 3);
    history.extend(readings(Condition::Failed, Kind::Silent, 4));
    history.extend(readings(Condition::Healthy, Kind::Ok, 3));
    let lived = lived(config(3), &history);
    let only = |fall: u32| {
        let rows = replay(&config(fall), &lived.records).unwrap().rows;
        let words = rows.into_iter().filter_map(|row| match row {
            Row::Same(_) => None,
            Row::DoneOnly(decision) => Some(format!("done: {}", decision.words)),
            Row::WouldOnly(decision) => Some(format!("would: {}", decision.words)),
        });
        words.collect::<Vec<_>>()
    };
    assert_eq!(only(3), [""; 0]);
    assert_eq!(only(2), [""; 0], "earlier, but the same decisions");
    let never = only(5);
    assert!(
        never.contains(&"done: exchange/ex1 server_down".to_owned()),
        "{never:#?}"
    );
    assert!(
        never.iter().all(|words| words.starts_with("done: ")),
        "{never:#?}"
    );
}

#[test]
fn a_streak_that_went_on_unnoted_takes_a_server_out_under_a_laxer_configuration_too() {
    let mut history = readings(Condition::Healthy, Kind::Ok, 3);
    history.extend(readings(Condition::Failed, Kind::Silent, 60));
    // The last event tells how long it went on.
    history.push((1, Happening::Asked(1, Want::Weight(4))));
    let lived = lived(config(3), &history);
    let noted = lived
        .records
        .iter()
        .filter(|r| r.event == "reading")
        .count();
    assert!(noted < 40, "{noted} readings are noted, not all of 120");
    let comparison = replay(&config(30), &lived.records).unwrap();
    assert_eq!(comparison.differences(), 0, "{}", comparison.page());
}
