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

fn judged(previous: State, readings: &[Reading], others: Others) -> State {
    judge(previous, &[(streak(readings), RULES)], others)
}

use Reading::{Failure, InferredMaintenance, Maintenance, Nothing, Success};

#[test]
fn one_bad_reading_takes_nobody_out() {
    assert_eq!(judged(State::Up, &[Failure], Others::Serve), State::Up);
    assert_eq!(
        judged(State::Up, &[Failure, Failure], Others::Serve),
        State::Up
    );
}

#[test]
fn fall_failures_in_a_row_take_a_server_out() {
    assert_eq!(
        judged(State::Up, &[Failure, Failure, Failure], Others::Serve),
        State::Down
    );
}

#[test]
fn a_success_in_between_starts_the_count_anew() {
    let readings = [Failure, Failure, Success, Failure, Failure];
    assert_eq!(judged(State::Up, &readings, Others::Serve), State::Up);
}

#[test]
fn what_taught_us_nothing_changes_neither_count() {
    let readings = [Failure, Nothing, Failure, Nothing, Nothing, Failure];
    assert_eq!(judged(State::Up, &readings, Others::Serve), State::Down);
    assert_eq!(
        judged(State::Down, &[Success, Nothing, Success], Others::Serve),
        State::Up
    );
    assert_eq!(
        judged(State::Unknown, &[Nothing; 9], Others::NoneServes),
        State::Unknown
    );
}

#[test]
fn coming_back_needs_rise_successes_while_another_server_serves() {
    assert_eq!(
        judged(State::Down, &[Failure, Success], Others::Serve),
        State::Down
    );
    assert_eq!(
        judged(State::Down, &[Failure, Success, Success], Others::Serve),
        State::Up
    );
}

#[test]
fn one_success_is_enough_when_nobody_serves() {
    assert_eq!(
        judged(State::Unknown, &[Success], Others::NoneServes),
        State::Up
    );
}

#[test]
fn every_check_must_agree_before_a_server_joins_and_one_is_enough_to_leave() {
    let good = (streak(&[Success, Success]), RULES);
    let bad = (streak(&[Failure, Failure, Failure]), RULES);
    let silent = (Streak::default(), RULES);
    assert_eq!(
        judge(State::Unknown, &[good, silent], Others::NoneServes),
        State::Unknown
    );
    assert_eq!(
        judge(State::Unknown, &[good, good], Others::Serve),
        State::Up
    );
    assert_eq!(judge(State::Up, &[good, bad], Others::Serve), State::Down);
}

#[test]
fn maintenance_that_the_server_states_counts_at_once_and_a_guess_needs_fall_readings() {
    assert_eq!(
        judged(State::Up, &[Maintenance], Others::Serve),
        State::Maintenance
    );
    assert_eq!(
        judged(State::Up, &[InferredMaintenance; 2], Others::Serve),
        State::Up
    );
    assert_eq!(
        judged(State::Up, &[InferredMaintenance; 3], Others::Serve),
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
            let next = judge(state, &[(held, rules)], Others::Serve);
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
        prop_assert_eq!(judge(State::Down, &[(held, rules)], Others::Serve), State::Up);
    }
}
