//! `checktype = negotiate`: a conversation by the protocol of the service.

use super::checks::Checking;
use crate::config::import::draft::{Probe, Service};
use crate::config::import::mail;
use crate::config::import::told::Told;
use crate::config::import::web::Page;

/// The protocol of a port, if the file does not name one.
const BY_PORT: &[(u16, &str)] = &[
    (21, "ftp"),
    (25, "smtp"),
    (53, "dns"),
    (80, "http"),
    (110, "pop"),
    (119, "nntp"),
    (143, "imap"),
    (389, "ldap"),
    (443, "https"),
    (587, "submission"),
    (636, "ldaps"),
    (995, "pops"),
    (993, "imaps"),
    (1521, "oracle"),
    (1812, "radius"),
    (3128, "http_proxy"),
    (3306, "mysql"),
    (5060, "sip"),
    (5432, "pgsql"),
];

/// How a server of the protocol greets: RFC 959, RFC 1939, RFC 3501, RFC 3977.
const GREETINGS: &[(&str, &str)] = &[
    ("ftp", "220"),
    ("pop", "+OK"),
    ("imap", "* "),
    ("nntp", "2"),
];

/// A connection and no more.
pub(super) fn connection(port: Option<u16>) -> Probe {
    answer(port, "", "")
}

fn answer(port: Option<u16>, send: &str, expect: &str) -> Probe {
    Probe::Tcp {
        port,
        send: send.to_owned(),
        expect: expect.to_owned(),
    }
}

/// The check of a conversation; `port` is `None` where each server has its own.
pub(super) fn check(
    checking: &Checking,
    service: &Service,
    port: Option<u16>,
    line: usize,
    told: &mut Told,
) -> Option<Probe> {
    let (at, protocol) = match &checking.service {
        Some((at, name)) => (*at, name.as_str()),
        None => (line, by_port(service.port())),
    };
    for (line, words) in &checking.credentials {
        let words = format!("{words} is not carried over: no check logs on");
        told.note(*line, words);
    }
    match protocol {
        "none" => {
            let words = "checktype = negotiate without a service that ldirectord knows (service = \
                         none): it checked nothing; add a check such as tcp = { port = … }";
            told.note(at, words);
            None
        }
        "http" | "https" => Some(page(checking, protocol == "https", port, at, told)),
        "smtp" | "submission" => Some(submission(checking, port, at, told)),
        "simpletcp" => Some(simple(checking, port, at, told)),
        "ftp" | "http_proxy" | "imap" | "imaps" | "ldap" | "ldaps" | "mysql" | "nntp"
        | "oracle" | "pgsql" | "pop" | "pops" | "dns" | "radius" | "sip" => {
            Some(greeting(checking, protocol, port, at, told))
        }
        other => {
            told.refuse(at, format!("service = {other} is unknown"));
            None
        }
    }
}

fn by_port(port: u16) -> &'static str {
    let known = BY_PORT.iter().find(|(known, _)| *known == port);
    known.map_or("none", |(_, protocol)| protocol)
}

fn page(checking: &Checking, tls: bool, port: Option<u16>, line: usize, told: &mut Told) -> Probe {
    let text = |value: &Option<(usize, String)>| value.as_ref().map(|(_, text)| text.clone());
    let path = text(&checking.request).unwrap_or_default();
    let page = Page {
        tls,
        head: checking.head.is_some(),
        path: format!("/{}", path.trim_start_matches('/')),
        host: text(&checking.virtualhost),
        status: None,
        pattern: text(&checking.receive).filter(|pattern| !pattern.is_empty()),
    };
    let asked = page.check(port);
    let line = checking.request.as_ref().map_or(line, |(line, _)| *line);
    told.note(line, asked.remark);
    asked.probe
}

fn submission(checking: &Checking, port: Option<u16>, line: usize, told: &mut Told) -> Probe {
    checking.note_unused(told);
    if let Some(port) = port {
        told.note(line, mail::REMARK);
        return Probe::Smtp { port, ehlo: None };
    }
    told.note(
        line,
        "the servers have ports of their own, which `smtp` cannot follow; a greeting is enough",
    );
    answer(None, "", "220")
}

/// What is sent, and a regular expression for some line of the answer.
fn simple(checking: &Checking, port: Option<u16>, line: usize, told: &mut Told) -> Probe {
    let request = checking.request.as_ref().map_or("", |(_, text)| text);
    let send = request.replace("\\n", "\n");
    let Some((at, pattern)) = &checking.receive else {
        told.note(
            line,
            "simpletcp without receive: any answer counted; connecting is enough here",
        );
        return answer(port, &send, "");
    };
    let expect = beginning(pattern);
    if expect.is_none() {
        let words = format!(
            "receive = \"{pattern}\" is not carried over: `tcp` looks at the beginning of the \
             answer alone; write expect = \"…\" with what it begins with"
        );
        told.note(*at, words);
    }
    answer(port, &send, expect.unwrap_or(""))
}

/// What a pattern is, if it is the plain beginning of an answer.
fn beginning(pattern: &str) -> Option<&str> {
    let plain = pattern.strip_prefix('^')?;
    let special = |letter: char| "\\^$.|?*+()[]{}@".contains(letter);
    (!plain.is_empty() && !plain.contains(special)).then_some(plain)
}

fn greeting(
    checking: &Checking,
    protocol: &str,
    port: Option<u16>,
    line: usize,
    told: &mut Told,
) -> Probe {
    let known = GREETINGS.iter().find(|(known, _)| *known == protocol);
    let (expect, seen) = match known {
        Some((_, greeting)) => (*greeting, "a greeting"),
        None => ("", "connecting"),
    };
    told.note(
        line,
        format!(
            "checktype = negotiate, service = {protocol}: {seen} is enough here; a Nagios plugin \
             for the protocol looks at more, with exec = [\"/usr/lib/nagios/plugins/check_…\", \
             \"-H\", \"{{address}}\"]"
        ),
    );
    checking.note_unused(told);
    answer(port, "", expect)
}
