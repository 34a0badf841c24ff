//! The thread, on addresses in memory and the real clock.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, channel};

use super::segment::{VIP, claim, eth0};
use crate::clock::Clock;
use crate::kernel::address::keeper::{AddressEvent, Change, Keeper, Timing, Watched};
use crate::kernel::address::memory::MemoryAddresses;
use crate::kernel::address::{Mac, Role};

const QUICK: Timing = Timing {
    period: Duration::from_millis(50),
    refresh: Duration::from_secs(60),
    retry: Duration::from_millis(100),
};

fn started(addresses: &MemoryAddresses, room: usize) -> (Keeper, Receiver<AddressEvent>) {
    let (events, received) = channel(room);
    let claims = vec![claim(VIP, Role::Vip)];
    let clock = Clock::start();
    let keeper = Keeper::start(
        claims,
        Watched::default(),
        addresses.clone(),
        QUICK,
        clock,
        events,
    )
    .unwrap();
    (keeper, received)
}

fn next(events: &mut Receiver<AddressEvent>) -> Change {
    events.blocking_recv().expect("the keeper runs").change
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
