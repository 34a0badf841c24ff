//! What Exchange's greeting tells: `220 NAME Microsoft ESMTP MAIL Service ready at DATE`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shared::date::UnixTime;

use super::wire::Reply;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The name that the server gives itself: the first word (RFC 5321 section 4.2).
pub(super) fn name(greeting: &Reply) -> Option<String> {
    let line = greeting.first_line();
    let name = line.split(' ').next().filter(|name| !name.is_empty())?;
    Some(name.to_owned())
}

/// The server's clock, in whole seconds, where the first line ends in a date with its zone, as in
/// `Tue, 25 Nov 2025 19:03:49 +0000` (RFC 5322 section 3.3).
pub(super) fn clock(greeting: &Reply) -> Option<SystemTime> {
    let line = greeting.first_line();
    let mut words = line.split_ascii_whitespace().rev();
    let zone = zone(words.next()?)?;
    let time = time(words.next()?)?;
    let year = number(words.next()?, 4)?;
    let month = words.next()?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|name| *name == month)?;
    let day = words.next()?;
    let day = number(day, day.len().min(2)).filter(|day| (1..=31).contains(day))?;
    let month = i64::try_from(month + 1).ok()?;
    let UnixTime(seconds) = UnixTime::from_civil((year, month, day), time - zone);
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// `HH:MM:SS` as seconds.
fn time(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let mut part = || number(parts.next()?, 2);
    let (hour, minute, second) = (part()?, part()?, part()?);
    let whole = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    whole.then_some((hour * 60 + minute) * 60 + second)
}

/// `+HHMM` or `-HHMM` as seconds east of Greenwich.
fn zone(text: &str) -> Option<i64> {
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = number(text.get(1..)?, 4)?;
    let (hours, minutes) = (digits / 100, digits % 100);
    (minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

/// A number of so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn greeting(text: &str) -> Reply {
        Reply {
            code: 220,
            lines: vec![text.as_bytes().to_vec()],
        }
    }

    fn seconds(text: &str) -> Option<u64> {
        let clock = clock(&greeting(text))?;
        clock.duration_since(UNIX_EPOCH).ok().map(|at| at.as_secs())
    }

    #[test]
    fn name_and_clock_of_exchange_are_read() {
        let text = "ex1.exch.test Microsoft ESMTP MAIL Service ready at";
        let at = |date: &str| seconds(&format!("{text} {date}"));
        assert_eq!(name(&greeting(text)).as_deref(), Some("ex1.exch.test"));
        assert_eq!(at("Tue, 25 Nov 2025 19:03:49 +0000"), Some(1_764_097_429));
        assert_eq!(at("Tue, 25 Nov 2025 20:03:49 +0100"), Some(1_764_097_429));
        assert_eq!(at("Tue, 25 Nov 2025 13:33:49 -0530"), Some(1_764_097_429));
        assert_eq!(at("Tue, 5 Aug 2025 00:00:00 +0000"), Some(1_754_352_000));
    }

    #[test]
    fn a_greeting_without_a_date_and_its_zone_tells_no_clock() {
        for text in [
            "",
            "mail.exch.test ESMTP Postfix",
            "ex1 ready at Tue, 25 Nov 2025 19:03:49",
            "ex1 ready at Tue, 25 Nov 2025 19:03:49 GMT",
            "ex1 ready at Tue, 25 Nov 2025 24:03:49 +0000",
            "ex1 ready at Tue, 0 Nov 2025 19:03:49 +0000",
            "ex1 ready at Tue, 25 Nov 25 19:03:49 +0000",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_greeting_panics(text in "\\PC*", date in "[0-9]{1,4} [A-Za-z]{3} [0-9]{4} [0-9:]{8} [+-][0-9]{4}") {
            seconds(&text);
            seconds(&date);
        }
    }
}
