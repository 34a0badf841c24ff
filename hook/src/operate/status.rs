//! `governess status`: what a director knows, as JSON and as a page for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::coupling::keepalived::Beliefs;
use crate::coupling::vrrp;

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
    /// Why the director is not ready, in words; empty if its verdicts are fresh and the table can
    /// be driven.
    #[serde(default)]
    pub not_ready: Vec<String>,
    /// Seconds since the director's start.
    #[serde(default)]
    pub uptime: f64,
    /// How often each event happened since then.
    #[serde(default)]
    pub events: BTreeMap<String, u64>,
    /// The latest of them, the newest last.
    #[serde(default)]
    pub latest_events: Vec<LatestEvent>,
    /// What keepalived believes, where its FIFO is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalived: Option<Beliefs>,
    /// What this director is in its pair, where it is one of two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<PairStatus>,
    /// The services of the configuration.
    pub services: Vec<ServiceStatus>,
    /// What is watched and never moves a weight.
    #[serde(default)]
    pub watches: Vec<WatchStatus>,
}

/// One director of a pair. Its own fitness and what keepalived told of it; neither is a reason to
/// change a weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairStatus {
    /// What keepalived told last.
    pub state: vrrp::State,
    /// The priority that it told with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Why keepalived tells nothing at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent: Option<String>,
    /// The inside address of the other director; `null` while it cannot be told which of the two
    /// addresses is this director's own.
    pub partner: Option<IpAddr>,
    /// The digest of the configuration that the other one carries out, where it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_digest: Option<String>,
    /// Why that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner_unknown: Option<String>,
    /// What the track file says: 0 or -50; `null` before the first judgement.
    pub score: Option<i16>,
    /// What is wrong with this director, where the score is not 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
}

/// An event as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestEvent {
    /// When, as RFC 3339 writes it.
    pub ts: String,
    /// What happened, by its name in the journal.
    pub event: String,
    /// In which service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// To which server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Why, in one line.
    pub reason: String,
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

impl WishStatus {
    /// The weight that it leaves to a server that works, if it says so.
    pub fn weight(&self) -> Option<u32> {
        match self {
            Self::Weight(weight) => Some(*weight),
            Self::Stand(word) => (word != "enable").then_some(0),
        }
    }

    /// What is so because of it.
    pub fn words(&self) -> String {
        match self {
            Self::Weight(weight) => format!("weight {weight}"),
            Self::Stand(word) => match word.as_str() {
                "drain" => "drained",
                "disable" => "disabled",
                _ => "in, whatever its checks say",
            }
            .to_owned(),
        }
    }
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
    /// How many seconds ago each of them was given.
    #[serde(default)]
    pub ages: BTreeMap<String, f64>,
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

/// The last verdict of one watch; one that asks each server has one status a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchStatus {
    /// Its name in the configuration.
    pub name: String,
    /// The server that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Whether it failed often enough in a row.
    pub alarm: bool,
    /// Whether it has not answered for too long.
    pub stale: bool,
    /// The last verdict; `null` before the first.
    pub verdict: Option<serde_json::Value>,
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
        if let Some(pair) = &self.pair {
            let _ = writeln!(page, "{}", pair.words());
        }
        for service in &self.services {
            service.write(&mut page);
        }
        if let Some(beliefs) = &self.keepalived {
            write_beliefs(beliefs, &mut page);
        }
        if !self.watches.is_empty() {
            page.push_str("\nwatched, without a say in the weights\n");
        }
        for watch in &self.watches {
            watch.write(&mut page);
        }
        page
    }
}

impl PairStatus {
    /// In one line.
    pub fn words(&self) -> String {
        let mut words = format!("pair: {}", self.state.name());
        if let Some(priority) = self.priority {
            let _ = write!(words, ", priority {priority}");
        }
        match self.partner {
            Some(partner) => _ = write!(words, ", partner {partner}"),
            None => {
                words.push_str(", partner not known: neither address, or both, are this host's")
            }
        }
        if let Some(digest) = &self.partner_digest {
            let _ = write!(words, " with config {digest}");
        }
        if let Some(why) = &self.partner_unknown {
            let _ = write!(words, " (its config is not known: {why})");
        }
        if let Some(score) = self.score {
            let _ = write!(words, ", score {score}");
        }
        if let Some(unfit) = &self.unfit {
            let _ = write!(words, " since this director is UNFIT: {unfit}");
        }
        if let Some(silent) = &self.silent {
            let _ = write!(words, " (keepalived tells nothing: {silent})");
        }
        words
    }
}

fn write_beliefs(beliefs: &Beliefs, page: &mut String) {
    let _ = writeln!(page, "\nkeepalived believes");
    if let Some(why) = &beliefs.silent {
        let _ = writeln!(page, "  (nothing new: {why})");
    }
    let word = |up: &bool| if *up { "up" } else { "down" };
    for (name, up) in beliefs.services.iter().chain(&beliefs.servers) {
        let _ = writeln!(page, "  {:<5} {name}", word(up));
    }
}

impl WatchStatus {
    fn write(&self, page: &mut String) {
        let text = |verdict: &serde_json::Value, key: &str| {
            verdict
                .get(key)
                .and_then(|value| value.as_str())
                .unwrap_or("?")
                .to_owned()
        };
        let about = self
            .server
            .as_ref()
            .map_or(String::new(), |server| format!(" on {server}"));
        let alarm = if self.alarm { "ALARM " } else { "" };
        let stale = if self.stale { " (STALE)" } else { "" };
        let said = match &self.verdict {
            Some(verdict) => format!(
                "{} - {}",
                text(verdict, "condition"),
                text(verdict, "summary")
            ),
            None => "not yet asked".to_owned(),
        };
        let _ = writeln!(page, "  {alarm}{}{about}{stale}: {said}", self.name);
        let details = self
            .verdict
            .as_ref()
            .and_then(|verdict| verdict.get("details")?.as_array());
        for detail in details
            .into_iter()
            .flatten()
            .filter_map(|detail| detail.as_str())
        {
            let _ = writeln!(page, "    {detail}");
        }
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
    /// In one line, with a comma before it.
    pub fn words(&self) -> String {
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
