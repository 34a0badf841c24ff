//! Lines of `lvs.cf` as statements: blanks between words, one level of quotes without escapes.

use std::net::Ipv4Addr;

use crate::config::import::text::Line;
use crate::config::import::told::Told;

/// More words on a line are an error of Piranha itself.
const MOST_WORDS: usize = 100;

/// One word; `quote` is what it stood in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) quote: Option<char>,
}

/// One line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) line: usize,
    pub(super) words: Vec<Word>,
}

/// The statements of a file, one after the other.
pub(super) type Statements = std::vec::IntoIter<Statement>;

impl Statement {
    pub(super) fn key(&self) -> &str {
        self.word(0)
    }

    pub(super) fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |word| &word.text)
    }

    /// Whether it begins a block.
    pub(super) fn opens(&self) -> bool {
        self.words.len() > 1 && self.words.last().is_some_and(|word| word.text == "{")
    }

    /// The values after `=`, exactly `N` of them; tells if it is otherwise.
    pub(super) fn values<const N: usize>(&self, told: &mut Told) -> Option<[&str; N]> {
        let key = self.key();
        if self.word(1) != "=" {
            told.refuse(
                self.line,
                format!("{key}: \"=\" with a blank on both sides is expected"),
            );
            return None;
        }
        let values: Vec<&str> = self.words[2..]
            .iter()
            .map(|word| word.text.as_str())
            .collect();
        match values.try_into() {
            Ok(values) => Some(values),
            Err(values) if values.len() < N => {
                told.refuse(self.line, format!("{key}: a value is missing"));
                None
            }
            Err(_) => {
                told.refuse(
                    self.line,
                    format!("{key}: unexpected arguments; quote a value that has blanks with \""),
                );
                None
            }
        }
    }
}

/// Splits the lines; comments and empty lines are left out.
pub(super) fn statements(lines: &[Line<'_>], told: &mut Told) -> Statements {
    let mut statements = Vec::new();
    for line in lines {
        let text = line.text.trim_matches([' ', '\t', '\r']);
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match words(text) {
            Ok(words) if words.len() > MOST_WORDS => {
                told.refuse(
                    line.number,
                    format!("more than {MOST_WORDS} words on a line"),
                );
            }
            Ok(words) => statements.push(Statement {
                line: line.number,
                words,
            }),
            Err(words) => told.refuse(line.number, words),
        }
    }
    statements.into_iter()
}

fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let quote = rest
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\''));
        let (word, after) = match quote {
            Some(quote) => rest[1..]
                .split_once(quote)
                .ok_or_else(|| format!("the quote {quote} is not closed"))?,
            None => rest.split_at(rest.find([' ', '\t']).unwrap_or(rest.len())),
        };
        words.push(Word {
            text: word.to_owned(),
            quote,
        });
        rest = after.trim_start_matches([' ', '\t']);
    }
    Ok(words)
}

/// An IPv4 address; names are not resolved.
pub(super) fn address(word: &str, line: usize, told: &mut Told) -> Option<Ipv4Addr> {
    let address = word.parse().ok();
    if address.is_none() {
        told.refuse(
            line,
            format!("\"{word}\" is not an IPv4 address; names are not resolved"),
        );
    }
    address
}

/// A number as `strtol` reads it: decimal, `0x…` or octal with a leading 0.
pub(super) fn number(word: &str, line: usize, told: &mut Told) -> Option<u64> {
    let read = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None if word.len() > 1 && word.starts_with('0') => u64::from_str_radix(word, 8),
        None => word.parse(),
    };
    if read.is_err() {
        told.refuse(line, format!("\"{word}\" is not a number"));
    }
    read.ok()
}

/// A boolean is 0 or 1.
pub(super) fn boolean(word: &str, line: usize, told: &mut Told) -> Option<bool> {
    match word {
        "0" => Some(false),
        "1" => Some(true),
        _ => {
            told.refuse(line, format!("\"{word}\" is neither 0 nor 1"));
            None
        }
    }
}

/// A netmask as a prefix length.
pub(super) fn prefix(mask: Ipv4Addr, line: usize, told: &mut Told) -> u8 {
    let bits = u32::from(mask);
    let length = bits.leading_ones();
    if length + bits.trailing_zeros() != 32 {
        told.note(line, format!("{mask} is not a netmask; /{length} is taken"));
    }
    u8::try_from(length).unwrap_or(32)
}

/// The interface of an alias such as `eth0:1`.
pub(super) fn unalias(device: &str, line: usize, told: &mut Told) -> String {
    match device.split_once(':') {
        Some((interface, _)) => {
            told.note(
                line,
                format!(
                    "{device} is a label of ifconfig on {interface}: the address goes to \
                     {interface}; a packet filter rule with -i {device} never matched"
                ),
            );
            interface.to_owned()
        }
        None => device.to_owned(),
    }
}
