//! The TSRequest of CredSSP (MS-CSSP section 2.2.1) in DER (ITU-T X.690), as far as the server's
//! first answer: a token, or an error code.

/// A TSRequest of version 6 with a bare NTLM negotiate message ([`crate::ntlm::NEGOTIATE`]);
/// MS-CSSP section 2.2.1 allows that without SPNEGO around it.
pub const CHALLENGE_REQUEST: [u8; 57] = [
    0x30, 0x37, 0xa0, 0x03, 0x02, 0x01, 0x06, // SEQUENCE, [0] version INTEGER 6
    0xa1, 0x30, 0x30, 0x2e, 0x30, 0x2c, 0xa0, 0x2a, 0x04,
    0x28, // [1] negoTokens, OCTET STRING
    0x4e, 0x54, 0x4c, 0x4d, 0x53, 0x53, 0x50, 0x00, 0x01, 0x00, 0x00, 0x00, //
    0xb7, 0x82, 0x08, 0xe2, //
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, //
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, //
    0x0a, 0x00, 0x63, 0x45, 0x00, 0x00, 0x00, 0x0f,
];

/// The most bytes of a TSRequest that are read; a challenge has some hundreds.
pub const REPLY_MOST: usize = 16 * 1024;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// Context-specific and constructed, with the number of the field in the lower bits.
const CONTEXT: u8 = 0xa0;
/// The same for the last field of a TSRequest.
const CONTEXT_LAST: u8 = 0xa5;

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A token of its security package.
    Token(Vec<u8>),
    /// It refuses, with an NTSTATUS.
    Error(u32),
}

/// Reads one TSRequest from the beginning of `bytes`: `None` as long as more bytes are needed.
/// An error says why they are none.
pub fn parse(bytes: &[u8]) -> Result<Option<Reply>, String> {
    match bytes {
        [] => return Ok(None),
        [SEQUENCE, ..] => {}
        [tag, ..] => {
            return Err(format!(
                "it begins with {tag:#04x} where {SEQUENCE:#04x}, a TSRequest, was expected"
            ));
        }
    }
    let Some(length) = total_length(bytes)? else {
        return Ok(None);
    };
    if length > REPLY_MOST {
        return Err(format!(
            "a TSRequest of {length} bytes where at most {REPLY_MOST} make sense"
        ));
    }
    match bytes.get(..length) {
        Some(whole) => parse_request(whole).map(Some),
        None => Ok(None),
    }
}

fn parse_request(whole: &[u8]) -> Result<Reply, String> {
    let (request, _) = element(whole, SEQUENCE)?;
    let (mut rest, mut token, mut error) = (request, None, None);
    while let [tag, ..] = *rest {
        if !(CONTEXT..=CONTEXT_LAST).contains(&tag) {
            return Err(format!("a field {tag:#04x} that a TSRequest does not have"));
        }
        let (field, behind) = element(rest, tag)?;
        match tag & 0x0f {
            1 => token = first_token(field)?,
            4 => error = Some(integer(field)?),
            _ => {}
        }
        rest = behind;
    }
    match (error, token) {
        (Some(error), _) => Ok(Reply::Error(error)),
        (None, Some(token)) => Ok(Reply::Token(token)),
        (None, None) => Err("a TSRequest without token and without error code".to_owned()),
    }
}

/// NegoData: SEQUENCE OF SEQUENCE { [0] OCTET STRING }, of which the first one counts.
fn first_token(nego_data: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let (list, _) = element(nego_data, SEQUENCE)?;
    if list.is_empty() {
        return Ok(None);
    }
    let (item, _) = element(list, SEQUENCE)?;
    let (field, _) = element(item, CONTEXT)?;
    let (token, _) = element(field, OCTET_STRING)?;
    Ok(Some(token.to_vec()))
}

/// An NTSTATUS as INTEGER: its bit 31 is set, so that it is either negative or has a leading 0.
fn integer(field: &[u8]) -> Result<u32, String> {
    let (value, _) = element(field, INTEGER)?;
    match value {
        [] => Err("an empty INTEGER".to_owned()),
        [0, rest @ ..] | rest if rest.len() <= 4 => Ok(rest
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u32::from(*byte))),
        _ => Err(format!("an INTEGER of {} bytes", value.len())),
    }
}

/// The content of the element with that tag at the beginning of `bytes`, and what is behind it.
fn element(bytes: &[u8], tag: u8) -> Result<(&[u8], &[u8]), String> {
    let found = match bytes {
        [found, ..] if *found == tag => total_length(bytes)?,
        [found, ..] => {
            return Err(format!(
                "a DER element {found:#04x} where {tag:#04x} was expected"
            ));
        }
        [] => {
            return Err(format!(
                "nothing where a DER element {tag:#04x} was expected"
            ));
        }
    };
    let split = found.and_then(|length| bytes.split_at_checked(length));
    let Some((whole, behind)) = split else {
        return Err(format!(
            "a DER element {tag:#04x} that is longer than what it lies in"
        ));
    };
    let content = whole.get(header_length(whole)..).unwrap_or_default();
    Ok((content, behind))
}

/// The length of the element at the beginning of `bytes`, header included; `None` while the
/// header is incomplete. X.690 section 8.1.3: definite lengths only, short or long form.
fn total_length(bytes: &[u8]) -> Result<Option<usize>, String> {
    let &[_, first, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    if first < 0x80 {
        return Ok(Some(2 + usize::from(first)));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return Err(format!(
            "a DER length in a form {first:#04x} that DER forbids"
        ));
    }
    let Some(digits) = rest.get(..count) else {
        return Ok(None);
    };
    let content = digits
        .iter()
        .fold(0u64, |sum, digit| (sum << 8) | u64::from(*digit));
    let total = usize::try_from(content)
        .ok()
        .and_then(|content| content.checked_add(2 + count));
    total
        .map(Some)
        .ok_or_else(|| format!("a DER length of {content} bytes"))
}

fn header_length(whole: &[u8]) -> usize {
    match whole.get(1) {
        Some(first) if *first >= 0x80 => 2 + usize::from(first & 0x7f),
        _ => 2,
    }
}

/// An NTSTATUS or SECURITY_STATUS in words (MS-ERREF sections 2.3.1 and 2.1.1), with what it
/// means for logging on, where it is known.
pub fn status_words(status: u32) -> &'static str {
    match status {
        0xc000_000d => "STATUS_INVALID_PARAMETER",
        0xc000_0022 => "STATUS_ACCESS_DENIED",
        0xc000_005e => "STATUS_NO_LOGON_SERVERS: it reaches no domain controller",
        0xc000_0064 => "STATUS_NO_SUCH_USER",
        0xc000_006a => "STATUS_WRONG_PASSWORD",
        0xc000_006d => "STATUS_LOGON_FAILURE",
        0xc000_006e => "STATUS_ACCOUNT_RESTRICTION",
        0xc000_009a => "STATUS_INSUFFICIENT_RESOURCES",
        0xc000_00bb => "STATUS_NOT_SUPPORTED",
        0xc000_00dc => "STATUS_INVALID_SERVER_STATE: its security authority is not running",
        0xc000_0133 => "STATUS_TIME_DIFFERENCE_AT_DC: its clock and the domain controller's differ",
        0xc000_018b => "STATUS_NO_TRUST_SAM_ACCOUNT: its account in the domain is missing",
        0xc000_018d => "STATUS_TRUSTED_RELATIONSHIP_FAILURE: its trust in the domain is broken",
        0xc000_0192 => "STATUS_NETLOGON_NOT_STARTED: its Netlogon service does not run",
        0xc000_0388 => "STATUS_DOWNGRADE_DETECTED",
        0xc000_0413 => "STATUS_AUTHENTICATION_FIREWALL_FAILED",
        0x8009_0302 => "SEC_E_UNSUPPORTED_FUNCTION",
        0x8009_0304 => "SEC_E_INTERNAL_ERROR",
        0x8009_0308 => "SEC_E_INVALID_TOKEN",
        0x8009_030c => "SEC_E_LOGON_DENIED",
        0x8009_0311 => "SEC_E_NO_AUTHENTICATING_AUTHORITY: it reaches no domain controller",
        _ => "a status without a name here",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ntlm::NEGOTIATE;
    use proptest::prelude::*;

    /// A TSRequest of version 6 with `fields` behind the version, lengths in the long form.
    fn request(fields: &[u8]) -> Vec<u8> {
        let content = [&[0xa0, 3, 2, 1, 6], fields].concat();
        let length = u16::try_from(content.len()).expect("short").to_be_bytes();
        [&[SEQUENCE, 0x82], &length[..], &content].concat()
    }

    fn error_code(integer: &[u8]) -> Vec<u8> {
        let length = u8::try_from(integer.len()).expect("short");
        [&[0xa4, length + 2, INTEGER, length], integer].concat()
    }

    #[test]
    fn the_request_carries_the_negotiate_message_in_consistent_lengths() {
        assert_eq!(
            usize::from(CHALLENGE_REQUEST[1]),
            CHALLENGE_REQUEST.len() - 2
        );
        assert_eq!(
            parse(&CHALLENGE_REQUEST),
            Ok(Some(Reply::Token(NEGOTIATE.to_vec())))
        );
    }

    /// What FreeRDP's shadow server 2.11.7 answered, clock and nonces included; the outer length is
    /// in the long form.
    const FREERDP: &str = "30819fa003020106a1743072 3070a06e046c4e544c4d53535000020000000400\
        0400 38000000b78288e22597360ccd9df5ca00000000000000003000 30003c0000000601b11d0000000f\
        56004d000200040056004d000100040056004d00040004007600 6d000300040076006d000700080080e3\
        5259fa7add0100000000a5220420a5b80f0c0609564d8dd8dc62 5bad3da988a280c41f0d0c16454bfe5b\
        d13c0981";

    #[test]
    fn a_captured_answer_of_freerdp_is_read() {
        let digits: Vec<u8> = FREERDP.bytes().filter(u8::is_ascii_hexdigit).collect();
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        assert_eq!(bytes.len(), 162);
        let Ok(Some(Reply::Token(token))) = parse(&bytes) else {
            panic!("{:?}", parse(&bytes));
        };
        let challenge = crate::ntlm::parse(&token).expect("a challenge");
        assert_eq!(challenge.computer, "VM");
        assert_eq!(challenge.dns_computer, "vm");
        assert_eq!(challenge.dns_forest, "");
        assert_eq!(challenge.version, Some((6, 1, 7601)));
        assert!(challenge.clock.is_some());
    }

    #[test]
    fn every_beginning_needs_more_and_bytes_behind_do_not_count() {
        for length in 0..CHALLENGE_REQUEST.len() {
            assert_eq!(parse(&CHALLENGE_REQUEST[..length]), Ok(None), "{length}");
        }
        let longer = [&CHALLENGE_REQUEST[..], b"more"].concat();
        assert_eq!(parse(&longer), parse(&CHALLENGE_REQUEST));
    }

    #[test]
    fn an_error_code_is_read_in_both_signs() {
        let status = [0xc0, 0, 0, 0x6d];
        for integer in [&status[..], &[0, 0xc0, 0, 0, 0x6d]] {
            assert_eq!(
                parse(&request(&error_code(integer))),
                Ok(Some(Reply::Error(0xc000_006d)))
            );
        }
        assert!(status_words(0xc000_006d).contains("LOGON_FAILURE"));
    }

    #[test]
    fn what_is_no_ts_request_is_told() {
        for (bytes, words) in [
            (b"HTTP/1.1 400".to_vec(), "begins with 0x48"),
            (vec![SEQUENCE, 0x80], "form 0x80"),
            (vec![SEQUENCE, 0x85, 1, 1, 1, 1, 1], "form 0x85"),
            (
                vec![SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff],
                "4294967301 bytes",
            ),
            (vec![SEQUENCE, 0x82, 0x40, 0x00], "16388 bytes"),
            (request(&[]), "without token"),
            (request(&[0xa1, 2, SEQUENCE, 0]), "without token"),
            (request(&[0xa1, 4, SEQUENCE, 0x7f, 0, 0]), "longer than"),
            (request(&[0x04, 0]), "field 0x04"),
            (request(&error_code(&[1, 2, 3, 4, 5, 6])), "INTEGER of 6"),
            (request(&error_code(&[])), "empty INTEGER"),
        ] {
            let why = parse(&bytes).expect_err(words);
            assert!(why.contains(words), "{why}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_fields_panic(fields in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&request(&fields));
        }

        #[test]
        fn no_damage_to_a_good_one_panics(at in 0..57usize, byte: u8, length in 0..=57usize) {
            let mut bytes = CHALLENGE_REQUEST;
            bytes[at] = byte;
            let _ = parse(&bytes[..length]);
        }

        #[test]
        fn more_is_wanted_only_below_the_cap(tail in prop::collection::vec(any::<u8>(), 8)) {
            let mut bytes = [&[SEQUENCE], &tail[..]].concat();
            bytes.resize(REPLY_MOST, 0);
            prop_assert_ne!(parse(&bytes), Ok(None));
        }
    }
}
