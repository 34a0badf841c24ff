//! Running the built check and reading what it says.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What the check said, in mode `json`.
#[derive(Debug)]
pub(crate) struct Said(Value);

/// The built program: beside the directory of this test program.
pub(crate) fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().and_then(Path::parent).unwrap().join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build --release --workspace first",
        path.display()
    );
    path
}

/// The check with options in one string.
pub(crate) fn ask(options: &str) -> Said {
    let output = Command::new(program("check_ad_dns"))
        .args(["-m", "json"])
        .args(options.split_whitespace())
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    let line: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{options}: {error}: {output:?}");
    });
    let state = i64::from(output.status.code().unwrap());
    assert_eq!(line["state"], state, "{line}");
    Said(line)
}

/// The status line for Nagios, without performance data.
pub(crate) fn status_line(options: &str) -> String {
    let output = Command::new(program("check_ad_dns"))
        .args(options.split_whitespace())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().next().unwrap_or_default();
    line.split(" | ").next().unwrap_or_default().to_owned()
}

impl Said {
    pub(crate) fn summary(&self) -> &str {
        self.0["summary"].as_str().unwrap()
    }

    /// All that it says, further lines included.
    pub(crate) fn all(&self) -> String {
        let details = self.0["details"].as_array().unwrap().iter();
        let details: Vec<_> = details.filter_map(Value::as_str).collect();
        format!("{}\n{}", self.summary(), details.join("\n"))
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0["perfdata"][0]["value"].as_f64().unwrap()
    }

    pub(crate) fn fact(&self, name: &str) -> &str {
        self.0["facts"][name].as_str().unwrap_or_default()
    }

    /// A condition, a kind, and words that the summary has.
    #[track_caller]
    pub(crate) fn expect(&self, condition: &str, kind: &str, words: &[&str]) {
        let found = (self.0["condition"].as_str(), self.0["kind"].as_str());
        assert_eq!(found, (Some(condition), Some(kind)), "{}", self.all());
        for word in words {
            assert!(
                self.summary().contains(word),
                "no {word:?} in: {}",
                self.all()
            );
        }
    }

    #[track_caller]
    pub(crate) fn expect_healthy(&self) {
        self.expect("healthy", "ok", &[]);
    }

    /// Words that it says somewhere.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.all().contains(word), "no {word:?} in: {}", self.all());
        }
    }
}
