//! Points in time as whole seconds since 1970-01-01 UTC, and how to say them.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;

/// A point in time, in seconds since 1970-01-01 UTC; it may lie before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// The second of a day, given as year, month and day of the month in the Gregorian calendar.
    pub fn from_civil((year, month, day): (i64, i64, i64), second: i64) -> Self {
        // Years that begin in March, so that the leap day comes last.
        let year = if month <= 2 { year - 1 } else { year };
        let month_from_march = (month + 9) % 12;
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self((era * 146_097 + day_of_era - 719_468) * DAY + second)
    }

    /// Whole days from here to `later`, rounded down; negative when it lies before.
    pub fn days_until(self, later: Self) -> i64 {
        later.0.saturating_sub(self.0).div_euclid(DAY)
    }
}

impl From<SystemTime> for UnixTime {
    fn from(time: SystemTime) -> Self {
        let seconds =
            |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(seconds(after)),
            Err(before) => Self(-seconds(before.duration())),
        }
    }
}

/// The day in UTC, such as `2026-11-23`.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Year, month and day of a number of days since 1970-01-01 in the Gregorian calendar, counted
/// in eras of 400 years that begin in March, so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_days_are_written_as_the_calendar_has_them() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (1_795_413_600, "2026-11-23"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(UnixTime(seconds).to_string(), day);
        }
    }

    #[test]
    fn days_are_rounded_down() {
        let days = |seconds| UnixTime(0).days_until(UnixTime(seconds));
        assert_eq!((days(DAY - 1), days(DAY), days(-1)), (0, 1, -1));
    }

    proptest! {
        #[test]
        fn no_time_panics(seconds: i64, later: i64) {
            UnixTime(seconds).days_until(UnixTime(later));
            UnixTime(seconds).to_string();
        }
    }
}
