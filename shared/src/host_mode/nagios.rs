//! Nagios, Icinga and their kin: `CHECK STATE: text | performance data`, then long text.

use super::{Answer, state};
use crate::text::{cut, one_line};
use crate::verdict::Verdict;

/// Line 1, performance data included, stays below what the narrowest transport (NRPE 2) carries.
const LINE_MOST: usize = 1000;
/// All output stays below the size at which monitoring cores may cut.
const OUTPUT_MOST: usize = 8000;
/// Performance data may take this much of line 1; the text has the rest.
const PERFDATA_MOST: usize = 600;

const WORDS: [&str; 4] = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];

pub(super) fn answer(verdict: &Verdict, verbosity: u8) -> Answer {
    let code = state(verdict.condition);
    let word = WORDS.get(usize::from(code)).unwrap_or(&"UNKNOWN");
    let perfdata = perfdata(verdict);
    let line = format!(
        "{} {word}: {}",
        one_line(&verdict.check.to_uppercase()),
        one_line(&verdict.summary)
    );
    let mut text = cut(&line, LINE_MOST - perfdata.len()).to_owned();
    text.push_str(&perfdata);
    text.push('\n');
    for line in long_text(verdict, verbosity) {
        let line = one_line(&line);
        let line = cut(&line, LINE_MOST);
        if text.len() + line.len() + 1 > OUTPUT_MOST {
            break;
        }
        text.push_str(line);
        text.push('\n');
    }
    Answer {
        stdout: text.into_bytes(),
        code,
    }
}

/// ` | label=value ...` with as many values as fit; nothing when there is none.
fn perfdata(verdict: &Verdict) -> String {
    let mut text = String::new();
    for value in &verdict.perfdata {
        let value = value.to_string();
        if value.is_empty() || text.len() + value.len() + 3 > PERFDATA_MOST {
            continue;
        }
        text.push_str(if text.is_empty() { " | " } else { " " });
        text.push_str(&value);
    }
    text
}

/// `-v` adds the details, `-vv` what the server told of itself, `-vvv` the bytes exchanged.
fn long_text(verdict: &Verdict, verbosity: u8) -> Vec<String> {
    let mut lines = Vec::new();
    if verbosity >= 1 {
        lines.extend(verdict.details.iter().cloned());
    }
    if verbosity >= 2 {
        let facts = verdict.facts.iter();
        lines.extend(facts.map(|(name, value)| format!("{name}: {value}")));
    }
    if verbosity >= 3 {
        lines.extend(verdict.transcript.iter().cloned());
    }
    lines
}
