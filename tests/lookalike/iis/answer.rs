//! Giving an answer, or what takes its place.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shared::date::UnixTime;

use super::State;
use super::behaviour::Page;
use super::request::Request;

/// What happens to the connection after an answer.
pub(super) enum Next {
    /// Another request may come.
    Request,
    /// It is closed (FIN).
    Close,
    /// It is reset (RST).
    Reset,
    /// Nothing more happens on it.
    Hang,
}

/// What a web server without TLS says to a ClientHello.
pub(super) const PLAIN_BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

const HTTP_SYS: &str = "Microsoft-HTTPAPI/2.0";
const UNAVAILABLE: &str = "<html><head><title>Service Unavailable</title></head><body>\
                           <h2>Service Unavailable</h2></body></html>";
const LOGON_PAGE: &str = "<html>\r\n<head>\r\n<title>Outlook</title>\r\n</head><body>\
                          <form action=\"/owa/auth.owa\" method=\"POST\"></form></body></html>";
const ERROR_PAGE: &str = "<html><head><title>Error</title></head><body>:-(\
                          something went wrong (errorFE.aspx?httpCode=500)</body></html>";

/// Answers, or does what the page is switched to.
pub(super) fn give(
    stream: &mut impl Write,
    request: &Request,
    page: Page,
    state: &State,
) -> io::Result<Next> {
    let host = &request.host;
    let healthy = format!("200 OK<br/>{}", state.name);
    let mut answer = Answer::new(200, &healthy, state);
    if !request.is_for_health() && page != Page::Missing {
        return without_a_logon(request, state).send(stream);
    }
    match page {
        Page::Healthy | Page::ClosesAfter => {}
        Page::Offline => return Ok(Next::Close),
        Page::Resets => return Ok(Next::Reset),
        Page::Hangs => return Ok(Next::Hang),
        Page::PoolDown => {
            answer = Answer::new(503, UNAVAILABLE, state);
            answer.server = HTTP_SYS;
            answer.front_end = None;
        }
        Page::Unavailable => answer = Answer::new(503, UNAVAILABLE, state),
        Page::LogonPage => answer.body = LOGON_PAGE.into(),
        Page::ErrorPage => answer.body = ERROR_PAGE.into(),
        Page::RedirectToLogon => answer.redirect(&logon_page(host, 0)),
        Page::RedirectToError => {
            answer.redirect(&format!(
                "https://{host}/owa/auth/errorFE.aspx?httpCode=500"
            ));
        }
        Page::RedirectLoop => answer.redirect(&format!("https://{host}{}", request.path)),
        Page::RedirectToHttp => answer.redirect(&format!("http://{host}{}", request.path)),
        Page::RedirectToHost => answer.redirect("https://portal.other.test/"),
        Page::BadRequest => answer = Answer::new(400, "Bad Request", state),
        Page::PreAuthentication => {
            answer = Answer::new(401, "Unauthorized", state);
            answer.header("WWW-Authenticate: Basic realm=\"portal\"");
            answer.front_end = None;
        }
        Page::Forbidden => answer = Answer::new(403, "Forbidden", state),
        Page::Missing => answer = Answer::new(404, "Not Found", state),
        Page::LogonTimeout => answer = Answer::new(440, "", state),
        Page::ServerError => answer = Answer::new(500, "Server Error", state),
        Page::WrongServer => {
            answer.body = b"200 OK<br/>ex9.exch.test".into();
            answer.front_end = Some("EX9".to_owned());
        }
        Page::ClockAhead => answer.clock = 600,
        Page::ClockBehind => answer.clock = -600,
        _ => return spoilt(stream, &answer, page),
    }
    answer.send(stream)?;
    Ok(match page {
        Page::ClosesAfter => Next::Close,
        _ => Next::Request,
    })
}

/// Answers that are not sent as they should.
fn spoilt(stream: &mut impl Write, answer: &Answer, page: Page) -> io::Result<Next> {
    let second = Duration::from_secs(1);
    let head = |framing: &str| answer.head(framing).into_bytes();
    let length = |length: usize| head(&format!("Content-Length: {length}"));
    let chunked = head("Transfer-Encoding: chunked");
    match page {
        Page::Truncated => {
            stream.write_all(&length(answer.body.len() + 100))?;
            stream.write_all(&answer.body)?;
        }
        Page::TruncatedChunked => {
            stream.write_all(&chunked)?;
            stream.write_all(b"5\r\n200 O\r\n1f\r\nK<b")?;
        }
        Page::BrokenChunk => {
            stream.write_all(&chunked)?;
            stream.write_all(b"many\r\n200 OK<br/>\r\n")?;
        }
        Page::DripsHead => drip(stream, &length(answer.body.len()), second)?,
        Page::DripsBody => {
            stream.write_all(&length(answer.body.len()))?;
            drip(stream, &answer.body, second)?;
        }
        Page::Fragments => {
            stream.write_all(&chunked)?;
            for byte in &answer.body {
                stream.write_all(&[b'1', b'\r', b'\n', *byte, b'\r', b'\n'])?;
            }
            stream.write_all(b"0\r\n\r\n")?;
            return Ok(Next::Request);
        }
        Page::EndlessBody => {
            stream.write_all(&chunked)?;
            let chunk = [b"2000\r\n", &[b'x'; 0x2000][..], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk)?;
            }
        }
        Page::HugeBody => {
            stream.write_all(&length(100 << 20))?;
            let megabyte = vec![b'x'; 1 << 20];
            for _ in 0..100 {
                stream.write_all(&megabyte)?;
            }
        }
        Page::HugeHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ")?;
            for _ in 0..10 {
                stream.write_all(&vec![b'x'; 1 << 20])?;
            }
            stream.write_all(b"\r\n\r\n")?;
        }
        Page::ManyHeaders => {
            let headers: Vec<_> = (0..1000).map(|number| format!("X-{number}: 1")).collect();
            stream.write_all(&head(&headers.join("\r\n")))?;
        }
        Page::NotHttp => stream.write_all(b"* OK IMAP4 service is ready\r\n")?,
        Page::Malformed => stream.write_all(b"HTTP/1.1 two hundred\r\n\r\n")?,
        _ => {}
    }
    Ok(Next::Close)
}

fn drip(stream: &mut impl Write, bytes: &[u8], gap: Duration) -> io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte])?;
        std::thread::sleep(gap);
    }
    Ok(())
}

/// A request of a user who has not logged on.
fn without_a_logon(request: &Request, state: &State) -> Answer {
    let vdir = request.vdir().to_ascii_lowercase();
    if ["owa", "ecp"].contains(&vdir.as_str()) {
        let mut answer = Answer::new(200, "", state);
        answer.redirect(&logon_page(&request.host, 0));
        return answer;
    }
    let mut answer = Answer::new(401, "", state);
    answer.header("WWW-Authenticate: Negotiate");
    answer.header("WWW-Authenticate: NTLM");
    answer
}

fn logon_page(host: &str, reason: u8) -> String {
    format!("https://{host}/owa/auth/logon.aspx?url=https%3a%2f%2f{host}%2fowa&reason={reason}")
}

/// An answer before it is sent.
pub(super) struct Answer {
    status: u16,
    server: &'static str,
    front_end: Option<String>,
    headers: Vec<String>,
    body: Vec<u8>,
    /// How many seconds its clock is ahead.
    clock: i64,
}

impl Answer {
    fn new(status: u16, body: &str, state: &State) -> Self {
        let host = state.name.split('.').next().unwrap_or_default();
        Self {
            status,
            server: "Microsoft-IIS/10.0",
            front_end: Some(host.to_ascii_uppercase()),
            headers: Vec::new(),
            body: body.into(),
            clock: 0,
        }
    }

    fn header(&mut self, header: &str) {
        self.headers.push(header.to_owned());
    }

    fn redirect(&mut self, location: &str) {
        self.status = 302;
        self.header(&format!("Location: {location}"));
        self.body = b"<html><head><title>Object moved</title></head></html>".into();
    }

    fn head(&self, framing: &str) -> String {
        let mut lines = vec![
            format!("HTTP/1.1 {} {}", self.status, reason(self.status)),
            framing.to_owned(),
            "Content-Type: text/html".to_owned(),
            format!("Server: {}", self.server),
            format!("Date: {}", date(self.clock)),
        ];
        if let Some(name) = &self.front_end {
            lines.push(format!("X-FEServer: {name}"));
            lines.push("X-OWA-Version: 15.2.1118.7".to_owned());
        }
        lines.extend(self.headers.iter().cloned());
        lines.join("\r\n") + "\r\n\r\n"
    }

    fn send(&self, stream: &mut impl Write) -> io::Result<Next> {
        let head = self.head(&format!("Content-Length: {}", self.body.len()));
        stream.write_all(&[head.as_bytes(), &self.body].concat())?;
        Ok(Next::Request)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        440 => "Login Timeout",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

/// Now, so many seconds ahead, as HTTP writes it (RFC 9110 section 5.6.7).
fn date(ahead: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0)) + ahead;
    let day = UnixTime(now).to_string();
    let mut parts = day.split('-');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    let (year, month, day) = (part(), part(), part());
    let month = month
        .parse::<usize>()
        .ok()
        .and_then(|month| MONTHS.get(month - 1));
    let weekday = usize::try_from(now / 86_400 % 7)
        .ok()
        .and_then(|day| DAYS.get(day));
    let (hour, minute, second) = (now / 3600 % 24, now / 60 % 60, now % 60);
    format!(
        "{}, {day} {} {year} {hour:02}:{minute:02}:{second:02} GMT",
        weekday.unwrap_or(&"Thu"),
        month.unwrap_or(&"Jan")
    )
}
