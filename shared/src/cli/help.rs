//! What `-h` and `--help` say.
//!
//! `-h`, like a usage error, shows the usage alone, which fits on a screen of 80 by 23 (Monitoring
//! Plugins development guidelines); `--help` adds every option, the verdicts and examples.

use clap::Command;

use super::Plugin;

/// The columns of a terminal.
const COLUMNS: usize = 80;

/// What the usage of every plugin ends with.
const COMMON_USAGE: &str = "         [-t SEC[:STATE]] [-w RANGE] [-c RANGE] [--enforce CLASS,...]
         [-4 | -6] [--source-address ADDRESS] [-v...]
         [-m HOST] [--weight 1..253] [--on-unknown fail|ok]
         [--extra-opts[=[SECTION][@FILE]]]";

/// The beginning of every plugin's manual.
const SET_BY_HAND: &str = "WHAT IT DOES";

/// What the help of every plugin ends with.
pub const HOSTS: &str = include_str!("hosts.txt");

/// The parser of `P` with the texts of this module.
pub(super) fn command<P: Plugin>() -> Command {
    let name = format!("check_{}", P::NAME);
    let usage = format!(
        "{}\n{COMMON_USAGE}\n       {name} -m ldirectord VIP|FWM VPORT RIP RPORT\n       \
         {name} -h | --help | -V",
        P::USAGE.trim_end()
    );
    P::command()
        .mut_args(|option| option.hide_short_help(true))
        .override_usage(usage)
        .after_long_help(format!("{}\n{HOSTS}", P::MANUAL))
}

/// `text` with its long lines broken, what follows indented as the line is. Lines that a human has
/// set are left alone.
pub(super) fn wrapped(text: &str) -> String {
    let (options, set_by_hand) = match text.find(SET_BY_HAND) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut wrapped: String = options.lines().flat_map(wrap).collect();
    wrapped.push_str(set_by_hand);
    wrapped
}

/// The line, or more of them, each with its end.
fn wrap(line: &str) -> Vec<String> {
    if line.chars().count() <= COLUMNS {
        return vec![format!("{line}\n")];
    }
    let text = line.trim_start();
    let indent = " ".repeat(line.len() - text.len());
    let mut lines = vec![indent.clone()];
    // Of several blanks in a row each but the first is an empty word, and stays.
    for word in text.split(' ') {
        let fits = |last: &String| last.chars().count() + 1 + word.chars().count() <= COLUMNS;
        match lines.last_mut() {
            Some(last) if last.trim().is_empty() => last.push_str(word),
            Some(last) if fits(last) => last.extend([" ", word]),
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words_and_indented_alike() {
        let word = "x".repeat(30);
        let broken = format!("  {word} {word}\n  {word}\n");
        assert_eq!(wrapped(&format!("  {word} {word} {word}\n")), broken);
        assert_eq!(wrapped("  a  table\n\n"), "  a  table\n\n");
    }

    #[test]
    fn what_a_human_has_set_stays_as_it_is() {
        let text = format!("{SET_BY_HAND}\n  {}\n", "a line ".repeat(20));
        assert_eq!(wrapped(&text), text);
    }
}
