//! The command line of `check_x224`.

use std::net::SocketAddr;

use clap::{ArgGroup, Parser};
use shared::cli::{Common, Plugin, Server};
use shared::deadline::Deadline;
use shared::dial::Target;
use shared::threshold::Range;
use shared::tls::{DaysLeft, Expected};
use shared::verdict::Verdict;

use super::options::{Depth, Options, Require, Tls};
use super::{NAME, PORT, check};
use crate::Skew;

/// Checks that an RDP server answers, and with what security.
#[derive(Debug, Parser)]
#[command(
    name = "check_x224",
    version,
    args_override_self = true,
    group = ArgGroup::new("over TLS").args(["tls", "nla"]).multiple(true)
)]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    /// Go on to the TLS handshake: version, cipher, certificate
    #[arg(long)]
    tls: bool,
    /// Go on to the NTLM challenge of Network Level Authentication, over TLS: the server's name,
    /// domain, build and clock; nobody logs on and no password is needed
    #[arg(long)]
    nla: bool,
    /// The least security that the server must choose
    #[arg(long, value_name = "LAYER")]
    require: Option<Require>,
    /// The name that the server must give in the NTLM challenge and carry in its certificate
    #[arg(long, value_name = "NAME", requires = "over TLS")]
    expect_name: Option<String>,
    /// Warn, or be critical, when the certificate has fewer days left
    #[arg(long, value_name = "WARN[,CRIT]", requires = "over TLS")]
    certificate: Option<DaysLeft>,
    /// Warn when the server's clock differs by more seconds (default 60)
    #[arg(long, value_name = "RANGE", requires = "nla")]
    skew_warning: Option<Range>,
    /// Critical when the server's clock differs by more seconds (default 300, the most that
    /// Kerberos bears)
    #[arg(long, value_name = "RANGE", requires = "nla")]
    skew_critical: Option<Range>,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    /// Whom to check and how deep. The verdict instead, where the name does not resolve.
    pub fn question(self, deadline: &Deadline) -> Result<(Target, Options), Box<Verdict>> {
        match self.server.target(PORT, &self.common, deadline) {
            Ok(target) => Ok((target, self.options())),
            Err(finding) => {
                let port = self.server.port.unwrap_or(PORT);
                let verdict = Verdict::new(NAME, &self.server.hostname, Some(port), finding);
                Err(Box::new(verdict))
            }
        }
    }

    /// The same where the server's address is known already; its port does not matter.
    pub(crate) fn question_at(&self, mut address: SocketAddr) -> (Target, Options) {
        address.set_port(self.server.port.unwrap_or(PORT));
        let target = Target {
            name: self.server.hostname.clone(),
            address,
            source: self.common.source_address,
        };
        (target, self.options())
    }

    fn options(&self) -> Options {
        Options {
            depth: self.depth(),
            require: self.require,
            time: self.common.thresholds(),
        }
    }

    fn depth(&self) -> Depth {
        let named = Expected::host(&self.server.hostname);
        let expected = self.expect_name.as_deref();
        let tls = Tls {
            certificate_name: expected.and_then(Expected::host).or(named),
            certificate_days: self.certificate,
        };
        match (self.tls, self.nla) {
            (_, true) => Depth::Nla {
                tls,
                expect_name: self.expect_name.clone(),
                skew: Skew::named(self.skew_warning, self.skew_critical),
            },
            (true, false) => Depth::Tls(tls),
            (false, false) => Depth::Confirm,
        }
    }
}

impl Plugin for Arguments {
    const NAME: &'static str = NAME;
    const USAGE: &'static str = include_str!("usage.txt");
    const MANUAL: &'static str = include_str!("manual.txt");

    fn common(&self) -> &Common {
        &self.common
    }

    fn needs_tls(&self) -> bool {
        self.tls || self.nla
    }

    async fn check(self, deadline: Deadline) -> Verdict {
        match self.question(&deadline) {
            Ok((target, options)) => check(&target, &options, deadline).await,
            Err(verdict) => *verdict,
        }
    }
}
