//! What is at which path.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::mpsc;

use super::page::{Frame, page, silent_page};
use super::snapshot::{Silent, Snapshot};
use super::{Look, metrics};
use crate::operate::timestamp::rfc3339;

type Shared = State<Arc<Snapshot>>;

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What is said instead of an answer of the director.
const SILENCE: &str = "the director's loop does not answer; look at its process and its journal";

/// All routes; each can be read and nothing else.
pub(super) fn router(looks: mpsc::Sender<Look>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/status.json", get(json))
        .route("/metrics", get(measure))
        .route("/healthz", get(health))
        .fallback(nowhere)
        .with_state(Arc::new(Snapshot::new(looks)))
}

async fn show(State(snapshot): Shared) -> Response {
    let nonce = nonce();
    let frame = Frame {
        host: &host(),
        time: &rfc3339(SystemTime::now()),
        nonce: &nonce,
    };
    let (code, text) = match snapshot.get().await {
        Ok(status) => (StatusCode::OK, page(&status, &frame)),
        Err(Silent) => (StatusCode::SERVICE_UNAVAILABLE, silent_page(&frame)),
    };
    let mut response = answer(code, HTML, text);
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

async fn json(State(snapshot): Shared) -> Response {
    let Ok(status) = snapshot.get().await else {
        let text = serde_json::json!({ "error": SILENCE }).to_string();
        return answer(StatusCode::SERVICE_UNAVAILABLE, JSON, text + "\n");
    };
    match serde_json::to_string(&*status) {
        Ok(text) => answer(StatusCode::OK, JSON, text + "\n"),
        Err(error) => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            TEXT,
            format!("{error}\n"),
        ),
    }
}

async fn measure(State(snapshot): Shared) -> Response {
    let Ok(status) = snapshot.get().await else {
        return answer(
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            format!("{SILENCE}\n"),
        );
    };
    match metrics::text(&status) {
        Ok(text) => answer(StatusCode::OK, metrics::CONTENT_TYPE, text),
        Err(error) => answer(
            StatusCode::INTERNAL_SERVER_ERROR,
            TEXT,
            format!("{error}\n"),
        ),
    }
}

/// 200 while the loop answers, its verdicts are fresh and the table can be driven.
async fn health(State(snapshot): Shared) -> Response {
    match snapshot.get().await {
        Err(Silent) => answer(
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            format!("{SILENCE}\n"),
        ),
        Ok(status) if status.not_ready.is_empty() => {
            answer(StatusCode::OK, TEXT, "ready\n".to_owned())
        }
        Ok(status) => {
            let reasons = status.not_ready.join("\n");
            answer(
                StatusCode::SERVICE_UNAVAILABLE,
                TEXT,
                format!("not ready:\n{reasons}\n"),
            )
        }
    }
}

async fn nowhere() -> Response {
    let text = "nothing is here; there are / /status.json /metrics /healthz\n";
    answer(StatusCode::NOT_FOUND, TEXT, text.to_owned())
}

fn answer(code: StatusCode, kind: &'static str, text: String) -> Response {
    let headers: [(HeaderName, &str); 4] = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (code, headers, text).into_response()
}

/// Names this page's own style and script, so that no other runs, whatever a server says of
/// itself. The standard library's hasher takes its keys from the system's random numbers.
fn nonce() -> String {
    let random = || RandomState::new().hash_one(SystemTime::now());
    format!("{:016x}{:016x}", random(), random())
}

fn host() -> String {
    let name = nix::unistd::gethostname().ok();
    name.map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
