//! What a server announces, and should.

use shared::text::quoted;
use shared::verdict::{Condition, Finding, Kind};

use super::super::connector::Connector;
use super::super::conversation::Evidence;
use super::super::line::Phase;
use super::super::options::Security;
use super::super::wire::Capabilities;

/// What an Exchange connector should announce; of other servers SIZE alone is expected, on the
/// ports of mail.
pub(super) fn missing(evidence: &Evidence) -> Option<Finding> {
    let capabilities = evidence.capabilities()?;
    let address = evidence.target.address;
    let degraded = |summary| Finding::new(Condition::Degraded, Kind::CapabilityMissing, summary);
    if let Some(keyword) = capabilities.overwritten() {
        let why = rewritten(keyword);
        return Some(degraded(format!(
            "what {address} announces is no longer its own: {why}"
        )));
    }
    let connector = evidence.port.connector();
    let exchange = is_exchange(evidence, &capabilities);
    let in_clear = evidence.port.security != Security::Tls;
    let size: &[&str] = match connector {
        Connector::Other => &[],
        _ => &["SIZE"],
    };
    let of_exchange = if exchange && in_clear {
        connector.expected()
    } else {
        &[]
    };
    let expected = size.iter().chain(of_exchange);
    let missing: Vec<&str> = expected
        .copied()
        .filter(|keyword| !capabilities.has(keyword))
        .collect();
    if missing.is_empty() {
        return None;
    }
    let hint = match missing.iter().any(|keyword| keyword.starts_with("X-")) {
        true => {
            "; other Exchange servers cannot authenticate (5.7.3): a firewall on the way rewrites \
             SMTP, or the receive connector lacks ExchangeServer authentication"
        }
        false => "; look at the receive connector, and at firewalls that rewrite SMTP",
    };
    Some(degraded(format!(
        "{address} does not announce {}{hint}",
        missing.join(", ")
    )))
}

/// Whether an Exchange server speaks: by its greeting, which an administrator can change, by the
/// form of its answer to EHLO, or by what it announces.
fn is_exchange(evidence: &Evidence, capabilities: &Capabilities) -> bool {
    let own = [
        "X-ANONYMOUSTLS",
        "X-EXPS",
        "XEXCH50",
        "XSHADOWREQUEST",
        "XRDST",
    ];
    let banner = evidence.exchange(Phase::Banner);
    let ehlo = evidence.exchange(Phase::Ehlo);
    banner.is_some_and(|banner| banner.reply.says("microsoft esmtp mail service"))
        || ehlo.is_some_and(|ehlo| greets_as_exchange(&ehlo.reply.first_line()))
        || own.iter().any(|keyword| capabilities.has(keyword))
}

/// `NAME Hello [ADDRESS]` and no more; Sendmail and Exim say more.
fn greets_as_exchange(line: &str) -> bool {
    let Some((name, address)) = line.split_once(" Hello [") else {
        return false;
    };
    let address = address.strip_suffix(']');
    !name.contains(' ') && address.is_some_and(|address| !address.contains([' ', '[']))
}

pub(super) fn no_starttls(evidence: &Evidence) -> Finding {
    let address = evidence.target.address;
    let capabilities = evidence.capabilities().unwrap_or_default();
    let why = match capabilities.overwritten() {
        Some(keyword) => rewritten(keyword),
        None => format!(
            "look at its certificate, and at firewalls that rewrite SMTP; a server without TLS is \
             checked with -p {}/plain",
            evidence.port.number
        ),
    };
    let summary = format!("{address} does not offer STARTTLS: {why}");
    Finding::failed(Kind::CapabilityMissing, summary)
}

fn rewritten(keyword: &str) -> String {
    format!(
        "a firewall rewrites SMTP ({}); switch its inspection off (Cisco: no inspect esmtp)",
        quoted(keyword.as_bytes(), 40)
    )
}

#[cfg(test)]
mod tests {
    use super::greets_as_exchange;

    #[test]
    fn the_form_of_exchanges_greeting_is_no_other_servers() {
        assert!(greets_as_exchange("EX1.exch.test Hello [10.0.1.254]"));
        for line in [
            "mx.exch.test",
            "mx.exch.test Hello [10.0.1.254], pleased to meet you",
            "mx.exch.test Hello director.example.test [10.0.1.254]",
            "mx.exch.test Hello [10.0.1.254] [10.0.1.254]",
        ] {
            assert!(!greets_as_exchange(line), "{line}");
        }
    }
}
