//! A machine whose address nobody else wants.

use std::time::Duration;

use super::segment::{Machine, Segment, VIP};
use crate::clock::Moment;
use crate::kernel::address::Link;
use crate::kernel::address::keeper::Change;
use crate::kernel::address::keeper::duty::Act;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn gaps(times: &[Moment]) -> Vec<u128> {
    let gaps = times.windows(2).map(|pair| pair[1].since(pair[0]));
    gaps.map(|gap| gap.as_millis()).collect()
}

#[test]
fn an_address_that_nobody_holds_is_asked_for_three_times_in_a_second_and_taken() {
    let mut segment = Segment::alone();
    segment.run(Duration::from_millis(1300));
    let machine = segment.machine();
    assert!(machine.holds());
    let probes = machine.times(&Act::Probe);
    assert_eq!(probes.len(), 3);
    let added = machine.times(&Act::Add)[0];
    assert!(
        added.since(probes[2]) >= Duration::from_millis(400),
        "the last answer is awaited"
    );
    assert_eq!(machine.changes(), [Change::Added]);
}

#[test]
fn it_is_announced_five_times_and_then_once_a_minute() {
    let mut segment = Segment::alone();
    segment.run(seconds(130));
    let announced = gaps(&segment.machine().times(&Act::Announce));
    assert_eq!(announced, [1000, 1000, 1000, 1000, 60_000, 60_000]);
    assert_eq!(
        segment.machine().changes(),
        [Change::Added],
        "refreshing is silent"
    );
}

#[test]
fn an_address_that_is_there_at_the_start_is_kept_and_announced() {
    let mut segment = Segment::alone();
    let held = VIP.parse().unwrap();
    segment.machine().interface.addresses.push(held);
    segment.run(seconds(10));
    assert_eq!(segment.machine().times(&Act::Add), []);
    assert_eq!(segment.machine().times(&Act::Announce).len(), 5);
    assert_eq!(segment.machine().changes(), [Change::Found]);
}

#[test]
fn a_deleted_address_comes_back_after_a_probe_and_is_announced_anew() {
    let mut segment = Segment::alone();
    segment.run(seconds(20));
    segment.machine().interface.addresses.pop();
    segment.run(seconds(4));
    let machine = segment.machine();
    assert!(machine.holds());
    assert_eq!(machine.changes(), [Change::Added, Change::Repaired]);
    assert_eq!(machine.times(&Act::Probe).len(), 6);
    segment.run(seconds(10));
    assert_eq!(segment.machine().times(&Act::Announce).len(), 10);
}

#[test]
fn a_missing_interface_is_told_once_and_its_coming_back_too() {
    let mut segment = Segment::alone();
    segment.machine().interface.name = "eth7".to_owned();
    segment.run(seconds(30));
    let changes = segment.machine().changes();
    assert!(
        matches!(changes.as_slice(), [Change::Failed { words }] if words.contains("did you mean eth7?")),
        "{changes:?}"
    );
    assert_eq!(segment.machine().times(&Act::Probe), []);
    segment.machine().interface.name = "eth0".to_owned();
    segment.run(seconds(4));
    assert_eq!(
        segment.machine().changes()[1..],
        [Change::Added, Change::FailureEnded]
    );
}

#[test]
fn without_carrier_silence_is_not_taken_for_nobody() {
    let mut segment = Segment::alone();
    segment.machine().interface.link = Link::NoCarrier;
    segment.run(seconds(30));
    assert!(!segment.machine().holds());
    segment.machine().interface.link = Link::Up;
    segment.run(seconds(4));
    assert!(segment.machine().holds());
}

#[test]
fn when_the_carrier_comes_back_the_switch_is_told_again() {
    let mut segment = Segment::alone();
    segment.run(seconds(20));
    segment.machine().interface.link = Link::NoCarrier;
    segment.run(seconds(10));
    assert_eq!(segment.machine().times(&Act::Announce).len(), 5);
    segment.machine().interface.link = Link::Up;
    segment.run(seconds(10));
    assert_eq!(segment.machine().times(&Act::Announce).len(), 10);
    let changes = segment.machine().changes();
    assert!(
        matches!(
            changes.as_slice(),
            [Change::Added, Change::Failed { .. }, Change::FailureEnded]
        ),
        "{changes:?}"
    );
}

#[test]
fn a_refused_address_is_told_once_tried_every_ten_seconds_and_its_end_is_told() {
    let mut segment = Segment::alone();
    segment.machine().refuses = Some("add: permission denied");
    segment.run(seconds(60));
    let tried = segment.machine().times(&Act::Probe).len();
    assert!((5..=7).contains(&tried), "{tried}");
    segment.machine().refuses = None;
    segment.run(seconds(15));
    let words = "add: permission denied".to_owned();
    let told = [
        Change::Failed { words },
        Change::Added,
        Change::FailureEnded,
    ];
    assert_eq!(segment.machine().changes(), told);
}

#[test]
fn where_nobody_can_be_asked_it_is_added_without_a_word() {
    let mut segment = Segment::alone();
    segment.machine().interface.mac = None;
    segment.run(seconds(10));
    let acts: Vec<Act> = segment
        .machine()
        .acts
        .iter()
        .map(|(_, act)| act.clone())
        .collect();
    assert_eq!(acts, [Act::Add, Act::Tell(Change::Added)]);
}

#[test]
fn our_own_other_interface_on_the_segment_is_no_rival() {
    let mut segment = Segment::of(vec![Machine::new(1, 1)]);
    segment.run(seconds(20));
    // The claim comes from the MAC of the machine itself.
    segment.claims(1);
    assert_eq!(segment.machine().changes(), [Change::Added]);
}

#[test]
fn an_unfit_director_gives_the_address_up_and_takes_it_again_after_asking() {
    let mut segment = Segment::alone();
    segment.run(seconds(3));
    segment.machine().unfit = Some("interface eth1 is down");
    segment.run(seconds(30));
    assert!(!segment.machine().holds());
    assert_eq!(segment.machine().times(&Act::Withdraw).len(), 1);
    segment.machine().unfit = None;
    segment.run(seconds(3));
    assert!(segment.machine().holds());
    let why = "interface eth1 is down".to_owned();
    let changes = [Change::Added, Change::Withdrawn { why }, Change::Added];
    assert_eq!(segment.machine().changes(), changes);
    assert_eq!(segment.machine().times(&Act::Probe).len(), 6);
}

#[test]
fn what_somebody_adds_while_the_director_is_unfit_is_deleted_again() {
    let mut segment = Segment::alone();
    segment.machine().unfit = Some("interface eth1 is down");
    segment.run(seconds(3));
    let held = VIP.parse().unwrap();
    segment.machine().interface.addresses.push(held);
    segment.run(seconds(5));
    assert!(!segment.machine().holds());
}

#[test]
fn an_address_whose_end_would_take_the_interface_s_own_along_stays() {
    let mut segment = Segment::alone();
    let held = VIP.parse().unwrap();
    segment.machine().interface.addresses.insert(0, held);
    segment.run(seconds(3));
    segment.machine().unfit = Some("interface eth1 is down");
    segment.run(seconds(30));
    assert!(segment.machine().holds());
}
