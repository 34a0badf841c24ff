//! What a server's NTLM challenge, or its greeting, tells of who answered and of its clock: judged
//! alike over RDP and SMTP.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use shared::identity::is_called;
use shared::perfdata::Value;
use shared::text::{quoted, spoken};
use shared::threshold::{Range, Thresholds};
use shared::verdict::{Advice, Advisory, Condition, Finding, Kind};

use crate::ntlm::Challenge;

/// How many seconds the server's clock may differ from ours, whichever is ahead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Skew(pub Thresholds);

/// Degraded above 60 s; Failed above 300 s, the default of Kerberos (RFC 4120 section 1.6).
impl Default for Skew {
    fn default() -> Self {
        Self(Thresholds {
            warning: "60".parse().ok(),
            critical: "300".parse().ok(),
        })
    }
}

impl Skew {
    /// The limits named, the default for those that are not.
    pub(crate) fn named(warning: Option<Range>, critical: Option<Range>) -> Self {
        let Self(default) = Self::default();
        Self(Thresholds {
            warning: warning.or(default.warning),
            critical: critical.or(default.critical),
        })
    }
}

/// The name that the server gives itself, made harmless.
pub(crate) fn called(challenge: &Challenge) -> Option<String> {
    let name = match challenge.dns_computer.as_str() {
        "" => &challenge.computer,
        name => name,
    };
    (!name.is_empty()).then(|| name.escape_debug().to_string())
}

/// The finding where another server answered than the one expected. `protocol` is what was spoken,
/// such as RDP.
pub(crate) fn wrong_server(
    protocol: &str,
    address: SocketAddr,
    expected: &str,
    challenge: &Challenge,
) -> Option<Finding> {
    let by_dns = is_called(expected, &challenge.dns_computer);
    // A DNS name can be compared with a NetBIOS name only where the server tells no DNS name.
    let comparable = !expected.contains('.') || challenge.dns_computer.is_empty();
    if by_dns || comparable && is_called(expected, &challenge.computer) {
        return None;
    }
    Some(match called(challenge) {
        Some(name) => other_than(address, expected, &name),
        None => Finding::new(
            Condition::Degraded,
            Kind::WrongServer,
            format!(
                "{protocol} at {address} answers, but its NTLM challenge names no server, \
                 expected {}",
                quoted(expected.as_bytes(), 253)
            ),
        ),
    })
}

/// The finding where a server of that name answered.
pub(crate) fn other_than(address: SocketAddr, expected: &str, name: &str) -> Finding {
    let expected = quoted(expected.as_bytes(), 253);
    Finding::failed(
        Kind::WrongServer,
        format!(
            "answered by {name}, expected {expected}: {address} leads to another server than it \
             should"
        ),
    )
}

/// What the challenge names.
pub(crate) fn facts(challenge: &Challenge) -> Vec<(String, String)> {
    let version = challenge
        .version
        .map(|(major, minor, build)| format!("{major}.{minor}.{build}"));
    let name = |name: &String| (!name.is_empty()).then(|| name.clone());
    [
        ("server_name", name(&challenge.computer)),
        ("server_domain", name(&challenge.domain)),
        ("server_dns_name", name(&challenge.dns_computer)),
        ("server_dns_domain", name(&challenge.dns_domain)),
        ("server_dns_forest", name(&challenge.dns_forest)),
        ("server_build", version),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

/// A server's clock, when it was read, and how exactly that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// What the server says.
    pub(crate) says: SystemTime,
    /// In what steps it says so.
    pub(crate) step: Duration,
    /// Our clock when it had been read.
    pub(crate) now: SystemTime,
    /// How long asking took: it was read at some moment of that.
    pub(crate) took: Duration,
}

impl Clock {
    /// How far it is from ours at least, and on which side.
    pub(crate) fn apart(&self) -> (Duration, &'static str) {
        let began = self.now.checked_sub(self.took).unwrap_or(self.now);
        match self.says.duration_since(self.now) {
            Ok(ahead) => (ahead, "ahead of"),
            Err(_) => {
                let latest = self.says + self.step;
                (began.duration_since(latest).unwrap_or_default(), "behind")
            }
        }
    }

    /// How far it is off, such as `2 s behind`.
    pub(crate) fn words(&self) -> String {
        let (apart, side) = self.apart();
        format!("{} {side}", spoken(apart))
    }

    /// In seconds by which it is ahead of ours.
    pub(crate) fn offset(&self) -> String {
        let (apart, side) = self.apart();
        let sign = if side == "behind" { "-" } else { "" };
        format!("{sign}{:.3}", apart.as_secs_f64())
    }

    /// Both, by their names.
    pub(crate) fn facts(&self) -> [(String, String); 2] {
        [
            ("clock_skew".to_owned(), self.words()),
            ("clock_offset".to_owned(), self.offset()),
        ]
    }

    /// How far it is off, with the limits.
    pub(crate) fn value(&self, skew: &Skew) -> Value {
        Value::seconds("skew", self.apart().0).judged_by(&skew.0)
    }

    /// What is to be said where it is too far off.
    pub(crate) fn advisory(&self, skew: &Skew) -> Option<Advisory> {
        let condition = skew.0.judge(self.apart().0.as_secs_f64());
        (condition != Condition::Healthy).then(|| Advisory {
            advice: Advice::Skew,
            condition,
            enforced: condition,
            kind: Kind::Skew,
            summary: format!(
                "the clock of the server is {} this machine's; Kerberos bears 300 s; look at the \
                 time service of both",
                self.words()
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    /// A clock that says `says` seconds, in whole seconds, asked from second 99 to second 100.
    fn clock(says: u64) -> Clock {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        Clock {
            says: at(says),
            step: Duration::from_secs(1),
            now: at(100),
            took: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_clock_that_may_be_right_is_not_off() {
        for says in [98, 99, 100] {
            assert_eq!(clock(says).apart().0, Duration::ZERO, "{says}");
        }
        let offset = |says| clock(says).facts()[1].1.clone();
        assert_eq!((offset(97), offset(103)), ("-1.000".into(), "3.000".into()));
    }

    #[test]
    fn a_clock_too_far_off_is_worth_a_word() {
        let kind = |says| {
            let advisory = clock(says).advisory(&Skew::default());
            advisory.map(|advisory| advisory.condition)
        };
        assert_eq!(kind(100 + 60), None);
        assert_eq!(kind(100 + 61), Some(Condition::Degraded));
        assert_eq!(kind(100 + 301), Some(Condition::Failed));
    }
}
