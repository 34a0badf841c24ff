//! The command line of `check_exchange_smtp`.

use std::net::SocketAddr;

use clap::Parser;
use shared::cli::{Common, Plugin};
use shared::deadline::Deadline;
use shared::dial::{Target, resolve};
use shared::threshold::{Range, Thresholds};
use shared::tls::DaysLeft;
use shared::verdict::{Condition, Finding, Kind, Verdict};

use super::options::{
    EhloName, HostName, Identity, NamedPort, Options, Ports, ProxyVersion, Witness,
};
use super::{NAME, check};
use crate::Skew;

/// Checks that an Exchange server takes mail, on each of its ports.
#[derive(Debug, Parser)]
#[command(name = "check_exchange_smtp", version, args_override_self = true)]
pub struct Arguments {
    /// Name or address of the server
    #[arg(short = 'H', long, value_name = "HOST")]
    hostname: String,
    /// A port, and how to secure it: starttls, tls (from the first byte) or plain; may be repeated
    /// (default 25, 587 and 2525, with STARTTLS)
    #[arg(short, long, value_name = "PORT[/HOW]")]
    port: Vec<NamedPort>,
    /// What this machine calls itself in EHLO (default its address, in brackets)
    #[arg(long, value_name = "NAME")]
    ehlo: Option<EhloName>,
    /// The name to ask for in the TLS handshake, and that the certificates of 25 and 587 must
    /// carry (default the name of -H)
    #[arg(long, value_name = "NAME")]
    sni: Option<HostName>,
    /// Warn, or be critical, when a certificate has fewer days left
    #[arg(long, value_name = "WARN[,CRIT]")]
    certificate: Option<DaysLeft>,
    /// Ask for the NTLM challenge where mail from strangers is taken and NTLM is offered: the
    /// server's name, domain, build and clock; nobody logs on and no password is needed
    #[arg(long)]
    ntlm: bool,
    /// The name that the server must give: in the NTLM challenge with --ntlm, else in its greeting
    #[arg(long, value_name = "NAME")]
    expect_name: Option<String>,
    /// Warn when the server's clock differs by more seconds (default 60 with --ntlm); without
    /// --ntlm the clock is the one of its greeting
    #[arg(long, value_name = "RANGE")]
    skew_warning: Option<Range>,
    /// Critical when the server's clock differs by more seconds (default 300 with --ntlm, the most
    /// that Kerberos bears)
    #[arg(long, value_name = "RANGE")]
    skew_critical: Option<Range>,
    /// Send a header of the PROXY protocol first, for a server that expects a proxy before it
    #[arg(long, value_name = "VERSION")]
    proxy_protocol: Option<ProxyVersion>,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    /// Whom to check and how. The verdict instead, where the options contradict each other or the
    /// name does not resolve.
    pub fn question(self, deadline: &Deadline) -> Result<(Target, Options), Box<Verdict>> {
        let refused = |finding| Box::new(Verdict::new(NAME, &self.hostname, None, finding));
        let usage = |why: String| refused(Finding::new(Condition::Unknown, Kind::Usage, why));
        let options = self.options().map_err(usage)?;
        let port = options.ports.iter().next().map_or(0, |port| port.number);
        let address = resolve(&self.hostname, port, self.common.family(), deadline);
        let address = address.map_err(refused)?;
        let target = Target {
            name: self.hostname.clone(),
            address,
            source: self.common.source_address,
        };
        Ok((target, options))
    }

    /// The same where the server's address is known already; its port does not matter.
    ///
    /// # Errors
    /// What contradicts itself.
    pub(crate) fn question_at(&self, mut address: SocketAddr) -> Result<(Target, Options), String> {
        let options = self.options()?;
        address.set_port(options.ports.iter().next().map_or(0, |port| port.number));
        let target = Target {
            name: self.hostname.clone(),
            address,
            source: self.common.source_address,
        };
        Ok((target, options))
    }

    fn identity(&self) -> Identity {
        let (warning, critical) = (self.skew_warning, self.skew_critical);
        let named = warning.is_some() || critical.is_some();
        Identity {
            witness: match self.ntlm {
                true => Witness::Challenge,
                false => Witness::Greeting,
            },
            expect_name: self.expect_name.clone(),
            skew: match (self.ntlm, named) {
                (true, _) => Some(Skew::named(warning, critical)),
                (false, true) => Some(Skew(Thresholds { warning, critical })),
                (false, false) => None,
            },
        }
    }

    fn options(&self) -> Result<Options, String> {
        let options = Options {
            ports: Ports::new(&self.port)?,
            ehlo: self.ehlo.clone(),
            sni: self.sni.clone(),
            certificate_days: self.certificate,
            identity: self.identity(),
            proxy_protocol: self.proxy_protocol,
            time: self.common.thresholds(),
        };
        match options.contradiction() {
            Some(why) => Err(why),
            None => Ok(options),
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
        // What contradicts itself is refused here, by the program that was called.
        self.options().is_ok_and(|options| options.needs_tls())
    }

    async fn check(self, deadline: Deadline) -> Verdict {
        match self.question(&deadline) {
            Ok((target, options)) => check(&target, &options, deadline).await,
            Err(verdict) => *verdict,
        }
    }
}
