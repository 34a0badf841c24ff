//! From a name to one address. Only the plugins do this: the hook is configured with addresses.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;

use super::own_shortage;
use crate::deadline::Deadline;
use crate::text::{quoted, spoken};
use crate::verdict::{Condition, Finding, Kind};

/// Which kind of address to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The first one that the resolver gives.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// The one address of `name` to check: the first of the wished family, and no other is tried
/// after it, so that one knows what was checked. An address literal, in brackets or not, costs
/// neither a thread nor a query.
///
/// Blocks for at most what is left of `deadline`; a lookup that takes longer goes on in its
/// thread, so the caller must leave by `exit`.
pub fn resolve(
    name: &str,
    port: u16,
    family: Family,
    deadline: &Deadline,
) -> Result<SocketAddr, Finding> {
    let bare = name
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(name);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return if family.admits(address) {
            Ok(SocketAddr::new(address, port))
        } else {
            Err(not_resolved(
                name,
                "it is an address of the other family than asked for",
            ))
        };
    }
    let addresses = look_up(bare, port, deadline)?;
    addresses
        .into_iter()
        .find(|address| family.admits(address.ip()))
        .ok_or_else(|| not_resolved(name, "it has no address of the wished family"))
}

fn look_up(name: &str, port: u16, deadline: &Deadline) -> Result<Vec<SocketAddr>, Finding> {
    let (sender, receiver) = mpsc::channel();
    let query = name.to_owned();
    std::thread::Builder::new()
        .spawn(move || {
            use_hosts_and_dns();
            let found = (query.as_str(), port).to_socket_addrs();
            // The receiver has gone when the deadline passed: nobody wants the answer then.
            let _ = sender.send(found.map(Iterator::collect::<Vec<_>>));
        })
        .map_err(|error| own_shortage("start a thread for the resolver", &error))?;
    match receiver.recv_timeout(deadline.remaining()) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(refused(name, &error)),
        Err(_) => Err(not_resolved(
            name,
            &format!(
                "timeout: no answer from the resolver in {}",
                spoken(deadline.elapsed())
            ),
        )),
    }
}

/// Restricts the C library to the hosts file and DNS. The checks are linked statically, and would
/// load any other source that nsswitch.conf names from shared objects that may belong to another
/// version of the C library than theirs.
#[cfg(target_env = "gnu")]
fn use_hosts_and_dns() {
    unsafe extern "C" {
        fn __nss_configure_lookup(
            database: *const libc::c_char,
            sources: *const libc::c_char,
        ) -> libc::c_int;
    }
    // SAFETY: glibc (nss.h) takes two NUL-terminated strings, which it does not keep; no lookup
    // runs yet, this thread being the only one that starts any.
    unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) };
}

#[cfg(not(target_env = "gnu"))]
fn use_hosts_and_dns() {}

fn refused(name: &str, error: &io::Error) -> Finding {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS) => {
            own_shortage("ask the resolver", error)
        }
        _ => not_resolved(name, &error.to_string()),
    }
}

fn not_resolved(name: &str, why: &str) -> Finding {
    Finding::new(
        Condition::Unknown,
        Kind::Resolve,
        format!(
            "the name {} does not resolve: {why}; nothing is known of the server",
            quoted(name.as_bytes(), 253)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn resolve_now(name: &str, family: Family) -> Result<SocketAddr, Finding> {
        resolve(name, 3389, family, &Deadline::after(Duration::from_secs(5)))
    }

    #[test]
    fn literals_resolve_to_themselves() {
        for (name, address) in [
            ("10.0.1.1", "10.0.1.1:3389"),
            ("::1", "[::1]:3389"),
            ("[2001:db8::1]", "[2001:db8::1]:3389"),
        ] {
            assert_eq!(
                resolve_now(name, Family::Any),
                Ok(address.parse().expect(address))
            );
        }
    }

    #[test]
    fn a_literal_of_the_other_family_is_unknown() {
        let finding = resolve_now("10.0.1.1", Family::V6).expect_err("not IPv6");
        assert_eq!(
            (finding.condition, finding.kind),
            (Condition::Unknown, Kind::Resolve)
        );
    }

    #[test]
    fn a_name_in_the_hosts_file_resolves() {
        let address = resolve_now("localhost", Family::V4).expect("localhost");
        assert_eq!(address, "127.0.0.1:3389".parse().expect("literal"));
    }

    #[test]
    fn a_name_that_cannot_exist_is_unknown_and_quoted() {
        let finding = resolve_now("no such|name", Family::Any).expect_err("cannot exist");
        assert_eq!(
            (finding.condition, finding.kind),
            (Condition::Unknown, Kind::Resolve)
        );
        assert!(
            finding.summary.contains("no such\\x7cname"),
            "{}",
            finding.summary
        );
    }
}
