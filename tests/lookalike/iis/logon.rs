//! The form-based logon of Outlook on the web: one user, and every way to be refused.

use super::answer::{Answer, logon_page};
use super::request::Request;
use super::{PASSWORD, State, USER};
use crate::switch::HEALTHY;

/// What happens to a form with the right password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logon {
    /// The session begins.
    Works,
    /// Back to the logon page: bad credentials.
    BadCredentials,
    /// Back to the logon page: the password must be changed.
    ChangePassword,
    /// Back to the logon page: a client access rule.
    Blocked,
    /// 440.
    Timeout,
    /// 400: a field is missing, or the destination is foreign.
    BadRequest,
    /// To the error page: the back end is down.
    ErrorPage,
    /// 503: the back end is down.
    BackEndDown,
    /// On to the destination without the cookies of a session.
    NoSession,
}

impl Logon {
    pub(super) const ALL: [Self; 9] = [
        Self::Works,
        Self::BadCredentials,
        Self::ChangePassword,
        Self::Blocked,
        Self::Timeout,
        Self::BadRequest,
        Self::ErrorPage,
        Self::BackEndDown,
        Self::NoSession,
    ];

    /// The name that it is switched by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Works => HEALTHY,
            Self::BadCredentials => "bad_credentials",
            Self::ChangePassword => "change_password",
            Self::Blocked => "blocked",
            Self::Timeout => "timeout",
            Self::BadRequest => "bad_request",
            Self::ErrorPage => "error_page",
            Self::BackEndDown => "back_end_down",
            Self::NoSession => "no_session",
        }
    }
}

/// Answers a form.
pub(super) fn to_form(request: &Request, behaviour: Logon, state: &State) -> Answer {
    let host = &request.host;
    let mut answer = Answer::new(200, "", state);
    let field = |name: &str| {
        let fields = request
            .body
            .split('&')
            .filter_map(|field| field.split_once('='));
        fields
            .filter(|(it, _)| *it == name)
            .map(|(_, value)| decoded(value))
            .next()
    };
    let wanted = ["destination", "flags", "username", "password"].map(field);
    let [Some(destination), Some(_), Some(user), Some(password)] = wanted else {
        return Answer::new(400, "", state);
    };
    if !destination.starts_with(&format!("https://{host}/owa")) {
        return Answer::new(400, "", state);
    }
    if (user.as_str(), password.as_str()) != (USER, PASSWORD) {
        answer.redirect(&logon_page(host, 2));
        return answer;
    }
    match behaviour {
        Logon::Works => {
            for name in ["cadata", "cadataTTL", "cadataKey", "cadataIV", "cadataSig"] {
                answer.header(&format!(
                    "Set-Cookie: {name}=x{name}=; path=/; secure; HttpOnly"
                ));
            }
            answer.redirect(&destination);
        }
        Logon::BadCredentials => answer.redirect(&logon_page(host, 2)),
        Logon::ChangePassword => answer.redirect(&logon_page(host, 4)),
        Logon::Blocked => answer.redirect(&logon_page(host, 5)),
        Logon::Timeout => answer = Answer::new(440, "", state),
        Logon::BadRequest => answer = Answer::new(400, "", state),
        Logon::ErrorPage => {
            answer.redirect(&format!(
                "https://{host}/owa/auth/errorFE.aspx?httpCode=503"
            ));
        }
        Logon::BackEndDown => answer = Answer::new(503, "", state),
        Logon::NoSession => answer.redirect(&destination),
    }
    answer
}

/// Answers a log-off: with a session, the logon page for the next.
pub(super) fn off(request: &Request, state: &State) -> Answer {
    let mut answer = Answer::new(200, "", state);
    let reason = if request.cookie.contains("cadata=xcadata=") {
        1
    } else {
        0
    };
    answer.redirect(&logon_page(&request.host, reason));
    answer
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        (rest, bytes) = match (first, code) {
            (b'%', Some(code)) => (
                after.get(2..).unwrap_or_default(),
                [&bytes[..], &[code]].concat(),
            ),
            (b'+', _) => (after, [&bytes[..], b" "].concat()),
            (byte, _) => (after, [&bytes[..], &[*byte]].concat()),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
