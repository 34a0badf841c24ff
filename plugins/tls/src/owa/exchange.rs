//! One request and its answer.

use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE, USER_AGENT};
use hyper::http::request::Builder;
use hyper::{Request, Response};
use plugins::owa::evidence::{BODY_MOST, Cut, Ending, Outcome, Reply};
use plugins::owa::logon;
use plugins::owa::wire::Head;
use shared::deadline::Deadline;

use super::error;
use super::link::{Driver, Link};

/// What the server's logs call us.
const AGENT: &str = concat!("check_owa/", env!("CARGO_PKG_VERSION"));

/// How long the rest of an answer that is judged by its status is read, so that the connection
/// can be used again.
const REST: Duration = Duration::from_millis(250);

/// What came of a request.
pub(super) struct Answered {
    pub(super) outcome: Outcome,
    /// The cookies that were set, as they are sent back.
    pub(super) cookies: String,
    /// The connection, if it can carry another request.
    pub(super) link: Option<Link>,
}

impl Answered {
    fn without_a_head(link: &Link, ending: Ending) -> Self {
        let seen = link.witness.seen();
        Self {
            outcome: Outcome::NoHead {
                ending,
                received: seen.count,
                beginning: seen.beginning,
            },
            cookies: String::new(),
            link: None,
        }
    }
}

/// A request, or why there can be none.
pub(super) type Prepared = hyper::http::Result<Request<Full<Bytes>>>;

pub(super) fn get(path: &str, host: &str, cookies: &str) -> Prepared {
    with_headers(Request::get(path), host, cookies).body(Full::default())
}

pub(super) fn post(path: &str, host: &str, cookies: &str, form: String) -> Prepared {
    with_headers(Request::post(path), host, cookies)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::from(form))
}

fn with_headers(request: Builder, host: &str, cookies: &str) -> Builder {
    let request = request
        .header(HOST, host)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*");
    match cookies {
        "" => request,
        cookies => request.header(COOKIE, cookies),
    }
}

/// Makes a request and reads its answer.
pub(super) async fn ask(mut link: Link, request: Prepared, deadline: &Deadline) -> Answered {
    let request = match request {
        Ok(request) => request,
        Err(error) => {
            return Answered::without_a_head(&link, Ending::NotHttp(error.to_string()));
        }
    };
    link.begin_request();
    let from = SystemTime::now();
    let sent = link.sender.send_request(request);
    let response = match deadline.run(link.driver.drive(sent)).await {
        Ok(Some(Ok(response))) => response,
        Ok(None) => return Answered::without_a_head(&link, Ending::Closed),
        Ok(Some(Err(error))) => return Answered::without_a_head(&link, error::ending(&error)),
        Err(expired) => return Answered::without_a_head(&link, Ending::Expired(expired)),
    };
    let between = (from, SystemTime::now());
    let head = head(&response);
    let set = response.headers().get_all(SET_COOKIE).into_iter();
    let cookies = logon::cookies(set.map(|value| value.as_bytes()));
    let patience = match head.status {
        200 => *deadline,
        _ => Deadline::after(REST.min(deadline.remaining())),
    };
    let mut body = Vec::new();
    let mut rest = response.into_body();
    let cut = read(&mut link.driver, &mut rest, &mut body, &patience).await;
    let link = match cut {
        None => link.kept(deadline).await,
        Some(_) => None,
    };
    let reply = Reply {
        head,
        body,
        cut,
        between,
    };
    Answered {
        outcome: Outcome::Replied(reply),
        cookies,
        link,
    }
}

fn head(response: &Response<Incoming>) -> Head {
    let headers = response.headers();
    Head::new(response.status().as_u16(), |name| {
        headers.get(name).map(|value| value.as_bytes())
    })
}

/// Reads a body into `body`; tells why it is not whole, if it is not.
async fn read(
    driver: &mut Driver,
    rest: &mut Incoming,
    body: &mut Vec<u8>,
    deadline: &Deadline,
) -> Option<Cut> {
    loop {
        let frame = match deadline.run(driver.drive(rest.frame())).await {
            Ok(Some(Some(Ok(frame)))) => frame,
            Ok(Some(Some(Err(error)))) => return Some(Cut::Ended(error::ending(&error))),
            Ok(Some(None)) => return None,
            Ok(None) => return Some(Cut::Ended(Ending::Closed)),
            Err(expired) => return Some(Cut::Ended(Ending::Expired(expired))),
        };
        let data = frame.into_data().unwrap_or_default();
        let room = BODY_MOST.saturating_sub(body.len());
        body.extend(data.iter().take(room));
        if data.len() > room {
            return Some(Cut::TooLong);
        }
    }
}
