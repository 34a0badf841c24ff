//! What a certificate's dates and names say: advisory, because they tend to strike all servers
//! together.

use std::net::IpAddr;
use std::str::FromStr;

use super::Certificate;
use crate::date::UnixTime;
use crate::perfdata::Value;
use crate::text::quoted;
use crate::threshold::{Range, Thresholds};
use crate::verdict::{Advice, Advisory, Condition, Kind};

/// The greatest number of days that a threshold may have: ten times what any authority issues.
const DAYS_MOST: u16 = 9999;

/// `WARN[,CRIT]`: how many whole days a certificate must still have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaysLeft {
    warning: u16,
    critical: Option<u16>,
}

impl DaysLeft {
    /// Degraded below `warning` days, Failed below `critical`, which must not be more.
    pub fn new(warning: u16, critical: Option<u16>) -> Option<Self> {
        let sensible = critical.unwrap_or(0) <= warning && warning <= DAYS_MOST;
        sensible.then_some(Self { warning, critical })
    }

    fn thresholds(&self) -> Thresholds {
        let at_least = |days: u16| format!("{days}:").parse::<Range>().ok();
        Thresholds {
            warning: at_least(self.warning),
            critical: self.critical.and_then(at_least),
        }
    }
}

impl FromStr for DaysLeft {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = |text: &str| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| plain)
        };
        let parts = match text.split_once(',') {
            Some((warning, critical)) => {
                let both = days(warning).zip(days(critical));
                both.map(|(warning, critical)| (warning, Some(critical)))
            }
            None => days(text).map(|warning| (warning, None)),
        };
        parts
            .and_then(|(warning, critical)| Self::new(warning, critical))
            .ok_or_else(|| {
                format!(
                    "expected WARN or WARN,CRIT, whole days up to {DAYS_MOST}, CRIT not above \
                     WARN, such as 30,7"
                )
            })
    }
}

/// The name that a certificate should be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected(String);

impl Expected {
    /// A host name; nothing for an address literal, which no RDP certificate carries.
    pub fn host(name: &str) -> Option<Self> {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let usable = !bare.is_empty() && bare.parse::<IpAddr>().is_err();
        usable.then(|| Self(bare.trim_end_matches('.').to_ascii_lowercase()))
    }

    /// Whether `name`, from a certificate, stands for the host: equal without regard to case; a
    /// wildcard in place of the whole first label (RFC 6125 section 6.4.3); and, when only the
    /// first label of the host was named, its first label.
    fn is_met_by(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name == self.0 {
            return true;
        }
        match (self.0.split_once('.'), name.split_once('.')) {
            (None, Some((label, _))) => label == self.0,
            (Some((_, domain)), Some(("*", covered))) => domain == covered,
            _ => false,
        }
    }
}

/// The days that `certificate` is still valid, for performance data.
pub fn days_left(certificate: &Certificate, wish: Option<DaysLeft>, now: UnixTime) -> Value {
    let days = now.days_until(certificate.not_after) as f64;
    let thresholds = wish.map(|wish| wish.thresholds()).unwrap_or_default();
    Value::number("certificate_days", days, "").judged_by(&thresholds)
}

/// Everything that is wrong with `certificate`.
pub fn advisories(
    certificate: &Certificate,
    expected: Option<&Expected>,
    wish: Option<DaysLeft>,
    now: UnixTime,
) -> Vec<Advisory> {
    let dates = dates(certificate, wish, now);
    let name = expected.and_then(|expected| name(certificate, expected));
    dates.into_iter().chain(name).collect()
}

fn advisory(condition: Condition, enforced: Condition, summary: String) -> Advisory {
    Advisory {
        advice: Advice::Certificate,
        condition,
        enforced,
        kind: Kind::Certificate,
        summary,
    }
}

fn dates(certificate: &Certificate, wish: Option<DaysLeft>, now: UnixTime) -> Option<Advisory> {
    let Certificate {
        not_before,
        not_after,
        ..
    } = *certificate;
    let whose = called(certificate);
    let left = now.days_until(not_after);
    let wished = wish.map_or(Condition::Healthy, |wish| {
        wish.thresholds().judge(left as f64)
    });
    // Past its end a certificate is at least worth a warning, whatever thresholds were given.
    let (condition, enforced, summary) = if now > not_after {
        let summary = format!(
            "the certificate of {whose} expired on {not_after}, {} days ago; renew it (RDP on \
             Windows: remove it and restart TermService)",
            not_after.days_until(now)
        );
        (wished.max(Condition::Degraded), Condition::Failed, summary)
    } else if now < not_before {
        let summary = format!(
            "the certificate of {whose} is not valid before {not_before}; compare the clocks of \
             the server and of this machine"
        );
        (wished.max(Condition::Degraded), Condition::Failed, summary)
    } else if wished != Condition::Healthy {
        let summary =
            format!("the certificate of {whose} ends on {not_after}, in {left} days; renew it");
        (wished, wished, summary)
    } else {
        return None;
    };
    Some(advisory(condition, enforced, summary))
}

fn name(certificate: &Certificate, expected: &Expected) -> Option<Advisory> {
    let met = |name: &String| expected.is_met_by(name);
    if certificate.names.iter().any(met) {
        return None;
    }
    let names = match certificate.names.as_slice() {
        [] => "no name at all".to_owned(),
        names => names.join(", "),
    };
    let wanted = quoted(expected.0.as_bytes(), 253);
    let summary = format!("the certificate is for {names}, expected {wanted}");
    Some(advisory(Condition::Degraded, Condition::Failed, summary))
}

fn called(certificate: &Certificate) -> &str {
    match certificate.subject.as_str() {
        "" => "a server without a name",
        subject => subject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400;
    const NOW: UnixTime = UnixTime(1_795_413_600);

    fn certificate(from: i64, to: i64) -> Certificate {
        Certificate {
            subject: "EX1.exch.test".to_owned(),
            issuer: "EX1.exch.test".to_owned(),
            names: vec!["EX1.exch.test".to_owned(), "*.mail.test".to_owned()],
            not_before: UnixTime(NOW.0 + from * DAY),
            not_after: UnixTime(NOW.0 + to * DAY),
            sha256: [0; 32],
            self_signed: true,
        }
    }

    fn found(certificate: &Certificate, wish: &str) -> Vec<(Condition, Condition, String)> {
        let wish = (!wish.is_empty()).then(|| wish.parse().expect(wish));
        advisories(certificate, None, wish, NOW)
            .into_iter()
            .map(|found| (found.condition, found.enforced, found.summary))
            .collect()
    }

    #[test]
    fn a_certificate_in_its_time_says_nothing() {
        assert_eq!(found(&certificate(-1, 90), ""), []);
        assert_eq!(found(&certificate(-1, 90), "30,7"), []);
        assert_eq!(found(&certificate(-1, 0), ""), []);
    }

    #[test]
    fn an_expired_certificate_warns_and_fails_where_it_is_enforced() {
        let [(condition, enforced, summary)] = &found(&certificate(-90, -3), "")[..] else {
            panic!("one finding");
        };
        assert_eq!(
            (*condition, *enforced),
            (Condition::Degraded, Condition::Failed)
        );
        assert!(
            summary.contains("EX1.exch.test expired on 2026-11-20, 3 days ago"),
            "{summary}"
        );
        assert_eq!(found(&certificate(-90, -3), "30,7")[0].0, Condition::Failed);
        assert_eq!(found(&certificate(-90, -3), "30")[0].0, Condition::Degraded);
    }

    #[test]
    fn a_certificate_before_its_time_points_at_the_clocks() {
        let [(condition, enforced, summary)] = &found(&certificate(2, 90), "")[..] else {
            panic!("one finding");
        };
        assert_eq!(
            (*condition, *enforced),
            (Condition::Degraded, Condition::Failed)
        );
        assert!(summary.contains("before 2026-11-25"), "{summary}");
        assert!(summary.contains("clocks"), "{summary}");
    }

    #[test]
    fn days_left_are_judged_by_the_thresholds() {
        for (left, condition) in [
            (31, None),
            (30, None),
            (29, Some(Condition::Degraded)),
            (7, Some(Condition::Degraded)),
            (6, Some(Condition::Failed)),
        ] {
            let found = found(&certificate(-1, left), "30,7");
            assert_eq!(found.first().map(|found| found.0), condition, "{left}");
        }
    }

    #[test]
    fn a_name_is_met_whole_by_a_wildcard_or_by_its_first_label() {
        let certificate = certificate(-1, 90);
        let is_met = |name: &str| {
            let expected = Expected::host(name).expect(name);
            advisories(&certificate, Some(&expected), None, NOW).is_empty()
        };
        for name in ["ex1.EXCH.test", "ex1.exch.test.", "EX1", "a.mail.test"] {
            assert!(is_met(name), "{name}");
        }
        for name in [
            "ex2.exch.test",
            "ex2",
            "mail.test",
            "a.b.mail.test",
            "exch.test",
        ] {
            assert!(!is_met(name), "{name}");
        }
    }

    #[test]
    fn a_wrong_name_tells_both() {
        let expected = Expected::host("ex2.exch.test");
        let found = advisories(&certificate(-1, 90), expected.as_ref(), None, NOW);
        assert!(
            found[0]
                .summary
                .contains("for EX1.exch.test, *.mail.test, expected ex2.exch.test"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn an_address_is_no_name_to_expect() {
        for literal in ["10.0.1.1", "::1", "[2001:db8::1]", ""] {
            assert_eq!(Expected::host(literal), None, "{literal}");
        }
    }

    #[test]
    fn thresholds_that_contradict_themselves_are_refused() {
        for text in [
            "", ",", "30,", ",7", "7,30", "-1", "+3", "1.5", "99999", "30,7,1",
        ] {
            assert!(text.parse::<DaysLeft>().is_err(), "{text:?} was accepted");
        }
        assert!("30".parse::<DaysLeft>().is_ok() && "30,30".parse::<DaysLeft>().is_ok());
    }

    proptest! {
        #[test]
        fn no_certificate_panics(
            from: i64, to: i64, now: i64, names in prop::collection::vec(".*", 0..4), host in ".*"
        ) {
            let certificate = Certificate {
                names,
                not_before: UnixTime(from),
                not_after: UnixTime(to),
                ..certificate(0, 0)
            };
            let expected = Expected::host(&host);
            let found = advisories(&certificate, expected.as_ref(), DaysLeft::new(30, Some(7)), UnixTime(now));
            prop_assert!(found.len() <= 2);
        }
    }
}
