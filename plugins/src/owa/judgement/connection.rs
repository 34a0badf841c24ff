//! What it says about the server that no answer came.

use std::time::Duration;

use shared::dial::Target;
use shared::text::{quoted, spoken};
use shared::tls::{Fault, Way};
use shared::verdict::{Condition, Finding, Kind};

use super::super::evidence::{Asked, Ending, HEAD_MOST};

/// How many bytes of a stranger's answer are quoted.
const QUOTED: usize = 48;

/// The finding where TLS did not come about. A server that says nothing at all to a ClientHello
/// has said nothing to anybody.
pub(super) fn no_tls(target: &Target, waited: Duration, fault: &Fault, received: usize) -> Finding {
    let way = Way {
        target,
        waited,
        received,
    };
    match fault {
        Fault::Expired(expired) if received == 0 => expired.finding(|| {
            Finding::failed(
                Kind::Silent,
                format!(
                    "timeout: TCP accepted by {} but no answer to the ClientHello in {}: the web \
                     service hangs (Windows: HTTP.sys, Schannel)",
                    target.address,
                    spoken(waited)
                ),
            )
        }),
        fault => fault.finding(&way),
    }
}

/// The finding where TLS stands, the request was sent, and no whole head of an answer came.
pub(super) fn no_head(
    target: &Target,
    asked: &Asked,
    ending: &Ending,
    received: usize,
    beginning: &[u8],
) -> Finding {
    let (address, vdir) = (target.address, &asked.vdir);
    let waited = spoken(asked.took);
    match ending {
        Ending::Closed if received == 0 => offline(target, asked),
        Ending::Expired(expired) if received == 0 => expired.finding(|| {
            Finding::failed(
                Kind::Silent,
                format!(
                    "timeout: {address} shook hands and did not answer {vdir} in {waited}: the \
                     worker process hangs{}",
                    recycle(asked)
                ),
            )
        }),
        Ending::Expired(expired) => expired.finding(|| {
            Finding::failed(
                Kind::Timeout,
                format!(
                    "timeout: only {received} bytes of the head of an answer to {vdir} from \
                     {address} in {waited}"
                ),
            )
        }),
        Ending::Closed => Finding::failed(
            Kind::ClosedEarly,
            format!(
                "truncated: {address} closed the connection (FIN) after {received} bytes of the \
                 head of its answer to {vdir}"
            ),
        ),
        Ending::Reset if received == 0 => Finding::failed(
            Kind::TcpReset,
            format!(
                "{address} reset the connection (RST) instead of answering {vdir}: its worker \
                 process crashed, or a device in between broke in"
            ),
        ),
        Ending::Reset => Finding::failed(
            Kind::TcpReset,
            format!(
                "{address} reset the connection (RST) after {received} bytes of the head of its \
                 answer to {vdir}"
            ),
        ),
        Ending::TooMuch => Finding::failed(
            Kind::Malformed,
            format!(
                "the head of the answer to {vdir} from {address} has more than {} KiB or 100 \
                 headers",
                HEAD_MOST / 1024
            ),
        ),
        Ending::NotHttp(why) if beginning.starts_with(b"HTTP/") => Finding::failed(
            Kind::Malformed,
            format!("malformed answer to {vdir} from {address}: {why}"),
        ),
        Ending::NotHttp(_) => Finding::failed(
            Kind::NotTheProtocol,
            format!(
                "not HTTP: got '{}' inside TLS from {address}; check the port and what listens \
                 there",
                quoted(beginning.trim_ascii_end(), QUOTED)
            ),
        ),
        Ending::Tls(why) => Finding::failed(
            Kind::TlsFailed,
            format!("{address} broke TLS instead of answering {vdir}: {why}"),
        ),
        Ending::Broken(fault) => fault.finding(target, asked.took),
    }
}

/// Exchange closes the connection of a health request without an answer while the component is
/// not active.
fn offline(target: &Target, asked: &Asked) -> Finding {
    let component = match asked.vdir.component() {
        Some(component) => format!(" ({component})"),
        None => String::new(),
    };
    Finding::new(
        Condition::Maintenance,
        Kind::Offline,
        format!(
            "component offline: {} closed the connection of {} without an answer: maintenance or \
             Managed Availability; see Get-ServerComponentState{component}",
            target.address, asked.vdir
        ),
    )
}

fn recycle(asked: &Asked) -> String {
    match asked.vdir.pool() {
        Some(pool) => format!("; recycle {pool}"),
        None => String::new(),
    }
}

pub(super) fn transcribed(beginning: &[u8]) -> String {
    format!("received '{}'", quoted(beginning, QUOTED))
}
