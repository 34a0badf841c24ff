//! One request and its answer.

use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use hyper::{Request, Response};
use plugins::owa::Options;
use plugins::owa::evidence::{BODY_MOST, Cut, Ending, Outcome, Reply};
use plugins::owa::wire::Head;
use shared::deadline::Deadline;

use super::error;
use super::link::{Driver, Link};

/// What the server's logs call us.
const AGENT: &str = concat!("check_owa/", env!("CARGO_PKG_VERSION"));

/// How long the rest of an answer that is judged by its status is read, so that the connection
/// can be used again.
const REST: Duration = Duration::from_millis(250);

/// Gets `path`. The connection comes back if it can carry another request.
pub(super) async fn get(
    link: Link,
    path: &str,
    options: &Options,
    deadline: &Deadline,
) -> (Outcome, Option<Link>) {
    let request = Request::get(path)
        .header(HOST, &options.http_host)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .body(Full::default());
    match request {
        Ok(request) => ask(link, request, deadline).await,
        Err(error) => (no_head(&link, Ending::NotHttp(error.to_string())), None),
    }
}

async fn ask(
    mut link: Link,
    request: Request<Full<Bytes>>,
    deadline: &Deadline,
) -> (Outcome, Option<Link>) {
    link.begin_request();
    let from = SystemTime::now();
    let sent = link.sender.send_request(request);
    let response = match deadline.run(link.driver.drive(sent)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return (no_head(&link, error::ending(&error)), None),
        Err(expired) => return (no_head(&link, Ending::Expired(expired)), None),
    };
    let between = (from, SystemTime::now());
    let head = head(&response);
    let patience = match head.status {
        200 => *deadline,
        _ => Deadline::after(REST.min(deadline.remaining())),
    };
    let mut body = Vec::new();
    let mut rest = response.into_body();
    let cut = read(&mut link.driver, &mut rest, &mut body, &patience).await;
    let kept = match cut {
        None => link.kept(deadline).await,
        Some(_) => None,
    };
    let reply = Reply {
        head,
        body,
        cut,
        between,
    };
    (Outcome::Replied(reply), kept)
}

fn no_head(link: &Link, ending: Ending) -> Outcome {
    let seen = link.witness.seen();
    Outcome::NoHead {
        ending,
        received: seen.count,
        beginning: seen.beginning,
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
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Some(Cut::Ended(error::ending(&error))),
            Ok(None) => return None,
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
