//! Durations as the file writes them: `"300ms"`, `"5s"`, `"10m"`, `"1h"`.

use std::time::Duration;

/// Reads a duration: a whole number and one of the units `ms`, `s`, `m`, `h`, `d`.
pub(crate) fn parse(written: &str) -> Result<Duration, String> {
    let unit_at = written
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(|| format!("\"{written}\" has no unit; write \"{written}s\" for seconds"))?;
    let (digits, unit) = written.split_at(unit_at);
    let refused =
        || format!("\"{written}\" is not a duration such as \"300ms\", \"5s\", \"10m\" or \"1h\"");
    let number: u64 = digits.parse().map_err(|_| refused())?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(refused()),
    };
    let total = number
        .checked_mul(milliseconds)
        .filter(|total| *total <= 366 * 86_400_000)
        .ok_or_else(|| format!("\"{written}\" is longer than a year"))?;
    Ok(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (written, milliseconds) in [
            ("300ms", 300),
            ("5s", 5_000),
            ("10m", 600_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse(written),
                Ok(Duration::from_millis(milliseconds)),
                "{written}"
            );
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused_with_the_words() {
        for written in [
            "",
            "5",
            "s",
            "-5s",
            "5 s",
            "1.5s",
            "5x",
            "99999999999999999999s",
            "400d",
        ] {
            let refusal = parse(written).expect_err(written);
            assert!(refusal.contains(written), "{refusal}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(written: String) {
            let _ = parse(&written);
        }
    }
}
