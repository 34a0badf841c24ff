//! What a mail says.

use std::fmt::Write;

use crate::operate::status::LatestEvent;

/// Subject and text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Letter {
    /// One line.
    pub(super) subject: String,
    /// Some lines.
    pub(super) text: String,
}

/// Which event names the mail: the gravest first.
const GRAVEST: [&str; 4] = ["fail_open", "server_down", "stale", "fail_open_ended"];

impl Letter {
    /// A mail about these events and `more` of which nothing is kept.
    pub(super) fn about(events: &[LatestEvent], more: usize, host: &str) -> Self {
        let rank = |event: &&LatestEvent| {
            let grave = GRAVEST.iter().position(|grave| *grave == event.event);
            grave.unwrap_or(GRAVEST.len())
        };
        let first = events.iter().min_by_key(rank);
        let named = first.map(headline).unwrap_or_default();
        let others = match (events.len() + more).saturating_sub(1) {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let mut text = String::new();
        for event in events {
            let _ = writeln!(text, "{} {}: {}", event.ts, headline(event), event.reason);
        }
        if more > 0 {
            let _ = writeln!(
                text,
                "… and {more} more; see events.jsonl in the state folder"
            );
        }
        let _ = write!(
            text,
            "\nSent by governess on {host}. Now: `governess status`.\n"
        );
        Self {
            subject: one_line(&format!("governess {host}: {named}{others}")),
            text,
        }
    }
}

fn headline(event: &LatestEvent) -> String {
    let name = match event.event.as_str() {
        "fail_open" => "FAIL OPEN".to_owned(),
        "score" => "this director's fitness changed".to_owned(),
        "vrrp" => "this director's turn in the pair changed".to_owned(),
        other => other.replace('_', " "),
    };
    match (&event.service, &event.server) {
        (Some(service), Some(server)) => format!("{name}: {server} in {service}"),
        (Some(about), None) | (None, Some(about)) => format!("{name}: {about}"),
        (None, None) => name,
    }
}

/// A header must not be continued by what a server says of itself.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take(200)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, server: Option<&str>) -> LatestEvent {
        LatestEvent {
            ts: "2026-11-25T02:13:03.250Z".to_owned(),
            event: name.to_owned(),
            service: Some("exchange".to_owned()),
            server: server.map(str::to_owned),
            reason: "check rdp: the RDP service hangs".to_owned(),
        }
    }

    #[test]
    fn the_gravest_event_names_the_mail() {
        let events = [event("server_down", Some("ex2")), event("fail_open", None)];
        let letter = Letter::about(&events, 0, "lb1");
        assert_eq!(
            letter.subject,
            "governess lb1: FAIL OPEN: exchange and 1 more"
        );
        assert!(letter.text.starts_with(
            "2026-11-25T02:13:03.250Z server down: ex2 in exchange: check rdp: the RDP service hangs\n"
        ));
    }

    #[test]
    fn a_name_with_a_line_break_makes_no_second_header() {
        let events = [event("server_down", Some("ex1\r\nBcc: all@example.test"))];
        let subject = Letter::about(&events, 0, "lb1").subject;
        assert!(!subject.contains(['\r', '\n']), "{subject}");
    }
}
