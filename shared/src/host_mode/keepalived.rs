//! keepalived's MISC_CHECK, without and with `misc_dynamic`. Output is ignored there.

use super::{Answer, Wishes, works};
use crate::verdict::{Condition, Verdict};

/// keepalived(8): exit code 1 is failed in both forms.
const FAILED: u8 = 1;
/// With `misc_dynamic`, code N of 2 to 255 sets the weight N - 2: this one quiesces.
const WEIGHT_ZERO: u8 = 2;

/// Without `misc_dynamic`: 0 is up, everything else is down.
pub(super) fn answer(works: bool) -> Answer {
    Answer::silent(if works { 0 } else { FAILED })
}

/// With `misc_dynamic`: weight + 2. Never 0, because keepalived, reloaded after a 0, leaves the
/// server at weight 0 for ever.
pub(super) fn weighted_answer(verdict: &Verdict, wishes: &Wishes) -> Answer {
    Answer::silent(match verdict.condition {
        Condition::Maintenance => WEIGHT_ZERO,
        _ if !works(verdict, wishes.on_unknown) => FAILED,
        Condition::Degraded => WEIGHT_ZERO + working_weight(verdict, clamped(wishes.weight)),
        _ => WEIGHT_ZERO + clamped(wishes.weight),
    })
}

fn clamped(weight: u8) -> u8 {
    weight.clamp(1, 253)
}

/// The part of `weight` that works, at least 1; all of it where the check knows no parts.
fn working_weight(verdict: &Verdict, weight: u8) -> u8 {
    let Some(share) = verdict.share else {
        return weight;
    };
    let working = u64::from(weight) * u64::from(share.working) / u64::from(share.of.max(1));
    u8::try_from(working).unwrap_or(weight).clamp(1, weight)
}
