//! How keepalived checks a real server.

use super::lexer::{self, Node};
use super::real::Real;
use crate::config::import::command::{self, Reads};
use crate::config::import::draft::{Check, Member, Pace, Probe, Service};
use crate::config::import::ports;
use crate::config::import::told::Told;

/// Every checker, and whether it is at least a connection to a TCP port.
const CHECKERS: &[(&str, bool)] = &[
    ("TCP_CHECK", true),
    ("HTTP_GET", true),
    ("SSL_GET", true),
    ("SMTP_CHECK", true),
    ("DNS_CHECK", false),
    ("MISC_CHECK", false),
    ("BFD_CHECK", false),
    ("UDP_CHECK", false),
    ("PING_CHECK", false),
    ("FILE_CHECK", false),
];

pub(super) fn is_checker(key: &str) -> bool {
    CHECKERS.iter().any(|(name, _)| *name == key)
}

/// Times and counts, in milliseconds; the inner block's stand over the outer's.
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
fn milliseconds(word: &str) -> Option<u64> {
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

/// Reads one checker.
pub(super) fn read(
    node: &Node,
    server: &Member,
    service: &Service,
    paces: &Paces,
    told: &mut Told,
) -> Option<Check> {
    let mut paces = *paces;
    let mut asked = Asked::default();
    for child in node.children() {
        if !paces.take(child, told) {
            asked.take(node.key(), child, told);
        }
    }
    if node.key() == "MISC_CHECK" {
        return misc(node, &asked, server, &paces, told);
    }
    let connects = CHECKERS
        .iter()
        .any(|(name, connects)| *name == node.key() && *connects);
    if !connects || service.is_udp() {
        told.note(node.line, format!("{} is not carried over", node.key()));
        return None;
    }
    if node.key() != "TCP_CHECK" {
        let words = format!(
            "{} becomes a connection to the port: what the server says is not looked at",
            node.key()
        );
        told.note(node.line, words);
    }
    let port = asked.port.unwrap_or(server.port);
    if port == 0 {
        told.note(
            node.line,
            "the port to check is not known; add connect_port, or a check",
        );
        return None;
    }
    let probe = Probe::Tcp {
        port: Some(port),
        send: String::new(),
        expect: String::new(),
    };
    let retries = if node.key().ends_with("_GET") { 3 } else { 1 };
    let pace = paces.pace(None, retries);
    Some(Check { probe, pace })
}

/// What a checker's block says besides times.
#[derive(Default)]
struct Asked {
    port: Option<u16>,
    command: Option<(usize, String)>,
    timeout: Option<u64>,
    dynamic: bool,
}

impl Asked {
    fn take(&mut self, checker: &str, child: &Node, told: &mut Told) {
        let line = child.line;
        match (checker, child.key()) {
            (_, "connect_port") => match ports::port(child.word(1)) {
                Ok(port) => self.port = Some(port),
                Err(words) => told.refuse(line, words),
            },
            ("MISC_CHECK", "misc_path") => self.command = Some((line, child.words[1..].join(" "))),
            ("MISC_CHECK", "misc_timeout") => match milliseconds(child.word(1)) {
                Some(time) => self.timeout = Some(time),
                None => told.refuse(line, "misc_timeout: seconds are expected"),
            },
            ("MISC_CHECK", "misc_dynamic") => {
                self.dynamic = true;
                told.note(
                    line,
                    "misc_dynamic: weights do not follow the program's exit code",
                );
            }
            (
                _,
                "connect_ip" | "bindto" | "bind_if" | "bind_port" | "fwmark" | "alpha"
                | "log_all_failures" | "url" | "http_protocol" | "fast_recovery" | "enable_sni"
                | "virtualhost" | "helo_name" | "host" | "type" | "name" | "user" | "payload"
                | "require_reply" | "min_reply_length" | "max_reply_length" | "track_file"
                | "dynamic" | "weight",
            ) => told.note(
                line,
                format!("{} is not carried over", child.words.join(" ")),
            ),
            (_, key) => told.refuse(line, format!("unknown keyword \"{key}\" in {checker}")),
        }
    }
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
                .any(|(_, other)| same(check, other, real))
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
fn same(check: &Check, other: &Check, real: &Real) -> bool {
    let at_own_port = |check: &Check| matches!(check.probe, Probe::Tcp { port: Some(port), .. } if port == real.member.port);
    let both_connect = matches!(
        (&check.probe, &other.probe),
        (Probe::Tcp { .. }, Probe::Tcp { .. })
    );
    check == other || (both_connect && check.pace == other.pace && at_own_port(other))
}

/// The check without a port, if the servers have different ones.
fn spread(check: &Check, reals: &[Real]) -> Check {
    let first = reals.first().map(|real| real.member.port);
    let alike = reals.iter().all(|real| Some(real.member.port) == first);
    match &check.probe {
        Probe::Tcp { port, send, expect }
            if !alike && reals.iter().any(|real| Some(real.member.port) == *port) =>
        {
            Check {
                probe: Probe::Tcp {
                    port: None,
                    send: send.clone(),
                    expect: expect.clone(),
                },
                ..check.clone()
            }
        }
        _ => check.clone(),
    }
}
