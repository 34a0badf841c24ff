//! Judges the `[checks.*]` sections.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plugins::x224::{Depth, Options, Require, Skew, Tls};
use shared::tls::DaysLeft;
use shared::verdict::Advice;
use toml::Spanned;

use super::super::fault::Fault;
use super::super::file::{self, Named, Placed};
use super::super::{Check, CheckId, Exec, Probe, REAL_PATH, Server, Tcp, VirtualService};
use super::{not_yet, number, time, word};
use crate::health::Rules;

/// How much of an answer a `tcp` check reads at most.
const LONGEST_EXPECTATION: usize = 4096;

pub(super) fn judge(name: &Spanned<String>, check: &file::Check, faults: &mut Vec<Fault>) -> Check {
    for (key, value) in [
        ("smtp", &check.smtp),
        ("owa", &check.owa),
        ("dns", &check.dns),
    ] {
        not_yet(faults, key, value);
    }
    if name.as_ref() == REAL_PATH {
        let message = format!("[checks.{REAL_PATH}] is the name of a check of governess itself");
        faults.push(Fault::at(name.span(), message).suggest("choose another name"));
    }
    let interval = time(faults, "interval", &check.interval, Duration::from_secs(5));
    let retry = Duration::from_secs(1);
    Check {
        name: name.as_ref().clone(),
        probe: probe(name, check, faults),
        interval,
        timeout: time(faults, "timeout", &check.timeout, Duration::from_secs(3)),
        retry_interval: time(faults, "retry_interval", &check.retry_interval, retry),
        stale_after: time(
            faults,
            "stale_after",
            &check.stale_after,
            interval.saturating_mul(3),
        ),
        rules: Rules {
            fall: number(faults, "fall", &check.fall, 1..=1000, 3),
            rise: number(faults, "rise", &check.rise, 1..=1000, 2),
        },
        enforce: enforce(&check.enforce, faults),
        depends_on: Vec::new(),
    }
}

/// What the check does. Exactly one kind must be named.
fn probe(name: &Spanned<String>, check: &file::Check, faults: &mut Vec<Fault>) -> Probe {
    let later = [&check.smtp, &check.owa, &check.dns]
        .into_iter()
        .flatten()
        .count();
    let named = later
        + usize::from(check.x224.is_some())
        + usize::from(check.tcp.is_some())
        + usize::from(check.exec.is_some());
    if named != 1 {
        let what = if named == 0 {
            "does not say what to check"
        } else {
            "names two checks"
        };
        faults.push(
            Fault::at(name.span(), format!("[checks.{}] {what}", name.as_ref()))
                .suggest("one section, one check, such as x224 = { port = 3389 }"),
        );
    }
    match (&check.exec, &check.tcp) {
        (Some(exec), _) => Probe::Exec(judge_exec(exec, faults)),
        (None, Some(written)) => Probe::Tcp(tcp(written, faults)),
        (None, None) => x224(check.x224.as_ref(), faults),
    }
}

fn tcp(written: &Spanned<file::Tcp>, faults: &mut Vec<Fault>) -> Tcp {
    let written = written.as_ref();
    let text = |key: &Placed<String>| key.as_ref().map(|text| text.as_ref().clone());
    if let Some(long) = written
        .expect
        .as_ref()
        .filter(|text| text.as_ref().len() > LONGEST_EXPECTATION)
    {
        let message = format!("expect is longer than {LONGEST_EXPECTATION} bytes");
        faults.push(Fault::at(long.span(), message).suggest("the answer's beginning is enough"));
    }
    Tcp {
        port: written
            .port
            .as_ref()
            .map(|port| number(faults, "port", &Some(port.clone()), 1..=65535, 1)),
        send: text(&written.send).unwrap_or_default(),
        expect: text(&written.expect).unwrap_or_default(),
    }
}

/// A `tcp` check without a port asks the port of the server, which then must have one.
pub(super) fn ports_are_known(
    written: &Named<file::Check>,
    checks: &[Check],
    services: &[VirtualService],
    servers: &[Server],
    faults: &mut Vec<Fault>,
) {
    for (id, (name, _)) in written.keys().zip(checks).enumerate() {
        let Probe::Tcp(Tcp { port: None, .. }) = checks[id].probe else {
            continue;
        };
        let users = services
            .iter()
            .filter(|service| service.checks.contains(&CheckId(id)));
        let mut members = users.flat_map(|service| &service.servers);
        if let Some(server) = members.find(|server| servers[server.0].port.is_none()) {
            let message = format!(
                "[checks.{}] has no port, and neither has [servers.{}]",
                name.as_ref(),
                servers[server.0].name
            );
            faults.push(Fault::at(name.span(), message).suggest("write tcp = { port = 80 }"));
        }
    }
}

fn x224(written: Option<&Spanned<file::X224>>, faults: &mut Vec<Fault>) -> Probe {
    let nothing = file::X224::default();
    let written = written.map_or(&nothing, |x224| x224.as_ref());
    let require = match word(
        faults,
        "require",
        &written.require,
        &["", "rdp", "tls", "nla"],
        "",
    ) {
        "rdp" => Some(Require::Rdp),
        "tls" => Some(Require::Tls),
        "nla" => Some(Require::Nla),
        _ => None,
    };
    Probe::X224 {
        port: number(faults, "port", &written.port, 1..=65535, 3389),
        options: Options {
            depth: depth(written, faults),
            require,
            ..Options::default()
        },
    }
}

/// How far up the check goes: `nla` includes `tls`.
fn depth(written: &file::X224, faults: &mut Vec<Fault>) -> Depth {
    let on = |key: &Placed<bool>| key.as_ref().is_some_and(|value| *value.as_ref());
    let tls = Tls {
        certificate_days: certificate(&written.certificate, faults),
        ..Tls::default()
    };
    let expect_name = written
        .expect_name
        .as_ref()
        .map(|name| name.as_ref().clone());
    if let (Some(name), false) = (&written.expect_name, on(&written.nla)) {
        faults.push(
            Fault::at(
                name.span(),
                "expect_name without nla: only the NTLM challenge names a server",
            )
            .suggest("add nla = true"),
        );
    }
    if let (Some(days), false) = (&written.certificate, on(&written.tls) || on(&written.nla)) {
        faults.push(
            Fault::at(
                days.span(),
                "certificate without tls: no certificate is seen",
            )
            .suggest("add tls = true"),
        );
    }
    match (on(&written.tls), on(&written.nla)) {
        (_, true) => Depth::Nla {
            tls,
            expect_name,
            skew: Skew::default(),
        },
        (true, false) => Depth::Tls(tls),
        (false, false) => Depth::Confirm,
    }
}

fn certificate(written: &Placed<String>, faults: &mut Vec<Fault>) -> Option<DaysLeft> {
    let written = written.as_ref()?;
    let days = written.as_ref().parse().ok();
    if days.is_none() {
        let message = format!(
            "certificate = \"{}\" is not WARN,CRIT in days",
            written.as_ref()
        );
        faults.push(Fault::at(written.span(), message).suggest("such as \"30,7\""));
    }
    days
}

fn judge_exec(written: &Spanned<Vec<Spanned<String>>>, faults: &mut Vec<Fault>) -> Exec {
    let Some((program, arguments)) = written.as_ref().split_first() else {
        faults.push(
            Fault::at(written.span(), "exec is empty").suggest(
                "write exec = [\"/usr/lib/nagios/plugins/check_…\", \"-H\", \"{address}\"]",
            ),
        );
        return Exec {
            program: PathBuf::new(),
            arguments: Vec::new(),
        };
    };
    if let Err(refusal) = executable(Path::new(program.as_ref())) {
        let message = format!("exec: \"{}\" {refusal}", program.as_ref());
        faults.push(Fault::at(program.span(), message));
    }
    for argument in arguments {
        unknown_placeholder(argument, faults);
    }
    Exec {
        program: PathBuf::from(program.as_ref()),
        arguments: arguments.iter().map(|word| word.as_ref().clone()).collect(),
    }
}

/// Whether a program can be run, by path alone: the file's own word is better than a guess later.
fn executable(program: &Path) -> Result<(), String> {
    if !program.is_absolute() {
        return Err("is not an absolute path; no PATH is searched".to_owned());
    }
    let found = std::fs::metadata(program).map_err(|error| format!("cannot be run: {error}"))?;
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Err("is not an executable file".to_owned());
    }
    Ok(())
}

fn unknown_placeholder(argument: &Spanned<String>, faults: &mut Vec<Fault>) {
    let rest = argument
        .as_ref()
        .replace("{address}", "")
        .replace("{server}", "");
    let Some((_, after)) = rest.split_once('{') else {
        return;
    };
    if let Some((inside, _)) = after.split_once('}')
        && inside
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !inside.is_empty()
    {
        faults.push(
            Fault::at(
                argument.span(),
                format!("exec: {{{inside}}} stands for nothing"),
            )
            .suggest("known: {address}, {server}"),
        );
    }
}

fn enforce(written: &Placed<Vec<Spanned<String>>>, faults: &mut Vec<Fault>) -> Vec<Advice> {
    let listed = written
        .as_ref()
        .map_or(&[][..], |list| list.as_ref().as_slice());
    listed
        .iter()
        .filter_map(|class| {
            let known = ["time", "certificate", "skew"];
            match word(faults, "enforce", &Some(class.clone()), &known, "") {
                "time" => Some(Advice::Time),
                "certificate" => Some(Advice::Certificate),
                "skew" => Some(Advice::Skew),
                _ => None,
            }
        })
        .collect()
}
