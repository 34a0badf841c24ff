//! Who hears what this process has to say.

use crate::host_mode::{Answer, HostMode, Wishes};
use crate::verdict::{Condition, Finding, Kind, Verdict};

/// Who hears the answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asker {
    /// The host that started the check.
    Host(HostMode),
    /// The front, which started this process to have a part of its check carried out, and which
    /// alone knows the host: it takes the whole verdict, whatever the exit code.
    Front,
}

impl Asker {
    pub(super) fn answer(self, verdict: &Verdict, wishes: &Wishes) -> Answer {
        match self {
            Self::Host(mode) => mode.answer(verdict, wishes),
            Self::Front => Answer {
                // Plain data with text keys: this cannot fail; the front fails on an empty answer.
                stdout: serde_json::to_vec(verdict).unwrap_or_default(),
                code: 0,
            },
        }
    }

    /// The answer when there is no verdict, because of bad arguments or a defect of ours.
    pub(super) fn failing(
        self,
        check: &str,
        kind: Kind,
        summary: &str,
        details: &[String],
    ) -> Answer {
        match self {
            Self::Host(mode) => mode.failing(check, kind, summary, details),
            Self::Front => {
                let finding = Finding::new(Condition::Unknown, kind, summary);
                let mut verdict = Verdict::new(check, "", None, finding);
                verdict.details = details.to_vec();
                self.answer(&verdict, &Wishes::default())
            }
        }
    }
}
