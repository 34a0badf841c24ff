//! The options that every plugin has.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::dial::{Family, Target, resolve};
use crate::host_mode::{HostMode, OnUnknown, Wishes};
use crate::threshold::{Range, Thresholds};
use crate::verdict::{Advice, Condition, Finding};

/// The longest time that can be asked for.
const TIMEOUT_MOST: Duration = Duration::from_secs(3600);

/// The options that every plugin has.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// Give up after SEC seconds; STATE is what nagios and json then say (default critical)
    #[arg(short, long, value_name = "SEC[:STATE]")]
    pub timeout: Option<Timeout>,
    /// Warn when the time in seconds lies outside this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub warning: Option<Range>,
    /// Critical when the time in seconds lies outside this range
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub critical: Option<Range>,
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long)]
    pub ipv6: bool,
    /// Tell more; up to three times
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Answer the way this host expects (default nagios, or the end of the program's name)
    #[arg(short = 'm', long, value_name = "HOST")]
    pub host_mode: Option<HostMode>,
    /// Weight of a server that works, for keepalived-weight
    #[arg(long, value_name = "1..253", default_value_t = 1,
          value_parser = clap::value_parser!(u8).range(1..=253))]
    pub weight: u8,
    /// Findings that count in full: reported by nagios and json in any case, they take a server
    /// out nowhere else unless named here
    #[arg(long, value_name = "CLASS,...", value_delimiter = ',')]
    pub enforce: Vec<Advice>,
    /// What hosts that know no "unknown" are told instead
    #[arg(long, value_name = "ANSWER", default_value = "fail")]
    pub on_unknown: OnUnknown,
    /// Read options from SECTION (default the check's name) of an ini file, before those given
    /// here; @- is stdin
    #[arg(long, value_name = "[SECTION][@FILE]", num_args = 0..=1)]
    pub extra_opts: Option<Option<String>>,
    /// Connect from this address
    #[arg(long, value_name = "ADDRESS")]
    pub source_address: Option<IpAddr>,
}

impl Common {
    /// How the verdict shall be said.
    pub fn wishes(&self) -> Wishes {
        Wishes {
            enforced: self.enforce.clone(),
            verbosity: self.verbose,
            weight: self.weight,
            on_unknown: self.on_unknown,
            on_timeout: self.timeout.and_then(|timeout| timeout.state),
        }
    }

    /// The thresholds for the time that the server takes.
    pub fn thresholds(&self) -> Thresholds {
        Thresholds {
            warning: self.warning,
            critical: self.critical,
        }
    }

    /// The kind of address to use.
    pub fn family(&self) -> Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }
}

/// The one server to check.
#[derive(Clone, Debug, clap::Args)]
pub struct Server {
    /// Name or address of the server
    #[arg(short = 'H', long, value_name = "HOST")]
    pub hostname: String,
    /// TCP port (default: the one registered for the protocol)
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
}

impl Server {
    /// The address to connect to, looked up within `deadline` where a name was given.
    pub fn target(
        &self,
        default_port: u16,
        common: &Common,
        deadline: &Deadline,
    ) -> Result<Target, Finding> {
        let port = self.port.unwrap_or(default_port);
        let address: SocketAddr = resolve(&self.hostname, port, common.family(), deadline)?;
        Ok(Target {
            name: self.hostname.clone(),
            address,
            source: common.source_address,
        })
    }
}

/// `-t SEC[:STATE]` or `-t :STATE`, as the Nagios Plugins write it; SEC may have decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// The time for the whole check; the mode's own if unset.
    pub after: Option<Duration>,
    /// What a server that did not answer in time is called.
    pub state: Option<Condition>,
}

impl FromStr for Timeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "expected SEC or SEC:STATE, SEC above 0 and at most {}, STATE one of 0 to 3, ok, \
                 warning, critical, unknown",
                TIMEOUT_MOST.as_secs()
            )
        };
        let (seconds, state) = match text.split_once(':') {
            Some((seconds, state)) => (seconds, Some(state)),
            None => (text, None),
        };
        let after = match (seconds, state) {
            ("", Some(_)) => None,
            (seconds, _) => Some(parse_seconds(seconds).ok_or_else(expected)?),
        };
        let state = match state {
            Some(word) => Some(parse_state(word).ok_or_else(expected)?),
            None => None,
        };
        Ok(Self { after, state })
    }
}

fn parse_seconds(text: &str) -> Option<Duration> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = text.parse::<f64>().ok().filter(|_| plain)?;
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    (Duration::ZERO < duration && duration <= TIMEOUT_MOST).then_some(duration)
}

fn parse_state(word: &str) -> Option<Condition> {
    match word.to_ascii_lowercase().as_str() {
        "0" | "ok" => Some(Condition::Healthy),
        "1" | "warning" => Some(Condition::Degraded),
        "2" | "critical" => Some(Condition::Failed),
        "3" | "unknown" => Some(Condition::Unknown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_seconds_a_state_or_both() {
        let read = |text: &str| text.parse::<Timeout>().expect(text);
        assert_eq!(read("3").after, Some(Duration::from_secs(3)));
        assert_eq!(read("0.5:unknown").after, Some(Duration::from_millis(500)));
        assert_eq!(read("5:UNKNOWN").state, Some(Condition::Unknown));
        assert_eq!(read("5:1").state, Some(Condition::Degraded));
        assert_eq!(
            (read(":0").after, read(":0").state),
            (None, Some(Condition::Healthy))
        );
    }

    #[test]
    fn a_timeout_that_is_none_is_refused() {
        for text in [
            "", "0", "-1", "3s", "inf", "nan", "1e3", "3601", "3:", ":", "3:4", "3:bad",
        ] {
            assert!(text.parse::<Timeout>().is_err(), "{text:?} was accepted");
        }
    }
}
