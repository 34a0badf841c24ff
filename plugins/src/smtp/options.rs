//! What is asked of an SMTP server.

use std::fmt;
use std::str::FromStr;

use shared::text::quoted;
use shared::threshold::Thresholds;
use shared::tls::{DaysLeft, Expected};

use crate::Skew;

use super::connector::Connector;

/// The most ports of one check. Exchange listens on six.
pub(super) const PORTS_MOST: usize = 16;

/// What is asked of the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The ports, all of which are asked at once.
    pub ports: Ports,
    /// What we call ourselves; unset, the address that we connect from, as RFC 5321 section 4.1.4
    /// has it for a client without a name.
    pub ehlo: Option<EhloName>,
    /// The name that the server is told that we look for; unset, the name of the server.
    pub sni: Option<HostName>,
    /// Advisory: how long the certificate must still be valid.
    pub certificate_days: Option<DaysLeft>,
    /// Which server must have answered, and how its clock is judged.
    pub identity: Identity,
    /// The header to send before anything else.
    pub proxy_protocol: Option<ProxyVersion>,
    /// Advisory: how long the slowest port may take, in seconds, the tarpit left aside.
    pub time: Thresholds,
}

impl Options {
    /// Whether some port is asked over TLS.
    pub fn needs_tls(&self) -> bool {
        let mut ports = self.ports.0.iter();
        ports.any(|port| port.security != Security::Plain)
    }

    /// What contradicts itself.
    pub fn contradiction(&self) -> Option<String> {
        let without = |what: &str| {
            format!(
                "{what} without TLS: every port is named PORT/plain, and no certificate is seen"
            )
        };
        match (self.needs_tls(), &self.sni, self.certificate_days) {
            (false, Some(_), _) => Some(without("a name for SNI")),
            (false, _, Some(_)) => Some(without("a limit for the certificate")),
            _ => None,
        }
    }
}

/// Which server must have answered, and how its clock is judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Identity {
    /// Who says so.
    pub witness: Witness,
    /// The server that must have answered.
    pub expect_name: Option<String>,
    /// Advisory: how much its clock may differ; unset, by as much as it likes.
    pub skew: Option<Skew>,
}

/// Who says which server has answered, and what its clock shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Witness {
    /// The greeting, which an administrator can alter.
    #[default]
    Greeting,
    /// The NTLM challenge, which is asked for where NTLM is offered. No credentials are sent.
    Challenge,
}

/// One or more ports, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(Vec<Port>);

/// Those of an Exchange server that mail comes in by: Default Frontend, Client Frontend, Default.
impl Default for Ports {
    fn default() -> Self {
        Self([25, 587, 2525].map(Port::of).to_vec())
    }
}

impl Ports {
    /// The ports as named; none means the default. A port that is named twice must be named alike,
    /// and a bare number agrees with any way to secure it.
    ///
    /// # Errors
    /// What contradicts itself, or that there are too many.
    pub fn new(named: &[NamedPort]) -> Result<Self, String> {
        if named.is_empty() {
            return Ok(Self::default());
        }
        let mut ports: Vec<Port> = Vec::new();
        let mut bare: Vec<u16> = Vec::new();
        for name in named {
            let number = name.number;
            let wanted = name.port();
            match ports.iter_mut().find(|port| port.number == number) {
                None => ports.push(wanted),
                Some(known) if *known == wanted || name.security.is_none() => {}
                Some(known) if bare.contains(&number) => *known = wanted,
                Some(known) => {
                    return Err(format!(
                        "port {number} is named twice, as {known} and as {wanted}; name it once"
                    ));
                }
            }
            match name.security {
                None => bare.push(number),
                Some(_) => bare.retain(|other| *other != number),
            }
        }
        if ports.len() > PORTS_MOST {
            return Err(format!("more than {PORTS_MOST} ports in one check"));
        }
        Ok(Self(ports))
    }

    /// Each of them, as ordered.
    pub fn iter(&self) -> impl Iterator<Item = &Port> {
        self.0.iter()
    }
}

/// A port and how its conversation is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// 1 to 65535.
    pub number: u16,
    /// How.
    pub security: Security,
}

impl Port {
    /// A port with the security that its connector has: STARTTLS where the reference knows it,
    /// else STARTTLS if it is offered.
    pub fn of(number: u16) -> Self {
        let security = match Connector::of(number) {
            Connector::Other => Security::StarttlsIfOffered,
            _ => Security::Starttls,
        };
        Self { number, security }
    }

    /// The Exchange connector of that port.
    pub fn connector(self) -> Connector {
        Connector::of(self.number)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let security = match self.security {
            Security::Starttls => "/starttls",
            Security::StarttlsIfOffered => "",
            Security::Tls => "/tls",
            Security::Plain => "/plain",
        };
        write!(f, "{}{security}", self.number)
    }
}

/// How a conversation is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// In plaintext until STARTTLS, which must be offered (RFC 3207).
    Starttls,
    /// The same, and in plaintext to the end where it is not offered.
    StarttlsIfOffered,
    /// TLS from the first byte (RFC 8314 section 3).
    Tls,
    /// In plaintext to the end.
    Plain,
}

/// `PORT[/starttls|/tls|/plain]`, as a user writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedPort {
    number: u16,
    security: Option<Security>,
}

impl NamedPort {
    /// A bare number.
    pub fn bare(number: u16) -> Self {
        Self {
            number,
            security: None,
        }
    }

    fn port(self) -> Port {
        let Self { number, security } = self;
        match security {
            Some(security) => Port { number, security },
            None => Port::of(number),
        }
    }
}

impl FromStr for NamedPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, security) = match text.split_once('/') {
            None => (text, None),
            Some((number, word)) => {
                let security = match word {
                    "starttls" => Security::Starttls,
                    "tls" => Security::Tls,
                    "plain" => Security::Plain,
                    _ => return Err(expected()),
                };
                (number, Some(security))
            }
        };
        let plain = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|number| plain && *number > 0);
        let number = number.ok_or_else(expected)?;
        Ok(Self { number, security })
    }
}

fn expected() -> String {
    "expected PORT, PORT/starttls, PORT/tls or PORT/plain, PORT from 1 to 65535".to_owned()
}

/// The domain or address literal of EHLO (RFC 5321 section 4.1.1.1): no blanks, no control
/// characters, at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EhloName(String);

impl EhloName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EhloName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > 255 || !plain {
            return Err(
                "expected a host name or [ADDRESS], without blanks, at most 255 letters".to_owned(),
            );
        }
        Ok(Self(text.to_owned()))
    }
}

/// A host name as SNI carries it (RFC 6066 section 3): no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        match Expected::host(text) {
            Some(_) if plain && text.len() <= 253 => Ok(Self(text.to_owned())),
            _ => Err(format!(
                "'{}' is no host name; SNI carries names, not addresses",
                quoted(text.as_bytes(), 64)
            )),
        }
    }
}

/// The version of the PROXY protocol (HAProxy, proxy-protocol.txt).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ProxyVersion {
    /// One line of text.
    V1,
    /// Binary.
    V2,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(named: &[&str]) -> Result<Vec<String>, String> {
        let named: Result<Vec<NamedPort>, _> = named.iter().map(|name| name.parse()).collect();
        let ports = Ports::new(&named?)?;
        Ok(ports.iter().map(Port::to_string).collect())
    }

    #[test]
    fn known_ports_speak_starttls_and_unknown_ones_if_it_is_offered() {
        assert_eq!(
            ports(&[]),
            Ok(vec![
                "25/starttls".into(),
                "587/starttls".into(),
                "2525/starttls".into()
            ])
        );
        assert_eq!(
            ports(&["465", "717", "10025", "26/tls", "25/plain"]),
            Ok(vec![
                "465/starttls".into(),
                "717/starttls".into(),
                "10025".into(),
                "26/tls".into(),
                "25/plain".into()
            ])
        );
    }

    #[test]
    fn no_port_outside_the_range_and_no_other_word_is_taken() {
        for text in [
            "0",
            "65536",
            "-1",
            "+25",
            "25/ssl",
            "25/",
            "/tls",
            "",
            "25/tls/plain",
            "2 5",
        ] {
            assert!(text.parse::<NamedPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_named_twice_must_be_named_alike() {
        assert_eq!(ports(&["25", "25/plain"]), Ok(vec!["25/plain".into()]));
        assert_eq!(ports(&["25/plain", "25"]), Ok(vec!["25/plain".into()]));
        let refusal = ports(&["25/plain", "25/tls"]).expect_err("a contradiction");
        assert!(refusal.contains("port 25 is named twice"), "{refusal}");
    }

    #[test]
    fn names_that_would_change_the_command_are_refused() {
        for name in ["a b", "a\r\nMAIL FROM:<>", "", "ä"] {
            assert!(name.parse::<EhloName>().is_err(), "{name:?}");
        }
        for name in ["director.example.test", "[10.0.1.254]", "[IPv6:fd00::1]"] {
            assert!(name.parse::<EhloName>().is_ok(), "{name}");
        }
        for name in ["10.0.1.1", "fd00::1", "[fd00::1]", "a b", ""] {
            assert!(name.parse::<HostName>().is_err(), "{name}");
        }
    }

    #[test]
    fn what_needs_tls_contradicts_ports_that_are_all_plain() {
        let plain = Options {
            ports: Ports::new(&["25/plain".parse().expect("a port")]).expect("ports"),
            ..Options::default()
        };
        assert_eq!(plain.contradiction(), None);
        let sni = Options {
            sni: "mail.example.test".parse().ok(),
            ..plain
        };
        assert!(sni.contradiction().is_some_and(|why| why.contains("SNI")));
    }
}
