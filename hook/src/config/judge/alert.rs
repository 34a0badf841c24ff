//! Judges the `[alert]` section.

use std::net::IpAddr;

use lettre::message::Mailbox;
use toml::Spanned;

use super::super::fault::Fault;
use super::super::file::{self, Placed};
use super::super::{Mail, MailTls};
use super::{number, word};

pub(super) fn judge(alert: &file::Alert, faults: &mut Vec<Fault>) -> Option<Mail> {
    let written = alert.mail.as_ref()?;
    let mail: &file::Mail = written.as_ref();
    let missing = |key: &str, example: &str| {
        Fault::at(written.span(), format!("mail has no `{key}`")).suggest(format!("add {example}"))
    };
    let listed = mail
        .to
        .as_ref()
        .map_or(&[][..], |to| to.as_ref().as_slice());
    if listed.is_empty() {
        faults.push(missing("to", "to = [\"admin@example.test\"]"));
    }
    if mail.from.is_none() {
        faults.push(missing("from", "from = \"governess@lb1.example.test\""));
    }
    if mail.relay.is_none() {
        faults.push(missing("relay", "relay = \"127.0.0.1\""));
    }
    let to: Vec<Mailbox> = listed.iter().filter_map(|to| mailbox(to, faults)).collect();
    let from = mail.from.as_ref().and_then(|from| mailbox(from, faults));
    let relay = mail.relay.as_ref().map(|relay| relay.as_ref().clone());
    let relay = relay.unwrap_or_default();
    Some(Mail {
        to,
        from: from?,
        port: number(faults, "port", &mail.port, 1..=65535, 25),
        tls: tls(&mail.tls, &relay, faults),
        relay,
    })
}

fn mailbox(written: &Spanned<String>, faults: &mut Vec<Fault>) -> Option<Mailbox> {
    let mailbox = written.as_ref().parse().ok();
    if mailbox.is_none() {
        let message = format!("\"{}\" is not a mail address", written.as_ref());
        faults.push(Fault::at(written.span(), message).suggest("such as \"admin@example.test\""));
    }
    mailbox
}

/// Nothing is gained by TLS on the way to this machine itself; elsewhere it is asked for.
fn tls(written: &Placed<String>, relay: &str, faults: &mut Vec<Fault>) -> MailTls {
    let here = relay == "localhost" || relay.parse().is_ok_and(|it: IpAddr| it.is_loopback());
    let default = if here { "none" } else { "starttls" };
    match word(
        faults,
        "tls",
        written,
        &["none", "starttls", "tls"],
        default,
    ) {
        "none" => MailTls::None,
        "tls" => MailTls::Tls,
        _ => MailTls::Starttls,
    }
}
