//! The configuration file as it is written: the shape that TOML gives it, nothing judged yet.
//!
//! Every key of the documented file is known here, so that a key whose part of governess does
//! not exist yet can be refused by its name rather than as a typing error.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

/// A value that a later check may refuse keeps its place in the file.
pub(super) type Placed<T> = Option<Spanned<T>>;

/// Named tables, each name with its place.
pub(super) type Named<T> = BTreeMap<Spanned<String>, T>;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) director: Option<Director>,
    #[serde(default)]
    pub(super) checks: Named<Check>,
    #[serde(default)]
    pub(super) servers: Named<Server>,
    #[serde(default)]
    pub(super) services: Named<Service>,
    pub(super) nat: Option<Nat>,
    pub(super) keepalived: Option<Keepalived>,
    pub(super) alert: Option<Alert>,
    pub(super) nagios: Option<Nagios>,
    pub(super) icinga: Placed<Icinga>,
    #[serde(default)]
    pub(super) watch: Named<Check>,
    pub(super) pair: Placed<Pair>,
}

/// `[director]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Director {
    pub(super) backend: Placed<String>,
    pub(super) state_dir: Placed<String>,
    pub(super) control: Placed<String>,
    pub(super) status: Placed<String>,
    pub(super) maintenance_dir: Placed<String>,
    pub(super) reconcile_interval: Placed<String>,
    pub(super) journal_size: Placed<String>,
    pub(super) journal_keep: Placed<i64>,
}

/// `[keepalived]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keepalived {
    pub(super) files: Placed<String>,
    pub(super) fifo: Placed<String>,
}

/// `[nagios]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nagios {
    pub(super) command_file: Placed<String>,
}

/// `[icinga]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Icinga {
    pub(super) url: Placed<String>,
    pub(super) name: Placed<String>,
    pub(super) ca: Placed<String>,
    pub(super) user: Placed<String>,
    pub(super) password_file: Placed<String>,
    pub(super) token_file: Placed<String>,
    pub(super) take: Placed<Vec<Spanned<String>>>,
    pub(super) give: Placed<bool>,
    pub(super) director: Placed<String>,
    pub(super) hosts: Placed<Named<Spanned<String>>>,
    pub(super) interval: Placed<String>,
}

/// `[checks.NAME]` and `[watch.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    pub(super) x224: Placed<X224>,
    pub(super) tcp: Placed<Tcp>,
    pub(super) smtp: Placed<Smtp>,
    pub(super) owa: Placed<Owa>,
    pub(super) dns: Placed<Dns>,
    pub(super) exec: Placed<Vec<Spanned<String>>>,
    pub(super) reported: Placed<Reported>,
    pub(super) interval: Placed<String>,
    pub(super) timeout: Placed<String>,
    pub(super) retry_interval: Placed<String>,
    pub(super) stale_after: Placed<String>,
    pub(super) fall: Placed<i64>,
    pub(super) rise: Placed<i64>,
    pub(super) enforce: Placed<Vec<Spanned<String>>>,
    pub(super) depends_on: Placed<Vec<Spanned<String>>>,
}

/// `x224 = { … }`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct X224 {
    pub(super) port: Placed<i64>,
    pub(super) require: Placed<String>,
    pub(super) tls: Placed<bool>,
    pub(super) nla: Placed<bool>,
    pub(super) expect_name: Placed<String>,
    pub(super) certificate: Placed<String>,
}

/// `tcp = { … }`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tcp {
    pub(super) port: Placed<i64>,
    pub(super) send: Placed<String>,
    pub(super) expect: Placed<String>,
}

/// `smtp = { … }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Smtp {
    pub(super) ports: Placed<Vec<Spanned<Value>>>,
    pub(super) ehlo: Placed<String>,
    pub(super) sni: Placed<String>,
    pub(super) certificate: Placed<String>,
    pub(super) proxy_protocol: Placed<String>,
}
/// `reported = {}`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reported {}

/// `owa = { … }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Owa {
    pub(super) host: Placed<String>,
    pub(super) vdirs: Placed<Vec<Spanned<String>>>,
    pub(super) port: Placed<i64>,
    pub(super) expect_server: Placed<String>,
    pub(super) certificate: Placed<String>,
    pub(super) require_trust: Placed<bool>,
}

/// `dns = { … }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dns {
    #[serde(default)]
    pub(super) names: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) servers: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) allow: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) forbid: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) expect: Vec<Spanned<String>>,
    pub(super) profile: Placed<String>,
    pub(super) domain: Placed<String>,
    pub(super) forest: Placed<String>,
    pub(super) site: Placed<String>,
    #[serde(default)]
    pub(super) guids: Vec<Spanned<String>>,
    pub(super) mail_host: Placed<String>,
    pub(super) expect_file: Placed<String>,
    pub(super) max_ttl: Placed<i64>,
    pub(super) min_servers: Placed<i64>,
    pub(super) reverse: Placed<bool>,
    pub(super) wildcard: Placed<bool>,
}

/// `[servers.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) address: Placed<String>,
    pub(super) weight: Placed<i64>,
    pub(super) port: Placed<i64>,
    pub(super) management: Placed<Management>,
}

/// `[services.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub(super) fwmark: Placed<i64>,
    pub(super) vip: Placed<String>,
    pub(super) port: Placed<i64>,
    pub(super) protocol: Placed<String>,
    pub(super) interface: Placed<String>,
    pub(super) tcp: Placed<Vec<Spanned<i64>>>,
    pub(super) udp: Placed<Value>,
    pub(super) scheduler: Placed<String>,
    pub(super) persistence: Placed<String>,
    pub(super) persistence_netmask: Placed<String>,
    pub(super) persistence_engine: Placed<String>,
    pub(super) one_packet: Placed<bool>,
    pub(super) scheduler_flags: Placed<Vec<Spanned<String>>>,
    pub(super) forward: Placed<String>,
    pub(super) servers: Placed<Vec<Spanned<String>>>,
    pub(super) checks: Placed<Vec<Spanned<String>>>,
    pub(super) min_up: Placed<i64>,
    pub(super) on_failure: Placed<String>,
    pub(super) require: Placed<Value>,
    pub(super) check_weights: Placed<Named<Spanned<i64>>>,
    pub(super) sorry_server: Placed<SorryServer>,
    pub(super) slow_start: Placed<String>,
    pub(super) flap_window: Placed<String>,
}

/// `sorry_server = { … }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SorryServer {
    pub(super) address: Placed<String>,
    pub(super) port: Placed<i64>,
    pub(super) forward: Placed<String>,
}

/// `management = { … }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Management {
    pub(super) vip: Placed<String>,
    pub(super) fwmark: Placed<i64>,
    pub(super) interface: Placed<String>,
}

/// `[alert]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Alert {
    pub(super) mail: Placed<Mail>,
}

/// `mail = { … }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mail {
    pub(super) to: Placed<Vec<Spanned<String>>>,
    pub(super) from: Placed<String>,
    pub(super) relay: Placed<String>,
    pub(super) port: Placed<i64>,
    pub(super) tls: Placed<String>,
}

/// `[nat]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nat {
    pub(super) inside: Placed<String>,
    pub(super) outside: Placed<String>,
    pub(super) gateway: Placed<String>,
    pub(super) masquerade: Placed<bool>,
    pub(super) source: Placed<String>,
    pub(super) hairpin: Placed<Value>,
}

/// `[pair]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    /// One address, or a list of them.
    pub(super) partner: Placed<Value>,
    pub(super) interface: Placed<String>,
    pub(super) router_id: Placed<i64>,
    pub(super) score_file: Placed<String>,
    pub(super) fifo: Placed<String>,
    pub(super) sync: Placed<bool>,
    pub(super) partner_status: Placed<i64>,
}
