//! What only the servers of a pool together can show: pure.

use shared::perfdata::Value;
use shared::text::spoken;
use shared::verdict::{Advice, Advisory, Condition, Finding, Kind, Share, Verdict};

use super::NAME;
use super::judgement::{Examined, listed, name_of, slowness, time, verb, whole};
use super::part::Part;
use super::plan::Rule;
use crate::Skew;

/// The verdict on a pool: the worst of its servers, or what they do not have in common.
///
/// `way` is the address that clients use, where it was asked too. It is compared with nothing: it
/// answers as one of the servers does.
pub(super) fn judge(rule: &Rule, servers: &[Examined], way: Option<&Examined>) -> Verdict {
    let verdicts: Vec<(&str, Verdict)> = servers
        .iter()
        .map(|server| (server.name.as_str(), whole(rule, server)))
        .collect();
    let advisories: Vec<Advisory> = certificates(servers)
        .into_iter()
        .chain(clocks(servers))
        .collect();
    let way = way.map(|way| (way.name.as_str(), whole(rule, way)));
    let mut findings = vec![worst(&verdicts, advisories.is_empty())];
    findings.extend(same_server(servers));
    findings.extend(way.as_ref().and_then(|way| broken_way(way, &verdicts)));
    findings.extend(builds(servers));
    // Of equals the first.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.condition));
    let names: Vec<&str> = verdicts.iter().map(|(name, _)| *name).collect();
    let mut findings = findings.into_iter();
    let first = findings.next().unwrap_or_else(|| worst(&[], false));
    let mut verdict = Verdict::new(NAME, &names.join(","), None, first);
    let others = findings.filter(|finding| finding.condition != Condition::Healthy);
    verdict.details = others.map(|finding| finding.summary).collect();
    verdict.share = share(&verdicts);
    verdict.advisories = advisories;
    verdict.perfdata.push(time(rule));
    for (name, own) in verdicts.into_iter().chain(way) {
        add(&mut verdict, name, own);
    }
    verdict.advisories.extend(slowness(rule, &verdict));
    verdict
}

/// What one server says, under its name, without what was sent and received: of sixteen servers
/// that would be more than an answer may have.
fn add(verdict: &mut Verdict, name: &str, own: Verdict) {
    verdict.details.push(format!(
        "{name} {}, {}: {}",
        name_of(own.condition),
        own.kind.name(),
        own.summary
    ));
    let under = |line: String| format!("{name}: {line}");
    verdict.details.extend(own.details.into_iter().map(under));
    // The time of each part; the phases of each would be more than a line can have.
    let times = own.perfdata.into_iter();
    let times = times.filter(|value| value.label.ends_with("_time"));
    verdict.perfdata.extend(times.map(|value| Value {
        label: labelled(name, &value.label),
        ..value
    }));
    let facts = own.facts.into_iter();
    verdict
        .facts
        .extend(facts.map(|(fact, value)| (format!("{name}_{fact}"), value)));
    let advisories = own.advisories.into_iter();
    verdict
        .advisories
        .extend(advisories.map(|advisory| Advisory {
            summary: under(advisory.summary),
            ..advisory
        }));
}

/// A label of the server's: letters, digits and `_`.
fn labelled(server: &str, label: &str) -> String {
    let letter = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() => letter,
        _ => '_',
    };
    format!("{}_{label}", server.chars().map(letter).collect::<String>())
}

fn worst(verdicts: &[(&str, Verdict)], agree: bool) -> Finding {
    let by_condition = |(at, (_, verdict)): &(usize, &(&str, Verdict))| {
        (verdict.condition, std::cmp::Reverse(*at))
    };
    let Some((_, (name, worst))) = verdicts.iter().enumerate().max_by_key(by_condition) else {
        let summary = "no server was checked; please report this defect";
        return Finding::new(Condition::Unknown, Kind::Internal, summary);
    };
    let like = |well: bool| -> Vec<&str> {
        let others = verdicts.iter().filter(|(other, _)| other != name);
        let like = others.filter(|(_, it)| (it.condition == Condition::Healthy) == well);
        like.map(|(other, _)| *other).collect()
    };
    if worst.condition == Condition::Healthy {
        let names: Vec<&str> = verdicts.iter().map(|(name, _)| *name).collect();
        let agree = if agree { " and agree" } else { "" };
        let summary = format!("{} work{agree}", listed(&names));
        return Finding::new(Condition::Healthy, Kind::Ok, summary);
    }
    let (well, ill) = (like(true), like(false));
    let mut summary = format!("{name}: {}", worst.summary);
    if !ill.is_empty() {
        summary.push_str(&format!("; also look at {}", listed(&ill)));
    }
    if !well.is_empty() {
        summary.push_str(&format!("; {} {}", listed(&well), verb(&well, "work")));
    }
    Finding::new(worst.condition, worst.kind, summary)
}

/// How many servers work.
fn share(verdicts: &[(&str, Verdict)]) -> Option<Share> {
    let works = verdicts
        .iter()
        .filter(|(_, verdict)| verdict.condition <= Condition::Degraded);
    Some(Share {
        working: u32::try_from(works.count()).ok()?,
        of: u32::try_from(verdicts.len()).ok()?,
    })
}

/// A fact of a part, by server, where it is known.
fn told<'a>(servers: &'a [Examined], part: Part, fact: &str) -> Vec<(&'a str, &'a str)> {
    let told = servers.iter().filter_map(|server| {
        let parts = server.parts.as_ref().ok()?;
        let (_, verdict) = parts.iter().find(|(known, _)| *known == part)?;
        Some((server.name.as_str(), verdict.facts.get(fact)?.as_str()))
    });
    told.collect()
}

/// The servers by what they say, in the order of the servers.
fn groups<'a>(told: &[(&'a str, &'a str)]) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (server, value) in told {
        match groups
            .iter_mut()
            .find(|(known, _)| known.eq_ignore_ascii_case(value))
        {
            Some((_, servers)) => servers.push(server),
            None => groups.push((value, vec![server])),
        }
    }
    groups
}

/// Who says what, where not all say the same.
fn disagreement(told: &[(&str, &str)]) -> Option<String> {
    let groups = groups(told);
    let said = groups
        .iter()
        .map(|(value, servers)| format!("{} {} {value}", listed(servers), verb(servers, "show")));
    (groups.len() > 1).then(|| said.collect::<Vec<_>>().join(", "))
}

/// Servers work, and clients do not reach them.
fn broken_way((way, verdict): &(&str, Verdict), verdicts: &[(&str, Verdict)]) -> Option<Finding> {
    let works = |verdict: &Verdict| verdict.condition <= Condition::Degraded;
    let well = verdicts.iter().filter(|(_, verdict)| works(verdict));
    let well: Vec<&str> = well.map(|(name, _)| *name).collect();
    if works(verdict) {
        return None;
    }
    let summary = match well.as_slice() {
        [] => format!("{way}: {}", verdict.summary),
        well => format!(
            "{} {}, and by {way} {} not reached: look at the director and at the return path (by \
             NAT, the servers' default gateway must be the director): {}",
            listed(well),
            verb(well, "work"),
            if well.len() == 1 { "it is" } else { "they are" },
            verdict.summary
        ),
    };
    Some(Finding::new(verdict.condition, verdict.kind, summary))
}

/// Two addresses behind which the same server answers.
fn same_server(servers: &[Examined]) -> Option<Finding> {
    let names = [(Part::Owa, "server_name"), (Part::Rdp, "server_dns_name")];
    let twice = names.into_iter().find_map(|(part, fact)| {
        let told = told(servers, part, fact);
        let mut groups = groups(&told).into_iter();
        groups.find(|(_, servers)| servers.len() > 1)
    });
    let (name, addresses) = twice?;
    Some(Finding::failed(
        Kind::WrongServer,
        format!(
            "{} are answered by one server, {}: each must lead to a server of its own; look at the \
             addresses and at DNS",
            listed(&addresses),
            name.escape_debug()
        ),
    ))
}

/// Exchange, and Windows below it, are of one build on all servers.
fn builds(servers: &[Examined]) -> Vec<Finding> {
    let parts = [(Part::Owa, "Exchange"), (Part::Rdp, "Windows")];
    let found = parts.into_iter().filter_map(|(part, software)| {
        let disagreement = disagreement(&told(servers, part, "server_build"))?;
        let summary = format!(
            "the builds of {software} differ: {disagreement}; bring the servers to the same update"
        );
        Some(Finding::new(Condition::Degraded, Kind::Content, summary))
    });
    found.collect()
}

/// The cookie of Outlook on the web's logon by form is encrypted by means of the certificate's key,
/// so another server can read it only with the same one. The certificates of RDP, and those that
/// Exchange makes for mail between its servers, are each server's own.
fn certificates(servers: &[Examined]) -> Option<Advisory> {
    let told = told(servers, Part::Owa, "certificate_sha256");
    // Enough of each to find it by.
    let short: Vec<(&str, &str)> = told
        .iter()
        .map(|(server, sha256)| (*server, sha256.get(..11).unwrap_or(sha256)))
        .collect();
    if groups(&told).len() < 2 {
        return None;
    }
    let who = disagreement(&short).unwrap_or_default();
    Some(Advisory {
        advice: Advice::Certificate,
        condition: Condition::Degraded,
        enforced: Condition::Failed,
        kind: Kind::Certificate,
        summary: format!(
            "the servers have different certificates for the web, by SHA-256: {who}; form-based \
             logons are thrown back at each reschedule; install the same certificate, with its \
             key, on all of them"
        ),
    })
}

/// How far the clocks of two servers are apart, whatever ours says.
fn clocks(servers: &[Examined]) -> Option<Advisory> {
    let offsets: Vec<(&str, f64)> = servers.iter().filter_map(offset).collect();
    let by_offset = |one: &&(&str, f64), other: &&(&str, f64)| one.1.total_cmp(&other.1);
    let (behind, least) = offsets.iter().min_by(by_offset)?;
    let (ahead, most) = offsets.iter().max_by(by_offset)?;
    let apart = most - least;
    let condition = Skew::default().0.judge(apart);
    (condition != Condition::Healthy).then(|| Advisory {
        advice: Advice::Skew,
        condition,
        enforced: condition,
        kind: Kind::Skew,
        summary: format!(
            "the clock of {ahead} is {} ahead of that of {behind}; Kerberos bears 300 s; look at \
             the time service of both",
            spoken(std::time::Duration::try_from_secs_f64(apart).unwrap_or_default())
        ),
    })
}

/// By how many seconds a server's clock is ahead of ours; the NTLM challenge tells it better than
/// HTTP does.
fn offset(server: &Examined) -> Option<(&str, f64)> {
    let one = std::slice::from_ref(server);
    let by = |part| told(one, part, "clock_offset").into_iter().next();
    let (name, offset) = by(Part::Rdp).or_else(|| by(Part::Owa))?;
    Some((name, offset.parse().ok()?))
}

#[cfg(test)]
mod tests;
