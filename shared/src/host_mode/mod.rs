//! How to say a verdict to each program that may have asked: bytes for stdout and an exit code.
//!
//! No exit code is safe with two hosts. What Nagios calls CRITICAL counts as "up" for Piranha's
//! nanny and as "up with weight 0" for keepalived's `misc_dynamic`; so the host is named, by
//! `--host-mode` or by the name that the check is called by, before anything else is looked at.

mod find;
pub mod json;
mod keepalived;
mod ldirectord;
mod nagios;
mod nanny;

use std::time::Duration;

use crate::verdict::{Advice, Condition, Finding, Kind, Verdict};

pub use find::find;

/// The program that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum HostMode {
    /// Nagios, Icinga and everything that speaks their plugin contract.
    Nagios,
    /// One line of JSON, exit codes as for Nagios.
    Json,
    /// Piranha's nanny, as its sending program with `OK` as the expected answer.
    Nanny,
    /// keepalived's MISC_CHECK or `vrrp_script`.
    Keepalived,
    /// keepalived's MISC_CHECK with `misc_dynamic`: the exit code carries the weight.
    KeepalivedWeight,
    /// ldirectord's `external` check.
    Ldirectord,
}

/// What hosts without a third value are told when nothing is known of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnUnknown {
    /// That it fails.
    #[default]
    Fail,
    /// That it works.
    Ok,
}

/// The operator's wishes about how verdicts are said.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// Which advisory findings count in the modes where by default none does, and count in full
    /// in `nagios` and `json`.
    pub enforced: Vec<Advice>,
    /// 0 to 3: how much `nagios` and `json` tell.
    pub verbosity: u8,
    /// The weight of a server that works, 1 to 253, for `keepalived-weight`.
    pub weight: u8,
    /// What the modes without a third value make of Unknown.
    pub on_unknown: OnUnknown,
    /// What `nagios` and `json` make of a server that did not answer in time; Failed if unset.
    pub on_timeout: Option<Condition>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            enforced: Vec::new(),
            verbosity: 0,
            weight: 1,
            on_unknown: OnUnknown::Fail,
            on_timeout: None,
        }
    }
}

/// What the process leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Everything that goes to stdout, at once.
    pub stdout: Vec<u8>,
    /// The exit code.
    pub code: u8,
}

impl Answer {
    fn silent(code: u8) -> Self {
        Self {
            stdout: Vec::new(),
            code,
        }
    }
}

impl HostMode {
    /// Every mode.
    pub const ALL: [Self; 6] = [
        Self::Nagios,
        Self::Json,
        Self::Nanny,
        Self::Keepalived,
        Self::KeepalivedWeight,
        Self::Ldirectord,
    ];

    /// The name of the mode on the command line and in the name of a program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nagios => "nagios",
            Self::Json => "json",
            Self::Nanny => "nanny",
            Self::Keepalived => "keepalived",
            Self::KeepalivedWeight => "keepalived-weight",
            Self::Ldirectord => "ldirectord",
        }
    }

    /// The time after which a check must be over: below the host's own, because nanny does not
    /// enforce its own, and keepalived miscounts weights when it has to kill.
    pub fn deadline(self) -> Duration {
        Duration::from_secs(match self {
            Self::Nagios | Self::Json => 10,
            Self::Nanny | Self::Keepalived | Self::KeepalivedWeight => 8,
            Self::Ldirectord => 4,
        })
    }

    /// Whether the host understands four states, and advisory findings with them.
    pub fn has_states(self) -> bool {
        matches!(self, Self::Nagios | Self::Json)
    }

    /// Says `verdict`.
    pub fn answer(self, verdict: &Verdict, wishes: &Wishes) -> Answer {
        let heard = self.as_heard(verdict, wishes);
        match self {
            Self::Nagios => nagios::answer(&heard, wishes.verbosity),
            Self::Json => json::answer(&heard, wishes.verbosity),
            Self::Nanny => nanny::answer(works(&heard, wishes.on_unknown)),
            Self::Keepalived => keepalived::answer(works(&heard, wishes.on_unknown)),
            Self::KeepalivedWeight => keepalived::weighted_answer(&heard, wishes),
            Self::Ldirectord => ldirectord::answer(works(&heard, wishes.on_unknown)),
        }
    }

    /// The answer when there is no verdict, because of bad arguments or a defect of ours: failing
    /// in every mode, whatever the operator wishes for Unknown.
    pub fn failing(self, check: &str, kind: Kind, summary: &str, details: &[String]) -> Answer {
        let finding = Finding::new(Condition::Unknown, kind, summary);
        let mut verdict = Verdict::new(check, "", None, finding);
        verdict.details = details.to_vec();
        let wishes = Wishes {
            verbosity: 1,
            ..Wishes::default()
        };
        self.answer(&verdict, &wishes)
    }

    /// The verdict with advisory findings and the wish for timeouts folded in, as far as they
    /// count here.
    fn as_heard(self, verdict: &Verdict, wishes: &Wishes) -> Verdict {
        if !self.has_states() {
            return verdict.clone().enforcing(&wishes.enforced);
        }
        let mut heard = verdict.clone().folding(|advisory| {
            let enforced = wishes.enforced.contains(&advisory.advice);
            Some(if enforced {
                advisory.enforced
            } else {
                advisory.condition
            })
        });
        let timed_out = matches!(heard.kind, Kind::TcpTimeout | Kind::Silent | Kind::Timeout);
        if let (true, Some(condition)) = (timed_out, wishes.on_timeout) {
            heard.condition = condition;
        }
        heard
    }
}

/// What a host that knows only "works" and "fails" is told. Bad arguments and defects of ours
/// fail even where other unknowns pass: the operator shall notice.
fn works(verdict: &Verdict, on_unknown: OnUnknown) -> bool {
    match verdict.condition {
        Condition::Healthy | Condition::Degraded => true,
        Condition::Maintenance | Condition::Failed => false,
        Condition::Unknown => {
            on_unknown == OnUnknown::Ok && !matches!(verdict.kind, Kind::Usage | Kind::Internal)
        }
    }
}

/// The state of the Monitoring Plugins contract: OK 0, WARNING 1, CRITICAL 2, UNKNOWN 3.
fn state(condition: Condition) -> u8 {
    match condition {
        Condition::Healthy => 0,
        Condition::Degraded | Condition::Maintenance => 1,
        Condition::Failed => 2,
        Condition::Unknown => 3,
    }
}

#[cfg(test)]
mod tests;
