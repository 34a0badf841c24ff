//! What is wrong with a configuration file, where, and what to write instead.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One fault of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where: byte range in the text; empty for a fault of the whole file.
    pub span: Range<usize>,
    /// What is wrong, in words that name the key and the value.
    pub message: String,
    /// What to do about it.
    pub suggestion: Option<String>,
}

impl Fault {
    /// A fault at a place of the file.
    pub fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            suggestion: None,
        }
    }

    /// The same fault with a word on what to do.
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

/// Everything that is wrong with a file, in the order of its lines.
#[derive(Debug)]
pub struct Faults {
    path: PathBuf,
    text: String,
    faults: Vec<Fault>,
}

impl Faults {
    /// The faults of `text`, which was read from `path`.
    pub fn new(path: &Path, text: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.span.start);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            faults,
        }
    }

    /// A file that could not be read at all, or holds nothing.
    pub fn unreadable(path: &Path, message: impl Into<String>) -> Self {
        Self::new(path, "", vec![Fault::at(0..0, message)])
    }

    fn write_one(&self, f: &mut fmt::Formatter<'_>, fault: &Fault) -> fmt::Result {
        if self.text.is_empty() {
            write!(f, "{}: {}", self.path.display(), fault.message)?;
        } else {
            let (line, column, words) = locate(&self.text, fault.span.start);
            write!(
                f,
                "{}:{line}:{column}: {}",
                self.path.display(),
                fault.message
            )?;
            write!(f, "\n    {line} | {}", words.trim_end())?;
        }
        match &fault.suggestion {
            Some(suggestion) => write!(f, "\n    {suggestion}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            self.write_one(f, fault)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Line and column (both from 1) of a byte offset, and that line's text.
fn locate(text: &str, offset: usize) -> (usize, usize, &str) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let (before, _) = text.split_at(offset);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before[start..].chars().count() + 1;
    (line, column, text[start..].lines().next().unwrap_or(""))
}

/// The word among `known` that was probably meant by `written`.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (distance(written, word), word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Edits between two words: insertions, deletions, substitutions, and swaps of neighbours.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut cost = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            cost[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let substituted = cost[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
                substituted.min(cost[i - 1][j] + 1).min(cost[i][j - 1] + 1)
            };
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                cost[i][j] = cost[i][j].min(cost[i - 2][j - 2] + 1);
            }
        }
    }
    cost[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_file_line_column_and_the_words() {
        let text = "[checks.rdp]\nrise = 0\n";
        let fault = Fault::at(20..21, "rise is 0").suggest("write rise = 1");
        let shown = Faults::new(Path::new("g.toml"), text, vec![fault]).to_string();
        assert_eq!(
            shown,
            "g.toml:2:8: rise is 0\n    2 | rise = 0\n    write rise = 1"
        );
    }

    #[test]
    fn the_nearest_word_is_suggested_and_a_far_one_is_not() {
        let known = ["interval", "timeout", "fall"];
        assert_eq!(nearest("intervall", known), Some("interval"));
        assert_eq!(nearest("timout", known), Some("timeout"));
        assert_eq!(nearest("colour", known), None);
    }
}
