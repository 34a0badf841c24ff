//! `packaging/install` into a folder, as a package is made.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What names programs by their paths.
const FRAGMENTS: [&str; 6] = [
    "systemd",
    "keepalived",
    "ldirectord",
    "nagios",
    "icinga2",
    "piranha",
];

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")
}

fn install(words: &[&str]) -> Output {
    Command::new(packaging().join("install"))
        .args(words)
        .output()
        .expect("it starts")
}

/// Every file and link below a folder, as if the folder were the root.
fn files_below(root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_below(root, &path, found);
        } else {
            let below = path.strip_prefix(root).expect("below the root");
            found.insert(format!("/{}", below.display()));
        }
    }
}

/// The programs of ours that a file names by their paths.
fn named_in(text: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "/_.".contains(letter);
    let words = text.split(|letter| !is_part(letter));
    let ours = |word: &&str| {
        word.starts_with("/usr/sbin/governess")
            || word.starts_with("/usr/lib/nagios/plugins/check_x224")
            || word.starts_with("/usr/lib/nagios/plugins/check_director")
    };
    words.filter(ours).map(str::to_owned).collect()
}

#[test]
fn what_is_said_to_be_installed_is_and_again_over_what_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().to_str().expect("a name in UTF-8");
    for _ in 0..2 {
        let output = install(&[into]);
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        let said: BTreeSet<String> = said.lines().map(str::to_owned).collect();
        let mut found = BTreeSet::new();
        files_below(folder.path(), folder.path(), &mut found);
        assert_eq!(said, found);
    }
    for program in ["sbin/governess", "lib/nagios/plugins/check_exchange"] {
        let output = Command::new(folder.path().join("usr").join(program))
            .arg("--version")
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{output:?}");
    }
    // nanny believes exactly two words and no exit code.
    let by_name = folder
        .path()
        .join("usr/lib/nagios/plugins/check_x224.nanny");
    let refused = Command::new(by_name)
        .args(["-H", "127.0.0.1", "-p", "1"])
        .output()
        .expect("it starts");
    assert_eq!(
        (refused.status.code(), &refused.stdout[..]),
        (Some(0), &b"FAIL\n"[..])
    );
}

#[test]
fn every_program_that_a_file_for_a_host_names_is_installed_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = install(&[folder.path().to_str().expect("a name in UTF-8")]);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let installed: BTreeSet<&str> = said.lines().collect();
    let mut named = 0;
    for fragment in FRAGMENTS {
        for entry in fs::read_dir(packaging().join(fragment)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let text = fs::read_to_string(&path).expect("a text");
            for program in named_in(&text) {
                named += 1;
                assert!(
                    installed.contains(program.as_str()),
                    "{}: {program}",
                    path.display()
                );
            }
        }
    }
    assert!(named > 10, "only {named} were found");
}

#[test]
fn an_option_that_it_does_not_know_installs_nothing() {
    let output = install(&["--prefix"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(output.stdout.is_empty(), "{output:?}");
    let usage = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(usage.contains("packaging/install FOLDER"), "{usage}");
}
