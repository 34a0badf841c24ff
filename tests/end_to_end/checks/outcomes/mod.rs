//! Every outcome × every host: what a host is told, whatever happens to the server, to the check
//! or to the machine. One table, run on the built programs.

mod cast;
mod dns;
mod expected;
mod outcome;
mod table;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::host::MODES;
use cast::Cast;
use outcome::{Outcome, outcomes};
use table::Told;

/// How many runs wait for servers and deadlines beside each other.
const AT_ONCE: usize = 32;

#[test]
fn every_outcome_has_its_answer_in_every_mode_in_time_and_none_is_silent_or_a_signal() {
    let cast = Cast::enter();
    let outcomes = outcomes();
    let cells: Vec<(usize, usize)> = (0..outcomes.len())
        .flat_map(|outcome| (0..MODES.len()).map(move |mode| (outcome, mode)))
        .collect();
    let next = AtomicUsize::new(0);
    let told = Mutex::new(Vec::new());
    let work = || {
        while let Some(&(outcome, mode)) = cells.get(next.fetch_add(1, Ordering::SeqCst)) {
            let cell = play(&cast, &outcomes[outcome], mode);
            told.lock().unwrap().push((outcome, mode, cell));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let told = told.into_inner().unwrap();
    table::print(&outcomes, &told);
    let wrong: Vec<String> = told
        .iter()
        .filter_map(|(_, _, told)| told.wrong.clone())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(told.len(), cells.len(), "every cell was played");
}

fn play(cast: &Cast, outcome: &Outcome, mode: usize) -> Told {
    let mode = &MODES[mode];
    let said = outcome.play(cast, mode);
    let verdict = outcome.expected.of(mode).judge(mode, &said);
    Told {
        shown: table::shown(&said),
        took: said.took,
        wrong: verdict.err().map(|why| {
            format!(
                "{} in mode {}: {why}: {:?}",
                outcome.name, mode.name, said.output
            )
        }),
    }
}
