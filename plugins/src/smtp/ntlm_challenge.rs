//! AUTH NTLM as far as the challenge (MS-SMTPNTLM section 3.1.5): the server tells who it is, we
//! tell nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::wire::Reply;
use crate::ntlm::{self, Challenge, NEGOTIATE};

/// Asks for permission to begin.
pub(super) const BEGIN: &str = "AUTH NTLM";
/// Ends it (RFC 4954 section 4): nobody logs on, and no logon fails.
pub(super) const CANCEL: &str = "*";

/// The negotiate message as a line.
pub(super) fn negotiate() -> String {
    STANDARD.encode(NEGOTIATE)
}

/// The challenge in the reply to it; an error says why there is none.
pub(super) fn parse(reply: &Reply) -> Result<Challenge, String> {
    let text = reply.first_line();
    let token = STANDARD.decode(text.trim());
    ntlm::parse(&token.map_err(|error| format!("no base64 ({error})"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Reply {
        Reply {
            code: 334,
            lines: vec![text.as_bytes().to_vec()],
        }
    }

    #[test]
    fn what_is_no_challenge_is_told() {
        for (text, words) in [
            ("NTLM supported", "no base64"),
            ("", "not NTLM"),
            (negotiate().as_str(), "type 1"),
        ] {
            let why = parse(&reply(text)).expect_err(words);
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn a_captured_challenge_without_target_information_is_read() {
        // Cyrus SASL 2.1.28 behind Postfix 3.7.11, asked with the line that is sent here.
        assert_eq!(
            negotiate(),
            "TlRMTVNTUAABAAAAt4II4gAAAAAAAAAAAAAAAAAAAAAKAGNFAAAADw=="
        );
        let text = "TlRMTVNTUAACAAAAGAAYADAAAAC1/wIAX0WaKGquVc4AAAAAAAAAAAAAAAAAAAAA\
                    TQBYAC4ARQBYAEMASAAuAFQARQBTAFQA";
        assert_eq!(parse(&reply(text)), Ok(Challenge::default()));
    }
}
