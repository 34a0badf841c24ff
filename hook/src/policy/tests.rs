use proptest::prelude::*;

use super::*;

const RULES: FailOpenRules = FailOpenRules {
    together: Duration::from_secs(8),
    min_up: 1,
};

fn server(state: State) -> Candidate {
    Candidate {
        state,
        risen: state == State::Up,
        failing_since: None,
        overdue: false,
        nominal: 1,
        wish: None,
        found: Some(1),
    }
}

fn down_since(seconds: u64) -> Candidate {
    Candidate {
        failing_since: Some(Moment::new(Duration::from_secs(seconds))),
        ..server(State::Down)
    }
}

fn absent() -> Candidate {
    Candidate {
        found: None,
        ..server(State::Unknown)
    }
}

fn working(set: &[usize]) -> Pool {
    Pool::Working(set.to_vec())
}

#[test]
fn a_server_that_is_down_has_weight_0_while_another_works() {
    let decision = decide(
        &[down_since(5), server(State::Up)],
        &working(&[0, 1]),
        RULES,
    );
    assert_eq!(decision.weights, [0, 1]);
    assert_eq!(decision.pool, working(&[1]));
}

#[test]
fn the_last_up_server_is_never_quiesced() {
    let decision = decide(&[down_since(5), down_since(100)], &working(&[1]), RULES);
    assert_eq!(decision.weights, [0, 1]);
    assert_eq!(decision.pool, Pool::FailOpen(vec![1]));
}

#[test]
fn servers_that_fell_together_with_the_last_one_are_kept_with_it() {
    let decision = decide(&[down_since(95), down_since(100)], &working(&[1]), RULES);
    assert_eq!(decision.weights, [1, 1]);
}

#[test]
fn min_up_brings_back_the_one_that_failed_last() {
    let rules = FailOpenRules { min_up: 2, ..RULES };
    let servers = [down_since(5), down_since(50), down_since(100)];
    assert_eq!(decide(&servers, &working(&[2]), rules).weights, [0, 1, 1]);
}

#[test]
fn one_success_joins_the_kept_servers_and_rise_successes_end_fail_open() {
    let once = Candidate {
        risen: false,
        ..server(State::Up)
    };
    let open = Pool::FailOpen(vec![1]);
    let joined = decide(&[once, down_since(9)], &open, RULES);
    assert_eq!(
        (joined.weights.as_slice(), joined.fail_open()),
        (&[1, 1][..], true)
    );
    let ended = decide(&[server(State::Up), down_since(9)], &joined.pool, RULES);
    assert_eq!(
        (ended.weights.as_slice(), ended.fail_open()),
        (&[1, 0][..], false)
    );
}

#[test]
fn an_empty_table_waits_for_the_first_judgement_and_serves_with_all_if_that_is_bad() {
    assert_eq!(
        decide(&[absent(), absent()], &Pool::default(), RULES).weights,
        [0, 0]
    );
    let half = [
        Candidate {
            found: None,
            ..down_since(1)
        },
        absent(),
    ];
    assert_eq!(decide(&half, &Pool::default(), RULES).weights, [0, 0]);
    let all = [down_since(1), down_since(30)];
    let decision = decide(&all, &Pool::default(), RULES);
    assert_eq!(
        (decision.weights.as_slice(), decision.fail_open()),
        (&[1, 1][..], true)
    );
}

#[test]
fn a_check_that_never_judges_does_not_leave_the_table_empty() {
    let overdue = Candidate {
        overdue: true,
        ..absent()
    };
    assert_eq!(
        decide(&[overdue, down_since(1)], &Pool::default(), RULES).weights,
        [1, 1]
    );
}

#[test]
fn what_was_found_in_the_table_stays_until_judged() {
    let inherited = Candidate {
        found: Some(7),
        ..server(State::Unknown)
    };
    let at_rest = Candidate {
        found: Some(0),
        ..server(State::Unknown)
    };
    assert_eq!(
        decide(&[inherited, at_rest], &Pool::default(), RULES).weights,
        [7, 0]
    );
}

#[test]
fn a_weight_set_by_hand_counts_and_does_not_revive_a_server_that_is_down() {
    let by_hand = |state| Candidate {
        wish: Some(5),
        ..server(state)
    };
    let servers = [by_hand(State::Up), by_hand(State::Down)];
    assert_eq!(decide(&servers, &working(&[0, 1]), RULES).weights, [5, 0]);
}

#[test]
fn a_server_drained_by_hand_is_not_kept_by_fail_open() {
    let drained = Candidate {
        wish: Some(0),
        ..server(State::Up)
    };
    let decision = decide(&[drained, down_since(9)], &working(&[0, 1]), RULES);
    assert_eq!(
        (decision.weights.as_slice(), decision.fail_open()),
        (&[0, 1][..], true)
    );
    let all = decide(&[drained, drained], &working(&[0, 1]), RULES);
    assert_eq!(all.weights, [0, 0]);
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let state = prop_oneof![
        Just(State::Unknown),
        Just(State::Up),
        Just(State::Down),
        Just(State::Maintenance)
    ];
    let wish = prop_oneof![3 => Just(None), 1 => (0_u32..4).prop_map(Some)];
    let found = prop_oneof![1 => Just(None), 3 => (0_u32..4).prop_map(Some)];
    (state, any::<bool>(), 0_u64..100, any::<bool>(), wish, found).prop_map(
        |(state, risen, since, overdue, wish, found)| Candidate {
            state,
            risen: risen && state == State::Up,
            failing_since: matches!(state, State::Down | State::Maintenance)
                .then(|| Moment::new(Duration::from_secs(since))),
            overdue,
            nominal: 1,
            wish,
            found,
        },
    )
}

/// A history of one service: what its servers look like at each step.
fn any_history() -> impl Strategy<Value = Vec<Vec<Candidate>>> {
    (1_usize..5).prop_flat_map(|servers| {
        prop::collection::vec(prop::collection::vec(any_candidate(), servers), 1..20)
    })
}

proptest! {
    #[test]
    fn the_pool_is_never_emptied_while_a_server_may_serve(history in any_history()) {
        let mut pool = Pool::default();
        for candidates in history {
            let decision = decide(&candidates, &pool, RULES);
            let awaited = candidates.iter().any(Candidate::is_awaited);
            let all_drained = candidates.iter().all(|c| c.wish == Some(0));
            let still_waiting = awaited && pool == Pool::default();
            if !all_drained && !still_waiting {
                prop_assert!(decision.weights.iter().any(|w| *w > 0), "{decision:?}");
            }
            pool = decision.pool;
        }
    }

    #[test]
    fn a_server_that_is_down_serves_only_by_fail_open_and_a_drained_one_never(
        history in any_history(),
    ) {
        let mut pool = Pool::default();
        for candidates in history {
            let decision = decide(&candidates, &pool, RULES);
            for (candidate, weight) in candidates.iter().zip(&decision.weights) {
                if matches!(candidate.state, State::Down | State::Maintenance) && *weight > 0 {
                    prop_assert!(decision.fail_open());
                }
                if candidate.wish == Some(0) {
                    prop_assert_eq!(*weight, 0);
                }
            }
            pool = decision.pool;
        }
    }

    #[test]
    fn deciding_twice_on_the_same_facts_decides_the_same(
        candidates in prop::collection::vec(any_candidate(), 1..5),
    ) {
        let once = decide(&candidates, &Pool::default(), RULES);
        let twice = decide(&candidates, &once.pool, RULES);
        prop_assert_eq!(once.weights, twice.weights);
    }
}
