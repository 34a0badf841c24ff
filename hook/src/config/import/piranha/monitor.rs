//! How nanny checks the servers of a virtual service (`nanny.c` of 0.8.6).

use super::lexer::{self, Statement, Word};
use crate::config::import::command::{self, Reads};
use crate::config::import::draft::{Check, Pace, Probe};
use crate::config::import::told::Told;

/// The keys that are about it.
pub(super) const KEYS: [&str; 8] = [
    "client_monitor",
    "send_program",
    "send",
    "expect",
    "use_regex",
    "timeout",
    "reentry",
    "load_monitor",
];

/// nanny copies the command line into 255 bytes without looking.
const LONGEST_COMMAND: usize = 254;

/// The keys as they are written, each with its line.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    program: Option<(usize, String)>,
    send: Option<(usize, String)>,
    expect: Option<(usize, String)>,
    use_regex: Option<usize>,
    timeout: Option<u64>,
    reentry: Option<u64>,
}

/// Seconds between two checks.
pub(super) fn interval(monitor: &Monitor) -> u64 {
    monitor.timeout.unwrap_or(10).clamp(1, 86_400)
}

/// Takes one key in.
pub(super) fn key(statement: &Statement, monitor: &mut Monitor, told: &mut Told) {
    let line = statement.line;
    match statement.key() {
        "send_program" => {
            let value = program_line(statement, told);
            monitor.program = value.map(|value| (line, value));
        }
        "send" | "expect" => {
            let Some([_]) = statement.values(told) else {
                return;
            };
            let value = Some((line, as_lvsd_takes(&statement.words[2], line, told)));
            if statement.key() == "send" {
                monitor.send = value;
            } else {
                monitor.expect = value;
            }
        }
        _ => plain(statement, monitor, told),
    }
}

fn plain(statement: &Statement, monitor: &mut Monitor, told: &mut Told) {
    let line = statement.line;
    let Some([value]) = statement.values(told) else {
        return;
    };
    match statement.key() {
        "use_regex" => {
            let on = lexer::boolean(value, line, told) == Some(true);
            monitor.use_regex = on.then_some(line);
        }
        "timeout" => monitor.timeout = lexer::number(value, line, told),
        "reentry" => monitor.reentry = lexer::number(value, line, told),
        "load_monitor" if value == "none" => {}
        "load_monitor" => told.note(
            line,
            format!("load_monitor = {value} is not carried over: weights do not follow the load"),
        ),
        _ if value.ends_with("/nanny") || value == "nanny" => {}
        _ => told.note(
            line,
            format!("client_monitor = {value} is not carried over: governess checks by itself"),
        ),
    }
}

/// The command line: one word in double quotes, or what never worked and was meant.
fn program_line(statement: &Statement, told: &mut Told) -> Option<String> {
    let line = statement.line;
    if statement.words.len() <= 3 {
        let [_] = statement.values(told)?;
        return Some(as_lvsd_takes(&statement.words[2], line, told));
    }
    if statement.word(1) != "=" {
        let words = "send_program: \"=\" with a blank on both sides is expected";
        told.refuse(line, words);
        return None;
    }
    told.note(
        line,
        "send_program without quotes is an error of Piranha (\"unexpected arguments\"): the file \
         was refused and this check never ran; it is taken as it was meant",
    );
    let words: Vec<&str> = (2..statement.words.len())
        .map(|at| statement.word(at))
        .collect();
    Some(words.join(" "))
}

/// lvsd takes off double quotes alone.
fn as_lvsd_takes(word: &Word, line: usize, told: &mut Told) -> String {
    if word.quote == Some('\'') {
        told.note(
            line,
            "the single quotes belong to the value for Piranha, and so it never worked; they are \
             taken off here",
        );
    }
    word.text.clone()
}

/// The check that nanny does; `port` is the servers', `None` if each has its own; `service` is
/// the port of the virtual service and whether it is UDP.
pub(super) fn check(
    monitor: &Monitor,
    line: usize,
    port: Option<u16>,
    service: (u16, bool),
    told: &mut Told,
) -> Option<Check> {
    let probe = match &monitor.program {
        Some((line, program)) => by_program(monitor, *line, program, port, told)?,
        None => by_answer(monitor, line, port, service, told)?,
    };
    let interval = interval(monitor);
    let reentry = monitor.reentry.unwrap_or(180);
    told.note(
        0,
        "checks are as often and as strict as nanny's: one failure takes a server out, and reentry \
         / timeout successes bring it back; without interval, fall and rise governess asks every \
         5 s, and 3 failures or 2 successes decide",
    );
    let pace = Pace {
        interval: Some(interval * 1000),
        timeout: Some(interval * 1000),
        retry_interval: None,
        fall: Some(1),
        rise: Some((reentry / interval).clamp(1, 1000)),
    };
    Some(Check { probe, pace })
}

fn by_program(
    monitor: &Monitor,
    line: usize,
    program: &str,
    port: Option<u16>,
    told: &mut Told,
) -> Option<Probe> {
    if program.len() > LONGEST_COMMAND {
        told.note(
            line,
            format!("send_program is longer than {LONGEST_COMMAND} bytes: nanny crashed on it"),
        );
    }
    if let Some((line, send)) = &monitor.send {
        told.note(
            *line,
            format!("send = \"{send}\" was ignored by nanny beside send_program"),
        );
    }
    let expected = expected_output(monitor, line, told);
    let words = substituted(program, line, port, told)?;
    match command::check(&words, port, Reads::Output(&expected)) {
        Ok(converted) => {
            if let Some(remark) = converted.remark {
                told.note(line, remark);
            }
            Some(converted.probe)
        }
        Err(words) => {
            told.note(line, format!("send_program is not carried over: {words}"));
            None
        }
    }
}

/// What the program must print, in nanny's own notation.
fn expected_output(monitor: &Monitor, line: usize, told: &mut Told) -> String {
    let Some((at, expected)) = &monitor.expect else {
        told.note(
            line,
            "send_program without expect: nanny took every answer for a failure; OK is expected \
             here",
        );
        return "OK".to_owned();
    };
    if expected == "*" || monitor.use_regex.is_some() {
        told.note(
            *at,
            "nanny compares a program's output with expect letter by letter: neither * nor \
             use_regex ever matched",
        );
    }
    unescaped(expected)
}

/// The words of the command line, `%h` and `%p` replaced. nanny knows no quotes.
fn substituted(
    program: &str,
    line: usize,
    port: Option<u16>,
    told: &mut Told,
) -> Option<Vec<String>> {
    let words: Vec<&str> = program.split(' ').filter(|word| !word.is_empty()).collect();
    if words.iter().any(|word| word.contains(['\'', '"'])) {
        told.note(
            line,
            "nanny knows no quotes inside send_program: they reached the program as they stand, \
             and do so here",
        );
    }
    let within = |word: &&str| word.len() > 2 && (word.contains("%h") || word.contains("%p"));
    for word in words.iter().filter(|word| within(word)) {
        told.note(
            line,
            format!(
                "nanny replaces %h and %p only as words of their own: \"{word}\" reached the \
                 program as it stands; here it is replaced"
            ),
        );
    }
    if port.is_none() && program.contains("%p") {
        told.note(
            line,
            "%p: the servers have ports of their own; the check is left out",
        );
        return None;
    }
    let port = port.map(|port| port.to_string()).unwrap_or_default();
    let put = |word: &str| word.replace("%h", "{address}").replace("%p", &port);
    Some(words.into_iter().map(put).collect())
}

/// What nanny itself sends to a port, and what it expects.
fn by_answer(
    monitor: &Monitor,
    line: usize,
    port: Option<u16>,
    (service_port, udp): (u16, bool),
    told: &mut Told,
) -> Option<Probe> {
    if udp {
        told.note(line, "nanny's check of a UDP port is not carried over");
        return None;
    }
    let text = |value: &Option<(usize, String)>| value.as_ref().map(|(_, text)| unescaped(text));
    let (mut send, mut expect) = (text(&monitor.send), text(&monitor.expect));
    if send.is_none() && expect.is_none() && service_port == 80 {
        send = Some("GET / HTTP/1.0\r\n\r\n".to_owned());
        expect = Some("HTTP".to_owned());
    }
    if let Some(at) = monitor.use_regex {
        told.note(
            at,
            "use_regex is not carried over: the answer is not looked at",
        );
        expect = None;
    }
    if expect.as_deref() == Some("*") {
        told.note(
            line,
            "expect = *: that some answer comes is not looked at; connecting counts",
        );
        expect = None;
    }
    Some(Probe::Tcp {
        port,
        send: send.unwrap_or_default(),
        expect: expect.unwrap_or_default(),
    })
}

/// nanny's escapes: `\n \r \t \\ \' \"`; a text of one letter is taken as it is.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = match (letter, letters.peek()) {
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some('r')) => Some('\r'),
            ('\\', Some('t')) => Some('\t'),
            ('\\', Some(same @ ('\\' | '\'' | '"'))) => Some(*same),
            _ => None,
        };
        if escaped.is_some() {
            letters.next();
        }
        plain.push(escaped.unwrap_or(letter));
    }
    plain
}
