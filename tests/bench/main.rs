//! The bench: what governess costs, as ratios to named peers. Started by `tests/bench/run`, in the
//! project's folder.
//!
//! Both sides of a row run interleaved on the same machine in the same minute, so that the ratio
//! means something where the absolute figures do not. Two directors run one after the other, since
//! `/proc/net/ip_vs` leaves services out where two network namespaces have some.

mod beside;
mod curve_svg;
mod lab;
mod measure;
mod origin;
mod rows;
mod statistics;
mod table;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Parser;

use crate::origin::Origin;
use crate::rows::{Measured, Subject};
use crate::table::Report;

/// What a measurement gives: its value, or why there is none.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser)]
#[command(
    name = "bench",
    about = "What governess costs, as ratios to named peers"
)]
enum Command {
    /// Prints the names of the subjects.
    List,
    /// Measures the named subjects, or all of them; fails if a target is missed.
    Run {
        /// Print one JSON document instead of the table
        #[arg(long)]
        json: bool,
        /// Draw the subjects `curve/SIZE` into this SVG file
        #[arg(long, value_name = "FILE")]
        curve: Option<PathBuf>,
        #[arg(value_name = "SUBJECT")]
        names: Vec<String>,
    },
    /// Measures one subject right here and prints it for the machine that asked; `run` calls this
    /// in the lab's guest.
    Guest { name: String },
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::List => {
            for subject in rows::ALL {
                println!("{}", subject.name);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { json, curve, names } => chosen(&names).and_then(|subjects| {
            let format = if json { Report::json } else { Report::text };
            let report = report(&subjects)?;
            if let Some(file) = curve {
                fs::write(&file, curve_svg::draw(&report.curve()))
                    .map_err(|error| format!("{}: {error}", file.display()))?;
            }
            println!("{}", format(&report)?);
            Ok(verdict(&report))
        }),
        Command::Guest { name } => chosen(&[name]).and_then(|subjects| {
            for subject in subjects {
                lab::answer(&(subject.measure)()?)?;
            }
            Ok(ExitCode::SUCCESS)
        }),
    };
    done.unwrap_or_else(|error| {
        eprintln!("bench: {error}");
        ExitCode::FAILURE
    })
}

fn chosen(names: &[String]) -> Outcome<Vec<&'static Subject>> {
    if names.is_empty() {
        return Ok(rows::ALL.iter().collect());
    }
    let find = |name: &String| {
        let found = rows::ALL.iter().find(|subject| subject.name == *name);
        found.ok_or_else(|| format!("no subject is called {name}; see --list").into())
    };
    names.iter().map(find).collect()
}

/// Measures one subject after the other. One that cannot be measured does not hide the others.
fn report(subjects: &[&Subject]) -> Outcome<Report> {
    let mut report = Report::new(Origin::find()?);
    for subject in subjects {
        eprintln!("bench: measuring {}", subject.name);
        let measured = match subject.place {
            rows::Place::Here => apart(subject.measure),
            rows::Place::Guest => lab::measure(subject.name),
        };
        match measured {
            Ok(measured) => report.add(subject.name, &measured)?,
            Err(error) => report.fail(subject.name, &error.to_string()),
        }
    }
    Ok(report)
}

/// On a thread of its own: what a subject binds to a core stays bound.
fn apart(measure: fn() -> Outcome<Measured>) -> Outcome<Measured> {
    let measured = thread::spawn(measure).join();
    measured.unwrap_or_else(|_| Err("the measurement panicked".into()))
}

fn verdict(report: &Report) -> ExitCode {
    let wrong = report.wrong();
    for line in &wrong {
        eprintln!("bench: {line}");
    }
    if wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
