//! Machines that want or hold the same address.

use std::time::Duration;

use proptest::prelude::*;

use super::segment::{Machine, Segment, VIP};
use crate::kernel::address::Mac;
use crate::kernel::address::keeper::Change;
use crate::kernel::address::keeper::duty::Act;

const OTHER: u8 = 9;
const HOLDER: Mac = Mac([2, 0, 0, 0, 0, OTHER]);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The second machine is one that only holds the address and answers: it wants nothing.
fn with_holder() -> Segment {
    let mut holder = Machine::new(OTHER, 2);
    holder.interface.addresses.push(VIP.parse().unwrap());
    let mut segment = Segment::of(vec![Machine::new(1, 1), holder]);
    segment.machines[1].refuses = Some("says nothing by itself");
    segment
}

#[test]
fn an_address_that_another_machine_holds_is_not_taken_and_its_holder_is_named() {
    let mut segment = with_holder();
    segment.run(seconds(60));
    assert!(!segment.machine().holds());
    assert_eq!(
        segment.machine().changes(),
        [Change::Conflict { holder: HOLDER }]
    );
    let probes = segment.machine().times(&Act::Probe);
    assert!(
        (5..=7).contains(&probes.len()),
        "about every ten seconds: {probes:?}"
    );
}

#[test]
fn once_the_other_holder_is_gone_the_address_is_taken() {
    let mut segment = with_holder();
    segment.run(seconds(30));
    segment.machines.pop();
    segment.run(seconds(15));
    assert!(segment.machine().holds());
    assert_eq!(
        segment.machine().changes()[1..],
        [Change::ConflictEnded, Change::Added]
    );
}

#[test]
fn a_holder_that_appears_later_is_told_and_answered_at_once() {
    let mut segment = Segment::alone();
    segment.run(seconds(30));
    let before = segment.machine().times(&Act::Announce).len();
    segment.claims(OTHER);
    assert_eq!(segment.machine().times(&Act::Announce).len(), before + 1);
    assert_eq!(
        segment.machine().changes(),
        [Change::Added, Change::Contested { holder: HOLDER }]
    );
}

#[test]
fn a_holder_that_never_stops_is_answered_once_in_ten_seconds() {
    let mut segment = Segment::alone();
    segment.run(seconds(30));
    let before = segment.machine().times(&Act::Announce).len();
    for _ in 0..1000 {
        segment.claims(OTHER);
        segment.run(Duration::from_millis(100));
    }
    let defences = segment.machine().times(&Act::Announce).len() - before;
    assert!((8..=11).contains(&defences), "{defences} in 100 s");
    assert_eq!(segment.machine().changes().len(), 2, "and told once");
    assert!(segment.machine().holds());
}

#[test]
fn two_rivals_that_take_turns_are_not_told_at_every_turn() {
    let mut segment = Segment::alone();
    segment.run(seconds(30));
    for turn in 0..200 {
        segment.claims(OTHER + turn % 2);
        segment.run(Duration::from_millis(100));
    }
    assert!(segment.machine().changes().len() <= 4);
}

#[test]
fn a_silent_second_holder_is_found_by_the_next_refresh() {
    let mut segment = Segment::alone();
    segment.run(seconds(10));
    let mut holder = Machine::new(OTHER, 2);
    holder.interface.addresses.push(VIP.parse().unwrap());
    holder.refuses = Some("says nothing by itself");
    segment.machines.push(holder);
    segment.run(seconds(60));
    let told = [Change::Added, Change::Contested { holder: HOLDER }];
    assert_eq!(segment.machine().changes(), told);
    segment.machines.pop();
    segment.run(seconds(50));
    assert_eq!(segment.machine().changes()[2..], [Change::ConflictEnded]);
}

#[test]
fn a_contested_address_that_a_human_deletes_is_left_to_the_other() {
    let mut segment = with_holder();
    segment
        .machine()
        .interface
        .addresses
        .push(VIP.parse().unwrap());
    segment.run(seconds(20));
    segment.machine().interface.addresses.pop();
    segment.run(seconds(20));
    assert!(!segment.machine().holds());
    assert_eq!(
        segment.machine().changes(),
        [
            Change::Found,
            Change::Contested { holder: HOLDER },
            Change::Conflict { holder: HOLDER }
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_machines_that_start_together_exactly_one_takes_the_address(
        seeds in proptest::collection::vec(any::<u64>(), 2..4),
    ) {
        let machines = (1..).zip(&seeds).map(|(last, seed)| Machine::new(last, *seed));
        let mut segment = Segment::of(machines.collect());
        segment.run(seconds(200));
        let holders = segment.machines.iter().filter(|machine| machine.holds()).count();
        prop_assert_eq!(holders, 1);
    }

    #[test]
    fn two_that_hold_it_both_fall_silent_and_do_not_play_ping_pong(first: u64, second: u64) {
        let mut machines = vec![Machine::new(1, first), Machine::new(2, second)];
        for machine in &mut machines {
            machine.interface.addresses.push(VIP.parse().unwrap());
        }
        let mut segment = Segment::of(machines);
        segment.run(seconds(300));
        for machine in &segment.machines {
            prop_assert!(machine.times(&Act::Announce).len() <= 3);
            let contested = |change: &Change| matches!(change, Change::Contested { .. });
            prop_assert!(machine.changes().iter().any(contested));
        }
    }

    /// Before each taking there were three questions, and no answer to any.
    #[test]
    fn an_address_is_never_taken_unasked(
        seeds in proptest::collection::vec(any::<u64>(), 1..4),
        deletions in proptest::collection::vec(0u64..3000, 0..6),
    ) {
        let machines = (1..).zip(&seeds).map(|(last, seed)| Machine::new(last, *seed));
        let mut segment = Segment::of(machines.collect());
        for wait in deletions {
            segment.run(Duration::from_millis(wait));
            let vip: ipnet::IpNet = VIP.parse().unwrap();
            for machine in &mut segment.machines {
                machine.interface.addresses.retain(|held| *held != vip);
            }
        }
        segment.run(seconds(5));
        for machine in &segment.machines {
            let probes = machine.times(&Act::Probe);
            for added in machine.times(&Act::Add) {
                let asked = probes.iter().filter(|probe| {
                    **probe <= added && added.since(**probe) < Duration::from_millis(1100)
                });
                prop_assert!(asked.count() >= 3);
            }
        }
    }
}
