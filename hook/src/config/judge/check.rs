//! Judges the `[checks.*]` sections.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plugins::Skew;
use plugins::x224::{Depth, Options, Require, Tls};
use shared::tls::DaysLeft;
use shared::verdict::Advice;
use toml::Spanned;

use super::super::fault::Fault;
use super::super::file::{self, Named, Placed};
use super::super::{Check, CheckId, Exec, Probe, REAL_PATH, Server, Tcp, VirtualService};
use super::{number, owa, smtp, time, word};
use crate::health::Rules;

/// How much of an answer a `tcp` check reads at most.
const LONGEST_EXPECTATION: usize = 4096;

pub(super) fn judge(name: &Spanned<String>, check: &file::Check, faults: &mut Vec<Fault>) -> Check {
    if let Some(dns) = &check.dns {
        let message = format!(
            "[checks.{}] asks DNS, which says nothing about one real server",
            name.as_ref()
        );
        let instead = format!(
            "write [watch.{}]; it reports and moves no weight",
            name.as_ref()
        );
        faults.push(Fault::at(dns.span(), message).suggest(instead));
    }
    if name.as_ref() == REAL_PATH {
        let message = format!("[checks.{REAL_PATH}] is the name of a check of governess itself");
        faults.push(Fault::at(name.span(), message).suggest("choose another name"));
    }
    let usual = Usual::of(check);
    let interval = time(faults, "interval", &check.interval, usual.interval);
    let retry = Duration::from_secs(1);
    Check {
        name: name.as_ref().clone(),
        probe: probe("checks", name, check, faults),
        interval,
        timeout: time(faults, "timeout", &check.timeout, usual.timeout),
        retry_interval: time(faults, "retry_interval", &check.retry_interval, retry),
        stale_after: time(
            faults,
            "stale_after",
            &check.stale_after,
            interval.saturating_mul(3),
        ),
        rules: Rules {
            fall: number(faults, "fall", &check.fall, 1..=1000, usual.fall),
            rise: number(faults, "rise", &check.rise, 1..=1000, usual.rise),
        },
        enforce: enforce(&check.enforce, faults),
        depends_on: Vec::new(),
    }
}

/// What holds where the file says nothing.
struct Usual {
    interval: Duration,
    timeout: Duration,
    fall: u32,
    rise: u32,
}

impl Usual {
    fn of(check: &file::Check) -> Self {
        if check.reported.is_some() {
            // The other program has repeated and counted already, and tells of changes alone. Its
            // interval is that of Nagios and Icinga.
            return Self {
                interval: Duration::from_secs(300),
                timeout: Duration::from_secs(3),
                fall: 1,
                rise: 1,
            };
        }
        // A whole conversation with a tarpit in it takes longer, and MAIL may not be sent often.
        let (often, patient) = match check.smtp {
            Some(_) => (30, 12),
            None => (5, 3),
        };
        Self {
            interval: Duration::from_secs(often),
            timeout: Duration::from_secs(patient),
            fall: 3,
            rise: 2,
        }
    }
}

/// What the check does.
pub(super) fn probe(
    section: &str,
    name: &Spanned<String>,
    check: &file::Check,
    faults: &mut Vec<Fault>,
) -> Probe {
    exactly_one(section, name, check, faults);
    if check.reported.is_some() {
        return Probe::Reported;
    }
    match (&check.exec, &check.tcp, &check.smtp, &check.owa) {
        (Some(exec), ..) => Probe::Exec(judge_exec(exec, faults)),
        (None, Some(written), ..) => Probe::Tcp(tcp(written, faults)),
        (None, None, Some(written), _) => smtp::judge(written, faults),
        (None, None, None, Some(written)) => owa::judge(written, faults),
        (None, None, None, None) => x224(check.x224.as_ref(), faults),
    }
}

/// Exactly one kind must be named.
pub(super) fn exactly_one(
    section: &str,
    name: &Spanned<String>,
    check: &file::Check,
    faults: &mut Vec<Fault>,
) {
    let named = usize::from(check.dns.is_some())
        + usize::from(check.x224.is_some())
        + usize::from(check.tcp.is_some())
        + usize::from(check.smtp.is_some())
        + usize::from(check.owa.is_some())
        + usize::from(check.exec.is_some())
        + usize::from(check.reported.is_some());
    if named != 1 {
        let what = if named == 0 {
            "does not say what to check"
        } else {
            "names two checks"
        };
        faults.push(
            Fault::at(name.span(), format!("[{section}.{}] {what}", name.as_ref()))
                .suggest("one section, one check, such as x224 = { port = 3389 }"),
        );
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

pub(super) fn certificate(written: &Placed<String>, faults: &mut Vec<Fault>) -> Option<DaysLeft> {
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

pub(super) fn enforce(
    written: &Placed<Vec<Spanned<String>>>,
    faults: &mut Vec<Fault>,
) -> Vec<Advice> {
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
