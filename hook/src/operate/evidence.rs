//! What a check found, as keys of an event in the journal.

use serde_json::{Map, Value, json};
use shared::verdict::Verdict;

/// How much of a transcript is kept.
const LINES: usize = 40;
const LETTERS: usize = 300;

/// The key of the last reading that is noted of many alike.
pub const AND_SO_ON: &str = "and_so_on";

/// The key of what the operator asked for.
pub const ORDER: &str = "order";

/// The key of a weight that was written, or found set by hand.
pub const WEIGHT: &str = "weight";

/// The key of a file in the maintenance folder, and of whether it is there.
pub const FILE: &str = "file";

/// The key of findings that move no weight and have to be looked at all the same.
pub const ADVISORIES: &str = "advisories";

/// Everything that `why` shows.
pub fn full(check: &str, verdict: &Verdict) -> Map<String, Value> {
    let mut facts = short(check, verdict);
    let details = bounded(&verdict.details);
    let transcript = bounded(&verdict.transcript);
    facts.insert(
        "summary".to_owned(),
        json!(shared::text::cut(&verdict.summary, 1000)),
    );
    facts.insert("port".to_owned(), json!(verdict.port));
    facts.insert("details".to_owned(), json!(details));
    facts.insert("transcript".to_owned(), json!(transcript));
    let advisories = verdict.advisories.iter().map(|advisory| {
        let summary = shared::text::cut(&advisory.summary, LETTERS);
        json!({ "kind": advisory.kind, "summary": summary })
    });
    let advisories: Vec<Value> = advisories.collect();
    if !advisories.is_empty() {
        facts.insert(ADVISORIES.to_owned(), json!(advisories));
    }
    facts
}

/// What a streak is made of.
pub fn short(check: &str, verdict: &Verdict) -> Map<String, Value> {
    let facts = [
        ("check", json!(check)),
        ("condition", json!(verdict.condition)),
        ("kind", json!(verdict.kind)),
    ];
    facts
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// The first lines, each cut; what is left out is said.
fn bounded(lines: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = lines
        .iter()
        .take(LINES)
        .map(|line| shared::text::cut(line, LETTERS).to_owned())
        .collect();
    if lines.len() > LINES {
        kept.push(format!("… {} more lines", lines.len() - LINES));
    }
    kept
}
