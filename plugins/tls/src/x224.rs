//! The whole ladder of the RDP check: Connection Confirm, TLS, NTLM challenge.

use std::time::SystemTime;

use plugins::x224::conversation::{self, Evidence, Upper};
use plugins::x224::{Arguments, Depth, Options, judge, nla};
use shared::deadline::Deadline;
use shared::dial::Target;
use shared::tls::Expected;
use shared::verdict::Verdict;
use tokio::net::TcpStream;

use crate::handshake::{self, Broken, Established};

/// Checks one server, as deep as `options` ask, over one connection, which is closed before this
/// returns.
pub async fn check(target: &Target, options: &Options, deadline: Deadline) -> Verdict {
    let (evidence, connection) = conversation::confirm(target, &deadline).await;
    let evidence = match connection {
        Some(connection) if options.depth.tls().is_some() && evidence.chose_tls() => {
            let upper = climb(connection, target, options, &evidence, &deadline).await;
            evidence.with_upper(upper, &deadline)
        }
        _ => evidence,
    };
    judge(target, options, &evidence)
}

/// The same from a command line: looks the name up first.
pub async fn check_as_asked(arguments: Arguments, deadline: Deadline) -> Verdict {
    match arguments.question(&deadline) {
        Ok((target, options)) => check(&target, &options, deadline).await,
        Err(verdict) => *verdict,
    }
}

async fn climb(
    connection: TcpStream,
    target: &Target,
    options: &Options,
    evidence: &Evidence,
    deadline: &Deadline,
) -> Upper {
    let before = deadline.elapsed();
    // An address is no name that a server could be looked for by.
    let name = Expected::host(&target.name).map(|_| target.name.as_str());
    let shaken = handshake::shake_hands(connection, name, deadline).await;
    let took = deadline.elapsed().saturating_sub(before);
    let Established {
        mut stream,
        session,
        ..
    } = match shaken {
        Ok(established) => established,
        Err(Broken { fault, received }) => {
            return Upper::TlsFailed {
                fault,
                took,
                received,
            };
        }
    };
    let now = SystemTime::now().into();
    let nla = match options.depth {
        Depth::Nla { .. } if evidence.chose_nla() => Some(nla::ask(&mut stream, deadline).await),
        _ => None,
    };
    handshake::close(stream).await;
    Upper::Tls {
        session: Box::new(session),
        took,
        now,
        nla,
    }
}
