//! The page of `governess`: every command with its options.

use clap::Command;

use crate::Page;
use crate::page::{escaped, heading, options, paragraph, title};

/// What the page says behind the options.
const REST: &str = include_str!("../governess.8.rest");

pub(crate) fn page() -> Page {
    let command = hook::operate::cli::command();
    let about = command.get_about().map(ToString::to_string);
    let about = about.unwrap_or_default();
    let about = about.strip_prefix("governess: ").unwrap_or(&about);
    let mut source = title("governess", 8, about);
    source += &heading("SH", "SYNOPSIS");
    source += &escaped("governess [-c FILE] COMMAND");
    source.push('\n');
    source += &heading("SH", "OPTIONS");
    source += &options(&command);
    source += &heading("SH", "COMMANDS");
    source += &commands("governess", &command);
    source += REST;
    Page {
        file: "governess.8".to_owned(),
        source,
    }
}

fn commands(before: &str, command: &Command) -> String {
    let visible = command.get_subcommands().filter(|one| !one.is_hide_set());
    visible.map(|one| described(before, one)).collect()
}

fn described(before: &str, command: &Command) -> String {
    let called = format!("{before} {}", command.get_name());
    let usage = command.clone().bin_name(&called).render_usage();
    let usage = usage.to_string().replace("Usage: ", "");
    let about = command.get_long_about().or_else(|| command.get_about());
    let mut source = heading("SS", usage.trim());
    if let Some(about) = about {
        source += &paragraph(&about.to_string());
    }
    source += &options(&command.clone().disable_help_flag(true));
    source + &commands(&called, command)
}
