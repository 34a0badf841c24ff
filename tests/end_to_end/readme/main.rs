//! Every command that the README shows, run as it stands there.
//!
//! Servers and files that the commands name are put in place of the README's: 10.0.1.1 is a
//! look-alike on loopback. What only the kernel lab can run (`plan`, `run`, `status`, `sessions`
//! of a real director) is told apart by name, so that no new command slips through.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lookalike::rdp::Rdp;

/// Run by the kernel lab, or by the tests themselves.
const ELSEWHERE: [&str; 9] = [
    "packaging/quickstart",
    "tests/run",
    "governess plan",
    "governess run",
    "governess status",
    "governess sessions",
    "governess drain",
    "governess enable",
    "governess replay",
];

/// What each command of the README must end with.
const ENDS_WITH_0: [&str; 5] = [
    "governess verify",
    "governess export",
    "governess import",
    "governess events",
    "governess why",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The programs of the same build as this test.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/test");
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing; build the workspace first",
        path.display()
    );
    path
}

fn commands() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let blocks = text.split("```").skip(1).step_by(2);
    blocks
        .filter_map(|block| block.strip_prefix("sh\n"))
        .flat_map(str::lines)
        .map(|line| line.split(" #").next().unwrap_or("").trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

fn run(line: &str) -> Output {
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let name = words.next().expect("a program");
    Command::new(program(name))
        .args(words)
        .current_dir(root())
        .output()
        .expect("it starts")
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let server = Rdp::listen(([127, 0, 0, 1], 0).into()).expect("a look-alike");
    let port = server.address().port();
    let commands = commands();
    assert!(
        commands.len() > 10,
        "the README's commands were not found: {commands:?}"
    );
    for line in commands {
        if ELSEWHERE.iter().any(|known| line.starts_with(known)) {
            continue;
        }
        if line.starts_with("check_x224 ") {
            checks(&line, port);
        } else {
            assert!(
                ENDS_WITH_0.iter().any(|known| line.starts_with(known)),
                "unknown: {line}"
            );
            let output = run(&line);
            assert!(output.status.success(), "{line}: {output:?}");
        }
    }
}

/// A check against the look-alike, which speaks no TLS: all but `--nla` find it healthy.
fn checks(line: &str, port: u16) {
    let output = run(&format!(
        "{} -p {port}",
        line.replace("10.0.1.1", "127.0.0.1")
    ));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.stderr.is_empty(), "{line}: {output:?}");
    match line {
        _ if line.contains("--nla") => assert_eq!(output.status.code(), Some(2), "{said}"),
        _ if line.contains("nanny") => assert_eq!(said, "OK\n"),
        _ => assert_eq!(output.status.code(), Some(0), "{line}: {said}"),
    }
}
