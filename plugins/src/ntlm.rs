//! NTLM as far as the challenge (MS-NLMP section 2.2.1): what a server tells of itself before
//! anybody logs on. All numbers are little-endian.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A negotiate message (MS-NLMP section 2.2.1.1) without domain and workstation: 40 bytes.
pub(crate) const NEGOTIATE: [u8; 40] = [
    0x4e, 0x54, 0x4c, 0x4d, 0x53, 0x53, 0x50, 0x00, // "NTLMSSP\0"
    0x01, 0x00, 0x00, 0x00, // type 1
    0xb7, 0x82, 0x08, 0xe2, // flags: Unicode, request target, NTLM, target info, version, ...
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // no domain
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // no workstation
    0x0a, 0x00, 0x63, 0x45, 0x00, 0x00, 0x00, 0x0f, // version 10.0.17763, NTLM revision 15
];

const SIGNATURE: &[u8] = b"NTLMSSP\0";
const CHALLENGE_TYPE: u32 = 2;
const FLAGS_AT: usize = 20;
const TARGET_INFO_AT: usize = 40;
const VERSION_AT: usize = 48;
/// NTLMSSP_NEGOTIATE_VERSION (MS-NLMP section 2.2.2.5): the version field is filled in.
const NEGOTIATE_VERSION: u32 = 0x0200_0000;
/// Computer and DNS names are shorter than this.
const NAME_MOST: usize = 256;
/// 1601-01-01, where a FILETIME begins, to 1970-01-01, in seconds (MS-DTYP section 2.3.3).
const FILETIME_EPOCH: u64 = 11_644_473_600;
/// A FILETIME counts steps of 100 ns.
const FILETIME_STEPS: u64 = 10_000_000;

/// What a server tells of itself. A name may be empty: some servers send none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// NetBIOS name of the computer.
    pub(crate) computer: String,
    /// NetBIOS name of its domain.
    pub(crate) domain: String,
    /// DNS name of the computer.
    pub(crate) dns_computer: String,
    /// DNS name of its domain.
    pub(crate) dns_domain: String,
    /// DNS name of its forest.
    pub(crate) dns_forest: String,
    /// Version of the operating system: major, minor, build.
    pub(crate) version: Option<(u8, u8, u16)>,
    /// Its clock.
    pub(crate) clock: Option<SystemTime>,
}

/// Reads the challenge message in `token`, with or without SPNEGO around it. An error says why
/// there is none.
pub(crate) fn parse(token: &[u8]) -> Result<Challenge, String> {
    let message = token
        .windows(SIGNATURE.len())
        .position(|window| window == SIGNATURE)
        .and_then(|at| token.get(at..))
        .ok_or("a token that is not NTLM")?;
    match number(message, SIGNATURE.len()) {
        Some(CHALLENGE_TYPE) => {}
        Some(other) => {
            return Err(format!(
                "an NTLM message of type {other} where 2 was expected"
            ));
        }
        None => return Err("an NTLM message that is cut off".to_owned()),
    }
    let flags = number(message, FLAGS_AT).ok_or("an NTLM challenge that is cut off")?;
    let mut challenge = Challenge::default();
    if flags & NEGOTIATE_VERSION != 0 {
        challenge.version = version(message);
    }
    read_target_info(target_info(message)?, &mut challenge)?;
    Ok(challenge)
}

/// The bytes that the descriptor (length, allocated length, offset) points to; none when it lies
/// behind the end of a short message of an old server.
fn target_info(message: &[u8]) -> Result<&[u8], String> {
    let Some(&[l0, l1, _, _, o0, o1, o2, o3]) = message.get(TARGET_INFO_AT..TARGET_INFO_AT + 8)
    else {
        return Ok(&[]);
    };
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    let start = usize::try_from(u32::from_le_bytes([o0, o1, o2, o3])).ok();
    let range = start.and_then(|start| Some(start..start.checked_add(length)?));
    match range.and_then(|range| message.get(range)) {
        _ if length == 0 => Ok(&[]),
        Some(bytes) => Ok(bytes),
        None => Err("an NTLM challenge whose target information lies outside of it".to_owned()),
    }
}

/// AV_PAIRs (MS-NLMP section 2.2.2.1) up to the one that ends the list.
fn read_target_info(mut rest: &[u8], challenge: &mut Challenge) -> Result<(), String> {
    while let &[i0, i1, l0, l1, ref behind @ ..] = rest {
        let id = u16::from_le_bytes([i0, i1]);
        let length = usize::from(u16::from_le_bytes([l0, l1]));
        let Some((value, next)) = behind.split_at_checked(length) else {
            return Err("an NTLM challenge whose target information is cut off".to_owned());
        };
        match id {
            0 => break,
            1 => challenge.computer = name(value),
            2 => challenge.domain = name(value),
            3 => challenge.dns_computer = name(value),
            4 => challenge.dns_domain = name(value),
            5 => challenge.dns_forest = name(value),
            7 => challenge.clock = filetime(value),
            _ => {}
        }
        rest = next;
    }
    Ok(())
}

/// UTF-16, made printable: whatever it is, it will be shown.
fn name(value: &[u8]) -> String {
    let units = value.chunks_exact(2).filter_map(|pair| match *pair {
        [low, high] => Some(u16::from_le_bytes([low, high])),
        _ => None,
    });
    char::decode_utf16(units.take(NAME_MOST))
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect()
}

fn filetime(value: &[u8]) -> Option<SystemTime> {
    let steps = u64::from_le_bytes(value.try_into().ok()?);
    let nanos = u32::try_from(steps % FILETIME_STEPS)
        .ok()?
        .checked_mul(100)?;
    let since_1601 = Duration::new(steps / FILETIME_STEPS, nanos);
    let epoch = UNIX_EPOCH.checked_sub(Duration::from_secs(FILETIME_EPOCH))?;
    epoch.checked_add(since_1601)
}

fn version(message: &[u8]) -> Option<(u8, u8, u16)> {
    let &[major, minor, b0, b1] = message.get(VERSION_AT..VERSION_AT + 4)? else {
        return None;
    };
    Some((major, minor, u16::from_le_bytes([b0, b1])))
}

fn number(message: &[u8], at: usize) -> Option<u32> {
    let bytes = message.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn pair(id: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).expect("short");
        [&id.to_le_bytes(), &length.to_le_bytes(), value].concat()
    }

    /// A challenge with that target information behind its fixed part.
    fn challenge(info: &[u8]) -> Vec<u8> {
        let length = u16::try_from(info.len()).expect("short").to_le_bytes();
        let mut message = [
            SIGNATURE,
            &[2, 0, 0, 0],
            &[0; 8],
            &[5, 0x82, 0x89, 0xe2],
            &[0; 16],
        ]
        .concat();
        message.extend([length, length].concat());
        message.extend([56, 0, 0, 0, 10, 0, 0x63, 0x45, 0, 0, 0, 15]);
        message.extend(info);
        message
    }

    fn windows_server() -> Vec<u8> {
        // 2026-11-23 06:00:00.5 UTC
        let filetime = (1_795_413_600 + FILETIME_EPOCH) * FILETIME_STEPS + FILETIME_STEPS / 2;
        challenge(
            &[
                pair(2, &utf16("EXCH")),
                pair(1, &utf16("EX1")),
                pair(4, &utf16("exch.test")),
                pair(3, &utf16("EX1.exch.test")),
                pair(5, &utf16("exch.test")),
                pair(7, &filetime.to_le_bytes()),
                pair(0, &[]),
            ]
            .concat(),
        )
    }

    #[test]
    fn names_version_and_clock_are_read() {
        let read = parse(&windows_server()).expect("well-formed");
        assert_eq!(read.computer, "EX1");
        assert_eq!(read.domain, "EXCH");
        assert_eq!(read.dns_computer, "EX1.exch.test");
        assert_eq!(read.dns_domain, "exch.test");
        assert_eq!(read.dns_forest, "exch.test");
        assert_eq!(read.version, Some((10, 0, 17763)));
        let clock = read.clock.expect("a clock").duration_since(UNIX_EPOCH);
        assert_eq!(clock.ok(), Some(Duration::from_millis(1_795_413_600_500)));
    }

    #[test]
    fn a_challenge_inside_spnego_is_found() {
        let wrapped = [&[0xa1, 0x81, 0x90, 0x30][..], &windows_server()].concat();
        assert_eq!(parse(&wrapped), parse(&windows_server()));
    }

    #[test]
    fn names_may_be_empty_or_missing() {
        let read = parse(&challenge(&[pair(1, &[]), pair(0, &[])].concat())).expect("well-formed");
        assert_eq!((read.computer.as_str(), read.clock), ("", None));
        assert!(parse(&challenge(&[])).is_ok());
        assert!(
            parse(&challenge(&[])[..40]).is_ok(),
            "NT 4 sends no target information"
        );
    }

    #[test]
    fn a_name_is_bounded_and_printable() {
        let long = utf16(&"x".repeat(1000));
        let read = parse(&challenge(&pair(1, &long))).expect("well-formed");
        assert_eq!(read.computer.len(), NAME_MOST);
        let wild = [utf16("A\n\u{7f}"), vec![0x00, 0xd8, 0x42]].concat();
        let read = parse(&challenge(&pair(1, &wild))).expect("well-formed");
        assert_eq!(read.computer, "A??\u{fffd}");
    }

    #[test]
    fn what_is_no_challenge_is_told() {
        let mut outside = windows_server();
        outside[44] = 0xff;
        let mut cut_off = windows_server();
        let end = cut_off.len() - 5;
        cut_off[end] = 0xff;
        for (bytes, words) in [
            (b"Kerberos".to_vec(), "not NTLM"),
            (NEGOTIATE.to_vec(), "type 1"),
            (windows_server()[..10].to_vec(), "cut off"),
            (windows_server()[..20].to_vec(), "cut off"),
            (outside, "outside"),
            (challenge(&pair(1, b"xx")[..5]), "cut off"),
        ] {
            let why = parse(&bytes).expect_err(words);
            assert!(why.contains(words), "{why}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
            let _ = parse(&[SIGNATURE, &[2, 0, 0, 0], &bytes].concat());
        }

        #[test]
        fn no_target_information_panics(info in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&challenge(&info));
        }

        #[test]
        fn no_damage_panics(at in 0..160usize, byte: u8) {
            let mut message = windows_server();
            if let Some(place) = message.get_mut(at) {
                *place = byte;
            }
            if let Ok(read) = parse(&message) {
                prop_assert!(read.computer.chars().count() <= NAME_MOST);
            }
        }
    }
}
