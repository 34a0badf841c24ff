use std::path::Path;

use super::*;
use crate::config::Config;

mod any_input;
mod carried_over;
mod never_worked;
mod original;
mod refusals;
mod round_trip;

/// The configuration that an import gives, judged as `verify` does.
#[track_caller]
fn config(imported: &Imported) -> Config {
    let text = &imported.toml;
    match Config::parse(Path::new("imported.toml"), text) {
        Ok(config) => config,
        Err(faults) => panic!("{faults}\n{text}"),
    }
}

#[track_caller]
fn imported(file: &str) -> Imported {
    import(file.as_bytes(), None, None).unwrap_or_else(|refusals| panic!("{refusals:?}\n{file}"))
}

/// What is said of one line.
fn said_of(imported: &Imported, line: usize) -> String {
    let remarks = imported.remarks.iter().filter(|remark| remark.line == line);
    remarks
        .map(|remark| remark.words.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_remark_stands_at_the_head_of_the_file() {
    let imported = imported(include_str!(
        "../../../../../packaging/examples/original.lvs.cf"
    ));
    assert!(imported.remarks.len() > 20);
    for remark in &imported.remarks {
        assert!(
            imported.toml.contains(&format!("# - {remark}\n")),
            "{remark}"
        );
    }
}

#[test]
fn the_program_is_known_by_its_file() {
    for (file, format) in [
        (
            include_str!("../../../../../packaging/examples/original.lvs.cf"),
            Some(Format::Piranha),
        ),
        (
            "# c\nchecktimeout=3\nvirtual=192.168.6.2:80\n",
            Some(Format::Ldirectord),
        ),
        ("virtual=1\n", Some(Format::Ldirectord)),
        ("-A -f 80 -s wlc\n", Some(Format::Ipvsadm)),
        (
            "! Configuration File\nglobal_defs {\n}\n",
            Some(Format::Keepalived),
        ),
        ("virtual_server fwmark 1 {\n", Some(Format::Keepalived)),
        ("", None),
        ("[director]\n", None),
    ] {
        let lines = text::lines(file.as_bytes()).unwrap();
        assert_eq!(guess(&lines), format, "{file}");
    }
}
