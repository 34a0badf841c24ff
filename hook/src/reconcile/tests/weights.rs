//! Where the table is another program's.

use super::*;

fn found(weights: &[(u8, u32)]) -> Table {
    let mut table = carried_out(&wanted(weights), Table::new());
    for service in table.values_mut() {
        // Not as we want it in anything but weights: that is its owner's.
        service.settings.scheduler = "rr".to_owned();
        for there in service.destinations.values_mut() {
            there.settings.forward = Forward::Direct;
            there.settings.upper_threshold = 7;
        }
    }
    table
}

#[test]
fn a_destination_that_is_not_to_be_there_gets_weight_0_and_one_that_is_not_there_nothing() {
    let mut wanted = wanted(&[(2, 1), (3, 1)]);
    wanted.removed.insert(address(1));
    let steps = Scope::Weights.steps(KEY, &wanted, &found(&[(1, 1), (2, 1)]));
    assert!(
        matches!(
            steps.as_slice(),
            [Step::EditDestination { destination, to, .. }]
                if *destination == address(1) && to.weight == 0
        ),
        "{steps:?}"
    );
}

proptest! {
    #[test]
    fn only_weights_of_what_is_there_change_and_gains_come_first(
        wants in prop::collection::btree_map(1_u8..6, 0_u32..4, 0..5),
        there in prop::collection::btree_map(1_u8..6, 0_u32..4, 0..5),
    ) {
        let pairs = |map: &BTreeMap<u8, u32>| map.iter().map(|(at, w)| (*at, *w)).collect::<Vec<_>>();
        let wanted = wanted(&pairs(&wants));
        let before = found(&pairs(&there));
        let steps = Scope::Weights.steps(KEY, &wanted, &before);
        let mut table = before.clone();
        let mut lost = false;
        for step in &steps {
            let Step::EditDestination { from, to, .. } = step else {
                return Err(TestCaseError::fail(format!("{step:?}")));
            };
            prop_assert_eq!(DestinationSettings { weight: to.weight, ..*from }, *to);
            prop_assert!(!(lost && to.weight > from.weight), "{:?}", steps);
            lost |= to.weight < from.weight;
            step.follow(&mut table);
        }
        for (at, weight) in &wants {
            let now = table[&KEY].destinations.get(&address(*at));
            prop_assert_eq!(now.map(|there| there.settings.weight), there.get(at).map(|_| *weight));
        }
        prop_assert!(Scope::Weights.steps(KEY, &wanted, &table).is_empty());
    }
}
