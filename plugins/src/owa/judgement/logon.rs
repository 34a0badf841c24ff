//! What came of the logon says about the server.

use shared::dial::Target;
use shared::text::quoted;
use shared::verdict::{Condition, Finding, Kind};

use super::super::Options;
use super::super::evidence::{Attempt, Outcome};
use super::super::logon::{FORM, Meaning, meaning};
use super::{answer, of_one};

/// The finding; nothing where nobody was to log on.
pub(super) fn judge(target: &Target, options: &Options, attempt: &Attempt) -> Option<Finding> {
    let user = quoted(options.logon.as_ref()?.user.as_bytes(), 253);
    let who = format!("logon of {user} at {}", target.address);
    let asked = match attempt {
        Attempt::NotTried => {
            let summary =
                format!("{who} was not tried: the password goes to a healthy server only");
            return Some(Finding::new(Condition::Unknown, Kind::Content, summary));
        }
        Attempt::Tried { asked, .. } => asked,
    };
    let Attempt::Tried { session, .. } = attempt else {
        return None;
    };
    let Outcome::Replied(reply) = &asked.outcome else {
        return of_one(target, options, asked).map(|finding| unanswered(&who, finding));
    };
    let failed = |kind, why: &str| Finding::failed(kind, format!("{who} failed: {why}"));
    Some(match meaning(&reply.head, *session) {
        Meaning::Welcome => Finding::new(Condition::Healthy, Kind::Ok, format!("{who} works")),
        Meaning::Refused(reason) => failed(
            Kind::RefusedByServer,
            &format!("{} (reason={})", reason.words(), reason.0),
        ),
        Meaning::ErrorPage(code) => {
            let code = code.map_or_else(|| "unknown".to_owned(), |code| code.to_string());
            let why = format!(
                "it leads to the error page (httpCode {code}): look at the back end (site on port \
                 444, mailbox database)"
            );
            failed(Kind::HttpStatus, &why)
        }
        Meaning::NoSession => failed(
            Kind::Content,
            "it was let through without the cookies of a session",
        ),
        Meaning::Elsewhere(place) => failed(Kind::HttpStatus, &format!("it leads to '{place}'")),
        Meaning::Status(status) => failed(Kind::HttpStatus, &by_status(status)),
    })
}

fn by_status(status: u16) -> String {
    let why = match status {
        200 => "a page instead of a redirect; is form-based authentication on?",
        400 => "the form was refused as bad; look at --http-host",
        401 => "it wants another authentication than the form; is form-based authentication on?",
        440 => "the logon has timed out (the old form, or cookies are needed)",
        500..=599 => "look at the back end (site on port 444, mailbox database)",
        _ => "expected a redirect",
    };
    format!("the answer is {status}: {why}")
}

/// What is maintenance of a health page is none of a logon.
fn unanswered(who: &str, finding: Finding) -> Finding {
    match finding.kind {
        Kind::Offline => Finding::failed(
            Kind::ClosedEarly,
            format!("{who} failed: the connection was closed without an answer"),
        ),
        _ => Finding {
            summary: format!("{who} failed: {}", finding.summary),
            ..finding
        },
    }
}

/// What was sent and what came, without the secret.
pub(super) fn transcribed(options: &Options, attempt: &Attempt) -> Vec<String> {
    let (Some(logon), Attempt::Tried { asked, .. }) = (&options.logon, attempt) else {
        return Vec::new();
    };
    let user = quoted(logon.user.as_bytes(), 253);
    let mut lines = vec![format!(
        "sent POST {FORM} HTTP/1.1, user {user}, password hidden"
    )];
    if let Outcome::Replied(reply) = &asked.outcome {
        lines.push(answer::transcribed(reply));
    }
    lines
}
