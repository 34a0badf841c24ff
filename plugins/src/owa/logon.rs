//! The form-based logon of Outlook on the web: who logs on, the form, and what an answer to it
//! means.

use std::fmt;
use std::path::Path;

use shared::cli::read_file;
use shared::text::quoted;

use super::wire::Head;

/// Where the form is sent to.
pub const FORM: &str = "/owa/auth.owa";
/// Where a session ends.
pub const LOG_OFF: &str = "/owa/logoff.owa";
/// The environment variable that may hold the password.
pub const PASSWORD: &str = "CHECK_OWA_PASSWORD";

/// Who logs on.
#[derive(Clone, Debug, PartialEq)]
pub struct Logon {
    /// `DOMAIN\user` or `user@domain`.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A text that is shown nowhere.
#[derive(Clone, PartialEq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl Secret {
    /// From the first line of a file.
    ///
    /// # Errors
    /// The file cannot be read, or its first line is empty.
    pub fn from_file(path: &str) -> Result<Self, String> {
        let text =
            read_file(Path::new(path)).map_err(|error| format!("cannot be read: {error}"))?;
        Self::from_text(text.lines().next().unwrap_or_default())
            .ok_or_else(|| "its first line is empty; expected the password there".to_owned())
    }

    /// From the environment, where it is set there.
    pub fn from_environment() -> Option<Self> {
        Self::from_text(&std::env::var(PASSWORD).ok()?)
    }

    /// Nothing for an empty text.
    pub fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

/// The body of the form, as a browser on a private computer sends it. A foreign destination is
/// refused with 400, so it names the host that is asked.
pub fn form(logon: &Logon, host: &str) -> String {
    let fields = [
        ("destination", format!("https://{host}/owa/")),
        ("flags", "4".to_owned()),
        ("forcedownlevel", "0".to_owned()),
        ("username", logon.user.clone()),
        ("password", logon.password.0.clone()),
        ("passwordText", String::new()),
        ("isUtf8", "1".to_owned()),
    ];
    let fields = fields.map(|(name, value)| format!("{name}={}", encoded(&value)));
    fields.join("&")
}

/// As forms are encoded (WHATWG URL, application/x-www-form-urlencoded); every other byte than
/// letters and digits is written in hexadecimal, which every server reads.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// What an answer to the form means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The session begins.
    Welcome,
    /// Back to the logon page, with its reason.
    Refused(Reason),
    /// To the error page of OWA, with the status that it tells.
    ErrorPage(Option<u16>),
    /// On to the destination, but without a session.
    NoSession,
    /// Some other place.
    Elsewhere(String),
    /// No redirect.
    Status(u16),
}

/// Why the logon page is shown again: the number behind `reason=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason(pub u16);

impl Reason {
    /// In words.
    pub fn words(self) -> &'static str {
        match self.0 {
            0 => "it asks again and gives no reason",
            1 => "it says that the session was logged off",
            2 => "bad credentials: user or password is wrong, or the account is locked or expired",
            3 => "it says that the session has timed out",
            4 => "the password must be changed",
            5 | 6 => "a client access rule forbids it",
            _ => "it asks again for an unknown reason",
        }
    }
}

/// Reads an answer; `session` tells whether the cookies of a session came with it.
pub fn meaning(head: &Head, session: bool) -> Meaning {
    let Some(location) = head.location.as_deref().filter(|_| is_redirect(head)) else {
        return Meaning::Status(head.status);
    };
    let lower = location.to_ascii_lowercase();
    let number = |name: &str| {
        let (_, rest) = lower.rsplit_once(name)?;
        rest.split(|letter: char| !letter.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    if lower.contains("errorfe.aspx") {
        Meaning::ErrorPage(number("httpcode="))
    } else if lower.contains("logon.aspx") {
        Meaning::Refused(Reason(number("reason=").unwrap_or(0)))
    } else if session {
        Meaning::Welcome
    } else if lower.trim_end_matches('/').ends_with("/owa") {
        Meaning::NoSession
    } else {
        Meaning::Elsewhere(quoted(location.as_bytes(), 253))
    }
}

fn is_redirect(head: &Head) -> bool {
    (300..400).contains(&head.status)
}

/// The cookies that are sent back, of those that an answer sets: each `name=value` alone.
pub fn cookies<'a>(set: impl Iterator<Item = &'a [u8]>) -> String {
    let pairs = set.filter_map(|cookie| {
        let text = std::str::from_utf8(cookie).ok()?;
        let pair = text.split(';').next()?.trim();
        let (_, value) = pair.split_once('=')?;
        (!value.is_empty()).then_some(pair)
    });
    pairs.collect::<Vec<_>>().join("; ")
}

/// Whether these are the cookies of a session (`cadata` and its companions).
pub fn is_session(cookies: &str) -> bool {
    cookies
        .split("; ")
        .any(|pair| pair.to_ascii_lowercase().starts_with("cadata"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(status: u16, location: &str) -> Head {
        Head {
            status,
            location: Some(location.to_owned()),
            ..Head::default()
        }
    }

    #[test]
    fn the_form_has_every_field_that_exchange_wants() {
        let logon = Logon {
            user: "EXCH\\monitor".to_owned(),
            password: Secret::from_text("a&b=c d").unwrap(),
        };
        assert_eq!(
            form(&logon, "m.test"),
            "destination=https%3A%2F%2Fm%2Etest%2Fowa%2F&flags=4&forcedownlevel=0&\
             username=EXCH%5Cmonitor&password=a%26b%3Dc%20d&passwordText=&isUtf8=1"
        );
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let logon = Logon {
            user: "u".to_owned(),
            password: Secret::from_text("hunter2").unwrap(),
        };
        assert!(!format!("{logon:?}").contains("hunter2"));
    }

    #[test]
    fn answers_mean_what_exchange_means_by_them() {
        let page = "https://m.test/owa/auth/logon.aspx?url=https%3a%2f%2fm.test%2fowa&reason=";
        for (reason, words) in [(2, "bad credentials"), (4, "must be changed"), (5, "rule")] {
            let Meaning::Refused(told) = meaning(&answer(302, &format!("{page}{reason}")), false)
            else {
                panic!("{reason}")
            };
            assert_eq!(told, Reason(reason));
            assert!(told.words().contains(words));
        }
        let owa = answer(302, "https://m.test/owa/");
        assert_eq!(meaning(&owa, true), Meaning::Welcome);
        assert_eq!(meaning(&owa, false), Meaning::NoSession);
        let error = answer(302, "/owa/auth/errorFE.aspx?httpCode=503");
        assert_eq!(meaning(&error, true), Meaning::ErrorPage(Some(503)));
        let other = answer(302, "https://portal.test/");
        assert_eq!(
            meaning(&other, false),
            Meaning::Elsewhere("https://portal.test/".to_owned())
        );
        assert_eq!(meaning(&answer(440, ""), false), Meaning::Status(440));
    }

    #[test]
    fn cookies_are_sent_back_without_their_attributes_and_without_those_that_end() {
        let set: [&[u8]; 3] = [
            b"cadata=abc; path=/; secure; HttpOnly",
            b"cadataTTL=x=; path=/",
            b"gone=; expires=Thu, 01-Jan-1970 00:00:00 GMT",
        ];
        let cookies = cookies(set.into_iter());
        assert_eq!(cookies, "cadata=abc; cadataTTL=x=");
        assert!(is_session(&cookies));
        assert!(!is_session("PBack=0"));
    }

    proptest! {
        #[test]
        fn a_form_has_seven_fields_whatever_is_in_them(user in ".{1,20}", password in ".{1,20}") {
            let password = Secret::from_text(&password).unwrap();
            let text = form(&Logon { user, password }, "m.test");
            prop_assert_eq!(text.split('&').count(), 7);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
