//! Why a connection did not come about, and who is to blame.

use std::io;
use std::time::Duration;

use super::Target;
use crate::deadline::Expired;
use crate::text::spoken;
use crate::verdict::{Condition, Finding, Kind};

/// Why a connection did not come about.
#[derive(Debug)]
pub enum Fault {
    /// The port is closed (RST in answer to SYN).
    Refused,
    /// The kernel itself gave up waiting for an answer to SYN.
    KernelTimeout,
    /// Our deadline came first.
    Expired(Expired),
    /// No route, or an ICMP message said so.
    Unreachable(io::Error),
    /// The connection was accepted and reset at once.
    Reset,
    /// This machine could not make the socket ready: no free descriptor, a source address that
    /// is not ours.
    Setup(io::Error),
    /// This machine could not start the connection: no free port or memory, a local firewall.
    Local(io::Error),
}

impl Fault {
    /// Sorts what connect(2) reported.
    pub fn of(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ECONNREFUSED) => Self::Refused,
            Some(libc::ETIMEDOUT) => Self::KernelTimeout,
            Some(libc::ECONNRESET | libc::ECONNABORTED | libc::EPIPE) => Self::Reset,
            Some(
                libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::ENETDOWN
                | libc::ENONET
                | libc::EPROTO
                | libc::ENOPROTOOPT,
            ) => Self::Unreachable(error),
            _ => Self::Local(error),
        }
    }

    /// The finding, in words for `target`, after `waited`.
    pub fn finding(&self, target: &Target, waited: Duration) -> Finding {
        let address = target.address;
        let no_answer = || {
            Finding::failed(
                Kind::TcpTimeout,
                format!(
                    "timeout: no answer to TCP connect to {address} in {}; a firewall, a server \
                     that is off, or a virtual service without a real server",
                    spoken(waited)
                ),
            )
        };
        match self {
            Self::Refused => Finding::failed(
                Kind::TcpRefused,
                format!("connection refused by {address}: nothing listens on that port"),
            ),
            Self::KernelTimeout => no_answer(),
            Self::Expired(expired) => expired.finding(no_answer),
            Self::Unreachable(error) => Finding::failed(
                Kind::TcpUnreachable,
                format!("{address} is unreachable: {}", reason(error)),
            ),
            Self::Reset => Finding::failed(
                Kind::TcpReset,
                format!(
                    "connection to {address} accepted and reset at once (RST); a full or broken \
                     service, or the return path through LVS-NAT"
                ),
            ),
            Self::Setup(error) => match target.source {
                Some(source) if !is_shortage(error) => own_failure(format!(
                    "cannot connect from {source} to {address}: {}; name an address of this \
                     machine with --source-address",
                    reason(error)
                )),
                _ => own_shortage("make a socket", error),
            },
            Self::Local(error) => own_shortage(&format!("connect to {address}"), error),
        }
    }
}

fn is_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

/// The finding when this machine, not the server, stood in the way of `doing`.
pub fn own_shortage(doing: &str, error: &io::Error) -> Finding {
    own_failure(format!(
        "this machine could not {doing}: {}; nothing is known of the server",
        reason(error)
    ))
}

fn own_failure(summary: String) -> Finding {
    Finding::new(Condition::Unknown, Kind::Resources, summary)
}

/// The system's words for `error`, with what to look at where that is known.
fn reason(error: &io::Error) -> String {
    let hint = match error.raw_os_error() {
        Some(libc::EMFILE) => " (raise the limit of open files of the program that starts it)",
        Some(libc::ENFILE) => " (raise fs.file-max)",
        Some(libc::EADDRNOTAVAIL) => " (no free local port, or not an address of this machine)",
        Some(libc::EACCES | libc::EPERM) => " (forbidden here: local firewall or sandbox)",
        Some(libc::EAFNOSUPPORT) => " (this machine does not speak that address family)",
        _ => "",
    };
    format!("{error}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: i32) -> Finding {
        let target = Target {
            name: "rs1".to_owned(),
            address: ([10, 0, 1, 1], 3389).into(),
            source: None,
        };
        Fault::of(io::Error::from_raw_os_error(code)).finding(&target, Duration::from_secs(3))
    }

    #[test]
    fn faults_of_the_server_and_of_the_way_to_it_fail_it() {
        for (code, kind) in [
            (libc::ECONNREFUSED, Kind::TcpRefused),
            (libc::ETIMEDOUT, Kind::TcpTimeout),
            (libc::EHOSTUNREACH, Kind::TcpUnreachable),
            (libc::ENETUNREACH, Kind::TcpUnreachable),
            (libc::ECONNRESET, Kind::TcpReset),
        ] {
            let finding = found(code);
            assert_eq!((finding.condition, finding.kind), (Condition::Failed, kind));
            assert!(
                finding.summary.contains("10.0.1.1:3389"),
                "{}",
                finding.summary
            );
        }
    }

    #[test]
    fn shortages_of_this_machine_are_never_blamed_on_the_server() {
        for code in [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOBUFS,
            libc::ENOMEM,
            libc::EADDRNOTAVAIL,
            libc::EACCES,
            libc::EPERM,
            libc::EAFNOSUPPORT,
        ] {
            let finding = found(code);
            assert_eq!(
                (finding.condition, finding.kind),
                (Condition::Unknown, Kind::Resources),
                "{}",
                finding.summary
            );
        }
    }
}
