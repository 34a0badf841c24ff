//! Results that another program found: of checks of the kind `reported`. A report is valid until
//! the next one, across restarts too, because event handlers fire on changes alone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::text;
use shared::verdict::{Condition, Finding, Kind, Verdict};

use crate::config::{CheckId, Config, ServerId, nearest};
use crate::director::{Report, replace_file};

/// A summary is one line that a human reads.
const LONGEST_TEXT: usize = 512;

/// One result as it is handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Result {
    /// The server's name in the configuration, or its address.
    pub server: String,
    /// The check's name in the configuration.
    pub check: String,
    /// What was found.
    pub condition: Condition,
    /// What the other program said.
    pub text: String,
}

impl Result {
    /// The report that a director takes.
    ///
    /// # Errors
    /// The configuration has no such server or check, or the check is not of this kind.
    pub fn report(&self, config: &Config) -> std::result::Result<Report, String> {
        let server = server(config, &self.server)?;
        let check = check(config, &self.check)?;
        let kind = if self.condition == Condition::Healthy {
            Kind::Ok
        } else {
            Kind::External
        };
        let said = text::one_line(text::cut(
            self.text.split('|').next().unwrap_or("").trim(),
            LONGEST_TEXT,
        ));
        let summary = if said.is_empty() {
            "reported without a text".to_owned()
        } else {
            said
        };
        let finding = Finding::new(self.condition, kind, summary);
        let address = config.servers[server.0].address.to_string();
        let check = &config.checks[check.0].name;
        Ok(Report {
            server: config.servers[server.0].name.as_str().into(),
            check: check.as_str().into(),
            verdict: Verdict::new(check, &address, None, finding),
        })
    }
}

fn server(config: &Config, named: &str) -> std::result::Result<ServerId, String> {
    let found = config
        .servers
        .iter()
        .position(|server| server.name == named || server.address.to_string() == named);
    let names = config.servers.iter().map(|server| server.name.as_str());
    found
        .map(ServerId)
        .ok_or_else(|| unknown("server", named, names))
}

fn check(config: &Config, named: &str) -> std::result::Result<CheckId, String> {
    let reported: Vec<&str> = config
        .checks
        .iter()
        .filter(|check| check.is_reported())
        .map(|check| check.name.as_str())
        .collect();
    match config.checks.iter().position(|check| check.name == named) {
        Some(at) if config.checks[at].is_reported() => Ok(CheckId(at)),
        Some(_) => Err(format!(
            "check {named} is carried out by governess itself; only checks with `reported = {{}}` \
             take results of others"
        )),
        None => Err(unknown("reported check", named, reported.into_iter())),
    }
}

fn unknown<'a>(what: &str, named: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(named, known.clone()) {
        Some(word) => format!("there is no {what} \"{named}\"; did you mean \"{word}\"?"),
        None => {
            let known: Vec<&str> = known.collect();
            format!(
                "there is no {what} \"{named}\"; known: {}",
                known.join(", ")
            )
        }
    }
}

/// The file `reported.json`: the last report of each check on each server.
#[derive(Debug)]
pub struct Reported {
    path: PathBuf,
    last: BTreeMap<String, Result>,
}

impl Reported {
    /// Reads the file; none is no report.
    ///
    /// # Errors
    /// The file cannot be read, or is not ours.
    pub fn open(path: &Path) -> io::Result<Self> {
        let last = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            last,
        })
    }

    /// The reports that still hold. What the configuration no longer names is passed over.
    pub fn reports(&self, config: &Config) -> Vec<Report> {
        let reports = self.last.values().map(|result| result.report(config));
        reports.filter_map(std::result::Result::ok).collect()
    }

    /// Keeps a result for the next start. One that says the same again costs no write, nor does one
    /// that says it in other words: a disk is not waited for at each result of a stream.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&mut self, result: &Result) -> io::Result<()> {
        let key = format!("{}/{}", result.server, result.check);
        let before = self.last.get(&key);
        if before.is_some_and(|before| before.condition == result.condition) {
            return Ok(());
        }
        self.last.insert(key, result.clone());
        let bytes = serde_json::to_vec_pretty(&self.last).map_err(io::Error::other)?;
        replace_file(&self.path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let text = include_str!("../../../packaging/examples/x224.toml")
            .replace("checks = [\"rdp\"]", "checks = [\"rdp\", \"store\"]")
            + "\n[checks.store]\nreported = {}\n";
        Config::parse(Path::new("g.toml"), &text).unwrap()
    }

    fn result(server: &str, check: &str) -> Result {
        Result {
            server: server.to_owned(),
            check: check.to_owned(),
            condition: Condition::Failed,
            text: "store dismounted | size=1\nmore".to_owned(),
        }
    }

    #[test]
    fn a_report_names_its_server_by_name_or_address_and_keeps_the_text_alone() {
        for server in ["ex2", "10.0.1.2"] {
            let report = result(server, "store").report(&config()).unwrap();
            assert_eq!(&*report.server, "ex2");
            assert_eq!(report.verdict.summary, "store dismounted");
            assert_eq!(report.verdict.condition, Condition::Failed);
        }
    }

    #[test]
    fn what_the_configuration_does_not_name_or_checks_itself_is_refused_by_name() {
        for (server, check, words) in [
            ("ex3", "store", "did you mean \"ex"),
            ("ex1", "stroe", "did you mean \"store\"?"),
            ("ex1", "rdp", "reported = {}"),
        ] {
            let refusal = result(server, check).report(&config()).unwrap_err();
            assert!(refusal.contains(words), "{refusal}");
        }
    }

    #[test]
    fn the_last_report_holds_across_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reported.json");
        Reported::open(&path)
            .unwrap()
            .keep(&result("ex1", "store"))
            .unwrap();
        let reports = Reported::open(&path).unwrap().reports(&config());
        assert_eq!(reports.len(), 1);
        std::fs::write(&path, "{\"ex1").unwrap();
        assert!(Reported::open(&path).is_err(), "a damaged file is refused");
    }
}
