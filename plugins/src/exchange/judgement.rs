//! What the verdicts on its parts say about a server: pure.

use shared::perfdata::Value;
use shared::text::spoken;
use shared::verdict::{Advice, Advisory, Condition, Finding, Kind, Share, Verdict};

use super::NAME;
use super::part::Part;
use super::plan::Rule;
use super::policy::{Counted, Policy, decide, weight};

/// A server, and what its parts say; why none was asked.
#[derive(Clone, Debug)]
pub(super) struct Examined {
    pub(super) name: String,
    pub(super) parts: Result<Vec<(Part, Verdict)>, Finding>,
}

/// The verdict on one server.
pub(super) fn judge(rule: &Rule, server: &Examined) -> Verdict {
    let mut verdict = whole(rule, server);
    verdict.perfdata.insert(0, time(rule));
    verdict.advisories.extend(slowness(rule, &verdict));
    verdict
}

/// The same without the time, which several servers share.
pub(super) fn whole(rule: &Rule, server: &Examined) -> Verdict {
    let parts = match &server.parts {
        Ok(parts) => parts,
        Err(finding) => return Verdict::new(NAME, &server.name, None, finding.clone()),
    };
    // Where an operator has a class of findings count in full, it counts before the policy.
    let heard: Vec<(Part, Verdict)> = parts
        .iter()
        .map(|(part, verdict)| (*part, verdict.clone().enforcing(&rule.enforced)))
        .collect();
    let counted: Vec<Counted> = heard
        .iter()
        .map(|(part, verdict)| Counted {
            condition: verdict.condition,
            weight: rule.weight(*part),
        })
        .collect();
    let finding = finding(rule, &server.name, &heard, &counted);
    let port = match parts.as_slice() {
        [(_, verdict)] => verdict.port,
        _ => None,
    };
    let mut verdict = Verdict::new(NAME, &server.name, port, finding);
    verdict.share = share(parts, &counted);
    verdict.details = details(&heard);
    for (part, own) in parts {
        let values = own.perfdata.iter().cloned();
        verdict.perfdata.extend(values.map(|value| Value {
            label: format!("{part}_{}", value.label),
            ..value
        }));
        let facts = own.facts.iter();
        let facts = facts.map(|(name, value)| (format!("{part}_{name}"), value.clone()));
        verdict.facts.extend(facts);
        let lines = own.transcript.iter();
        let lines = lines.map(|line| format!("{part}: {line}"));
        verdict.transcript.extend(lines);
        let advisories = own.advisories.iter();
        let advisories = advisories.map(|advisory| as_of(rule.policy, *part, advisory));
        verdict.advisories.extend(advisories);
    }
    verdict
}

/// A part's advisory finding in the whole: where one part may fail, none of its findings alone
/// can take the server out.
fn as_of(policy: Policy, part: Part, advisory: &Advisory) -> Advisory {
    let most = match policy {
        Policy::All => Condition::Failed,
        Policy::Any | Policy::AtLeast(_) => Condition::Degraded,
    };
    Advisory {
        condition: advisory.condition.min(most),
        enforced: advisory.enforced.min(most),
        summary: format!("{part}: {}", advisory.summary),
        ..advisory.clone()
    }
}

fn finding(rule: &Rule, server: &str, heard: &[(Part, Verdict)], counted: &[Counted]) -> Finding {
    let decided = decide(rule.policy, counted);
    let Some((condition, (part, decisive))) =
        decided.and_then(|(condition, at)| Some((condition, heard.get(at)?)))
    else {
        let summary = "no part was checked; please report this defect";
        return Finding::new(Condition::Unknown, Kind::Internal, summary);
    };
    let like = |works: bool| -> Vec<Part> {
        let others = heard.iter().zip(counted);
        let like = others.filter(|((other, verdict), counted)| {
            let well = counted.works() && verdict.condition == Condition::Healthy;
            other != part && well == works
        });
        like.map(|((other, _), _)| *other).collect()
    };
    let (well, ill) = (like(true), like(false));
    if condition == Condition::Healthy {
        let works = heard
            .iter()
            .filter(|(_, it)| it.condition == Condition::Healthy);
        let works: Vec<Part> = works.map(|(part, _)| *part).collect();
        let mut summary = format!("{} of {server} {}", listed(&works), verb(&works, "work"));
        for (part, verdict) in heard.iter().filter(|(part, _)| ill.contains(part)) {
            summary.push_str(&format!("; {part} is left aside: {}", verdict.summary));
        }
        return Finding::new(condition, Kind::Ok, summary);
    }
    let mut summary = format!("{part}: {}", decisive.summary);
    if !ill.is_empty() {
        summary.push_str(&format!("; also look at {}", listed(&ill)));
    }
    if !well.is_empty() {
        summary.push_str(&format!("; {} {}", listed(&well), verb(&well, "work")));
    }
    Finding::new(condition, decisive.kind, summary)
}

/// `rdp`, `rdp and smtp`, `rdp, smtp and owa`.
pub(super) fn listed(words: &[impl ToString]) -> String {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

/// `word` as it goes with that many.
pub(super) fn verb<T>(of: &[T], word: &str) -> String {
    match of.len() {
        1 => format!("{word}s"),
        _ => word.to_owned(),
    }
}

/// How much of the weight works: of a part that is degraded, as much as works of its own parts.
fn share(parts: &[(Part, Verdict)], counted: &[Counted]) -> Option<Share> {
    let own = |verdict: &Verdict| {
        let share = verdict.share.filter(|share| share.of > 0);
        share.map_or((1, 1), |share| {
            (u64::from(share.working), u64::from(share.of))
        })
    };
    // One unit in which the fractions of all parts are whole.
    let unit = parts
        .iter()
        .fold(1, |unit, (_, verdict)| least_multiple(unit, own(verdict).1));
    let working: u64 = parts
        .iter()
        .zip(counted)
        .map(|((_, verdict), counted)| {
            let (working, of) = match counted.condition {
                Condition::Healthy => (1, 1),
                Condition::Degraded => own(verdict),
                _ => (0, 1),
            };
            u64::from(counted.weight) * unit * working / of
        })
        .sum();
    let of = u64::from(weight(counted.iter())) * unit;
    Some(Share {
        working: u32::try_from(working).ok()?,
        of: u32::try_from(of).ok()?,
    })
}

fn least_multiple(one: u64, other: u64) -> u64 {
    let (mut greater, mut rest) = (one, other);
    while rest != 0 {
        (greater, rest) = (rest, greater % rest);
    }
    one / greater.max(1) * other
}

/// A line for each part, and behind it what the part has to say besides.
fn details(heard: &[(Part, Verdict)]) -> Vec<String> {
    let lines = heard.iter().flat_map(|(part, verdict)| {
        let first = format!(
            "{part} {}, {}: {}",
            name_of(verdict.condition),
            verdict.kind.name(),
            verdict.summary
        );
        let further = verdict.details.iter();
        std::iter::once(first).chain(further.map(move |line| format!("{part}: {line}")))
    });
    lines.collect()
}

pub(super) fn name_of(condition: Condition) -> &'static str {
    match condition {
        Condition::Healthy => "healthy",
        Condition::Degraded => "degraded",
        Condition::Unknown => "unknown",
        Condition::Maintenance => "maintenance",
        Condition::Failed => "failed",
    }
}

pub(super) fn time(rule: &Rule) -> Value {
    Value::seconds("time", rule.took).judged_by(&rule.time)
}

pub(super) fn slowness(rule: &Rule, verdict: &Verdict) -> Option<Advisory> {
    let condition = rule.time.judge(rule.took.as_secs_f64());
    let answered = verdict.condition <= Condition::Degraded;
    (answered && condition != Condition::Healthy).then(|| Advisory {
        advice: Advice::Time,
        condition,
        enforced: condition,
        kind: Kind::Slow,
        summary: format!(
            "the answers took {}, outside the range asked for",
            spoken(rule.took)
        ),
    })
}

#[cfg(test)]
mod tests;
