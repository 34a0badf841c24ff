//! Two lists of decisions side by side.

use std::fmt::Write;

use super::Decision;

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Done then, and done again.
    Same(Decision),
    /// Done then, and not by this configuration.
    DoneOnly(Decision),
    /// Not done then.
    WouldOnly(Decision),
}

/// What was done and what would have been done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// In the order of time.
    pub rows: Vec<Row>,
}

impl Comparison {
    /// How many decisions differ.
    pub fn differences(&self) -> usize {
        let differs = |row: &&Row| !matches!(row, Row::Same(_));
        self.rows.iter().filter(differs).count()
    }

    /// The page for a terminal.
    pub fn page(&self) -> String {
        let mut page = String::new();
        for row in &self.rows {
            let (decision, mark) = match row {
                Row::Same(decision) => (decision, "both       "),
                Row::DoneOnly(decision) => (decision, "only done  "),
                Row::WouldOnly(decision) => (decision, "only would "),
            };
            let _ = writeln!(page, "{} {mark} {}", decision.ts, decision.words);
        }
        let _ = match self.differences() {
            0 => writeln!(page, "identical: {} decisions", self.rows.len()),
            1 => writeln!(page, "1 difference in {} decisions", self.rows.len()),
            many => writeln!(page, "{many} differences in {} decisions", self.rows.len()),
        };
        page
    }
}

/// A decision's match is looked for among so many of the other side's next ones.
const WINDOW: usize = 64;

/// Puts two lists side by side: what is on both comes together, the order of each is kept.
pub(super) fn compare(done: Vec<Decision>, would: Vec<Decision>) -> Comparison {
    let (mut left, mut right) = (&done[..], &would[..]);
    let mut rows = Vec::new();
    while let (Some(first), Some(second)) = (left.first(), right.first()) {
        if first.words == second.words {
            rows.push(Row::Same(first.clone()));
            (left, right) = (&left[1..], &right[1..]);
            continue;
        }
        let ahead = |list: &[Decision], words: &str| {
            list.iter()
                .take(WINDOW)
                .position(|decision| decision.words == words)
        };
        // The side whose first decision has its match farther away goes alone.
        let (in_would, in_done) = (ahead(right, &first.words), ahead(left, &second.words));
        let left_goes = match (in_would, in_done) {
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (Some(a), Some(b)) => a >= b,
            (None, None) => first.ts <= second.ts,
        };
        if left_goes {
            rows.push(Row::DoneOnly(first.clone()));
            left = &left[1..];
        } else {
            rows.push(Row::WouldOnly(second.clone()));
            right = &right[1..];
        }
    }
    rows.extend(left.iter().cloned().map(Row::DoneOnly));
    rows.extend(right.iter().cloned().map(Row::WouldOnly));
    Comparison { rows }
}
