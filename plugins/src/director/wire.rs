//! The control socket's answers, as far as they are judged here. More keys may come; those that
//! are missing make an answer none of a governess.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The request for everything that a director knows.
pub(super) const STATUS: &str = "{\"request\":\"status\"}\n";

/// The request for freshness alone.
pub(super) const FRESH: &str = "{\"request\":\"fresh\"}\n";

/// The answer to [`FRESH`].
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Freshness {
    pub(super) fresh: bool,
    /// How many checks on servers there are.
    pub(super) checks: u64,
    /// Those that have not answered for too long, in words.
    pub(super) stale: Vec<String>,
}

/// The answer to [`STATUS`].
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) backend: String,
    pub(super) config_digest: String,
    #[serde(default)]
    pub(super) table_error: Option<String>,
    #[serde(default)]
    pub(super) host_problems: BTreeMap<String, String>,
    pub(super) services: Vec<Service>,
}

/// One virtual service.
#[derive(Debug, Deserialize)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) fail_open: bool,
    pub(super) servers: Vec<Server>,
}

/// One server of a service.
#[derive(Debug, Deserialize)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) health: String,
    pub(super) weight_wanted: u32,
    pub(super) weight_kernel: Option<u32>,
    #[serde(default)]
    pub(super) stale: Vec<String>,
}

impl Server {
    /// A server that is not to serve may as well not be there.
    pub(super) fn has_the_wanted_weight(&self) -> bool {
        self.weight_kernel.unwrap_or(0) == self.weight_wanted
    }
}

impl Status {
    /// Whether every weight is the wanted one.
    pub(super) fn is_settled(&self) -> bool {
        let mut servers = self.services.iter().flat_map(|service| &service.servers);
        servers.all(Server::has_the_wanted_weight)
    }
}

/// Reads one answer.
pub(super) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        let refusal = serde_json::from_slice::<serde_json::Value>(line).ok();
        match refusal.as_ref().and_then(|value| value["error"].as_str()) {
            Some(why) => format!("it refuses: {why}"),
            None => error.to_string(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(line: Vec<u8>) {
            let _ = decode::<Status>(&line);
            let _ = decode::<Freshness>(&line);
        }
    }

    #[test]
    fn a_refusal_is_passed_on_in_its_words() {
        let why = decode::<Freshness>(b"{\"error\":\"the director is stopping\"}\n").unwrap_err();
        assert!(why.contains("the director is stopping"), "{why}");
    }
}
