//! What an answer says about the server.

use shared::dial::Target;
use shared::identity::is_called;
use shared::text::{quoted, spoken};
use shared::verdict::{Condition, Finding, Kind};

use super::super::Options;
use super::super::evidence::{Asked, BODY_MOST, Cut, Ending, Reply};
use super::super::wire::{self, Head};

/// How much of a body the transcript shows.
const TRANSCRIBED: usize = 128;

pub(super) fn judge(target: &Target, options: &Options, asked: &Asked, reply: &Reply) -> Finding {
    match reply.head.status {
        200 => page(target, options, asked, reply),
        status => Finding::failed(
            Kind::HttpStatus,
            format!(
                "{} ({} at {} answers {status}{})",
                refusal(options, asked, &reply.head),
                asked.vdir.health_page(),
                target.address,
                by(&reply.head)
            ),
        ),
    }
}

/// Who made an answer, where it tells.
fn by(head: &Head) -> String {
    match (&head.front_end, &head.server) {
        (Some(name), _) => format!(", from {name}"),
        (None, Some(server)) => format!(", from {server}"),
        (None, None) => String::new(),
    }
}

/// The cause and the remedy, by status.
fn refusal(options: &Options, asked: &Asked, head: &Head) -> String {
    let vdir = &asked.vdir;
    match head.status {
        300..=399 => redirect(options, head),
        400 => format!(
            "the request was refused as bad; Exchange refuses foreign host names, Host was {}",
            options.http_host
        ),
        401 => format!(
            "pre-authentication in path: the health page needs no logon, and something demands \
             {}; look at what is in front of Exchange and at the authentication of {vdir}",
            head.authenticate.as_deref().unwrap_or("one")
        ),
        403 => "forbidden: the health page is open to everybody; look for address restrictions or \
                required client certificates"
            .to_owned(),
        404 => format!(
            "there is no {vdir} on the site that answers; look at --vdir, at --http-host and at the \
             site's bindings"
        ),
        440 => format!("{vdir} took the request for one of an expired logon"),
        503 if head.is_from_http_sys() => format!(
            "application pool down: HTTP.sys answers for it; start {} and see the event log for why \
             it stopped",
            vdir.pool().unwrap_or("the pool of this virtual directory")
        ),
        503 => format!("{vdir} is unavailable; see the event log of the server"),
        500..=599 => format!("{vdir} fails inside the server; see its event log"),
        _ => format!("{vdir} gave an answer that is no health page; 200 was expected"),
    }
}

/// Where a redirect leads to, which is never followed: a health page does not redirect.
fn redirect(options: &Options, head: &Head) -> String {
    let Some(location) = &head.location else {
        return "redirected to nowhere".to_owned();
    };
    let lower = location.to_ascii_lowercase();
    let host = lower
        .split_once("://")
        .map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let why = match host {
        _ if lower.contains("errorfe.aspx") => "the error page of OWA: the virtual directory fails",
        _ if lower.contains("logon.aspx") => {
            "the logon page: something takes the health request for one of a user"
        }
        _ if lower.starts_with("http://") => "plain HTTP: look for a redirect rule of the site",
        Some(host) if !host.eq_ignore_ascii_case(&options.http_host) => {
            "another host: look for a redirect rule of the site, and at --http-host"
        }
        _ => "another page: look for a redirect rule of the site",
    };
    format!("redirected to '{location}', {why}")
}

/// A page with status 200: health only if it is the health page, of the server that is expected.
fn page(target: &Target, options: &Options, asked: &Asked, reply: &Reply) -> Finding {
    let (address, vdir) = (target.address, &asked.vdir);
    match &reply.cut {
        Some(Cut::Ended(ending)) => return truncated(target, asked, reply, ending),
        Some(Cut::TooLong) => {
            let excerpt = wire::excerpt(&reply.body);
            return content(
                target,
                asked,
                &format!("{excerpt} and more than {} KiB of it", BODY_MOST / 1024),
            );
        }
        None => {}
    }
    let Some(server) = wire::healthy_server(&reply.body) else {
        return content(target, asked, &wire::excerpt(&reply.body));
    };
    let told = [Some(&server), reply.head.front_end.as_ref()];
    let other = options.expect_server.as_deref().and_then(|expected| {
        let mut told = told.into_iter().flatten();
        let other = told.find(|name| !is_called(expected, name))?;
        Some((expected, other))
    });
    if let Some((expected, other)) = other {
        return Finding::failed(
            Kind::WrongServer,
            format!(
                "wrong server answered: {vdir} at {address} is of {other}, expected {}; the address \
                 leads to another server than it should",
                quoted(expected.as_bytes(), 253)
            ),
        );
    }
    let summary = format!("{vdir} at {address} healthy, answered by {server}");
    Finding::new(Condition::Healthy, Kind::Ok, summary)
}

fn content(target: &Target, asked: &Asked, got: &str) -> Finding {
    Finding::failed(
        Kind::Content,
        format!(
            "{} at {} answers 200, but the body is not '200 OK<br/>FQDN': got {got}",
            asked.vdir.health_page(),
            target.address
        ),
    )
}

fn truncated(target: &Target, asked: &Asked, reply: &Reply, ending: &Ending) -> Finding {
    let (address, vdir) = (target.address, &asked.vdir);
    let count = reply.body.len();
    let after = format!("after {count} bytes of the body of its answer to {vdir}");
    match ending {
        Ending::Expired(expired) => expired.finding(|| {
            Finding::failed(
                Kind::Timeout,
                format!(
                    "timeout: only {count} bytes of the body of the answer to {vdir} from {address} \
                     in {}",
                    spoken(asked.took)
                ),
            )
        }),
        Ending::Closed => Finding::failed(
            Kind::ClosedEarly,
            format!("truncated: {address} closed the connection (FIN) {after}"),
        ),
        Ending::Reset => Finding::failed(
            Kind::TcpReset,
            format!("truncated: {address} reset the connection (RST) {after}"),
        ),
        Ending::NotHttp(why) => Finding::failed(
            Kind::Malformed,
            format!("malformed body of the answer to {vdir} from {address}: {why}"),
        ),
        Ending::TooMuch => Finding::failed(
            Kind::Malformed,
            format!("malformed body of the answer to {vdir} from {address}"),
        ),
        Ending::Tls(why) => Finding::failed(
            Kind::TlsFailed,
            format!("truncated: {address} broke TLS {after}: {why}"),
        ),
        Ending::Broken(fault) => fault.finding(target, asked.took),
    }
}

pub(super) fn transcribed(reply: &Reply) -> String {
    let head = &reply.head;
    let headers = [
        ("Server", &head.server),
        ("X-FEServer", &head.front_end),
        ("Location", &head.location),
        ("WWW-Authenticate", &head.authenticate),
    ];
    let headers: String = headers
        .into_iter()
        .filter_map(|(name, value)| Some(format!(", {name}: {}", value.as_ref()?)))
        .collect();
    format!(
        "received HTTP/1.1 {}{headers}, '{}'",
        head.status,
        quoted(&reply.body, TRANSCRIBED)
    )
}
