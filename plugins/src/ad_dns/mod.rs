//! Do the DNS servers of an Active Directory domain say the same, and only what they should?
//!
//! A Windows server registers the address of each of its adapters under its name, the private one
//! behind LVS by NAT too, and does so again at each start. Then clients go past the virtual
//! address, or nowhere. This check asks each server itself, without recursion, for the whole set of
//! addresses, and judges it.

mod arguments;
mod conversation;
mod evidence;
mod judgement;
mod name;
mod networks;
mod options;
mod questions;
mod truth;
pub mod wire;

use std::sync::Arc;

use shared::deadline::Deadline;
use shared::dial::Target;
use shared::verdict::Verdict;

pub use arguments::Arguments;
pub use name::Name;
pub use networks::{Networks, Offence};
pub use options::{Dc, Discovery, Options, Profile, Servers, TtlMost};
pub use truth::{Expected, read as read_truth};

/// The check's name.
pub const NAME: &str = "ad_dns";

/// The registered port of DNS.
pub const PORT: u16 = 53;

/// Asks every server, and judges what they say of the names. Sockets are closed before this
/// returns.
pub async fn check(options: Arc<Options>, deadline: Deadline) -> Verdict {
    let nobody = conversation::nobody();
    match conversation::ask(&options, &nobody, deadline).await {
        Ok(evidence) => judgement::judge(&options, &nobody, &evidence),
        Err(finding) => {
            let port = judgement::port(&options);
            Verdict::new(NAME, &judgement::asked(&options), port, finding)
        }
    }
}

/// `SERVER[:PORT]`, an IPv6 address in brackets if a port follows.
///
/// # Errors
/// Why it is none.
pub fn read_server(text: &str) -> Result<(String, Option<u16>), String> {
    let expected = || {
        format!(
            "\"{}\" is not SERVER[:PORT]; an IPv6 address with a port is written [2001:db8::5]:53",
            shared::text::quoted(text.as_bytes(), 253)
        )
    };
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']').ok_or_else(expected)?;
            (
                inside,
                after.strip_prefix(':').or(after.is_empty().then_some("")),
            )
        }
        None if text.matches(':').count() > 1 => (text, Some("")),
        None => text
            .split_once(':')
            .map_or((text, Some("")), |(name, port)| (name, Some(port))),
    };
    let port = match port.ok_or_else(expected)? {
        "" if text.ends_with(':') && !text.ends_with("::") => return Err(expected()),
        "" => None,
        port => Some(
            port.parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(expected)?,
        ),
    };
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    if !is_address && name.parse::<Name>().is_err() {
        return Err(expected());
    }
    Ok((name.to_owned(), port))
}

/// A server to ask, where its address is known.
pub fn server(name: &str, address: std::net::SocketAddr) -> Target {
    Target {
        name: name.to_owned(),
        address,
        source: None,
    }
}
