//! The command line of `check_owa`.

use std::net::SocketAddr;

use clap::Parser;
use shared::cli::{Common, Plugin, Server};
use shared::deadline::Deadline;
use shared::dial::Target;
use shared::tls::{DaysLeft, Expected};
use shared::verdict::{Condition, Finding, Kind, Verdict};

use super::logon::{Logon, PASSWORD, Secret};
use super::options::{Certificate, Options, is_host_name};
use super::vdir::Vdir;
use super::{NAME, PORT};

/// Checks that the web parts of an Exchange server answer and say that they are healthy.
#[derive(Debug, Parser)]
#[command(name = "check_owa", version, args_override_self = true)]
pub struct Arguments {
    #[command(flatten)]
    server: Server,
    /// A virtual directory that must be healthy (default owa); may be given several times
    #[arg(long = "vdir", value_name = "NAME", action = clap::ArgAction::Append)]
    vdirs: Vec<Vdir>,
    /// The name to ask for in the TLS handshake, which the certificate must carry (default: that
    /// of --http-host, else HOST where that is a name)
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    sni: Option<String>,
    /// The Host header (default: --sni, else HOST)
    #[arg(long, value_name = "NAME[:PORT]", value_parser = http_host)]
    http_host: Option<String>,
    /// The server that must answer, by its NetBIOS or DNS name
    #[arg(long, value_name = "NAME")]
    expect_server: Option<String>,
    /// Warn, or be critical, when the certificate has fewer days left
    #[arg(long, value_name = "WARN[,CRIT]")]
    certificate: Option<DaysLeft>,
    /// The certificate's chain must lead to an authority that this machine knows
    #[arg(long)]
    require_trust: bool,
    /// Log on to Outlook on the web as this user, by its form, and off again
    #[arg(long, value_name = "USER")]
    logon_user: Option<String>,
    /// The file with the user's password as its first line (default: the environment variable
    /// CHECK_OWA_PASSWORD)
    #[arg(long, value_name = "FILE", requires = "logon_user", value_parser = Secret::from_file)]
    logon_password_file: Option<Secret>,
    #[command(flatten)]
    common: Common,
}

fn host_name(text: &str) -> Result<String, String> {
    is_host_name(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "expected a host name, such as mail.example.test".to_owned())
}

/// What a `Host` header may carry (RFC 9110 section 7.2): a name or address, and a port.
fn http_host(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let good = !text.is_empty() && text.len() <= 260 && text.bytes().all(plain);
    good.then(|| text.to_owned())
        .ok_or_else(|| "expected a host name, such as mail.example.test".to_owned())
}

impl Arguments {
    /// Whom to check and what to ask. The verdict instead, where the name does not resolve.
    pub fn question(self, deadline: &Deadline) -> Result<(Target, Options), Box<Verdict>> {
        let refused = |finding| Box::new(self.verdict(finding));
        let logon = self
            .logon()
            .map_err(|why| refused(Finding::new(Condition::Unknown, Kind::Usage, why)))?;
        let target = self
            .server
            .target(PORT, &self.common, deadline)
            .map_err(refused)?;
        Ok((target, self.options(logon)))
    }

    /// The same where the server's address is known already; its port does not matter.
    ///
    /// # Errors
    /// What contradicts itself.
    pub(crate) fn question_at(&self, mut address: SocketAddr) -> Result<(Target, Options), String> {
        let logon = self.logon()?;
        address.set_port(self.server.port.unwrap_or(PORT));
        let target = Target {
            name: self.server.hostname.clone(),
            address,
            source: self.common.source_address,
        };
        Ok((target, self.options(logon)))
    }

    fn verdict(&self, finding: Finding) -> Verdict {
        let port = self.server.port.unwrap_or(PORT);
        Verdict::new(NAME, &self.server.hostname, Some(port), finding)
    }

    /// Who logs on; a user without a password is refused.
    fn logon(&self) -> Result<Option<Logon>, String> {
        let Some(user) = &self.logon_user else {
            return Ok(None);
        };
        let password = self.logon_password_file.clone();
        let password = password.or_else(Secret::from_environment).ok_or_else(|| {
            format!("--logon-user without a password: name a file by --logon-password-file, or set {PASSWORD}")
        })?;
        Ok(Some(Logon {
            user: user.clone(),
            password,
        }))
    }

    fn options(&self, logon: Option<Logon>) -> Options {
        let header = self.http_host.as_deref();
        let named = |text: &str| Expected::host(text).map(|_| text.to_owned());
        // The port of a Host header is no part of the name.
        let of_header = header.and_then(|header| named(header.split(':').next()?));
        let sni = self.sni.clone().or(of_header);
        let sni = sni.or_else(|| named(&self.server.hostname));
        let http_host = match (header, &self.sni) {
            (Some(header), _) => header.to_owned(),
            (None, Some(name)) => self.with_port(name),
            (None, None) => self.with_port(&self.server.hostname),
        };
        Options {
            vdirs: match self.vdirs.as_slice() {
                [] => vec![Vdir::default()],
                vdirs => vdirs.to_vec(),
            },
            certificate: Certificate {
                name: sni.as_deref().and_then(Expected::host),
                days: self.certificate,
                require_trust: self.require_trust,
            },
            sni,
            http_host,
            expect_server: self.expect_server.clone(),
            logon,
            time: self.common.thresholds(),
        }
    }

    /// `name` as a `Host` header has it: an IPv6 address in brackets, the port unless it is the
    /// registered one.
    fn with_port(&self, name: &str) -> String {
        let name = match name.contains(':') && !name.starts_with('[') {
            true => format!("[{name}]"),
            false => name.to_owned(),
        };
        match self.server.port {
            None | Some(PORT) => name,
            Some(port) => format!("{name}:{port}"),
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
        self.logon().is_ok()
    }

    async fn check(self, _: Deadline) -> Verdict {
        let defect = "this program speaks no TLS and was asked to; please report this defect";
        let (kind, summary) = match self.logon() {
            Err(why) => (Kind::Usage, why),
            Ok(_) => (Kind::Internal, defect.to_owned()),
        };
        self.verdict(Finding::new(Condition::Unknown, kind, summary))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &str) -> Options {
        let words = std::iter::once("check_owa").chain(words.split(' '));
        Arguments::try_parse_from(words)
            .expect("good")
            .options(None)
    }

    fn names(words: &str) -> (Option<String>, String) {
        let options = options(words);
        (options.sni, options.http_host)
    }

    #[test]
    fn the_name_asked_for_and_the_host_header_follow_each_other_unless_set_apart() {
        let same = |name: &str| (Some(name.to_owned()), name.to_owned());
        assert_eq!(names("-H mail.test"), same("mail.test"));
        assert_eq!(names("-H 10.0.1.1"), (None, "10.0.1.1".to_owned()));
        assert_eq!(names("-H 10.0.1.1 --sni mail.test"), same("mail.test"));
        assert_eq!(names("-H ex1 --http-host mail.test"), same("mail.test"));
        assert_eq!(
            names("-H 10.0.1.1 --sni a.test --http-host b.test:444"),
            (Some("a.test".to_owned()), "b.test:444".to_owned())
        );
        assert_eq!(
            names("-H 10.0.1.1 --http-host b.test:444"),
            (Some("b.test".to_owned()), "b.test:444".to_owned())
        );
    }

    #[test]
    fn an_unregistered_port_and_an_ipv6_address_are_written_as_a_host_header_has_them() {
        assert_eq!(names("-H mail.test -p 444").1, "mail.test:444");
        assert_eq!(names("-H mail.test -p 443").1, "mail.test");
        assert_eq!(names("-H fd00::1 -p 444").1, "[fd00::1]:444");
        assert_eq!(names("-H [fd00::1]").1, "[fd00::1]");
    }

    #[test]
    fn owa_is_asked_for_unless_others_are() {
        let shown = |words: &str| {
            let shown = options(words)
                .vdirs
                .into_iter()
                .map(|vdir| vdir.to_string());
            shown.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("-H h"), "/owa");
        assert_eq!(shown("-H h --vdir ews --vdir ecp"), "/ews /ecp");
    }

    #[test]
    fn what_no_header_or_handshake_can_carry_is_refused() {
        for bad in [
            ["--sni", "10.0.1.1"],
            ["--sni", "a b"],
            ["--sni", ""],
            ["--http-host", "a\r\nb"],
            ["--http-host", ""],
            ["--vdir", "../x"],
            ["--certificate", "7,30"],
            ["-p", "0"],
        ] {
            let words = ["check_owa", "-H", "h"].into_iter().chain(bad);
            assert!(Arguments::try_parse_from(words).is_err(), "{bad:?}");
        }
    }
}
