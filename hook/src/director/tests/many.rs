//! What costs little though there may be much of it.

use super::*;

/// A director at rest with both servers up, and how often the table was read until then.
fn at_rest(bench: &Bench) -> (Running, usize) {
    let mut director = bench.director();
    director.both_up().passes(2).passes(2);
    (director, dumps(bench))
}

fn dumps(bench: &Bench) -> usize {
    *bench.kernel.dumps.lock().unwrap()
}

#[test]
fn a_table_that_became_what_our_steps_make_of_it_is_not_read_again() {
    let bench = Bench::new();
    let (mut director, read) = at_rest(&bench);
    director.fails(0).fails(0).fails(0);
    assert_eq!(bench.kernel.weights(), [0, 1]);
    director.passes(2).passes(2);
    assert_eq!(dumps(&bench), read);
}

#[test]
fn a_weight_set_by_hand_between_a_step_of_ours_and_the_next_look_is_seen() {
    let bench = Bench::new();
    let (mut director, read) = at_rest(&bench);
    director.fails(0).fails(0).fails(0);
    bench.kernel.set_by_hand(1, 7);
    director.passes(2);
    assert_eq!(dumps(&bench), read + 1);
    assert_eq!(director.server(1).weight_wanted, 7);
}

#[test]
fn a_report_like_the_one_before_writes_nothing() {
    let bench = Bench::new();
    let (mut director, _) = at_rest(&bench);
    let writes = bench.kernel.writes();
    for _ in 0..5 {
        director.works(0).works(1);
    }
    assert_eq!(bench.kernel.writes(), writes);
}
