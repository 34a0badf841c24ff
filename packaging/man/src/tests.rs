use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use super::*;
use hook::config::Config;

/// The text that a reader sees, hyphens as they are typed.
fn plain(source: &str) -> String {
    source
        .replace("\\-", "-")
        .replace("\\fB", "")
        .replace("\\fI", "")
        .replace("\\fR", "")
}

fn source_of(file: &str) -> String {
    let pages = pages();
    let page = pages.iter().find(|page| page.file == file);
    plain(&page.unwrap_or_else(|| panic!("no page {file}")).source)
}

/// Every option of a command and of the commands below it, as `--help` shows them.
fn long_options(command: &Command) -> BTreeSet<String> {
    let mut command = command.clone();
    let help = command.render_long_help().to_string();
    let mut options: BTreeSet<String> = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-'))
        .flat_map(|line| line.split([' ', ',', '=', '[']))
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .map(|word| word.trim_end_matches('.').to_owned())
        .collect();
    let below = command.get_subcommands().filter(|one| !one.is_hide_set());
    options.extend(below.flat_map(long_options).collect::<Vec<_>>());
    options
}

#[test]
fn every_program_has_its_page_with_every_option_of_its_help() {
    for command in commands() {
        let name = command.get_name();
        let section = if name == "governess" { 8 } else { 1 };
        let page = source_of(&format!("{name}.{section}"));
        let page = match section {
            // Options with a heading of their own follow in sections of their own.
            1 => page
                .split(".SH \"WHAT IT DOES\"")
                .next()
                .unwrap_or_default()
                .to_owned(),
            _ => page,
        };
        let options = long_options(&command);
        assert!(options.len() > 3, "{name}: {options:?}");
        for option in options {
            assert!(page.contains(&option), "{name}: {option}\n{page}");
        }
    }
}

#[test]
fn every_command_of_governess_is_in_its_page() {
    let page = source_of("governess.8");
    let command = hook::operate::cli::command();
    for one in command.get_subcommands().filter(|one| !one.is_hide_set()) {
        let heading = format!(".SS \"governess {}", one.get_name());
        assert!(page.contains(&heading), "{heading}\n{page}");
    }
    assert!(!page.contains("governess receive"), "{page}");
}

#[test]
fn the_page_of_a_plugin_holds_its_whole_manual() {
    let page = source_of("check_x224.1");
    for word in [
        ".SH \"WHAT IT DOES\"",
        ".SH \"VERDICTS\"",
        "failed    silent: accepted, and not one byte came",
        ".SH \"HOSTS\"",
    ] {
        assert!(page.contains(word), "{word}\n{page}");
    }
}

/// What the configuration's own parser knows at a place, from its answer to an unknown key.
#[track_caller]
fn keys_at(before: &str, after: &str) -> Vec<String> {
    let text = format!("{before}zzqqxx = 1{after}\n");
    let faults = Config::parse(Path::new("g.toml"), &text).expect_err("an unknown key");
    let told = faults.to_string();
    let (_, known) = told
        .split_once("known here: ")
        .unwrap_or_else(|| panic!("{text}: {told}"));
    let known = known.lines().next().unwrap_or_default();
    known.split(", ").map(|key| key.trim().to_owned()).collect()
}

/// What stands in a section of the page, up to the next one.
#[track_caller]
fn section(page: &str, heading: &str) -> String {
    let begin = format!(".SH \"{heading}\"\n");
    let (_, rest) = page
        .split_once(&begin)
        .unwrap_or_else(|| panic!("no section {heading}"));
    rest.split(".SH ").next().unwrap_or_default().to_owned()
}

#[test]
fn every_key_that_the_parser_knows_is_described() {
    let page = source_of("governess.toml.5");
    for (before, after, heading) in [
        ("[director]\n", "", "[director]"),
        ("[checks.a]\n", "", "[checks.<NAME>]"),
        ("[checks.a]\nx224 = { ", " }", "x224 = { ... }"),
        ("[checks.a]\ntcp = { ", " }", "tcp = { ... }"),
        ("[checks.a]\nsmtp = { ", " }", "smtp = { ... }"),
        ("[checks.a]\nowa = { ", " }", "owa = { ... }"),
        ("[watch.a]\ndns = { ", " }", "dns = { ... }"),
        ("[servers.a]\n", "", "[servers.<NAME>]"),
        ("[servers.a]\nmanagement = { ", " }", "management = { ... }"),
        ("[services.a]\n", "", "[services.<NAME>]"),
        (
            "[services.a]\nsorry_server = { ",
            " }",
            "sorry_server = { ... }",
        ),
        ("[nat]\n", "", "[nat]"),
        ("[pair]\n", "", "[pair]"),
        ("[keepalived]\n", "", "[keepalived]"),
        ("[alert]\n", "", "[alert]"),
        ("[alert]\nmail = { ", " }", "mail = { ... }"),
        ("[nagios]\n", "", "[nagios]"),
        ("[icinga]\n", "", "[icinga]"),
    ] {
        let described = section(&page, heading);
        for key in keys_at(before, after) {
            let line = format!("\n.B {key}\n");
            assert!(described.contains(&line), "{heading}: {key}\n{described}");
        }
    }
    for key in keys_at("", "") {
        let heading = format!(".SH \"[{key}");
        assert!(page.contains(&heading), "{key}");
    }
}

#[test]
fn the_example_of_the_page_is_a_configuration() {
    let page = source_of("governess.toml.5");
    let example = section(
        &format!("{}\n", page.replace(".SH EXAMPLE", ".SH \"EXAMPLE\"")),
        "EXAMPLE",
    );
    let (_, example) = example.split_once(".nf\n").expect("an example");
    let (example, _) = example.split_once(".fi").expect("its end");
    let config = Config::parse(Path::new("page.toml"), example).expect("it passes verify");
    let original = include_str!("../../examples/original.toml");
    let original = Config::parse(Path::new("original.toml"), original).expect("it passes verify");
    assert_eq!(config.servers, original.servers);
    assert_eq!(config.checks, original.checks);
}

/// groff tells what it does not understand, with `-ww`.
#[test]
fn the_formatter_has_nothing_to_say_against_any_page() {
    for page in pages() {
        let mut groff = Process::new("groff")
            .args(["-man", "-ww", "-Tutf8", "-z", "-K", "utf8"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("groff; tests/install-test-needs installs it");
        let mut stdin = groff.stdin.take().expect("piped");
        std::io::Write::write_all(&mut stdin, page.source.as_bytes()).expect("taken");
        drop(stdin);
        let output = groff.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{}: {said}",
            page.file
        );
    }
}

#[test]
fn pages_and_completions_are_written_where_packages_take_them_from() {
    let folder = std::env::temp_dir().join(format!("governess-man-{}", std::process::id()));
    write_to(&folder).expect("written");
    for file in [
        "man8/governess.8",
        "man5/governess.toml.5",
        "man1/check_x224.1",
        "man1/check_director.1",
        "completions/bash/governess.bash",
        "completions/zsh/_governess",
        "completions/fish/check_owa.fish",
    ] {
        let length = std::fs::metadata(folder.join(file)).map(|file| file.len());
        assert!(length.is_ok_and(|length| length > 200), "{file}");
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}
