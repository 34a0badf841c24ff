//! The object files of monitoring cores name every option that the plugins have, and no other.

use std::collections::BTreeMap;
use std::process::Command;

use crate::built::{program, root, text};

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    AValue,
}

type Options = BTreeMap<String, Takes>;

/// Every check of the suite, by the files of their binaries.
fn checks() -> Vec<String> {
    let folder = root().join("plugins/src/bin");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        path.file_stem().unwrap().to_string_lossy().into_owned()
    });
    names.collect()
}

/// The long options in a plugin's `--help`. Help and version are nobody's to ask in a service.
fn of_help(check: &str) -> Options {
    let output = Command::new(program(check)).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let option = |line: &str| {
        let rest = line.strip_prefix("  ")?;
        let rest = match rest.strip_prefix("    ") {
            Some(long_alone) => long_alone,
            None => rest.strip_prefix('-')?.get(3..)?,
        };
        let rest = rest.strip_prefix("--")?;
        let end = rest
            .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
            .unwrap_or(rest.len());
        let takes = if rest.contains('<') || rest.contains("[<") {
            Takes::AValue
        } else {
            Takes::Nothing
        };
        Some((rest[..end].to_owned(), takes))
    };
    let (_, list) = help.split_once("\nOptions:\n").expect("a list of options");
    let list = list.split("WHAT IT DOES").next().unwrap_or(list);
    let mut options: Options = list.lines().filter_map(option).collect();
    for own in ["help", "version"] {
        assert!(options.remove(own).is_some(), "{check} --help: {help}");
    }
    options
}

/// `"--name" = "$…$"` or `"--name" = { set_if = … }` of one CheckCommand.
fn of_icinga(file: &str, check: &str) -> Options {
    let begin = format!("object CheckCommand \"{check}\" {{");
    let Some((_, object)) = file.split_once(&begin) else {
        return Options::new();
    };
    let object = object.split("\n}").next().unwrap();
    let option = |line: &str| {
        let (name, rest) = line.trim().strip_prefix("\"--")?.split_once("\" = ")?;
        let takes = if rest.contains("set_if") {
            Takes::Nothing
        } else {
            Takes::AValue
        };
        Some((name.to_owned(), takes))
    };
    object.lines().filter_map(option).collect()
}

/// The options in the comment before a command, and in its line.
fn of_nagios(file: &str, check: &str) -> Vec<String> {
    let name = format!("command_name  {check}\n");
    let Some(at) = file.find(&name) else {
        return Vec::new();
    };
    let begin = file[..at].rfind("\n\n").unwrap_or(0);
    let end = file[at..].find('}').map_or(file.len(), |end| at + end);
    let words = file[begin..end].split_whitespace();
    let mut options: Vec<String> = words
        .filter_map(|word| word.strip_prefix("--"))
        .map(|word| word.split('=').next().unwrap_or(word).to_owned())
        .collect();
    options.sort();
    options.dedup();
    options
}

/// An object as it should be, to be put into the file.
fn proposal(check: &str, options: &Options) -> String {
    let prefix = check.trim_start_matches("check_");
    let mut text = format!(
        "object CheckCommand \"{check}\" {{\n  command = [ PluginDir + \"/{check}\" ]\n  arguments = {{\n"
    );
    for (name, takes) in options {
        let variable = format!("${prefix}_{}$", name.replace('-', "_"));
        text += &match takes {
            Takes::AValue => format!("    \"--{name}\" = \"{variable}\"\n"),
            Takes::Nothing => format!("    \"--{name}\" = {{ set_if = \"{variable}\" }}\n"),
        };
    }
    text + "  }\n}\n"
}

#[test]
fn icingas_commands_have_every_option_of_every_check() {
    let file = text("packaging/icinga2/governess.conf");
    for check in checks() {
        let options = of_help(&check);
        assert!(options.len() > 10, "{check}: {options:?}");
        assert_eq!(
            of_icinga(&file, &check),
            options,
            "packaging/icinga2/governess.conf should say:\n{}",
            proposal(&check, &options)
        );
    }
}

#[test]
fn nagioss_commands_name_every_option_of_every_check() {
    let file = text("packaging/nagios/governess.cfg");
    for check in checks() {
        let options: Vec<String> = of_help(&check).into_keys().collect();
        assert_eq!(
            of_nagios(&file, &check),
            options,
            "packaging/nagios/governess.cfg: {check}"
        );
    }
}
