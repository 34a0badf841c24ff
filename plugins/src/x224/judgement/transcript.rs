//! What was sent and received, the bytes with what they mean.

use shared::text::{hex, quoted};

use super::super::conversation::Evidence;
use super::super::wire::{self, CONNECTION_REQUEST, Reply, Wrong};
use super::TRANSCRIBED;

/// The X.224 connection phase.
pub(super) fn below(evidence: &Evidence) -> Vec<String> {
    let sent = hex(&CONNECTION_REQUEST, TRANSCRIBED);
    vec![
        format!("sent {sent} (X.224 Connection Request, offers TLS, NLA and extended NLA)"),
        received(evidence),
    ]
}

fn received(evidence: &Evidence) -> String {
    let bytes = &evidence.received;
    if bytes.is_empty() {
        return "received nothing".to_owned();
    }
    let meaning = match wire::parse(bytes) {
        Ok(Some(reply)) => words(&reply),
        Ok(None) => "the beginning of an answer".to_owned(),
        Err(Wrong::NotTpkt) => {
            return format!("received '{}'", quoted(bytes, TRANSCRIBED));
        }
        Err(Wrong::Malformed(why)) => why,
    };
    format!("received {} ({meaning})", hex(bytes, TRANSCRIBED))
}

/// The names of MS-RDPBCGR 2.2.1.2.
fn words(reply: &Reply) -> String {
    match *reply {
        Reply::Bare => "X.224 Connection Confirm without negotiation".to_owned(),
        Reply::Selected { flags, protocol } => format!(
            "X.224 Connection Confirm, chose {}, flags {flags:#04x}",
            protocol_name(protocol)
        ),
        Reply::Failure { code } => format!(
            "X.224 Connection Confirm, negotiation failure {code}{}",
            failure_name(code)
        ),
        Reply::McsDisconnect => "X.224 Data with MCS Disconnect Provider Ultimatum".to_owned(),
        Reply::Disconnect { reason } => format!("X.224 Disconnect Request, reason {reason}"),
        Reply::Error { cause } => format!("X.224 Error, cause {cause}"),
    }
}

fn protocol_name(protocol: u32) -> String {
    match protocol {
        0 => "Standard RDP security".to_owned(),
        1 => "TLS".to_owned(),
        2 => "NLA".to_owned(),
        4 => "RDSTLS".to_owned(),
        8 => "extended NLA".to_owned(),
        16 => "RDSAAD".to_owned(),
        other => format!("protocol {other:#x}"),
    }
}

fn failure_name(code: u32) -> &'static str {
    match code {
        1 => ": SSL_REQUIRED_BY_SERVER",
        2 => ": SSL_NOT_ALLOWED_BY_SERVER",
        3 => ": SSL_CERT_NOT_ON_SERVER",
        4 => ": INCONSISTENT_FLAGS",
        5 => ": HYBRID_REQUIRED_BY_SERVER",
        6 => ": SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stand_beside_what_they_mean() {
        for (reply, meaning) in [
            (
                Reply::Failure { code: 3 },
                "X.224 Connection Confirm, negotiation failure 3: SSL_CERT_NOT_ON_SERVER",
            ),
            (
                Reply::Selected {
                    flags: 0x1f,
                    protocol: 8,
                },
                "X.224 Connection Confirm, chose extended NLA, flags 0x1f",
            ),
            (
                Reply::Failure { code: 99 },
                "X.224 Connection Confirm, negotiation failure 99",
            ),
        ] {
            assert_eq!(words(&reply), meaning);
        }
    }
}
