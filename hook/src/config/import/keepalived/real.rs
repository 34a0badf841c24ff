//! One `real_server` block.

use super::checks::{self, Outer};
use super::lexer::Node;
use super::service::{is_on, method};
use crate::config::import::draft::{Check, Member, Service};
use crate::config::import::ports;
use crate::config::import::told::Told;
use crate::table::Forward;

/// Keywords without a counterpart, and why.
const LEFT: &[(&str, &str)] = &[
    ("notify_up", "no scripts are run; follow `governess events`"),
    (
        "notify_down",
        "no scripts are run; follow `governess events`",
    ),
    ("smtp_alert", "governess mails by [alert]"),
    (
        "snmp_name",
        "there is no SNMP; the status page has /metrics",
    ),
    (
        "alpha",
        "a server that is not judged yet does not serve, if others do",
    ),
    ("uthreshold", "a table that has the threshold keeps it"),
    ("lthreshold", "a table that has the threshold keeps it"),
];

/// A real server as it is written.
#[derive(Clone, Debug)]
pub(super) struct Real {
    pub(super) member: Member,
    pub(super) method: Option<Forward>,
    pub(super) inhibits: bool,
    /// Each with its line.
    pub(super) checks: Vec<(usize, Check)>,
}

/// Reads a block; `outer` is what the virtual server says for all checks.
pub(super) fn read(node: &Node, service: &Service, outer: &Outer, told: &mut Told) -> Option<Real> {
    let port = match node.word(2) {
        "" => Ok(service.port()),
        word => ports::port(word),
    };
    let (Ok(address), Ok(port)) = (node.word(1).parse(), port) else {
        told.refuse(
            node.line,
            "real_server ADDRESS PORT is expected; names are not resolved",
        );
        return None;
    };
    let mut real = Real {
        member: Member {
            line: node.line,
            name: None,
            address,
            port,
            weight: 1,
        },
        method: None,
        inhibits: false,
        checks: Vec::new(),
    };
    let mut outer = outer.clone();
    let mut checkers = Vec::new();
    for child in node.children() {
        if checks::is_checker(child.key()) {
            checkers.push(child);
        } else if child.key() == "virtualhost" {
            outer.host = Some(child.word(1).to_owned());
        } else if !outer.paces.take(child, told) {
            setting(child, &mut real, told);
        }
    }
    for child in checkers {
        let checks = checks::read(child, &real.member, service, &outer, told);
        real.checks
            .extend(checks.into_iter().map(|check| (child.line, check)));
    }
    Some(real)
}

fn setting(child: &Node, real: &mut Real, told: &mut Told) {
    match child.key() {
        "weight" => match child.word(1).parse() {
            Ok(weight) => real.member.weight = weight,
            Err(_) => told.refuse(
                child.line,
                format!("weight {} is not a number", child.word(1)),
            ),
        },
        "lvs_method" | "lb_kind" => match method(child, told) {
            Ok(method) => real.method = Some(method),
            Err(words) => told.refuse(child.line, words),
        },
        "inhibit_on_failure" => real.inhibits = is_on(child),
        key => match LEFT.iter().find(|(known, _)| *known == key) {
            Some((_, why)) => {
                let words = format!("{} is not carried over: {why}", child.words.join(" "));
                told.note(child.line, words);
            }
            None => told.refuse(
                child.line,
                format!("unknown keyword \"{key}\" in real_server"),
            ),
        },
    }
}
