//! Making bytes and texts that a server sent harmless before a human or a program reads them.

/// `bytes` as printable ASCII: everything else, the backslash and the separators `|` and `;` of
/// plugin output included, as `\xNN`; at most `most` bytes of it, an ellipsis after them.
pub fn quoted(bytes: &[u8], most: usize) -> String {
    let mut text = String::new();
    for &byte in bytes.iter().take(most) {
        match byte {
            b'|' | b';' | b'\\' => push_hex(&mut text, byte),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => push_hex(&mut text, byte),
        }
    }
    if bytes.len() > most {
        text.push_str("...");
    }
    text
}

fn push_hex(text: &mut String, byte: u8) {
    text.push_str("\\x");
    text.extend(digits(byte));
}

/// A byte as two hexadecimal digits.
fn digits(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
}

/// `bytes` in hexadecimal, blanks between, at most `most` of them.
pub fn hex(bytes: &[u8], most: usize) -> String {
    let mut text = String::with_capacity(3 * bytes.len().min(most));
    for (position, byte) in bytes.iter().take(most).enumerate() {
        if position > 0 {
            text.push(' ');
        }
        text.extend(digits(*byte));
    }
    if bytes.len() > most {
        text.push_str(" ...");
    }
    text
}

/// One line that no monitoring core misreads: control characters become blanks, `|` (it would
/// start performance data) becomes `!`, `;` (it separates fields of logs and of external
/// commands) becomes `,`.
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '|' => '!',
            ';' => ',',
            letter if letter.is_control() => ' ',
            letter => letter,
        })
        .collect()
}

/// FNV-1a, 64 bits: tells two configurations apart, and is the same everywhere.
pub fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// The longest beginning of `text` of at most `most` bytes that ends between two characters.
pub fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A duration as a human says it in a summary: `3 s`, `0.25 s`, `12 ms`.
pub fn spoken(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 10.0 {
        format!("{seconds:.0} s")
    } else if seconds >= 0.1 {
        let text = format!("{seconds:.2}");
        format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
    } else {
        format!("{:.0} ms", seconds * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn bytes_of_a_server_become_printable() {
        assert_eq!(
            quoted(b"SSH-2.0\r\n|;\\", 64),
            "SSH-2.0\\x0d\\x0a\\x7c\\x3b\\x5c"
        );
        assert_eq!(quoted(b"abcdef", 3), "abc...");
        assert_eq!(hex(&[3, 0, 0, 0x13], 3), "03 00 00 ...");
    }

    #[test]
    fn a_line_keeps_its_words_and_loses_its_separators() {
        assert_eq!(one_line("a|b;c\nd\u{7f}e"), "a!b,c d e");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("aé", 9), "aé");
    }

    #[test]
    fn durations_are_spoken_in_fitting_units() {
        let spoken = |millis| spoken(Duration::from_millis(millis));
        assert_eq!(spoken(12), "12 ms");
        assert_eq!(spoken(250), "0.25 s");
        assert_eq!(spoken(3_000), "3 s");
        assert_eq!(spoken(30_000), "30 s");
    }
}
