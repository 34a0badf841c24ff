//! TPKT (ITU-T T.123 section 8), the X.224 class 0 connection phase, and RDP negotiation
//! (MS-RDPBCGR 2.2.1.1 and 2.2.1.2).
//!
//! TPKT and X.224 are big-endian, the RDP_NEG structures inside them little-endian.

/// The protocols that [`CONNECTION_REQUEST`] offers: SSL, HYBRID and HYBRID_EX. xrdp refuses a
/// request with any bit above these.
pub const OFFERED: u32 = 0x0000_000b;

/// An X.224 Connection Request with RDP_NEG_REQ for [`OFFERED`] (MS-RDPBCGR 2.2.1.1), without
/// cookie or routing token, both of which are optional.
pub const CONNECTION_REQUEST: [u8; 19] = [
    0x03, 0x00, 0x00, 0x13, // TPKT: version 3, reserved, length 19
    0x0e, 0xe0, 0x00, 0x00, 0x00, 0x00, 0x00, // X.224: LI 14, CR, DST-REF, SRC-REF, class 0
    0x01, 0x00, 0x08, 0x00, 0x0b, 0x00, 0x00,
    0x00, // RDP_NEG_REQ: flags 0, length 8, protocols
];

/// The most bytes of one reply that are read. A Connection Confirm has 11 or 19.
pub const REPLY_MOST: usize = 4096;

const TPKT_VERSION: u8 = 3;
const TPKT_HEADER: usize = 4;
/// The shortest TPDU that a server may answer with: LI, code and one byte (a DT header).
const TPDU_LEAST: usize = 3;
/// LI of a Connection Confirm with nothing behind its fixed part.
const LI_BARE: usize = 6;
/// LI of a Connection Confirm with an 8-byte RDP_NEG structure.
const LI_NEGOTIATION: usize = 14;
/// The length that every RDP_NEG structure states of itself.
const NEGOTIATION_LENGTH: u16 = 8;

/// A complete reply to the Connection Request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A Connection Confirm without negotiation: Standard RDP security (MS-RDPBCGR 3.3.5.3.2).
    Bare,
    /// A Connection Confirm with RDP_NEG_RSP (MS-RDPBCGR 2.2.1.2.1).
    Selected {
        /// What the server supports beyond the protocol.
        flags: u8,
        /// The protocol it chose.
        protocol: u32,
    },
    /// A Connection Confirm with RDP_NEG_FAILURE (MS-RDPBCGR 2.2.1.2.2).
    Failure {
        /// Why it refuses.
        code: u32,
    },
    /// An MCS Disconnect Provider Ultimatum in an X.224 Data TPDU (T.125 section 7): xrdp's way
    /// to refuse.
    McsDisconnect,
    /// An X.224 Disconnect Request.
    Disconnect {
        /// The reason (X.224 section 13.5.3).
        reason: u8,
    },
    /// An X.224 Error TPDU.
    Error {
        /// The cause (X.224 section 13.12.3).
        cause: u8,
    },
}

/// Why bytes are no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// They do not begin as TPKT version 3 does.
    NotTpkt,
    /// They begin as TPKT does and are not well-formed.
    Malformed(String),
}

/// Reads a reply from the beginning of `bytes`: `None` as long as more bytes are needed. Bytes
/// behind the reply are not looked at.
pub fn parse(bytes: &[u8]) -> Result<Option<Reply>, Wrong> {
    match bytes {
        [] => return Ok(None),
        [TPKT_VERSION, ..] => {}
        _ => return Err(Wrong::NotTpkt),
    }
    let &[_, _, high, low, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < TPKT_HEADER + TPDU_LEAST {
        return malformed(format!("TPKT length {length} leaves no room for an answer"));
    }
    if length > REPLY_MOST {
        return malformed(format!("TPKT length {length} where 11 or 19 was expected"));
    }
    match rest.get(..length - TPKT_HEADER) {
        Some(tpdu) => parse_tpdu(tpdu).map(Some),
        None => Ok(None),
    }
}

/// How many more bytes a reply that begins with `bytes` needs at least, so that none behind it
/// need be read: what follows belongs to the next layer. At least 1.
pub fn missing(bytes: &[u8]) -> usize {
    let wanted = match bytes {
        &[_, _, high, low, ..] => usize::from(u16::from_be_bytes([high, low])),
        _ => TPKT_HEADER,
    };
    wanted.saturating_sub(bytes.len()).max(1)
}

fn malformed<T>(why: String) -> Result<T, Wrong> {
    Err(Wrong::Malformed(why))
}

/// One TPDU: the length indicator LI counts the bytes of its header behind itself.
fn parse_tpdu(tpdu: &[u8]) -> Result<Reply, Wrong> {
    let &[indicator, code, ref behind @ ..] = tpdu else {
        return malformed("the X.224 TPDU is empty".to_owned());
    };
    let indicator = usize::from(indicator);
    // LI counts the code too, so the header ends at LI - 1 behind it.
    let Some(header) = indicator
        .checked_sub(1)
        .and_then(|length| behind.get(..length))
    else {
        return malformed(format!(
            "X.224 length indicator {indicator} does not fit a TPDU of {} bytes",
            tpdu.len()
        ));
    };
    let data = behind.get(header.len()..).unwrap_or_default();
    match code >> 4 {
        0xd => parse_confirm(indicator, header),
        0xf => parse_data(data),
        0x8 => match header {
            [_, _, _, _, reason, ..] => Ok(Reply::Disconnect { reason: *reason }),
            _ => malformed("the X.224 Disconnect Request is too short".to_owned()),
        },
        0x7 => match header {
            [_, _, cause, ..] => Ok(Reply::Error { cause: *cause }),
            _ => malformed("the X.224 Error is too short".to_owned()),
        },
        _ => malformed(format!(
            "X.224 TPDU code {code:#04x} where a Connection Confirm was expected"
        )),
    }
}

/// A Connection Confirm: DST-REF, SRC-REF (which servers fill as they like), class, and at most
/// one RDP_NEG structure.
fn parse_confirm(indicator: usize, header: &[u8]) -> Result<Reply, Wrong> {
    let &[_, _, _, _, class, ref variable @ ..] = header else {
        return malformed(format!(
            "X.224 length indicator {indicator} where {LI_BARE} is the least"
        ));
    };
    if class != 0 {
        return malformed(format!(
            "X.224 class and options {class:#04x} where class 0 was asked for"
        ));
    }
    match variable {
        [] => Ok(Reply::Bare),
        &[kind, flags, l0, l1, v0, v1, v2, v3] => {
            let length = u16::from_le_bytes([l0, l1]);
            let value = u32::from_le_bytes([v0, v1, v2, v3]);
            match (kind, length) {
                (2, NEGOTIATION_LENGTH) => Ok(Reply::Selected {
                    flags,
                    protocol: value,
                }),
                (3, NEGOTIATION_LENGTH) => Ok(Reply::Failure { code: value }),
                (2 | 3, _) => malformed(format!(
                    "RDP negotiation length {length} where it is always {NEGOTIATION_LENGTH}"
                )),
                _ => malformed(format!(
                    "RDP negotiation type {kind} where 2 or 3 was expected"
                )),
            }
        }
        _ => malformed(format!(
            "unexpected X.224 variable part: length indicator {indicator} where {LI_BARE} or \
             {LI_NEGOTIATION} was expected"
        )),
    }
}

/// A Data TPDU, in which only an MCS Disconnect Provider Ultimatum makes sense here: PER choice 8
/// in the upper six bits (T.125).
fn parse_data(data: &[u8]) -> Result<Reply, Wrong> {
    match data.first() {
        Some(choice) if choice >> 2 == 8 => Ok(Reply::McsDisconnect),
        _ => malformed("X.224 data where a Connection Confirm was expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A Connection Confirm with SRC-REF 0x1234, as Windows and xrdp send it.
    fn confirm(negotiation: &[u8]) -> Vec<u8> {
        let length = u8::try_from(11 + negotiation.len()).expect("short");
        let mut bytes = vec![3, 0, 0, length, length - 5, 0xd0, 0, 0, 0x12, 0x34, 0];
        bytes.extend_from_slice(negotiation);
        bytes
    }

    fn why(bytes: &[u8]) -> String {
        match parse(bytes) {
            Err(Wrong::Malformed(why)) => why,
            other => panic!("{bytes:02x?} gave {other:?}"),
        }
    }

    #[test]
    fn captured_replies_of_real_servers_are_read() {
        let captured: [(&str, &[u8], Reply); 6] = [
            (
                "xrdp, no negotiation asked for",
                &[3, 0, 0, 0x0b, 6, 0xd0, 0, 0, 0x12, 0x34, 0],
                Reply::Bare,
            ),
            (
                "xrdp, security_layer=negotiate",
                &[
                    3, 0, 0, 0x13, 0x0e, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 1, 8, 0, 1, 0, 0, 0,
                ],
                Reply::Selected {
                    flags: 1,
                    protocol: 1,
                },
            ),
            (
                "xrdp, unreadable certificate",
                &[
                    3, 0, 0, 0x13, 0x0e, 0xd0, 0, 0, 0x12, 0x34, 0, 3, 0, 8, 0, 3, 0, 0, 0,
                ],
                Reply::Failure { code: 3 },
            ),
            (
                "FreeRDP shadow with NLA, SRC-REF 0",
                &[
                    3, 0, 0, 0x13, 0x0e, 0xd0, 0, 0, 0, 0, 0, 2, 3, 8, 0, 2, 0, 0, 0,
                ],
                Reply::Selected {
                    flags: 3,
                    protocol: 2,
                },
            ),
            (
                "Windows Server, HYBRID_EX",
                &[
                    3, 0, 0, 0x13, 0x0e, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0x1f, 8, 0, 8, 0, 0, 0,
                ],
                Reply::Selected {
                    flags: 0x1f,
                    protocol: 8,
                },
            ),
            (
                "xrdp, refused request",
                &[3, 0, 0, 9, 2, 0xf0, 0x80, 0x21, 0x80],
                Reply::McsDisconnect,
            ),
        ];
        for (server, bytes, reply) in captured {
            assert_eq!(parse(bytes), Ok(Some(reply)), "{server}");
        }
    }

    #[test]
    fn refusals_at_the_x224_layer_are_read() {
        let disconnect = [3, 0, 0, 0x0b, 6, 0x80, 0, 0, 0x12, 0x34, 0x80];
        assert_eq!(
            parse(&disconnect),
            Ok(Some(Reply::Disconnect { reason: 0x80 }))
        );
        let error = [3, 0, 0, 9, 4, 0x70, 0, 0, 2];
        assert_eq!(parse(&error), Ok(Some(Reply::Error { cause: 2 })));
    }

    #[test]
    fn values_of_negotiation_are_little_endian() {
        let reply = parse(&confirm(&[3, 0, 8, 0, 0x63, 1, 0, 0]));
        assert_eq!(reply, Ok(Some(Reply::Failure { code: 0x163 })));
    }

    #[test]
    fn every_beginning_of_a_reply_needs_more() {
        for whole in [confirm(&[]), confirm(&[2, 1, 8, 0, 1, 0, 0, 0])] {
            for length in 0..whole.len() {
                assert_eq!(parse(&whole[..length]), Ok(None), "{length} bytes");
            }
        }
    }

    #[test]
    fn no_byte_behind_a_reply_is_asked_for() {
        let whole = confirm(&[2, 1, 8, 0, 1, 0, 0, 0]);
        let mut had = 0;
        while parse(&whole[..had]) == Ok(None) {
            had += missing(&whole[..had]);
        }
        assert_eq!(had, whole.len());
    }

    #[test]
    fn another_protocol_is_known_by_its_first_byte() {
        assert_eq!(parse(b"S"), Err(Wrong::NotTpkt));
        assert_eq!(parse(b"HTTP/1.1 400 Bad Request\r\n"), Err(Wrong::NotTpkt));
        assert_eq!(parse(&[2, 0, 0, 0x0b]), Err(Wrong::NotTpkt));
    }

    #[test]
    fn a_tpkt_length_out_of_bounds_is_told_by_its_four_bytes() {
        assert!(why(&[3, 0, 0, 4]).contains("length 4"));
        assert!(why(&[3, 0, 0, 6]).contains("length 6"));
        assert!(why(&[3, 0, 0x10, 1]).contains("length 4097"));
        assert!(why(b"\x03AAAAAAAAAA").contains("length 16705"));
    }

    #[test]
    fn a_length_indicator_that_disagrees_is_malformed() {
        let mut past_the_end = confirm(&[]);
        past_the_end[4] = 14;
        assert!(why(&past_the_end).contains("indicator 14"));
        let mut too_short = confirm(&[]);
        too_short[4] = 5;
        assert!(why(&too_short).contains("indicator 5"));
        let mut zero = confirm(&[]);
        zero[4] = 0;
        assert!(why(&zero).contains("indicator 0"));
        assert!(why(&confirm(&[2, 1, 8, 0])).contains("variable part"));
    }

    #[test]
    fn an_odd_confirm_is_malformed() {
        assert!(why(&confirm(&[9, 0, 8, 0, 1, 0, 0, 0])).contains("type 9"));
        assert!(why(&confirm(&[2, 0, 9, 0, 1, 0, 0, 0])).contains("length 9"));
        let mut class_4 = confirm(&[]);
        class_4[10] = 0x40;
        assert!(why(&class_4).contains("class"));
        let mut request = confirm(&[]);
        request[5] = 0xe0;
        assert!(why(&request).contains("0xe0"));
        assert!(why(&[3, 0, 0, 9, 2, 0xf0, 0x80, 0x7f, 0x66]).contains("data"));
    }

    #[test]
    fn the_request_states_its_own_lengths() {
        assert_eq!(usize::from(CONNECTION_REQUEST[3]), CONNECTION_REQUEST.len());
        assert_eq!(
            usize::from(CONNECTION_REQUEST[4]),
            CONNECTION_REQUEST.len() - 5
        );
        assert_eq!(CONNECTION_REQUEST[15..], OFFERED.to_le_bytes());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_bytes_behind_a_tpkt_header_panic(tpdu in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut bytes = vec![3, 0, 0, u8::try_from(4 + tpdu.len()).expect("short")];
            bytes.extend(tpdu);
            let _ = parse(&bytes);
        }

        #[test]
        fn what_was_read_once_stays_the_same_when_more_bytes_come(bytes: Vec<u8>, more: Vec<u8>) {
            let first = parse(&bytes);
            if first != Ok(None) {
                let longer = [bytes, more].concat();
                prop_assert_eq!(parse(&longer), first);
            }
        }

        #[test]
        fn more_is_wanted_only_below_the_cap(bytes in prop::collection::vec(any::<u8>(), REPLY_MOST..REPLY_MOST + 9)) {
            let mut bytes = bytes;
            bytes[0] = 3;
            prop_assert_ne!(parse(&bytes), Ok(None));
        }
    }
}
