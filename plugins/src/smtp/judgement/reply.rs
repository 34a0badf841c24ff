//! What a reply says of the server that should have said something else.

use shared::verdict::{Condition, Finding, Kind};

use super::super::conversation::Evidence;
use super::super::line::{Exchange, Phase};
use super::super::wire::Reply;

/// What is wrong with the last reply; nothing where a refusal is what a healthy server says there.
pub(super) fn refusal(evidence: &Evidence, exchange: &Exchange) -> Option<Finding> {
    let (address, reply) = (evidence.target.address, &exchange.reply);
    let what = what_it_answers(exchange.phase);
    let refused = |why: &str| {
        let summary = format!("{address} {what} '{reply}': {why}");
        Some(Finding::failed(Kind::RefusedByServer, summary))
    };
    if exchange.phase == Phase::Starttls {
        return Some(no_tls(evidence, reply));
    }
    let known = state(reply).map(|state| {
        let State {
            condition,
            kind,
            why,
        } = state;
        Finding::new(
            condition,
            kind,
            format!("{address} {why} ({what} '{reply}')"),
        )
    });
    if known.is_some() {
        return known;
    }
    if let Some(code) = proxy_code(reply) {
        return refused(&proxy_words(&code));
    }
    match (exchange.phase, reply.code) {
        (Phase::Mail, 530) if !evidence.port.connector().takes_strangers() => None,
        (Phase::Mail, 530) => refused(
            "it takes no mail from strangers; look at the permission groups of its receive \
             connector (AnonymousUsers)",
        ),
        (_, 421) => refused("it closes the connection; look at its log"),
        (Phase::Banner, _) => refused("it takes no mail from this machine, or none at all"),
        (Phase::Ehlo | Phase::EhloOverTls, _) if is_masked(evidence) => refused(
            "a firewall hides the greeting and rewrites EHLO; switch its SMTP inspection off (Cisco: \
             no inspect esmtp)",
        ),
        (Phase::Ehlo | Phase::EhloOverTls, _) => refused("a mail server answers EHLO with 250"),
        (Phase::Mail, _) => refused("it does not take the null sender, which every server must"),
        _ => refused("250 was expected"),
    }
}

/// Cisco's inspection puts asterisks in the place of a greeting.
fn is_masked(evidence: &Evidence) -> bool {
    let banner = evidence.exchange(Phase::Banner);
    banner.is_some_and(|banner| banner.reply.says("****"))
}

fn what_it_answers(phase: Phase) -> &'static str {
    match phase {
        Phase::Banner => "greets with",
        Phase::Ehlo => "answers EHLO with",
        Phase::Starttls => "answers STARTTLS with",
        Phase::EhloOverTls => "answers EHLO inside TLS with",
        Phase::Mail => "answers MAIL FROM with",
        Phase::Rset => "answers RSET with",
        Phase::Auth => "answers AUTH with",
        Phase::Negotiate => "answers the NTLM negotiate message with",
        Phase::Cancel => "answers the end of AUTH with",
        Phase::Quit => "answers QUIT with",
    }
}

/// A state that a server tells of itself.
struct State {
    condition: Condition,
    kind: Kind,
    why: &'static str,
}

fn state(reply: &Reply) -> Option<State> {
    let state = |condition, kind, why| {
        Some(State {
            condition,
            kind,
            why,
        })
    };
    let temporary = (400..500).contains(&reply.code);
    // Exchange numbers its connection limits 4.3.2 too, as it does maintenance.
    let connections = [
        "maximum number of concurrent",
        "too many connections",
        "too many concurrent",
        "all server ports are busy",
    ];
    if temporary && connections.iter().any(|words| reply.says(words)) {
        return state(
            Condition::Degraded,
            Kind::Limit,
            "is at its limit of connections; look at who holds them and at \
             MaxInboundConnection and MaxInboundConnectionPerSource of its receive connector",
        );
    }
    if temporary && reply.says("rate") && reply.says("exceeded") {
        return state(
            Condition::Degraded,
            Kind::Limit,
            "is at its limit of messages from this machine; check less often, or raise \
             MessageRateLimit of its receive connector",
        );
    }
    let drained = reply.says("not active") || reply.says("not available");
    // KB 2866822 prints 412.
    if matches!(reply.code, 421 | 412) && reply.status() == Some((4, 3, 2)) && drained {
        return state(
            Condition::Maintenance,
            Kind::Maintenance,
            "is in maintenance: its transport component is drained or inactive; \
             Get-ServerComponentState tells who asked for it",
        );
    }
    if reply.code == 452 || temporary && reply.status() == Some((4, 3, 1)) {
        return state(
            Condition::Degraded,
            Kind::BackPressure,
            "defers mail: back pressure, short of disk, memory or queue space",
        );
    }
    None
}

/// 451 4.7.0 with the code of a front end that reaches no transport service, such as `PRX2`, or
/// `CPRX2` where it proxies a client.
fn proxy_code(reply: &Reply) -> Option<String> {
    let text = reply
        .lines
        .iter()
        .map(|line| String::from_utf8_lossy(line).into_owned());
    let text = text.collect::<Vec<_>>().join(" ").to_ascii_uppercase();
    let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let is_code = |word: &&str| {
        let digits = word.trim_start_matches('C').strip_prefix("PRX");
        digits.is_some_and(|digits| {
            digits.len() == 1 && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let code = words.find(is_code)?;
    (reply.code == 451).then(|| code.to_owned())
}

fn proxy_words(code: &str) -> String {
    let why = match code.trim_start_matches('C') {
        "PRX1" => "it knows no transport service to hand mail to",
        "PRX2" => {
            "it cannot resolve the name of a transport service: check the DNS servers that it \
             uses, and for duplicate or wrong records of the Exchange servers"
        }
        "PRX3" => "it cannot connect to a transport service (port 2525)",
        "PRX4" => "a transport service answers it with a protocol error",
        "PRX5" => "its connection to a transport service breaks",
        "PRX6" => "the transport service is shutting down",
        _ => "it cannot hand mail to a transport service",
    };
    format!("{code}: {why}")
}

fn no_tls(evidence: &Evidence, reply: &Reply) -> Finding {
    let address = evidence.target.address;
    let why = match reply.code {
        454 if reply.says("rate") => "more TLS handshakes a second than it allows",
        454 => "TLS is not available at the moment; look at its certificate and private key",
        554 => "its security subsystem does not start; look at Schannel events and its certificate",
        _ => "220 was expected",
    };
    Finding::failed(
        Kind::TlsFailed,
        format!("{address} offers STARTTLS and answers it with '{reply}': {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, text: &str) -> Reply {
        Reply {
            code,
            lines: vec![text.as_bytes().to_vec()],
        }
    }

    fn told(code: u16, text: &str) -> Option<(Condition, Kind)> {
        state(&reply(code, text)).map(|state| (state.condition, state.kind))
    }

    #[test]
    fn maintenance_is_what_the_server_states_and_nothing_else() {
        let maintenance = Some((Condition::Maintenance, Kind::Maintenance));
        assert_eq!(told(421, "4.3.2 Service not active"), maintenance);
        assert_eq!(told(421, "4.3.2 SERVICE NOT AVAILABLE"), maintenance);
        assert_eq!(told(412, "4.3.2 Service not active"), maintenance);
        for (code, text) in [
            (421, "4.3.0 Service not available"),
            (421, "Service not available, closing transmission channel"),
            (550, "4.3.2 Service not active"),
            (421, "4.3.2 System not accepting network messages"),
        ] {
            assert_eq!(told(code, text), None, "{text}");
        }
    }

    #[test]
    fn limits_and_back_pressure_are_told_apart_from_maintenance() {
        let limit = Some((Condition::Degraded, Kind::Limit));
        for text in [
            "4.3.2 The maximum number of concurrent server connections has exceeded a limit, closing transmission channel",
            "4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel",
            "4.4.2 Message submission rate for this client has exceeded the configured limit",
            "4.7.0 mx.example.test Error: too many connections from 10.0.1.254",
            "4.3.2 All server ports are busy",
        ] {
            assert_eq!(told(421, text), limit, "{text}");
        }
        let pressure = Some((Condition::Degraded, Kind::BackPressure));
        assert_eq!(told(452, "4.3.1 Insufficient system resources"), pressure);
        assert_eq!(told(452, "Insufficient system storage"), pressure);
        assert_eq!(told(421, "4.4.2 ex1 Error: timeout exceeded"), None);
    }

    #[test]
    fn the_codes_of_a_front_end_without_a_back_end_are_found() {
        let text = "4.7.0 Temporary server error. Please try again later. ";
        let code = |code, behind: &str| proxy_code(&reply(code, &format!("{text}{behind}")));
        assert_eq!(code(451, "PRX2"), Some("PRX2".to_owned()));
        assert_eq!(code(451, "CPRX3"), Some("CPRX3".to_owned()));
        assert_eq!(code(451, "PRX2 "), Some("PRX2".to_owned()));
        for behind in ["", "PRX", "XPRX2", "PRX22"] {
            assert_eq!(code(451, behind), None, "{behind}");
        }
        assert_eq!(code(550, "PRX2"), None);
        assert!(proxy_words("CPRX2").contains("DNS"));
    }
}
