//! `governess status`: what a director knows, as JSON and as a page for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// The whole state of a director.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of this shape.
    pub schema: u32,
    /// `ipvs` or `memory`.
    pub backend: String,
    /// Tells two configurations apart.
    pub config_digest: String,
    /// Why the table could not be read or written the last time, if so.
    pub table_error: Option<String>,
    /// What is wrong with the host's set-up, by what it is wrong with.
    pub host_problems: BTreeMap<String, String>,
    /// The services of the configuration.
    pub services: Vec<ServiceStatus>,
}

/// One virtual service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Its name in the kernel, such as `fwm:80`.
    pub key: String,
    /// Its firewall mark, if that is its identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fwmark: Option<u32>,
    /// Its scheduler.
    pub scheduler: String,
    /// Its persistence time in seconds.
    pub persistence: Option<u32>,
    /// Whether servers are kept that are not known to work.
    pub fail_open: bool,
    /// The sorry server, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sorry_server: Option<SorryStatus>,
    /// The servers of the configuration.
    pub servers: Vec<ServerStatus>,
    /// Destinations that were ours and go once their connections have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<String>,
    /// Destinations in this service that the configuration does not name.
    pub foreign: Vec<String>,
}

/// Who serves when every server refuses its connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SorryStatus {
    /// Its address and port.
    pub address: String,
    /// Whether it is its turn.
    pub serves: bool,
    /// Its weight in the table; `null` if it is not there.
    pub weight_kernel: Option<u32>,
    /// Established connections.
    pub active: u32,
}

/// What the operator wants of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WishStatus {
    /// A weight, while the server serves.
    Weight(u32),
    /// `drain`, `disable` or, for a server that is in whatever its checks say, `enable`.
    Stand(String),
}

/// Who wants it, and why. Times as RFC 3339 writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WishDetail {
    /// The user's name, or the way in which it was said.
    pub author: String,
    /// In the operator's words.
    pub reason: Option<String>,
    /// When it was asked for.
    pub since: Option<String>,
    /// When a drain is to be done, or a forced enabling ends.
    pub until: Option<String>,
}

/// One server of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Its address.
    pub address: String,
    /// `up`, `down`, `maintenance` or `unknown`.
    pub health: String,
    /// The weight that the policy wants.
    pub weight_wanted: u32,
    /// The weight in the table; `null` if it is not there.
    pub weight_kernel: Option<u32>,
    /// Whether it is on its way to its whole weight.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ramping: bool,
    /// How many times `rise` successes it needs to come back; more than 1 while it flaps.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub rise_factor: u32,
    /// What the operator wants: a weight, or a word.
    pub wish: Option<WishStatus>,
    /// Who wants it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish_detail: Option<WishDetail>,
    /// Established connections.
    pub active: u32,
    /// Other connections.
    pub inactive: u32,
    /// The last verdict of each check.
    pub checks: BTreeMap<String, serde_json::Value>,
    /// Checks that have not answered for too long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<String>,
    /// Checks whose readings do not count, since one that they depend on fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_judged: Vec<String>,
}

fn once() -> u32 {
    1
}

fn is_once(factor: &u32) -> bool {
    *factor == 1
}

impl Status {
    /// The page for a terminal.
    pub fn page(&self) -> String {
        let mut page = format!("backend {}, config {}\n", self.backend, self.config_digest);
        if let Some(error) = &self.table_error {
            let _ = writeln!(page, "THE TABLE CANNOT BE DRIVEN: {error}");
        }
        for (thing, words) in &self.host_problems {
            let _ = writeln!(page, "PROBLEM with {thing}: {words}");
        }
        for service in &self.services {
            service.write(&mut page);
        }
        page
    }
}

impl ServiceStatus {
    fn write(&self, page: &mut String) {
        let persistence = match self.persistence {
            Some(seconds) => format!(" persistent {seconds}"),
            None => String::new(),
        };
        let _ = writeln!(
            page,
            "\n{}  {} {}{persistence}",
            self.name, self.key, self.scheduler
        );
        if self.fail_open {
            let _ = writeln!(
                page,
                "  FAIL OPEN: no server is known to work; some are kept"
            );
        }
        let _ = writeln!(
            page,
            "  {:<12} {:<16} {:<12} {:>7} {:>7} {:>7} {:>7} {:>9}",
            "server", "address", "health", "wanted", "kernel", "wish", "active", "inactive"
        );
        for server in &self.servers {
            server.write(page);
        }
        if let Some(sorry) = &self.sorry_server {
            let serves = if sorry.serves { "serves" } else { "waits" };
            let _ = writeln!(
                page,
                "  {:<12} {:<16} {serves:<12} {:>7} {:>7} {:>7} {:>7}",
                "(sorry)",
                sorry.address,
                "-",
                sorry
                    .weight_kernel
                    .map_or("-".to_owned(), |w| w.to_string()),
                "-",
                sorry.active
            );
        }
        for leaving in &self.leaving {
            let _ = writeln!(
                page,
                "  {:<12} {leaving:<16} goes once its connections have ended",
                "(leaving)"
            );
        }
        for foreign in &self.foreign {
            let _ = writeln!(
                page,
                "  {:<12} {foreign:<16} not ours, left alone",
                "(foreign)"
            );
        }
    }
}

impl ServerStatus {
    fn write(&self, page: &mut String) {
        let wish = match &self.wish {
            Some(WishStatus::Weight(weight)) => weight.to_string(),
            Some(WishStatus::Stand(word)) => word.clone(),
            None => "-".to_owned(),
        };
        let number = |value: Option<u32>| value.map_or("-".to_owned(), |value| value.to_string());
        let _ = writeln!(
            page,
            "  {:<12} {:<16} {:<12} {:>7} {:>7} {:>7} {:>7} {:>9}",
            self.name,
            self.address,
            self.health,
            self.weight_wanted,
            number(self.weight_kernel),
            wish,
            self.active,
            self.inactive
        );
        if let Some(detail) = &self.wish_detail {
            let _ = writeln!(page, "    wish: {wish}{}", detail.words());
        }
        if self.ramping {
            let _ = writeln!(page, "    on its way to its whole weight");
        }
        if self.rise_factor > 1 {
            let factor = self.rise_factor;
            let _ = writeln!(
                page,
                "    it flaps: {factor} times `rise` successes bring it back"
            );
        }
        for (check, verdict) in &self.checks {
            let text = |key: &str| verdict.get(key).and_then(|v| v.as_str()).unwrap_or("?");
            let stale = if self.stale.contains(check) {
                " (STALE)"
            } else if self.not_judged.contains(check) {
                " (NOT COUNTED: a check that it depends on fails)"
            } else {
                ""
            };
            let _ = writeln!(
                page,
                "    {check}: {}{stale} - {}",
                text("condition"),
                text("summary")
            );
        }
    }
}

impl WishDetail {
    fn words(&self) -> String {
        let mut words = format!(", {}", self.author);
        for (before, part) in [
            (" since ", &self.since),
            (" until ", &self.until),
            (": ", &self.reason),
        ] {
            if let Some(part) = part {
                words.push_str(before);
                words.push_str(part);
            }
        }
        words
    }
}
