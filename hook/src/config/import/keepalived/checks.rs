//! How keepalived checks a real server.

use super::asked::Asked;
use super::lexer::{self, Node};
use super::real::Real;
use crate::config::import::command::{self, Reads};
use crate::config::import::draft::{Check, Member, Pace, Probe, Service};
use crate::config::import::told::Told;
use crate::config::import::{mail, web};

/// What is checked, with the words of a checker that has no counterpart: why, and what to write.
const CHECKERS: &[(&str, Option<&str>)] = &[
    ("TCP_CHECK", None),
    ("HTTP_GET", None),
    ("SSL_GET", None),
    ("SMTP_CHECK", None),
    ("MISC_CHECK", None),
    (
        "DNS_CHECK",
        Some(
            "no check asks a real server for a name; exec = [\"/usr/lib/nagios/plugins/check_dig\", \
             \"-H\", \"{address}\", \"-l\", NAME]; answers of AD DNS are watched by [watch.NAME]",
        ),
    ),
    (
        "UDP_CHECK",
        Some(
            "no check sends UDP; exec = [\"/usr/lib/nagios/plugins/check_udp\", \"-H\", \
             \"{address}\", \"-p\", PORT, \"-s\", WHAT, \"-e\", ANSWER]",
        ),
    ),
    (
        "PING_CHECK",
        Some("a server that only answers pings may be dead; write tcp = { port = … }"),
    ),
    (
        "BFD_CHECK",
        Some("a path that works says nothing of the server; write tcp = { port = … }"),
    ),
    (
        "FILE_CHECK",
        Some(
            "no file is read; the program that writes it can tell its results with `governess \
             report`, to a check reported = {}",
        ),
    ),
];

pub(super) fn is_checker(key: &str) -> bool {
    CHECKERS.iter().any(|(name, _)| *name == key)
}

/// What the blocks around a checker say for it; the inner block's stands over the outer's.
#[derive(Clone, Debug, Default)]
pub(super) struct Outer {
    pub(super) paces: Paces,
    /// `virtualhost`
    pub(super) host: Option<String>,
}

/// Times and counts, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paces {
    delay_loop: Option<u64>,
    connect_timeout: Option<u64>,
    delay_before_retry: Option<u64>,
    retry: Option<u64>,
}

impl Paces {
    /// Takes one keyword in. False if it is about something else.
    pub(super) fn take(&mut self, child: &Node, told: &mut Told) -> bool {
        let slot = match child.key() {
            "delay_loop" => &mut self.delay_loop,
            "connect_timeout" => &mut self.connect_timeout,
            "delay_before_retry" => &mut self.delay_before_retry,
            "retry" | "nb_get_retry" => {
                match child.word(1).parse() {
                    Ok(number @ 0..=999) => self.retry = Some(number),
                    _ => told.refuse(child.line, "retry: a number up to 999 is expected"),
                }
                return true;
            }
            // The first checks are spread here too.
            "warmup" => return true,
            _ => return false,
        };
        match milliseconds(child.word(1)) {
            Some(time) => *slot = Some(time),
            None => told.refuse(
                child.line,
                format!("{} {}: seconds are expected", child.key(), child.word(1)),
            ),
        }
        true
    }

    /// keepalived's defaults: every 60 s, 5 s to connect, one retry after 1 s.
    fn pace(&self, timeout: Option<u64>, retries: u64) -> Pace {
        Pace {
            interval: Some(self.delay_loop.unwrap_or(60_000)),
            timeout: Some(timeout.or(self.connect_timeout).unwrap_or(5_000)),
            retry_interval: self.delay_before_retry,
            fall: Some(self.retry.unwrap_or(retries) + 1),
            rise: Some(1),
        }
    }
}

/// Seconds with or without a fraction, more than 0 and at most a day.
pub(super) fn milliseconds(word: &str) -> Option<u64> {
    let (whole, fraction) = word.split_once('.').unwrap_or((word, ""));
    let thousandths = format!("{fraction:0<3}");
    let thousandths: u64 = thousandths.get(..3)?.parse().ok()?;
    let time = whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(thousandths)?;
    (1..=86_400_000).contains(&time).then_some(time)
}

/// Reads one checker. A page that is asked for is a check of its own.
pub(super) fn read(
    node: &Node,
    server: &Member,
    service: &Service,
    outer: &Outer,
    told: &mut Told,
) -> Vec<Check> {
    let mut paces = outer.paces;
    let mut asked = Asked::default();
    let mut rest = Vec::new();
    for child in node.children() {
        if node.key() == "BFD_CHECK" || node.key() == "FILE_CHECK" || !paces.take(child, told) {
            rest.push(child);
        }
    }
    for child in rest {
        asked.take(node.key(), child, told);
    }
    let checker = CHECKERS.iter().find(|(name, _)| *name == node.key());
    if let Some((name, Some(why))) = checker {
        told.note(node.line, format!("{name} is not carried over: {why}"));
        return Vec::new();
    }
    if node.key() == "MISC_CHECK" {
        return misc(node, &asked, server, &paces, told)
            .into_iter()
            .collect();
    }
    if service.is_udp() {
        let words = format!("{} of a UDP service is not carried over", node.key());
        told.note(node.line, words);
        return Vec::new();
    }
    let port = asked.port.unwrap_or(server.port);
    if port == 0 {
        told.note(
            node.line,
            "the port to check is not known; add connect_port, or a check",
        );
        return Vec::new();
    }
    match node.key() {
        "HTTP_GET" | "SSL_GET" => pages(node, asked, outer, &paces, port, told),
        "SMTP_CHECK" => vec![mail(node, asked, &paces, port, told)],
        _ => {
            let probe = Probe::Tcp {
                port: Some(port),
                send: String::new(),
                expect: String::new(),
            };
            let pace = paces.pace(None, 1);
            vec![Check { probe, pace }]
        }
    }
}

fn pages(
    node: &Node,
    asked: Asked,
    outer: &Outer,
    paces: &Paces,
    port: u16,
    told: &mut Told,
) -> Vec<Check> {
    /// keepalived waits longer between two tries for a page than otherwise.
    const RETRY: u64 = 3_000;
    if asked.pages.is_empty() {
        let words = format!(
            "{} without url: keepalived ignores it (\"no urls specified\"), and it never checked \
             anything",
            node.key()
        );
        told.note(node.line, words);
    }
    let usual = asked.host.or_else(|| outer.host.clone());
    let mut pace = paces.pace(None, 1);
    pace.retry_interval = pace.retry_interval.or(Some(RETRY));
    let mut checks = Vec::new();
    for (line, mut page) in asked.pages {
        page.tls = node.key() == "SSL_GET";
        page.host = page.host.or_else(|| usual.clone());
        let web::Asked { probe, remark } = page.check(Some(port));
        told.note(line, remark);
        checks.push(Check { probe, pace });
    }
    checks
}

fn mail(node: &Node, asked: Asked, paces: &Paces, port: u16, told: &mut Told) -> Check {
    told.note(node.line, mail::REMARK);
    let probe = Probe::Smtp {
        port,
        ehlo: asked.helo,
    };
    let pace = mail::pace(paces.pace(None, 1));
    Check { probe, pace }
}

fn misc(
    node: &Node,
    asked: &Asked,
    server: &Member,
    paces: &Paces,
    told: &mut Told,
) -> Option<Check> {
    let Some((line, command)) = &asked.command else {
        told.refuse(node.line, "MISC_CHECK without misc_path");
        return None;
    };
    let words = match lexer::command_line(command) {
        Ok(words) => words,
        Err(words) => {
            told.refuse(*line, words);
            return None;
        }
    };
    let own = server.address.to_string();
    let put = |word: String| {
        if word == own {
            "{address}".to_owned()
        } else {
            word
        }
    };
    let words: Vec<String> = words.into_iter().map(put).collect();
    let reads = if asked.dynamic {
        Reads::Weight
    } else {
        Reads::ExitCode
    };
    match command::check(&words, None, reads) {
        Ok(converted) => {
            if let Some(remark) = converted.remark {
                told.note(*line, remark);
            }
            let timeout = converted.timeout.or(asked.timeout).or(paces.delay_loop);
            let pace = paces.pace(timeout.or(Some(60_000)), 0);
            Some(Check {
                probe: converted.probe,
                pace,
            })
        }
        Err(words) => {
            told.note(*line, format!("misc_path is not carried over: {words}"));
            None
        }
    }
}

/// The checks that all servers have: a service's checks are for all of its servers here.
pub(super) fn common(reals: &[Real], told: &mut Told) -> Vec<Check> {
    let mut common: Vec<Check> = Vec::new();
    for (line, check) in reals.iter().flat_map(|real| &real.checks) {
        let own = |real: &Real| {
            real.checks
                .iter()
                .any(|(_, other)| same(check, other, reals, real))
        };
        if !reals.iter().all(own) {
            let words = "not all servers of this virtual_server have this check; a service's \
                         checks are for all of them here, and it is left out";
            told.note(*line, words);
        } else if !common.contains(&spread(check, reals)) {
            common.push(spread(check, reals));
        }
    }
    common
}

/// Whether `other` of server `real` is the same check, a port of its own left aside.
fn same(check: &Check, other: &Check, reals: &[Real], real: &Real) -> bool {
    let mine = reals
        .iter()
        .find(|real| real.checks.iter().any(|(_, own)| own == check));
    check == other || mine.is_some_and(|mine| at_own_port(check, mine) == at_own_port(other, real))
}

/// The check without a port, if it asks the server's own.
fn at_own_port(check: &Check, real: &Real) -> Check {
    let mut check = check.clone();
    if let Probe::Tcp { port, .. } = &mut check.probe
        && *port == Some(real.member.port)
    {
        *port = None;
    }
    check
}

/// The check without a port, if the servers have different ones.
fn spread(check: &Check, reals: &[Real]) -> Check {
    let first = reals.first().map(|real| real.member.port);
    let alike = reals.iter().all(|real| Some(real.member.port) == first);
    let own = reals.iter().map(|real| at_own_port(check, real));
    let own = own.into_iter().find(|own| own != check);
    match own {
        Some(own) if !alike => own,
        _ => check.clone(),
    }
}
