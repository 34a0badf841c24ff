use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::Moment;

const RULES: Rules = Rules { fall: 3, rise: 2 };

fn streak(readings: &[Reading]) -> Streak {
    readings
        .iter()
        .enumerate()
        .fold(Streak::default(), |streak, (at, reading)| {
            streak.after(*reading, Moment::new(Duration::from_secs(at as u64)))
        })
}

fn opinion(readings: &[Reading]) -> Opinion {
    Opinion {
        streak: streak(readings),
        rules: RULES,
        voice: Voice::Weight(1),
    }
}

fn judged(previous: State, readings: &[Reading], joining: Joining) -> State {
    judge(previous, &[opinion(readings)], Require::All, joining)
}

const OTHERS_SERVE: Joining = Joining::AfterRise(1);

use Reading::{Failure, InferredMaintenance, Maintenance, Nothing, Refusal, Success};

#[test]
fn one_bad_reading_takes_nobody_out() {
    assert_eq!(judged(State::Up, &[Failure], OTHERS_SERVE), State::Up);
    assert_eq!(
        judged(State::Up, &[Failure, Failure], OTHERS_SERVE),
        State::Up
    );
}

#[test]
fn fall_failures_in_a_row_take_a_server_out() {
    assert_eq!(
        judged(State::Up, &[Failure, Failure, Failure], OTHERS_SERVE),
        State::Down
    );
}

#[test]
fn a_success_in_between_starts_the_count_anew() {
    let readings = [Failure, Failure, Success, Failure, Failure];
    assert_eq!(judged(State::Up, &readings, OTHERS_SERVE), State::Up);
}

#[test]
fn what_taught_us_nothing_changes_neither_count() {
    let readings = [Failure, Nothing, Failure, Nothing, Nothing, Failure];
    assert_eq!(judged(State::Up, &readings, OTHERS_SERVE), State::Down);
    assert_eq!(
        judged(State::Down, &[Success, Nothing, Success], OTHERS_SERVE),
        State::Up
    );
    assert_eq!(
        judged(State::Unknown, &[Nothing; 9], Joining::AtOnce),
        State::Unknown
    );
}

#[test]
fn coming_back_needs_rise_successes_while_another_server_serves() {
    assert_eq!(
        judged(State::Down, &[Failure, Success], OTHERS_SERVE),
        State::Down
    );
    assert_eq!(
        judged(State::Down, &[Failure, Success, Success], OTHERS_SERVE),
        State::Up
    );
}

#[test]
fn one_success_is_enough_when_nobody_serves() {
    assert_eq!(
        judged(State::Unknown, &[Success], Joining::AtOnce),
        State::Up
    );
}

#[test]
fn every_check_must_agree_before_a_server_joins_and_one_is_enough_to_leave() {
    let (good, bad, silent) = (opinion(GOOD), opinion(BAD), opinion(&[]));
    let all = |state, checks: &[Opinion], joining| judge(state, checks, Require::All, joining);
    assert_eq!(
        all(State::Unknown, &[good, silent], Joining::AtOnce),
        State::Unknown
    );
    assert_eq!(all(State::Unknown, &[good, good], OTHERS_SERVE), State::Up);
    assert_eq!(all(State::Up, &[good, bad], OTHERS_SERVE), State::Down);
}

const GOOD: &[Reading] = &[Success, Success];
const BAD: &[Reading] = &[Failure, Failure, Failure];

#[test]
fn where_any_check_will_do_a_server_leaves_with_the_last_one_and_joins_with_the_first() {
    let (good, bad, silent) = (opinion(GOOD), opinion(BAD), opinion(&[]));
    let any = |state, checks: &[Opinion]| judge(state, checks, Require::Any, OTHERS_SERVE);
    assert_eq!(any(State::Up, &[good, bad]), State::Up);
    assert_eq!(any(State::Up, &[bad, bad]), State::Down);
    assert_eq!(any(State::Down, &[good, bad]), State::Up);
    assert_eq!(any(State::Unknown, &[silent, bad]), State::Unknown);
}

#[test]
fn where_checks_are_weighed_their_sum_decides() {
    let weighed = |readings, weight| Opinion {
        voice: Voice::Weight(weight),
        ..opinion(readings)
    };
    let of_3 = |state, checks: &[Opinion]| judge(state, checks, Require::Weight(3), OTHERS_SERVE);
    let (heavy, light) = (weighed(GOOD, 2), weighed(GOOD, 1));
    assert_eq!(of_3(State::Up, &[heavy, light, weighed(BAD, 1)]), State::Up);
    assert_eq!(
        of_3(State::Up, &[weighed(BAD, 2), light, light]),
        State::Down
    );
    assert_eq!(of_3(State::Down, &[heavy, weighed(&[], 1)]), State::Down);
    assert_eq!(of_3(State::Down, &[heavy, light]), State::Up);
}

#[test]
fn a_check_with_a_veto_is_needed_where_any_other_will_do_and_is_never_enough() {
    let veto = |readings| Opinion {
        voice: Voice::Veto,
        ..opinion(readings)
    };
    let any = |state, checks: &[Opinion]| judge(state, checks, Require::Any, OTHERS_SERVE);
    assert_eq!(any(State::Up, &[opinion(GOOD), veto(BAD)]), State::Down);
    assert_eq!(any(State::Up, &[opinion(BAD), veto(GOOD)]), State::Down);
    assert_eq!(any(State::Down, &[opinion(GOOD), veto(GOOD)]), State::Up);
}

#[test]
fn a_server_that_flaps_needs_more_successes() {
    let twice = Joining::AfterRise(2);
    assert_eq!(judged(State::Down, &[Success; 3], twice), State::Down);
    assert_eq!(judged(State::Down, &[Success; 4], twice), State::Up);
}

#[test]
fn a_server_is_refused_if_every_check_that_fails_is() {
    let refused = opinion(&[Failure, Refusal]);
    assert!(is_refused(&[refused, opinion(GOOD)]));
    assert!(!is_refused(&[refused, opinion(&[Refusal, Failure])]));
    assert!(!is_refused(&[opinion(GOOD)]));
    let unanswered = opinion(&[Refusal, Nothing]);
    assert!(is_refused(&[unanswered]), "our own trouble says nothing");
}

#[test]
fn maintenance_that_the_server_states_counts_at_once_and_a_guess_needs_fall_readings() {
    assert_eq!(
        judged(State::Up, &[Maintenance], OTHERS_SERVE),
        State::Maintenance
    );
    assert_eq!(
        judged(State::Up, &[InferredMaintenance; 2], OTHERS_SERVE),
        State::Up
    );
    assert_eq!(
        judged(State::Up, &[InferredMaintenance; 3], OTHERS_SERVE),
        State::Maintenance
    );
}

#[test]
fn the_beginning_of_a_failure_is_remembered_through_it() {
    let failing = streak(&[Success, Failure, Nothing, Failure, Maintenance, Failure]);
    assert_eq!(
        failing.failing_since(),
        Some(Moment::new(Duration::from_secs(1)))
    );
    assert_eq!(streak(&[Failure, Success]).failing_since(), None);
}

fn any_reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        Just(Success),
        Just(Failure),
        Just(Refusal),
        Just(Maintenance),
        Just(InferredMaintenance),
        Just(Nothing),
    ]
}

proptest! {
    #[test]
    fn a_server_is_never_taken_out_by_fewer_than_fall_readings(
        readings in prop::collection::vec(any_reading(), 0..40),
        fall in 1_u32..6,
        rise in 1_u32..6,
    ) {
        let rules = Rules { fall, rise };
        let mut state = State::Up;
        let mut held = Streak::default();
        let mut against = 0;
        for reading in readings {
            held = held.after(reading, Moment::default());
            match reading {
                Success => against = 0,
                Nothing => {}
                _ => against += 1,
            }
            let check = Opinion { streak: held, rules, voice: Voice::Weight(1) };
            let next = judge(state, &[check], Require::All, OTHERS_SERVE);
            if state == State::Up && next != State::Up {
                prop_assert!(against >= fall || reading == Maintenance);
            }
            state = next;
        }
    }

    #[test]
    fn rise_successes_always_bring_a_server_back(
        readings in prop::collection::vec(any_reading(), 0..40),
        rise in 1_u32..6,
    ) {
        let rules = Rules { fall: 3, rise };
        let mut held = Streak::default();
        for reading in readings {
            held = held.after(reading, Moment::default());
        }
        for _ in 0..rise {
            held = held.after(Success, Moment::default());
        }
        let check = Opinion { streak: held, rules, voice: Voice::Weight(1) };
        let state = judge(State::Down, &[check], Require::All, OTHERS_SERVE);
        prop_assert_eq!(state, State::Up);
    }
}
