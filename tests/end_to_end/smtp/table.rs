//! Every case at once: the built program agrees with the check in the director's process, and the
//! table shows what `check_smtp` says of the same server.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::asking::{by_program, check_smtp, in_process, ports};
use crate::cases::{CASES, Case};
use crate::exchange::Exchange;

/// How many cases are played at once; most of their time is waiting.
const AT_ONCE: usize = 8;

struct Row {
    at: usize,
    ours: String,
    theirs: [String; 2],
    differences: Option<String>,
}

fn play(at: usize, case: &Case) -> Row {
    let exchange = Exchange::with(case.number(), case.behaviour);
    let seconds = case.budget().as_secs().to_string();
    let program = by_program(exchange.address, &["-p", case.port, "-t", &seconds]);
    let own = in_process(exchange.address, &ports(&[case.port]), case.budget());
    let own = serde_json::to_value(&own).unwrap();
    let told = |verdict: &Value| {
        let word = |key: &str| verdict[key].as_str().unwrap_or("?").to_owned();
        let port = &verdict["port"];
        format!("{} {} {port}", word("condition"), word("kind"))
    };
    let differences = (told(&program) != told(&own)).then(|| {
        format!(
            "{} {}: {program} and {own}",
            case.row,
            case.behaviour.name()
        )
    });
    // It waits longer than we do where nothing comes.
    let theirs = [&[][..], &["-S"]].map(|options: &[&str]| {
        check_smtp(
            exchange.address,
            case.number(),
            &[&["-t", "4"], options].concat(),
        )
    });
    Row {
        at,
        ours: format!(
            "{} {}",
            own["condition"].as_str().unwrap_or("?"),
            own["kind"].as_str().unwrap_or("?")
        ),
        theirs,
        differences,
    }
}

#[test]
fn the_program_and_the_director_agree_and_check_smtp_is_put_beside_them() {
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some(case) = CASES.get(at) else { return };
                    let row = play(at, case);
                    rows.lock().unwrap().push(row);
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap();
    assert_eq!(rows.len(), CASES.len());
    rows.sort_by_key(|row| row.at);
    print(&rows);
    let wrong: Vec<_> = rows
        .iter()
        .filter_map(|row| row.differences.clone())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Prints past the test harness, which would keep the words of a test that passes.
fn print(rows: &[Row]) {
    let mut text = String::from(
        "\n| row | server | -p | check_exchange_smtp | check_smtp | check_smtp -S |\n\
         |---|---|---|---|---|---|\n",
    );
    for (row, case) in rows.iter().zip(CASES) {
        let [plain, starttls] = &row.theirs;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {plain} | {starttls} |",
            case.row,
            case.behaviour.name(),
            case.port,
            row.ours
        );
    }
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
