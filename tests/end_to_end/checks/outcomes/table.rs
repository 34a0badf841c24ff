//! The table as the manual shows it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use super::outcome::Outcome;
use crate::host::{MODES, Said};

/// What a host was told in one cell.
pub(super) struct Told {
    /// stdout in short, and the exit code.
    pub(super) shown: String,
    pub(super) took: Duration,
    /// What was expected instead.
    pub(super) wrong: Option<String>,
}

/// The beginning of stdout that tells the state, and the exit code.
pub(super) fn shown(said: &Said) -> String {
    let text = said.text();
    let line = text.lines().next().unwrap_or_default();
    let word = match line.split_once(':') {
        Some((state, _)) if line.starts_with("X224 ") || line.starts_with("AD_DNS ") => {
            format!("`{state}:…` ")
        }
        _ if line.starts_with('{') => {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            format!("`{}` ", line["condition"].as_str().unwrap_or("?"))
        }
        _ if line.is_empty() => String::new(),
        _ if line.len() > 4 => "text ".to_owned(),
        _ => format!("`{line}` "),
    };
    let end = match (said.output.status.code(), said.output.status.signal()) {
        (Some(code), _) => code.to_string(),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    };
    word + &end
}

/// Prints the table past the test harness, which would keep the words of a test that passes.
/// Depths that make no difference share a row.
pub(super) fn print(outcomes: &[Outcome], told: &[(usize, usize, Told)]) {
    let mut text = String::from("\n| outcome | checked |");
    for mode in &MODES {
        let _ = write!(text, " {} |", mode.name);
    }
    let _ = writeln!(text, "\n{}", "|---".repeat(MODES.len() + 2) + "|");
    let rows: Vec<Row> = (0..outcomes.len())
        .map(|row| Row::of(row, outcomes, told))
        .collect();
    for same in rows.chunk_by(Row::says_the_same_as) {
        let depths: Vec<_> = same.iter().map(|row| row.depth).collect();
        let _ = write!(text, "| {} | {} |", same[0].name, depths.join(", "));
        for mode in 0..MODES.len() {
            let took = same.iter().map(|row| row.took[mode]).max();
            let took = took.filter(|took| *took > Duration::from_millis(950));
            let took = took.map(|took| format!(", {:.1} s", took.as_secs_f64()));
            let _ = write!(
                text,
                " {}{} |",
                same[0].cells[mode],
                took.unwrap_or_default()
            );
        }
        text.push('\n');
    }
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

struct Row {
    name: &'static str,
    depth: &'static str,
    cells: Vec<String>,
    took: Vec<Duration>,
}

impl Row {
    fn of(row: usize, outcomes: &[Outcome], told: &[(usize, usize, Told)]) -> Self {
        let told = |mode| {
            let cell = told.iter().find(|cell| (cell.0, cell.1) == (row, mode));
            cell.map(|(_, _, told)| told)
        };
        let shown = |mode| match told(mode) {
            None => "not played".to_owned(),
            Some(told) if told.wrong.is_some() => format!("WRONG {}", told.shown),
            Some(told) => told.shown.clone(),
        };
        let took = |mode| told(mode).map_or(Duration::ZERO, |told| told.took);
        Self {
            name: outcomes[row].name,
            depth: match outcomes[row].depth {
                "" => "X.224",
                super::dns::CHECKED => "DNS",
                _ => "TLS",
            },
            cells: (0..MODES.len()).map(shown).collect(),
            took: (0..MODES.len()).map(took).collect(),
        }
    }

    fn says_the_same_as(&self, other: &Self) -> bool {
        self.name == other.name && self.cells == other.cells
    }
}
