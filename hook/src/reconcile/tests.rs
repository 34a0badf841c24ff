use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;

mod weights;
use crate::kernel::VirtualServers;
use crate::kernel::memory::Memory;
use crate::table::Family;

const KEY: ServiceKey = ServiceKey::Fwmark {
    family: Family::V4,
    mark: 80,
};

fn address(last: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 1, last)), 0)
}

fn settings(persistence: Option<u32>) -> ServiceSettings {
    ServiceSettings {
        scheduler: "wlc".to_owned(),
        persistence,
        netmask: u32::MAX,
        flags: 0,
        persistence_engine: None,
    }
}

fn wanted(weights: &[(u8, u32)]) -> WantedService {
    let destinations = weights
        .iter()
        .map(|(last, weight)| {
            (
                address(*last),
                WantedDestination {
                    forward: Forward::Nat,
                    weight: *weight,
                },
            )
        })
        .collect();
    WantedService {
        settings: settings(Some(600)),
        destinations,
        removed: BTreeSet::new(),
    }
}

fn carried_out(wanted: &WantedService, found: Table) -> Table {
    let mut kernel = Memory::holding(found.clone());
    for step in steps(KEY, wanted, &found) {
        kernel.apply(&step).expect("a step from the reconciler");
    }
    kernel.dump().expect("memory")
}

#[test]
fn an_empty_table_gets_the_service_and_then_its_destinations() {
    let steps = steps(KEY, &wanted(&[(1, 1), (2, 1)]), &Table::new());
    assert!(matches!(
        steps.as_slice(),
        [
            Step::AddService { .. },
            Step::AddDestination { .. },
            Step::AddDestination { .. }
        ]
    ));
}

#[test]
fn only_what_differs_is_written() {
    let found = carried_out(&wanted(&[(1, 1), (2, 1)]), Table::new());
    let steps = steps(KEY, &wanted(&[(1, 0), (2, 1)]), &found);
    assert!(matches!(
        steps.as_slice(),
        [Step::EditDestination { destination, to, .. }] if *destination == address(1) && to.weight == 0
    ));
}

#[test]
fn the_server_that_gains_weight_comes_before_the_one_that_loses_it() {
    let found = carried_out(&wanted(&[(1, 1), (2, 0)]), Table::new());
    let weights: Vec<u32> = steps(KEY, &wanted(&[(1, 0), (2, 1)]), &found)
        .iter()
        .map(|step| match step {
            Step::EditDestination { to, .. } => to.weight,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(weights, [1, 0]);
}

#[test]
fn thresholds_and_flags_that_somebody_set_are_kept() {
    let mut found = carried_out(&wanted(&[(1, 1)]), Table::new());
    let service = found.get_mut(&KEY).expect("our service");
    service.settings.flags = 0x4;
    let there = service
        .destinations
        .get_mut(&address(1))
        .expect("our destination");
    there.settings.upper_threshold = 100;
    let after = carried_out(&wanted(&[(1, 0)]), found);
    assert_eq!(after[&KEY].settings.flags, 0x4);
    assert_eq!(
        after[&KEY].destinations[&address(1)]
            .settings
            .upper_threshold,
        100
    );
}

#[test]
fn destinations_and_services_of_others_are_left_and_named() {
    let mut found = carried_out(&wanted(&[(1, 1), (9, 3)]), Table::new());
    let other = ServiceKey::Fwmark {
        family: Family::V4,
        mark: 7,
    };
    found.insert(other, found[&KEY].clone());
    let want = wanted(&[(1, 0)]);
    let after = carried_out(&want, found.clone());
    assert_eq!(after[&other], found[&other]);
    assert_eq!(after[&KEY].destinations[&address(9)].settings.weight, 3);
    assert_eq!(
        foreign(&want, found.get(&KEY)).collect::<Vec<_>>(),
        [address(9)]
    );
}

#[test]
fn a_destination_of_ours_that_is_not_to_be_there_is_deleted_last() {
    let found = carried_out(&wanted(&[(1, 1), (2, 0), (9, 3)]), Table::new());
    let want = WantedService {
        removed: BTreeSet::from([address(1)]),
        ..wanted(&[(2, 1)])
    };
    let steps = steps(KEY, &want, &found);
    assert!(matches!(
        steps.as_slice(),
        [Step::EditDestination { .. }, Step::DeleteDestination { destination, .. }]
            if *destination == address(1)
    ));
    let after = carried_out(&want, found);
    let left: Vec<SocketAddr> = after[&KEY].destinations.keys().copied().collect();
    assert_eq!(left, [address(2), address(9)]);
}

fn any_wanted() -> impl Strategy<Value = WantedService> {
    (
        prop::collection::btree_map(1_u8..9, 0_u32..4, 0..6),
        prop::option::of(1_u32..900),
    )
        .prop_map(|(weights, persistence)| WantedService {
            settings: settings(persistence),
            ..wanted(&weights.into_iter().collect::<Vec<_>>())
        })
}

proptest! {
    #[test]
    fn after_the_steps_nothing_is_left_to_do(first in any_wanted(), second in any_wanted()) {
        let found = carried_out(&second, carried_out(&first, Table::new()));
        prop_assert_eq!(steps(KEY, &second, &found), vec![]);
    }

    #[test]
    fn every_prefix_of_the_steps_leaves_a_table_that_serves(
        first in any_wanted(),
        second in any_wanted(),
    ) {
        let serves = |table: &Table| {
            table[&KEY].destinations.values().any(|there| there.settings.weight > 0)
        };
        let found = carried_out(&first, Table::new());
        prop_assume!(serves(&found) && serves(&carried_out(&second, found.clone())));
        let mut kernel = Memory::holding(found.clone());
        for step in steps(KEY, &second, &found) {
            kernel.apply(&step).expect("a step from the reconciler");
            prop_assert!(serves(&kernel.dump().expect("memory")));
        }
    }
}
