//! The page of a plugin: its usage, its options, and its part of `--help`.

use clap::Command;
use shared::cli::Plugin;

use crate::Page;
use crate::page::{as_it_stands, escaped, heading, options, title};

/// What a plugin says of itself.
pub(crate) struct Told {
    pub(crate) command: Command,
    usage: &'static str,
    manual: &'static str,
}

pub(crate) fn all() -> Vec<Told> {
    vec![
        told::<plugins::x224::Arguments>(),
        told::<plugins::smtp::Arguments>(),
        told::<plugins::owa::Arguments>(),
        told::<plugins::ad_dns::Arguments>(),
        told::<plugins::exchange::Arguments>(),
        told::<plugins::director::Arguments>(),
    ]
}

fn told<P: Plugin>() -> Told {
    Told {
        command: P::command(),
        usage: P::USAGE,
        manual: P::MANUAL,
    }
}

pub(crate) fn page(told: &Told) -> Page {
    let name = told.command.get_name();
    let about = told.command.get_about().map(ToString::to_string);
    let mut source = title(name, 1, &about.unwrap_or_default());
    source += &heading("SH", "SYNOPSIS");
    source += &as_it_stands(told.usage);
    source += &heading("SH", "OPTIONS");
    source += &options(&told.command);
    source += &manual(told.manual);
    source += &manual(shared::cli::HOSTS);
    source += &heading("SH", "SEE ALSO");
    source += &format!(
        "{}(8), {}(5)\n",
        escaped("governess"),
        escaped("governess.toml")
    );
    Page {
        file: format!("{name}.1"),
        source,
    }
}

/// A text of `--help`: lines in capitals are headings, all others stand as they are.
fn manual(text: &str) -> String {
    let is_heading = |line: &str| {
        line.starts_with(|c: char| c.is_ascii_uppercase()) && line == line.to_uppercase()
    };
    let mut source = String::new();
    let mut part = String::new();
    for line in text.lines() {
        if is_heading(line) {
            source += &end(&mut part);
            source += &heading("SH", line);
        } else {
            part += line.strip_prefix("  ").unwrap_or(line);
            part.push('\n');
        }
    }
    source + &end(&mut part)
}

fn end(part: &mut String) -> String {
    let text = std::mem::take(part);
    match text.trim() {
        "" => String::new(),
        _ => as_it_stands(&text),
    }
}
