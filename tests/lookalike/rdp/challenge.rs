//! What a server answers inside TLS: TSRequests (MS-CSSP 2.2.1) with the NTLM challenge (MS-NLMP
//! 2.2.1.2) or an error code.

use std::time::{SystemTime, UNIX_EPOCH};

/// From the epoch of FILETIME (1601) to that of Unix, in milliseconds (MS-DTYP 2.3.3).
const FILETIME_AHEAD: i64 = 11_644_473_600_000;

/// One DER element of at most 65,535 bytes, its length in the long form.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = length_of(content).to_be_bytes();
    [&[tag, 0x82], &length[..], content].concat()
}

/// No text of a look-alike is longer than this can say.
fn length_of(content: &[u8]) -> u16 {
    u16::try_from(content.len()).unwrap_or(u16::MAX)
}

/// A TSRequest of version 6 with `fields`.
fn request(fields: &[u8]) -> Vec<u8> {
    let version = [0xa0, 3, 2, 1, 6];
    element(0x30, &[&version[..], fields].concat())
}

/// A refusal with an NTSTATUS.
pub fn error(status: u32) -> Vec<u8> {
    let digits = status.to_be_bytes();
    request(&element(0xa4, &element(0x02, &digits)))
}

/// A token around any bytes.
pub fn token(bytes: &[u8]) -> Vec<u8> {
    let item = element(0x30, &element(0xa0, &element(0x04, bytes)));
    request(&element(0xa1, &element(0x30, &item)))
}

fn pair(id: u16, value: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes(), &length_of(value).to_le_bytes(), value].concat()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A TSRequest with [`ntlm`].
pub fn of(computer: &str, ahead: i64) -> Vec<u8> {
    token(&ntlm(computer, ahead))
}

/// The NTLM challenge of a server of that name in the domain exch.test, whose clock is so many
/// seconds ahead of ours.
pub fn ntlm(computer: &str, ahead: i64) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(0));
    let filetime = (now + ahead * 1000 + FILETIME_AHEAD) * 10_000;
    let dns = match computer {
        "" => String::new(),
        name => format!("{name}.exch.test"),
    };
    let info = [
        pair(2, &utf16("EXCH")),
        pair(1, &utf16(computer)),
        pair(4, &utf16("exch.test")),
        pair(3, &utf16(&dns)),
        pair(7, &filetime.to_le_bytes()),
        pair(0, &[]),
    ]
    .concat();
    let length = length_of(&info).to_le_bytes();
    let mut message = b"NTLMSSP\0\x02\0\0\0".to_vec();
    message.extend([0; 8]);
    message.extend([0x05, 0x82, 0x89, 0xe2]);
    message.extend([0; 16]);
    message.extend([length, length].concat());
    message.extend([56, 0, 0, 0, 10, 0, 0x63, 0x45, 0, 0, 0, 15]);
    message.extend(info);
    message
}
