//! The SMTP check with TLS: STARTTLS, or TLS from the first byte.

use plugins::smtp::{Arguments, Depth, Options, PortVerdict, Tls, Unshaken, ask, combine};
use shared::deadline::Deadline;
use shared::dial::Target;
use shared::tls::Session;
use shared::verdict::Verdict;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use crate::handshake::{self, Broken, Established};
use crate::recorded::Recorded;

/// Checks one server, every port as far as MAIL.
pub async fn check(target: &Target, options: &Options, deadline: Deadline) -> Verdict {
    let ports = ask_ports(target, options, |_| Depth::Mail, &deadline).await;
    combine(&target.name, options, &ports)
}

/// The same port by port, each as deep as `depth` says.
pub async fn ask_ports(
    target: &Target,
    options: &Options,
    depth: impl Fn(u16) -> Depth,
    deadline: &Deadline,
) -> Vec<PortVerdict> {
    ask(&OpenSsl, target, options, depth, deadline).await
}

/// The same from a command line: looks the name up first.
pub async fn check_as_asked(arguments: Arguments, deadline: Deadline) -> Verdict {
    match arguments.question(&deadline) {
        Ok((target, options)) => check(&target, &options, deadline).await,
        Err(verdict) => *verdict,
    }
}

struct OpenSsl;

impl Tls for OpenSsl {
    type Secured = SslStream<Recorded<TcpStream>>;

    async fn shake_hands(
        &self,
        connection: TcpStream,
        name: Option<&str>,
        deadline: &Deadline,
    ) -> Result<(Self::Secured, Session), Unshaken> {
        match handshake::shake_hands(connection, name, deadline).await {
            Ok(Established {
                stream, session, ..
            }) => Ok((stream, session)),
            Err(Broken { fault, received }) => Err(Unshaken { fault, received }),
        }
    }

    async fn close(&self, secured: Self::Secured) {
        handshake::close(secured).await;
    }
}
