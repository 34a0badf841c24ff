use proptest::prelude::*;

use super::*;
use crate::health::State;

const RULES: Rules = Rules {
    together: Duration::from_secs(8),
    min_up: 1,
    sorry_server: false,
    slow_start: None,
};

fn at(seconds: u64) -> Moment {
    Moment::new(Duration::from_secs(seconds))
}

/// A decision of no particular time, where only the pool has a memory.
fn decide(candidates: &[Candidate], before: &Pool, rules: Rules) -> Decision {
    let before = Memory {
        pool: before.clone(),
        ..Memory::default()
    };
    super::decide(candidates, &before, &rules, at(1000))
}

fn weight_wish(weight: u32) -> Wish {
    Wish {
        weight: Some(weight),
        ..Wish::default()
    }
}

fn standing(standing: Standing) -> Wish {
    Wish {
        standing,
        ..Wish::default()
    }
}

fn server(state: State) -> Candidate {
    Candidate {
        state,
        risen: state == State::Up,
        failing_since: None,
        overdue: false,
        nominal: 1,
        refused: false,
        wish: Wish::default(),
        inherited: state == State::Unknown,
        found: Some(1),
    }
}

fn down_since(seconds: u64) -> Candidate {
    Candidate {
        failing_since: Some(at(seconds)),
        ..server(State::Down)
    }
}

fn absent() -> Candidate {
    Candidate {
        inherited: false,
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
    assert_eq!(decision.memory.pool, working(&[1]));
}

#[test]
fn the_last_up_server_is_never_quiesced() {
    let decision = decide(&[down_since(5), down_since(100)], &working(&[1]), RULES);
    assert_eq!(decision.weights, [0, 1]);
    assert_eq!(decision.memory.pool, Pool::FailOpen(vec![1]));
}

#[test]
fn servers_that_fell_together_with_the_last_one_are_kept_with_it() {
    let decision = decide(&[down_since(95), down_since(100)], &working(&[1]), RULES);
    assert_eq!(decision.weights, [1, 1]);
}

#[test]
fn min_up_brings_back_the_one_that_failed_last() {
    let rules = Rules { min_up: 2, ..RULES };
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
    let ended = decide(
        &[server(State::Up), down_since(9)],
        &joined.memory.pool,
        RULES,
    );
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
        inherited: false,
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
        wish: weight_wish(5),
        ..server(state)
    };
    let servers = [by_hand(State::Up), by_hand(State::Down)];
    assert_eq!(decide(&servers, &working(&[0, 1]), RULES).weights, [5, 0]);
}

#[test]
fn a_server_drained_by_hand_is_not_kept_by_fail_open() {
    let drained = Candidate {
        wish: weight_wish(0),
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

#[test]
fn a_drained_or_disabled_server_gets_nothing_and_is_not_kept_by_fail_open() {
    for out in [Standing::Drained, Standing::Disabled] {
        let out = Candidate {
            wish: standing(out),
            ..server(State::Up)
        };
        let decision = decide(&[out, down_since(9)], &working(&[0, 1]), RULES);
        assert_eq!(decision.weights, [0, 1]);
    }
}

#[test]
fn a_server_that_the_operator_forces_serves_whatever_its_health() {
    let forced = Candidate {
        wish: standing(Standing::Forced),
        ..down_since(5)
    };
    let decision = decide(&[forced, server(State::Up)], &working(&[1]), RULES);
    assert_eq!(decision.weights, [1, 1]);
    let alone = decide(&[forced, down_since(9)], &Pool::FailOpen(vec![1]), RULES);
    assert_eq!(
        (alone.weights.as_slice(), alone.fail_open()),
        (&[1, 0][..], false)
    );
}

const SORRY: Rules = Rules {
    sorry_server: true,
    ..RULES
};

fn refused() -> Candidate {
    Candidate {
        refused: true,
        ..down_since(5)
    }
}

#[test]
fn the_sorry_server_serves_if_every_connection_is_refused() {
    let decision = decide(&[refused(), refused()], &working(&[0, 1]), SORRY);
    assert!(decision.sorry());
    assert_eq!(decision.weights, [0, 0]);
    let one_hangs = decide(&[refused(), down_since(5)], &working(&[0, 1]), SORRY);
    assert_eq!((one_hangs.sorry(), one_hangs.fail_open()), (false, true));
    let ill = Candidate {
        state: State::Maintenance,
        ..refused()
    };
    assert!(!decide(&[refused(), ill], &working(&[0, 1]), SORRY).sorry());
}

#[test]
fn the_sorry_server_goes_with_the_first_server_that_reaches_rise() {
    let before = Pool::Sorry(vec![0, 1]);
    let once = Candidate {
        risen: false,
        ..server(State::Up)
    };
    let joined = decide(&[once, refused()], &before, SORRY);
    assert_eq!(
        (joined.weights.as_slice(), joined.sorry()),
        (&[1, 0][..], true)
    );
    let ended = decide(&[server(State::Up), refused()], &before, SORRY);
    assert_eq!(ended.memory.pool, working(&[0]));
}

#[test]
fn servers_that_hang_after_all_were_refused_are_kept_as_the_last_set() {
    let decision = decide(&[down_since(5), refused()], &Pool::Sorry(vec![0, 1]), SORRY);
    assert_eq!(decision.weights, [1, 1]);
}

#[test]
fn with_every_server_drained_the_sorry_server_serves() {
    let drained = Candidate {
        wish: standing(Standing::Drained),
        ..server(State::Up)
    };
    assert!(decide(&[drained], &working(&[0]), SORRY).sorry());
}

const SLOW: Rules = Rules {
    slow_start: Some(Duration::from_secs(60)),
    ..RULES
};

fn heavy(state: State, found: u32) -> Candidate {
    Candidate {
        nominal: 100,
        found: Some(found),
        ..server(state)
    }
}

/// The weights of a server that comes back beside another one, at these seconds.
fn comes_back(before: Memory, found: u32, seconds: &[u64]) -> Vec<u32> {
    let mut memory = before;
    let mut found = found;
    let weight = |second: &u64| {
        let servers = [heavy(State::Up, found), heavy(State::Up, 100)];
        let decision = super::decide(&servers, &memory, &SLOW, at(*second));
        memory = decision.memory;
        found = decision.weights[0];
        found
    };
    seconds.iter().map(weight).collect()
}

#[test]
fn a_server_that_joins_others_gets_its_weight_by_steps() {
    let before = Memory {
        pool: working(&[1]),
        ..Memory::default()
    };
    let weights = comes_back(before, 0, &[100, 106, 130, 159, 160, 161]);
    assert_eq!(weights, [1, 10, 50, 90, 100, 100]);
}

#[test]
fn the_first_server_of_an_empty_pool_and_the_one_that_ends_fail_open_get_it_at_once() {
    for pool in [Pool::default(), Pool::FailOpen(vec![1])] {
        let servers = [heavy(State::Up, 0), heavy(State::Down, 100)];
        let before = Memory {
            pool,
            ..Memory::default()
        };
        let decision = super::decide(&servers, &before, &SLOW, at(9));
        assert_eq!(decision.weights, [100, 0]);
    }
}

#[test]
fn a_ramp_found_in_the_table_goes_on_where_it_was() {
    let unjudged = [heavy(State::Unknown, 30), heavy(State::Unknown, 100)];
    let first = super::decide(&unjudged, &Memory::default(), &SLOW, at(0));
    assert_eq!(first.weights, [30, 100]);
    assert_eq!(comes_back(first.memory, 30, &[2, 8, 50]), [30, 40, 100]);
}

#[test]
fn the_operators_weight_counts_before_a_ramp() {
    let wished = Candidate {
        wish: weight_wish(7),
        ..heavy(State::Up, 0)
    };
    let before = Memory {
        pool: working(&[1]),
        ..Memory::default()
    };
    let decision = super::decide(&[wished, heavy(State::Up, 100)], &before, &SLOW, at(9));
    assert_eq!(decision.weights, [7, 100]);
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let state = prop_oneof![
        Just(State::Unknown),
        Just(State::Up),
        Just(State::Down),
        Just(State::Maintenance)
    ];
    let standing = prop_oneof![
        6 => Just(Standing::AsJudged),
        1 => Just(Standing::Forced),
        1 => Just(Standing::Drained),
        1 => Just(Standing::Disabled)
    ];
    let weight = prop_oneof![3 => Just(None), 1 => (0_u32..4).prop_map(Some)];
    let found = prop_oneof![1 => Just(None), 3 => (0_u32..10).prop_map(Some)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (state, flags, 0_u64..100, standing, weight, found).prop_map(
        |(state, (risen, refused, overdue), since, standing, weight, found)| Candidate {
            state,
            risen: risen && state == State::Up,
            refused: refused && state == State::Down,
            failing_since: matches!(state, State::Down | State::Maintenance).then(|| at(since)),
            overdue,
            nominal: 8,
            wish: Wish { standing, weight },
            inherited: state == State::Unknown && found.is_some_and(|weight| weight > 0),
            found,
        },
    )
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let slow_start = prop::option::of((1_u64..100).prop_map(Duration::from_secs));
    (any::<bool>(), slow_start, 1_usize..3).prop_map(|(sorry_server, slow_start, min_up)| Rules {
        sorry_server,
        slow_start,
        min_up,
        ..RULES
    })
}

/// A history of one service: what its servers look like at each step.
fn any_history() -> impl Strategy<Value = Vec<Vec<Candidate>>> {
    (1_usize..5).prop_flat_map(|servers| {
        prop::collection::vec(prop::collection::vec(any_candidate(), servers), 1..20)
    })
}

/// The decisions of a history, one every 7 s, each with the memory before it.
fn decisions(history: &[Vec<Candidate>], rules: &Rules) -> Vec<(Memory, Decision)> {
    let mut memory = Memory::default();
    let seconds = (0_u64..).step_by(7);
    let decide = |(candidates, second): (&Vec<Candidate>, u64)| {
        let decision = super::decide(candidates, &memory, rules, at(second));
        let before = std::mem::replace(&mut memory, decision.memory.clone());
        (before, decision)
    };
    history.iter().zip(seconds).map(decide).collect()
}

proptest! {
    #[test]
    fn the_pool_is_never_emptied_while_a_server_may_serve(
        history in any_history(),
        rules in any_rules(),
    ) {
        for (candidates, (before, decision)) in history.iter().zip(decisions(&history, &rules)) {
            let awaited = candidates.iter().any(Candidate::is_awaited);
            let all_out = candidates.iter().all(Candidate::is_out);
            let none_yet = matches!(
                &before.pool,
                Pool::Working(set) | Pool::Sorry(set) if set.is_empty()
            );
            let still_waiting = awaited && none_yet;
            if !all_out && !still_waiting && !decision.sorry() {
                prop_assert!(decision.weights.iter().any(|w| *w > 0), "{decision:?}");
            }
        }
    }

    #[test]
    fn a_server_that_is_down_serves_only_by_fail_open_or_force_and_one_taken_out_never(
        history in any_history(),
        rules in any_rules(),
    ) {
        for (candidates, (_, decision)) in history.iter().zip(decisions(&history, &rules)) {
            for (candidate, weight) in candidates.iter().zip(&decision.weights) {
                let ill = matches!(candidate.state, State::Down | State::Maintenance);
                if ill && *weight > 0 {
                    prop_assert!(decision.fail_open() || candidate.is_forced());
                }
                if candidate.is_out() {
                    prop_assert_eq!(*weight, 0);
                }
            }
        }
    }

    #[test]
    fn a_server_that_works_and_was_not_taken_out_always_serves(
        history in any_history(),
        rules in any_rules(),
    ) {
        for (candidates, (_, decision)) in history.iter().zip(decisions(&history, &rules)) {
            for (candidate, weight) in candidates.iter().zip(&decision.weights) {
                if candidate.works() && !candidate.is_out() {
                    prop_assert!(*weight > 0);
                }
            }
        }
    }

    #[test]
    fn the_sorry_server_serves_alone_or_beside_servers_that_just_came_back(
        history in any_history(),
    ) {
        for (candidates, (_, decision)) in history.iter().zip(decisions(&history, &SORRY)) {
            if decision.sorry() {
                for (candidate, weight) in candidates.iter().zip(&decision.weights) {
                    prop_assert!(*weight == 0 || candidate.works());
                    prop_assert!(!candidate.serves_reliably());
                }
            }
        }
    }

    #[test]
    fn deciding_twice_on_the_same_facts_decides_the_same(
        candidates in prop::collection::vec(any_candidate(), 1..5),
        rules in any_rules(),
    ) {
        let once = super::decide(&candidates, &Memory::default(), &rules, at(5));
        let twice = super::decide(&candidates, &once.memory, &rules, at(5));
        prop_assert_eq!(once.weights, twice.weights);
    }
}
