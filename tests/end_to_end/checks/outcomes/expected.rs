//! What each host must be told: the design's table of modes, as assertions.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use shared::verdict::Condition;

use crate::host::{Mode, Said};

/// How much later than the mode's deadline a run may be seen to end, on a machine under load.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What every host must be told.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    /// The same of the server.
    All(Condition),
    /// Hosts with four states are told the first, the others the second.
    States(Condition, Condition),
    /// Nobody can hear the answer: those who read it must not take the exit code for health.
    Unheard,
    /// Text for a human where the host has one, else the failing answer.
    Text,
    /// It is ended by the signal that its host sent.
    Terminated,
}

/// What one host must be told.
pub(super) enum Answer {
    Of(Condition),
    NothingWith(i32),
    Text,
    Terminated,
}

impl Expected {
    pub(super) fn of(self, mode: &Mode) -> Answer {
        match self {
            Self::All(condition) => Answer::Of(condition),
            Self::States(with, without) => {
                Answer::Of(if mode.has_states() { with } else { without })
            }
            Self::Unheard if mode.reads() => Answer::NothingWith(mode.failing),
            // Where nothing is written nothing is lost.
            Self::Unheard => Answer::NothingWith(mode.healthy),
            Self::Text if mode.has_states() => Answer::Text,
            Self::Text => Answer::Of(Condition::Unknown),
            Self::Terminated => Answer::Terminated,
        }
    }
}

impl Answer {
    /// Whether that was said, in the host's own form and in time.
    pub(super) fn judge(&self, mode: &Mode, said: &Said) -> Result<(), String> {
        let output = &said.output;
        if !output.stderr.is_empty() {
            return Err("stderr is not empty".to_owned());
        }
        if said.took > mode.deadline + PATIENCE {
            return Err(format!("past the deadline, after {:?}", said.took));
        }
        let signal = output.status.signal();
        if let Self::Terminated = self {
            let by_host = signal == Some(libc::SIGTERM) && output.stdout.is_empty();
            return by_host
                .then_some(())
                .ok_or("not ended by SIGTERM".to_owned());
        }
        let Some(code) = output.status.code() else {
            return Err(format!("killed by signal {signal:?}"));
        };
        let text = said.text();
        let (expected_code, form) = match self {
            Self::Of(condition) => (code_of(mode, *condition), is_said(mode, *condition, &text)),
            Self::NothingWith(code) => (*code, text.is_empty()),
            _ => (0, text.contains("check_x224")),
        };
        if code != expected_code {
            return Err(format!("exit code {code}, expected {expected_code}"));
        }
        form.then_some(())
            .ok_or(format!("not the host's form: {text}"))
    }
}

fn code_of(mode: &Mode, condition: Condition) -> i32 {
    match condition {
        Condition::Healthy => mode.healthy,
        Condition::Degraded => mode.degraded,
        Condition::Maintenance => mode.maintenance,
        Condition::Failed => mode.failed,
        Condition::Unknown => mode.failing,
    }
}

/// Whether stdout has the form that the host reads, and says the same as the exit code.
fn is_said(mode: &Mode, condition: Condition, text: &str) -> bool {
    let code = code_of(mode, condition);
    match mode.name {
        "nagios" => {
            let words = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];
            let word = usize::try_from(code).ok().and_then(|code| words.get(code));
            let begins = |word: &&str| {
                let checks = ["X224", "AD_DNS"];
                checks
                    .iter()
                    .any(|check| text.starts_with(&format!("{check} {word}: ")))
            };
            word.is_some_and(begins) && text.ends_with('\n')
        }
        "json" => {
            let line: Option<serde_json::Value> = serde_json::from_str(text).ok();
            let named = line.is_some_and(|line| {
                line["state"] == code
                    && line["condition"] == format!("{condition:?}").to_lowercase()
            });
            named && text.lines().count() == 1
        }
        "nanny" => match condition {
            Condition::Healthy | Condition::Degraded => text == "OK\n",
            _ => text == "FAIL\n",
        },
        _ => text.is_empty(),
    }
}
