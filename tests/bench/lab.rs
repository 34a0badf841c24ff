//! Measuring in the kernel lab: this same binary runs in the guest and prints its figures.

use std::env;
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::rows::Measured;

/// What the line with the figures begins with.
const MARK: &str = "bench-figures ";

/// Measures a subject in a fresh guest.
pub(crate) fn measure(name: &str) -> Outcome<Measured> {
    // Emulation keeps all cores busy: the priority that tests/bench/run gave us is taken back.
    let output = Command::new("nice")
        .args(["-n", "10", "tests/lab/run", "--exec"])
        .arg(env::current_exe()?)
        .args(["guest", name])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run tests/lab/run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let figures = said.lines().find_map(|line| line.strip_prefix(MARK));
    match figures {
        Some(figures) if output.status.success() => Ok(serde_json::from_str(figures)?),
        _ => Err(format!("the lab ended with {}: {}", output.status, said.trim()).into()),
    }
}

/// In the guest: hands the figures over.
pub(crate) fn answer(measured: &Measured) -> Outcome {
    println!("{MARK}{}", serde_json::to_string(measured)?);
    Ok(())
}
