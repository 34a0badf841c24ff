//! What is said over HTTP: the health page, and the headers that tell who answered.

use shared::date::UnixTime;
use shared::text::quoted;

/// How much of a header is kept.
const HEADER_MOST: usize = 253;
/// How much of a page is quoted.
const EXCERPT: usize = 60;

/// The server that a health page names: `200 OK<br/>FQDN`, whatever the case, `<br>`, `<br/>` and
/// `<br />` alike, and blanks around it. Nothing for any other page.
pub fn healthy_server(page: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(page.trim_ascii()).ok()?;
    let rest = after(text, "200 ok<br")?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let name = rest.strip_prefix('>')?;
    let plain = !name.is_empty() && !name.contains(char::is_whitespace);
    plain.then(|| quoted(name.as_bytes(), HEADER_MOST))
}

/// What follows `beginning`, which is compared without regard to case.
fn after<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    let (first, rest) = text.split_at_checked(beginning.len())?;
    first.eq_ignore_ascii_case(beginning).then_some(rest)
}

/// A few words of a page for a human: its title where it is HTML with one, else its beginning.
pub fn excerpt(page: &[u8]) -> String {
    let text = String::from_utf8_lossy(page);
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|tag| {
        let start = tag + lower.get(tag..)?.find('>')? + 1;
        let end = start + lower.get(start..)?.find("</title")?;
        text.get(start..end)
    });
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    match title.map(squeezed) {
        Some(title) if !title.is_empty() => {
            format!("a page titled '{}'", quoted(title.as_bytes(), EXCERPT))
        }
        _ if page.trim_ascii().is_empty() => "nothing".to_owned(),
        _ => format!("'{}'", quoted(squeezed(&text).as_bytes(), EXCERPT)),
    }
}

/// The status and the headers that are looked at, each printable and bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// `Server`: what made the answer; HTTP.sys calls itself `Microsoft-HTTPAPI/2.0`.
    pub server: Option<String>,
    /// `Location`: where a redirect leads to.
    pub location: Option<String>,
    /// `X-FEServer`: the NetBIOS name of the front end that answered.
    pub front_end: Option<String>,
    /// `X-OWA-Version`: the build.
    pub build: Option<String>,
    /// `Date`: the server's clock.
    pub date: Option<UnixTime>,
    /// Whether Kerberos, NTLM or Basic are offered: the schemes of `WWW-Authenticate`.
    pub authenticate: Option<String>,
}

impl Head {
    /// From a status and a way to look headers up by their names in lower case.
    pub fn new<'a>(status: u16, header: impl Fn(&str) -> Option<&'a [u8]>) -> Self {
        let text = |name: &str| {
            let value = header(name)?.trim_ascii();
            (!value.is_empty()).then(|| quoted(value, HEADER_MOST))
        };
        Self {
            status,
            server: text("server"),
            location: text("location"),
            front_end: text("x-feserver"),
            build: text("x-owa-version"),
            date: header("date").and_then(date),
            authenticate: text("www-authenticate"),
        }
    }

    /// Whether HTTP.sys itself made the answer, because no application pool takes the request.
    pub fn is_from_http_sys(&self) -> bool {
        let server = self.server.as_deref().unwrap_or_default();
        self.front_end.is_none() && after(server, "microsoft-httpapi").is_some()
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A date as HTTP servers must write it, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section
/// 5.6.7, IMF-fixdate).
pub fn date(text: &[u8]) -> Option<UnixTime> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.trim().split_once(", ")?;
    let rest = rest.strip_suffix(" GMT")?;
    let mut words = rest.split(' ');
    let day = number(words.next()?, 2)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let year = number(words.next()?, 4)?;
    let mut clock = words.next()?.split(':');
    let mut part = || number(clock.next()?, 2);
    let (hour, minute, second) = (part()?, part()?, part()?);
    let whole = clock.next().is_none() && words.next().is_none();
    // A leap second is counted as the one before it.
    let sensible = (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    let seconds = hour * 3600 + minute * 60 + second.min(59);
    let month = i64::try_from(month).ok()?;
    (whole && sensible).then(|| UnixTime::from_civil((year, month, day), seconds))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_health_page_names_its_server() {
        for page in [
            "200 OK<br/>EX1.exch.test",
            "200 OK<br>EX1.exch.test",
            "200 OK<br />EX1.exch.test",
            "200 OK<br >EX1.exch.test",
            "200 ok<BR/>EX1.exch.test\r\n",
            " \n200 OK<br/>EX1.exch.test ",
        ] {
            let server = healthy_server(page.as_bytes());
            assert_eq!(server.as_deref(), Some("EX1.exch.test"), "{page:?}");
        }
    }

    #[test]
    fn no_other_page_is_health() {
        for page in [
            "",
            "200 OK",
            "200 OK<br/>",
            "200 OK<br/> ",
            "200 OK<br/>EX1 EX2",
            "200 OK<br/>EX1<br/>\nmore",
            "200 OK <br/>EX1",
            "200 OK<br//>EX1",
            "503 OK<br/>EX1",
            "x200 OK<br/>EX1",
            "<html>200 OK<br/>EX1",
            "200 OK<b",
        ] {
            assert_eq!(healthy_server(page.as_bytes()), None, "{page:?}");
        }
        assert_eq!(healthy_server(b"200 OK<br/>EX1\xff"), None);
    }

    #[test]
    fn a_page_is_told_by_its_title_or_its_beginning() {
        let page = b"<html>\n<head><TITLE>\n Outlook  </TITLE>";
        assert_eq!(excerpt(page), "a page titled 'Outlook'");
        assert_eq!(excerpt(b"<title></title>hello"), "'<title></title>hello'");
        assert_eq!(
            excerpt(b"maintenance | back\nsoon"),
            "'maintenance \\x7c back soon'"
        );
        assert_eq!(excerpt(b"  "), "nothing");
        assert!(excerpt(&[b'x'; 1000]).len() < 80);
    }

    #[test]
    fn a_date_is_read_and_anything_else_is_none() {
        assert_eq!(
            date(b"Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(UnixTime(784_111_777))
        );
        assert_eq!(date(b"Thu, 01 Jan 1970 00:00:00 GMT"), Some(UnixTime(0)));
        assert_eq!(
            date(b"Tue, 29 Feb 2028 23:59:60 GMT"),
            Some(UnixTime(1_835_481_599))
        );
        for bad in [
            "",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nox 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, 06 Nov -994 08:49:37 GMT",
        ] {
            assert_eq!(date(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn http_sys_is_told_from_iis() {
        let of = |server: &'static str, front_end: Option<&'static str>| {
            Head::new(503, |name| match name {
                "server" => Some(server.as_bytes()),
                "x-feserver" => front_end.map(str::as_bytes),
                _ => None,
            })
        };
        assert!(of("Microsoft-HTTPAPI/2.0", None).is_from_http_sys());
        assert!(!of("Microsoft-HTTPAPI/2.0", Some("EX1")).is_from_http_sys());
        assert!(!of("Microsoft-IIS/10.0", None).is_from_http_sys());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_a_panic_and_told_in_one_short_line(
            page in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            healthy_server(&page);
            date(&page);
            let told = excerpt(&page);
            prop_assert!(told.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert!(told.len() < 4 * EXCERPT + 20);
        }

        #[test]
        fn a_title_anywhere_is_found_without_a_panic(before in ".{0,40}", title in "[^<]{1,40}", after in ".{0,40}") {
            excerpt(format!("{before}<title>{title}</title>{after}").as_bytes());
        }

        #[test]
        fn every_second_of_a_century_is_read_back(at in 0_i64..4_102_444_800) {
            let day = UnixTime(at).to_string();
            let (year, rest) = day.split_once('-').unwrap();
            let (month, day) = rest.split_once('-').unwrap();
            let month = MONTHS[month.parse::<usize>().unwrap() - 1];
            let clock = at.rem_euclid(86_400);
            let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
            let text = format!("Mon, {day} {month} {year} {hour:02}:{minute:02}:{second:02} GMT");
            prop_assert_eq!(date(text.as_bytes()), Some(UnixTime(at)));
        }
    }
}
