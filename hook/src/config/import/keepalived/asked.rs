//! What the block of a checker says, besides times.

use super::checks::milliseconds;
use super::lexer::Node;
use crate::config::import::ports;
use crate::config::import::told::Told;
use crate::config::import::web::Page;

/// Keywords of the connection, which all checkers but those of [`WITHOUT_CONNECTION`] have.
const CONNECTION: &[&str] = &["connect_ip", "bindto", "bind_if", "bind_port", "fwmark"];

const WITHOUT_CONNECTION: &[&str] = &["MISC_CHECK", "BFD_CHECK", "FILE_CHECK"];

/// Keywords of one checker without a counterpart, and why.
const LEFT: &[(&str, &str, &str)] = &[
    (
        "HTTP_GET",
        "http_protocol",
        "pages are asked for in HTTP/1.0",
    ),
    ("SSL_GET", "http_protocol", "governess asks in HTTP/1.1"),
    ("HTTP_GET", "fast_recovery", "pages are asked for at once"),
    ("SSL_GET", "fast_recovery", "pages are asked for at once"),
    ("SSL_GET", "enable_sni", "the name is always sent"),
    (
        "MISC_CHECK",
        "user",
        "programs run as governess does; sudo in the command line changes that",
    ),
    ("DNS_CHECK", "type", "see DNS_CHECK"),
    ("DNS_CHECK", "name", "see DNS_CHECK"),
    ("BFD_CHECK", "name", "see BFD_CHECK"),
    ("UDP_CHECK", "payload", "see UDP_CHECK"),
    ("UDP_CHECK", "require_reply", "see UDP_CHECK"),
    ("UDP_CHECK", "min_reply_length", "see UDP_CHECK"),
    ("UDP_CHECK", "max_reply_length", "see UDP_CHECK"),
    ("FILE_CHECK", "track_file", "see FILE_CHECK"),
    ("FILE_CHECK", "dynamic", "see FILE_CHECK"),
    ("FILE_CHECK", "weight", "see FILE_CHECK"),
];

/// The keywords of one checker.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) port: Option<u16>,
    /// `misc_path`, with its line.
    pub(super) command: Option<(usize, String)>,
    /// `misc_timeout`, in milliseconds.
    pub(super) timeout: Option<u64>,
    /// `misc_dynamic`
    pub(super) dynamic: bool,
    /// `helo_name`
    pub(super) helo: Option<String>,
    /// `virtualhost` of all pages.
    pub(super) host: Option<String>,
    /// Each with its line.
    pub(super) pages: Vec<(usize, Page)>,
}

impl Asked {
    /// Takes one keyword in; one that the checker does not have is refused.
    pub(super) fn take(&mut self, checker: &str, child: &Node, told: &mut Told) {
        let line = child.line;
        let connects = !WITHOUT_CONNECTION.contains(&checker);
        let standard = connects || checker == "MISC_CHECK";
        match (checker, child.key()) {
            (_, "connect_port") if connects => match ports::port(child.word(1)) {
                Ok(port) => self.port = Some(port),
                Err(words) => told.refuse(line, words),
            },
            (_, key) if connects && CONNECTION.contains(&key) => told.note(
                line,
                format!(
                    "{} is not carried over: checks go to the server's address, the way that the \
                     routes say",
                    child.words.join(" ")
                ),
            ),
            (_, "alpha") if standard => told.note(
                line,
                "alpha is not carried over: a server that is not judged yet does not serve, if \
                 others do",
            ),
            (_, "log_all_failures") if standard => {}
            ("MISC_CHECK", "misc_path") => {
                self.command = Some((line, child.words[1..].join(" ")));
            }
            ("MISC_CHECK", "misc_timeout") => match milliseconds(child.word(1)) {
                Some(time) => self.timeout = Some(time),
                None => told.refuse(line, "misc_timeout: seconds are expected"),
            },
            ("MISC_CHECK", "misc_dynamic") => {
                self.dynamic = true;
                told.note(
                    line,
                    "misc_dynamic: weights do not follow the program's exit code",
                );
            }
            ("SMTP_CHECK", "helo_name") => self.helo = helo(child, told),
            // How connections were written before they were keywords of the checker itself.
            ("SMTP_CHECK", "host") => {
                for inner in child.children() {
                    self.take_host(inner, told);
                }
            }
            ("HTTP_GET" | "SSL_GET", "virtualhost") => self.host = Some(child.word(1).to_owned()),
            ("HTTP_GET" | "SSL_GET", "url") => self.pages.push((line, page(child, told))),
            (_, key) => left(checker, key, child, told),
        }
    }

    fn take_host(&mut self, child: &Node, told: &mut Told) {
        match child.key() {
            "connect_ip" | "connect_port" | "bindto" | "bind_if" | "bind_port" | "fwmark" => {
                self.take("SMTP_CHECK", child, told);
            }
            key => told.refuse(child.line, format!("unknown keyword \"{key}\" in host")),
        }
    }
}

fn left(checker: &str, key: &str, child: &Node, told: &mut Told) {
    let known = LEFT
        .iter()
        .find(|(of, known, _)| (*of, *known) == (checker, key));
    match known {
        Some((_, _, why)) => told.note(
            child.line,
            format!("{} is not carried over: {why}", child.words.join(" ")),
        ),
        None => told.refuse(
            child.line,
            format!("unknown keyword \"{key}\" in {checker}"),
        ),
    }
}

fn helo(child: &Node, told: &mut Told) -> Option<String> {
    let name = child.word(1);
    match name.parse::<plugins::smtp::EhloName>() {
        Ok(_) => Some(name.to_owned()),
        Err(why) => {
            told.note(child.line, format!("helo_name is not carried over: {why}"));
            None
        }
    }
}

/// `url { … }`
fn page(url: &Node, told: &mut Told) -> Page {
    let mut page = Page {
        path: "/".to_owned(),
        ..Page::default()
    };
    for child in url.children() {
        let value = child.word(1).to_owned();
        match child.key() {
            "path" => page.path = value,
            "virtualhost" => page.host = Some(value),
            "status_code" => page.status = codes(&child.words[1..]),
            "regex" => page.pattern = Some(value),
            "digest" => told.note(
                child.line,
                "digest is not carried over: no check compares a whole page; look for a word of it",
            ),
            "regex_no_match" | "regex_options" | "regex_stack" | "regex_min_offset"
            | "regex_max_offset" => told.note(
                child.line,
                format!(
                    "{} is not carried over: see the remark on its url",
                    child.key()
                ),
            ),
            key => told.refuse(child.line, format!("unknown keyword \"{key}\" in url")),
        }
    }
    page
}

/// Status codes as `check_http` takes them; it has no ranges.
fn codes(words: &[String]) -> Option<String> {
    let single = |word: &String| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    words.iter().all(single).then(|| words.join(","))
}
