//! What is measured. A subject is one file here and one entry in [`ALL`]; it gives one row a
//! quantity.

mod check_cpu;
mod curve;
mod dns_run;
mod exchange_run;
mod mass_change;
mod owa_run;
mod plugin_run;
mod plugin_run_tls;
mod scale;
mod smtp_run;
mod weight_change;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::statistics::Round;

pub(crate) use plugin_run::beside_this;

/// Something of ours that is compared with a peer.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) measure: fn() -> Outcome<Measured>,
}

/// Where a subject is measured.
pub(crate) enum Place {
    /// On this machine.
    Here,
    /// In the kernel lab's guest: it needs IPVS.
    Guest,
}

/// All subjects, in the order of the table.
pub(crate) const ALL: &[Subject] = &[
    Subject {
        name: "plugin_run",
        place: Place::Here,
        measure: plugin_run::measure,
    },
    Subject {
        name: "plugin_run_tls",
        place: Place::Here,
        measure: plugin_run_tls::measure,
    },
    Subject {
        name: "smtp_plain",
        place: Place::Here,
        measure: smtp_run::plain,
    },
    Subject {
        name: "smtp_starttls",
        place: Place::Here,
        measure: smtp_run::starttls,
    },
    Subject {
        name: "owa_run/check_curl",
        place: Place::Here,
        measure: owa_run::against_check_curl,
    },
    Subject {
        name: "owa_run/check_http",
        place: Place::Here,
        measure: owa_run::against_check_http,
    },
    Subject {
        name: "dns_run_check_dig",
        place: Place::Here,
        measure: dns_run::against_dig,
    },
    Subject {
        name: "dns_run_check_dns",
        place: Place::Here,
        measure: dns_run::against_check_dns,
    },
    Subject {
        name: "exchange_run",
        place: Place::Here,
        measure: exchange_run::measure,
    },
    Subject {
        name: "weight_change",
        place: Place::Guest,
        measure: weight_change::measure,
    },
    Subject {
        name: "mass_change/keepalived",
        place: Place::Guest,
        measure: mass_change::against_keepalived,
    },
    Subject {
        name: "mass_change/keepalived_unasked",
        place: Place::Guest,
        measure: mass_change::against_keepalived_unasked,
    },
    Subject {
        name: "mass_change/ipvsadm",
        place: Place::Guest,
        measure: mass_change::against_ipvsadm,
    },
    Subject {
        name: "scale",
        place: Place::Guest,
        measure: scale::measure,
    },
    Subject {
        name: "check_cpu/TCP_CHECK",
        place: Place::Guest,
        measure: check_cpu::against_tcp_check,
    },
    Subject {
        name: "check_cpu/SMTP_CHECK",
        place: Place::Guest,
        measure: check_cpu::against_smtp_check,
    },
    Subject {
        name: "check_cpu/HTTP_GET",
        place: Place::Guest,
        measure: check_cpu::against_http_get,
    },
    Subject {
        name: "check_cpu/SSL_GET",
        place: Place::Guest,
        measure: check_cpu::against_ssl_get,
    },
    Subject {
        name: "check_cpu/MISC_CHECK",
        place: Place::Guest,
        measure: check_cpu::against_misc_check,
    },
    Subject {
        name: "curve/100",
        place: Place::Guest,
        measure: || curve::measure(100),
    },
    Subject {
        name: "curve/300",
        place: Place::Guest,
        measure: || curve::measure(300),
    },
    Subject {
        name: "curve/1000",
        place: Place::Guest,
        measure: || curve::measure(1000),
    },
    Subject {
        name: "curve/3000",
        place: Place::Guest,
        measure: || curve::measure(3000),
    },
    Subject {
        name: "curve/10000",
        place: Place::Guest,
        measure: || curve::measure(10_000),
    },
];

/// A subject's figures.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Our side, in words.
    pub(crate) ours: String,
    /// The other side, with its version.
    pub(crate) peer: String,
    /// What else one must know to read the figures.
    pub(crate) remarks: Vec<String>,
    pub(crate) quantities: Vec<Quantity>,
}

/// One row of the table. Less is better.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Quantity {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) target: Target,
    pub(crate) rounds: Vec<Round>,
}

/// The most that our side may cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// The median in relation to the peer's.
    RatioAtMost(f64),
    /// The median itself, in the row's base unit.
    OursAtMost(f64),
    /// Nothing is asked; the row is there to be seen.
    None,
}

/// What the figures of a row count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Seconds,
    Bytes,
    /// How many times something else.
    Times,
}
