//! The thread, on addresses in memory and the real clock.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::segment::{VIP, claim, eth0};
use crate::clock::Clock;
use crate::coupling::score::{ScoreFile, Told};
use crate::kernel::address::keeper::{Change, Charge, Keeper, KeeperEvent, Timing, Watched};
use crate::kernel::address::memory::MemoryAddresses;
use crate::kernel::address::{Link, Mac, Role};

const QUICK: Timing = Timing {
    period: Duration::from_millis(50),
    refresh: Duration::from_secs(60),
    retry: Duration::from_millis(100),
};

fn started(addresses: &MemoryAddresses, room: usize) -> (Keeper, Receiver<KeeperEvent>) {
    let (events, received) = channel(room);
    let charge = Charge {
        claims: vec![claim(VIP, Role::Vip)],
        ..Charge::default()
    };
    (start(charge, addresses, events), received)
}

fn start(charge: Charge, addresses: &MemoryAddresses, events: Sender<KeeperEvent>) -> Keeper {
    let clock = Clock::start();
    Keeper::start(charge, addresses.clone(), QUICK, clock, events).unwrap()
}

fn next(events: &mut Receiver<KeeperEvent>) -> Change {
    match events.blocking_recv().expect("the keeper runs") {
        KeeperEvent::Address(told) => told.change,
        other @ KeeperEvent::Score(_) => panic!("{other:?}"),
    }
}

#[test]
fn an_address_is_taken_announced_and_put_back() {
    let addresses = MemoryAddresses::with(vec![eth0(1)]);
    let (_keeper, mut events) = started(&addresses, 8);
    assert_eq!(next(&mut events), Change::Added);
    addresses.world().interfaces[0].addresses.pop();
    assert_eq!(next(&mut events), Change::Repaired);
    assert!(!addresses.world().announced.is_empty());
}

#[test]
fn a_conflict_is_told_and_its_end() {
    let addresses = MemoryAddresses::with(vec![eth0(1)]);
    let holder = Mac([2, 0, 0, 0, 0, 9]);
    let vip = "192.168.1.35".parse().unwrap();
    addresses.world().others.insert(vip, holder);
    let (_keeper, mut events) = started(&addresses, 8);
    assert_eq!(next(&mut events), Change::Conflict { holder });
    addresses.world().others.clear();
    assert_eq!(next(&mut events), Change::ConflictEnded);
    assert_eq!(next(&mut events), Change::Added);
}

#[test]
fn a_director_that_does_not_listen_does_not_stop_the_keeper_and_misses_nothing() {
    let addresses = MemoryAddresses::with(vec![eth0(1)]);
    let (keeper, mut events) = started(&addresses, 1);
    assert_eq!(next(&mut events), Change::Added);
    let repaired = |times: usize| {
        for _ in 0..times {
            addresses.world().interfaces[0].addresses.pop();
            while addresses.world().interfaces[0].addresses.len() < 2 {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    };
    repaired(3);
    for _ in 0..3 {
        assert_eq!(next(&mut events), Change::Repaired);
    }
    drop(keeper);
}

#[test]
fn stopping_is_quick_and_leaves_the_addresses() {
    let addresses = MemoryAddresses::with(vec![eth0(1)]);
    let (keeper, mut events) = started(&addresses, 8);
    assert_eq!(next(&mut events), Change::Added);
    let asked = Instant::now();
    drop(keeper);
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert_eq!(addresses.world().interfaces[0].addresses.len(), 2);
}

#[test]
fn a_director_of_a_pair_takes_no_address_and_writes_its_score() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("score");
    let addresses = MemoryAddresses::with(vec![eth0(1)]);
    let (events, mut received) = channel(8);
    let charge = Charge {
        watched: Watched {
            links: vec!["eth0".to_owned()],
            ..Watched::default()
        },
        score: Some(ScoreFile::new(path.clone())),
        ..Charge::default()
    };
    let _keeper = start(charge, &addresses, events);
    let mut unfit = || match received.blocking_recv().expect("the keeper runs") {
        KeeperEvent::Score(Told::Score(score)) => score.unfit,
        other => panic!("{other:?}"),
    };
    assert_eq!(unfit(), None);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n");
    addresses.world().interfaces[0].link = Link::NoCarrier;
    let why = unfit().unwrap();
    assert!(why.contains("eth0 has no carrier"), "{why}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "-50\n");
    addresses.world().interfaces[0].link = Link::Up;
    assert_eq!(unfit(), None);
    assert_eq!(addresses.world().interfaces[0].addresses.len(), 1);
}
