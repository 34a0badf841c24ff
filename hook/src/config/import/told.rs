//! What the importer has to say about a file, line by line.

use std::fmt;

/// Something about one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// In words.
    pub words: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.words),
            line => write!(f, "line {line}: {}", self.words),
        }
    }
}

/// Remarks and refusals as they are collected.
#[derive(Clone, Debug, Default)]
pub struct Told {
    remarks: Vec<Remark>,
    refusals: Vec<Remark>,
}

impl Told {
    /// Notes what was not carried over, was changed, or never worked.
    pub(super) fn note(&mut self, line: usize, words: impl Into<String>) {
        self.remarks.push(remark(line, words.into()));
    }

    /// Notes what cannot be understood; the import fails, after the whole file was read.
    pub(super) fn refuse(&mut self, line: usize, words: impl Into<String>) {
        self.refusals.push(remark(line, words.into()));
    }

    pub(super) fn refuses(&self) -> bool {
        !self.refusals.is_empty()
    }

    /// The remarks in the order of the lines, or the refusals.
    pub(super) fn conclude(mut self) -> Result<Vec<Remark>, Vec<Remark>> {
        self.remarks.sort();
        self.remarks.dedup();
        self.refusals.sort();
        self.refusals.dedup();
        if self.refusals.is_empty() {
            Ok(self.remarks)
        } else {
            Err(self.refusals)
        }
    }
}

/// One remark, on one line of a comment: no control character of the file gets through, and no
/// value that is too long to read.
fn remark(line: usize, words: String) -> Remark {
    const LONGEST: usize = 400;
    let mut words: String = words
        .chars()
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect();
    if words.len() > LONGEST {
        words.truncate(shared::text::cut(&words, LONGEST).len());
        words.push('…');
    }
    Remark { line, words }
}

/// The same remarks about the file of packet filter rules.
pub(super) fn of_the_rules(remarks: Vec<Remark>) -> Vec<Remark> {
    remarks
        .into_iter()
        .map(|told| remark(0, format!("packet filter rules, {told}")))
        .collect()
}
