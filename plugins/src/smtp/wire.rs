//! SMTP replies (RFC 5321 section 4.2) with enhanced status codes (RFC 3463), and the answer to
//! EHLO (RFC 5321 section 4.1.1.1).

use std::fmt;

use shared::text::quoted;

/// The longest line of a reply that is read. RFC 5321 section 4.5.3.1.5 allows 512 bytes.
pub const LINE_MOST: usize = 2048;
/// The most bytes of one reply that are read. Exchange's answer to EHLO has some 400.
pub const REPLY_MOST: usize = 32 * 1024;

/// How much of a reply is quoted.
const QUOTED: usize = 200;

/// A complete reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// The text of each line, without code, separator and line end. At least one.
    pub lines: Vec<Vec<u8>>,
}

/// Why bytes are no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// They do not begin as a reply does: something else than SMTP talks.
    NotSmtp,
    /// They begin as a reply does and are not well-formed.
    Malformed(String),
}

/// Reads a reply from the beginning of `bytes`, and tells how many bytes it has: `None` as long as
/// more are needed.
pub fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>, Wrong> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut code = None;
    let mut rest = bytes;
    loop {
        let Some((line, after)) = take_line(rest)? else {
            begins_well(rest, code)?;
            return match bytes.len() > REPLY_MOST {
                true => malformed(format!("a reply of more than {REPLY_MOST} bytes")),
                false => Ok(None),
            };
        };
        begins_well(line, code)?;
        let Line {
            code: own,
            is_last,
            text,
        } = split(line)?;
        if code.is_some_and(|code| code != own) {
            return malformed("the lines of one reply bear different codes".to_owned());
        }
        code = Some(own);
        lines.push(text.to_vec());
        rest = after;
        if is_last {
            let length = bytes.len() - rest.len();
            return Ok(Some((Reply { code: own, lines }, length)));
        }
        if bytes.len() - rest.len() > REPLY_MOST {
            return malformed(format!("a reply of more than {REPLY_MOST} bytes"));
        }
    }
}

/// A line without its end, and what follows it.
type Cut<'a> = (&'a [u8], &'a [u8]);

/// Cuts the first line off; nothing as long as its end has not come.
fn take_line(bytes: &[u8]) -> Result<Option<Cut<'_>>, Wrong> {
    let within = bytes.get(..LINE_MOST).unwrap_or(bytes);
    let Some(at) = within.iter().position(|byte| *byte == b'\n') else {
        return match bytes.len() >= LINE_MOST && starts_as_reply(bytes) {
            true => malformed(format!("a line of more than {LINE_MOST} bytes")),
            false => Ok(None),
        };
    };
    let (line, after) = bytes.split_at(at + 1);
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(Some((line, after))),
        None if starts_as_reply(bytes) => {
            malformed("a line that ends without a carriage return".to_owned())
        }
        None => Err(Wrong::NotSmtp),
    }
}

/// Whether what there is of a line can be the beginning of one. In the first line anything else
/// is another protocol; later, a broken reply.
fn begins_well(line: &[u8], code: Option<u16>) -> Result<(), Wrong> {
    match (starts_as_reply(line), code) {
        (true, _) => Ok(()),
        (false, None) => Err(Wrong::NotSmtp),
        (false, Some(_)) => malformed(format!("a line without a code: '{}'", quoted(line, 48))),
    }
}

/// Three digits, the first 2 to 5 (RFC 5321 section 4.2.1), then a blank, a hyphen, or the end.
fn starts_as_reply(bytes: &[u8]) -> bool {
    bytes.iter().take(4).enumerate().all(|(at, byte)| match at {
        0 => (b'2'..=b'5').contains(byte),
        1 | 2 => byte.is_ascii_digit(),
        _ => matches!(byte, b' ' | b'-' | b'\r' | b'\n'),
    })
}

struct Line<'a> {
    code: u16,
    is_last: bool,
    text: &'a [u8],
}

fn split(line: &[u8]) -> Result<Line<'_>, Wrong> {
    let Some((digits, behind)) = line.split_at_checked(3) else {
        return malformed(format!(
            "a line too short for a code: '{}'",
            quoted(line, 48)
        ));
    };
    let code = digits
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let (is_last, text) = match behind {
        [b'-', text @ ..] => (false, text),
        [_, text @ ..] => (true, text),
        [] => (true, behind),
    };
    Ok(Line {
        code,
        is_last,
        text,
    })
}

fn malformed<T>(why: String) -> Result<T, Wrong> {
    Err(Wrong::Malformed(why))
}

impl Reply {
    /// The enhanced status code `class.subject.detail` at the beginning of the text, where there is
    /// one (RFC 2034 section 3).
    pub fn status(&self) -> Option<(u16, u16, u16)> {
        let first = String::from_utf8_lossy(self.lines.first()?);
        let mut parts = first.split_whitespace().next()?.split('.');
        let mut number = || parts.next()?.parse().ok();
        let status = (number()?, number()?, number()?);
        parts.next().is_none().then_some(status)
    }

    /// Whether the text of some line contains `words`, which are in lower case.
    pub fn says(&self, words: &str) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| {
            let line = String::from_utf8_lossy(line).to_ascii_lowercase();
            line.contains(words)
        })
    }

    /// The text of the first line, lossily.
    pub fn first_line(&self) -> String {
        let first = self.lines.first().map(Vec::as_slice);
        String::from_utf8_lossy(first.unwrap_or_default()).into_owned()
    }
}

/// The code and the text, made harmless; of several lines the last, which says how it ended.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.lines.last().map(|line| quoted(line, QUOTED));
        let text = text.unwrap_or_default();
        write!(f, "{} {text}", self.code)
    }
}

/// What a server announces in answer to EHLO.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Keyword in capitals and its parameters, in the server's order.
    announced: Vec<(String, String)>,
}

impl Capabilities {
    /// From the answer to EHLO, whose first line is a greeting.
    pub fn of(reply: &Reply) -> Self {
        let lines = reply.lines.iter().skip(1);
        let announced = lines.map(|line| {
            let line = String::from_utf8_lossy(line);
            // Some servers write AUTH=LOGIN, as a draft of RFC 2554 had it.
            let (keyword, parameters) = line.split_once([' ', '=']).unwrap_or((&line, ""));
            (keyword.to_ascii_uppercase(), parameters.to_owned())
        });
        Self {
            announced: announced.collect(),
        }
    }

    /// Whether it is announced; `keyword` is in capitals.
    pub fn has(&self, keyword: &str) -> bool {
        self.announced.iter().any(|(name, _)| name == keyword)
    }

    /// Whether a keyword is announced with that parameter, both in capitals.
    pub fn offers(&self, keyword: &str, parameter: &str) -> bool {
        self.announced.iter().any(|(name, parameters)| {
            let mut parameters = parameters.split_ascii_whitespace();
            name == keyword && parameters.any(|offered| offered.eq_ignore_ascii_case(parameter))
        })
    }

    /// A keyword that a firewall has overwritten, such as `XXXXXXXA` for `STARTTLS` (the ESMTP
    /// inspection of Cisco's PIX and ASA).
    pub fn overwritten(&self) -> Option<&str> {
        let is_overwritten = |name: &str| name.len() >= 4 && name.starts_with("XXXX");
        let mut names = self.announced.iter().map(|(name, _)| name.as_str());
        names.find(|name| is_overwritten(name))
    }

    /// All keywords with their parameters, made harmless.
    pub fn listed(&self) -> String {
        let words: Vec<_> = self
            .announced
            .iter()
            .map(|(name, parameters)| match parameters.as_str() {
                "" => quoted(name.as_bytes(), 64),
                parameters => quoted(format!("{name} {parameters}").as_bytes(), 128),
            })
            .collect();
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(code: u16, lines: &[&str]) -> Reply {
        let lines = lines.iter().map(|line| line.as_bytes().to_vec());
        Reply {
            code,
            lines: lines.collect(),
        }
    }

    #[test]
    fn a_single_line_is_a_reply_and_what_follows_stays() {
        let banner = b"220 ex1.exch.test Microsoft ESMTP MAIL Service ready\r\n250 x\r\n";
        let expected = reply(220, &["ex1.exch.test Microsoft ESMTP MAIL Service ready"]);
        assert_eq!(parse(banner), Ok(Some((expected, banner.len() - 7))));
    }

    #[test]
    fn several_lines_are_one_reply() {
        let bytes =
            b"250-ex1 Hello [10.0.1.254]\r\n250-SIZE 37748736\r\n250-STARTTLS\r\n250 OK\r\n";
        let (reply, length) = parse(bytes).expect("good").expect("whole");
        assert_eq!(length, bytes.len());
        let capabilities = Capabilities::of(&reply);
        assert!(capabilities.has("STARTTLS") && capabilities.has("SIZE"));
        assert!(!capabilities.has("AUTH"));
        assert_eq!(capabilities.listed(), "SIZE 37748736, STARTTLS, OK");
    }

    #[test]
    fn a_code_alone_is_a_reply() {
        assert_eq!(parse(b"250\r\n"), Ok(Some((reply(250, &[""]), 5))));
    }

    #[test]
    fn other_protocols_are_told_at_their_first_bytes() {
        for bytes in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"H",
            b"\x03\x00\x00\x0b",
            b"\x15\x03\x01",
            b"123",
            b"220x",
            b"garbage\n",
        ] {
            assert_eq!(parse(bytes), Err(Wrong::NotSmtp), "{bytes:?}");
        }
    }

    #[test]
    fn what_breaks_a_reply_is_named() {
        for (bytes, words) in [
            (&b"220 no carriage return\n"[..], "carriage return"),
            (b"250-one\r\n220 two\r\n", "different codes"),
            (b"250-one\r\nFLAG\r\n", "without a code"),
            (
                &[&b"220 "[..], &[b'x'; LINE_MOST]].concat(),
                "a line of more",
            ),
            (
                &b"250-again and again\r\n".repeat(REPLY_MOST / 20),
                "a reply of more",
            ),
        ] {
            match parse(bytes) {
                Err(Wrong::Malformed(why)) => assert!(why.contains(words), "{why}"),
                other => panic!("{words}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_enhanced_status_is_three_numbers_at_the_beginning() {
        let status = |text| reply(421, &[text]).status();
        assert_eq!(status("4.3.2 Service not active"), Some((4, 3, 2)));
        for text in ["Service not active", "4.3 x", "4.3.2.1 x", "", "4.x.2 y"] {
            assert_eq!(status(text), None, "{text}");
        }
    }

    #[test]
    fn a_keyword_that_a_firewall_has_overwritten_is_found() {
        let rewritten = Capabilities::of(&reply(250, &["x", "SIZE", "XXXXXXXA"]));
        assert_eq!(rewritten.overwritten(), Some("XXXXXXXA"));
        let exchange = Capabilities::of(&reply(250, &["x", "XEXCH50", "XSHADOWREQUEST", "XRDST"]));
        assert_eq!(exchange.overwritten(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic_and_a_reply_never_claims_more_than_there_is(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(Some((_, length))) = parse(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }

        #[test]
        fn a_reply_is_the_same_however_it_is_cut(
            code in 200_u16..560,
            lines in prop::collection::vec("[ -~]{0,40}", 1..6),
        ) {
            let last = lines.len() - 1;
            let text: String = lines
                .iter()
                .enumerate()
                .map(|(at, line)| format!("{code}{}{line}\r\n", if at == last { ' ' } else { '-' }))
                .collect();
            let bytes = text.as_bytes();
            for cut in 0..bytes.len() {
                prop_assert_eq!(parse(&bytes[..cut]), Ok(None));
            }
            let (reply, length) = parse(bytes).unwrap().unwrap();
            prop_assert_eq!((reply.code, length), (code, bytes.len()));
            let read: Vec<_> = reply.lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
            prop_assert_eq!(read, lines);
        }
    }
}
