//! Questions to the API and their answers, each within a time and a length.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::{Request, StatusCode};
use serde_json::Value;
use shared::text;
use tokio::time::timeout;

use super::link::Link;

/// How long connecting, and then an answer, may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The present state of thousands of services is shorter.
const LONGEST: usize = 64 * 1024 * 1024;

/// So much of what Icinga says of an error is passed on.
const LONGEST_WORDS: usize = 200;

/// Why there is no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection, or what came over it, is of no use.
    Link(String),
    /// Icinga refuses, with the words of its answer.
    Refused(StatusCode, String),
}

impl Fault {
    /// In one line; `permission` is what the ApiUser needs for what was asked.
    pub(super) fn words(&self, permission: &str) -> String {
        let (status, said) = match self {
            Self::Link(words) => return words.clone(),
            Self::Refused(status, said) => (status, said),
        };
        let advice = match *status {
            StatusCode::UNAUTHORIZED => "are user and password those of an ApiUser?".to_owned(),
            StatusCode::FORBIDDEN => format!("does the ApiUser have the permission {permission}?"),
            StatusCode::SERVICE_UNAVAILABLE => "Icinga starts, or is overloaded".to_owned(),
            StatusCode::NOT_FOUND => {
                "does Icinga have it, and the ApiUser the permission?".to_owned()
            }
            _ => "see Icinga's log".to_owned(),
        };
        let said = match said.as_str() {
            "" => String::new(),
            said => format!(" ({said})"),
        };
        format!("it answers {}{said}: {advice}", status.as_u16())
    }
}

/// What is asked.
pub(super) struct Question {
    pub(super) path: &'static str,
    /// What the POST stands for, where a GET would have no body.
    pub(super) is_get: bool,
    pub(super) body: Value,
}

/// Asks, and gives the answer once its head is there and says that all is well.
pub(super) async fn ask(link: &mut Link, question: &Question) -> Result<Incoming, Fault> {
    let answered = timeout(PATIENCE, answer(link, question)).await;
    answered.unwrap_or_else(|_| Err(silent()))
}

/// Asks, and gives the whole answer.
pub(super) async fn ask_whole(link: &mut Link, question: &Question) -> Result<Vec<u8>, Fault> {
    let body = ask(link, question).await?;
    let read = timeout(PATIENCE, whole(body, LONGEST)).await;
    read.unwrap_or_else(|_| Err(silent()))
}

fn silent() -> Fault {
    Fault::Link(format!("no answer within {} s", PATIENCE.as_secs()))
}

async fn answer(link: &mut Link, question: &Question) -> Result<Incoming, Fault> {
    let mut request = Request::post(question.path)
        .header("host", link.host.as_str())
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .header("authorization", link.authorization.as_str());
    if question.is_get {
        request = request.header("x-http-method-override", "GET");
    }
    let request = request
        .body(question.body.to_string())
        .map_err(|error| Fault::Link(error.to_string()))?;
    link.sender.ready().await.map_err(broken)?;
    let response = link.sender.send_request(request).await.map_err(broken)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response.into_body());
    }
    let body = whole(response.into_body(), LONGEST_WORDS * 100).await;
    Err(Fault::Refused(status, said(&body.unwrap_or_default())))
}

/// Icinga's own words for an error, made harmless.
fn said(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let first = &answer["results"][0]["status"];
    let words = answer["status"].as_str().or(first.as_str());
    let words = words.unwrap_or_default().trim().trim_end_matches('.');
    text::one_line(text::cut(words, LONGEST_WORDS))
}

async fn whole(mut body: Incoming, longest: usize) -> Result<Vec<u8>, Fault> {
    let mut whole = Vec::new();
    while let Some(chunk) = next_chunk(&mut body).await? {
        if whole.len() + chunk.len() > longest {
            return Err(Fault::Link("its answer does not end".to_owned()));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

/// The next bytes of an answer; `None` at its end.
pub(super) async fn next_chunk(body: &mut Incoming) -> Result<Option<Vec<u8>>, Fault> {
    while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        if let Ok(data) = frame.map_err(broken)?.into_data() {
            return Ok(Some(data.to_vec()));
        }
    }
    Ok(None)
}

fn broken(error: hyper::Error) -> Fault {
    let cause = std::error::Error::source(&error);
    let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
    Fault::Link(format!("the connection broke off: {error}{cause}"))
}
