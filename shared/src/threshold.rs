//! Warning and critical ranges, `[@]start:end`, as the Monitoring Plugins development guidelines
//! define them.
//!
//! The grammar is strict: a range that a lenient parser would guess at ("10s", ":", "1-10") makes
//! a check that alerts for ever or never, so it is refused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::verdict::Condition;

/// A range of values that are good, or with `@`, that are bad. Both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Range {
    start: f64,
    end: f64,
    alerts_inside: bool,
}

/// Why a string is not a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRange(String);

impl fmt::Display for InvalidRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidRange {}

impl Range {
    /// Whether `value` calls for an alert. A value that is no number lies in no range.
    pub fn alerts(&self, value: f64) -> bool {
        let inside = self.start <= value && value <= self.end;
        inside == self.alerts_inside
    }

    /// The end of a range that is simply `0..end`, which every monitoring core reads as a plain
    /// number; Icinga 2 drops any other form from performance data.
    pub fn plain_end(&self) -> Option<f64> {
        (!self.alerts_inside && self.start == 0.0 && self.end.is_finite()).then_some(self.end)
    }
}

impl FromStr for Range {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let refuse = |why: &str| {
            Err(InvalidRange(format!(
                "\"{text}\" is not a range: {why}; expected [@][start:][end], such as 10, 10:, ~:10 or @10:20"
            )))
        };
        let (alerts_inside, bounds) = match text.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (start_text, end_text) = match bounds.split_once(':') {
            Some(("", "")) => return refuse("neither end is given"),
            Some(parts) => parts,
            None if bounds.is_empty() => return refuse("it is empty"),
            None => ("0", bounds),
        };
        let start = match start_text {
            "" => Some(0.0),
            "~" => Some(f64::NEG_INFINITY),
            number => parse_number(number),
        };
        let end = match end_text {
            "" => Some(f64::INFINITY),
            number => parse_number(number),
        };
        match (start, end) {
            (Some(start), Some(end)) if start <= end => Ok(Self {
                start,
                end,
                alerts_inside,
            }),
            (Some(_), Some(_)) => refuse("it starts after its end"),
            _ => refuse("an end is not a plain decimal number"),
        }
    }
}

/// A decimal number without unit: `10`, `-1.5`, `.5`, `+5`, `1e3`; not `nan`, `inf` or `0x10`.
fn parse_number(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if !plain {
        return None;
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.alerts_inside {
            f.write_str("@")?;
        }
        if self.start == f64::NEG_INFINITY {
            f.write_str("~:")?;
        } else if self.start != 0.0 || self.end == f64::INFINITY {
            write!(f, "{}:", self.start)?;
        }
        if self.end.is_finite() {
            write!(f, "{}", self.end)?;
        }
        Ok(())
    }
}

impl From<Range> for String {
    fn from(range: Range) -> Self {
        range.to_string()
    }
}

impl TryFrom<String> for Range {
    type Error = InvalidRange;

    fn try_from(text: String) -> Result<Self, InvalidRange> {
        text.parse()
    }
}

/// A warning and a critical range for one value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// Degraded when this range alerts.
    pub warning: Option<Range>,
    /// Failed when this range alerts.
    pub critical: Option<Range>,
}

impl Thresholds {
    /// What the thresholds make of `value`: the critical range is asked first.
    pub fn judge(&self, value: f64) -> Condition {
        let alerts = |range: Option<Range>| range.is_some_and(|range| range.alerts(value));
        if alerts(self.critical) {
            Condition::Failed
        } else if alerts(self.warning) {
            Condition::Degraded
        } else {
            Condition::Healthy
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cases(file: &str) -> Vec<serde_json::Value> {
        let path = format!("{}/../tests/conformance/{file}", env!("CARGO_MANIFEST_DIR"));
        let cases: Vec<_> =
            serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).expect(&path);
        assert!(
            cases.len() > 50,
            "{path} holds too few cases to prove anything"
        );
        cases
    }

    #[test]
    fn every_conformance_range_alerts_or_is_refused_as_written() {
        for case in cases("ranges.json") {
            let text = case["range"].as_str().expect("range");
            match text.parse::<Range>() {
                Ok(range) => {
                    let value = case["value"].as_f64().unwrap_or_else(|| {
                        panic!("{text} must be refused and was read as {range:?}")
                    });
                    assert_eq!(range.alerts(value), case["alert"], "{case}");
                }
                Err(refusal) => assert_eq!(case["valid"], false, "{case}: {refusal}"),
            }
        }
    }

    #[test]
    fn every_conformance_pair_of_thresholds_gives_its_state() {
        for case in cases("thresholds.json") {
            let range = |key: &str| case[key].as_str().map(|text| text.parse().expect(text));
            let thresholds = Thresholds {
                warning: range("warning"),
                critical: range("critical"),
            };
            let state = match thresholds.judge(case["value"].as_f64().expect("value")) {
                Condition::Healthy => "OK",
                Condition::Degraded => "WARNING",
                Condition::Failed => "CRITICAL",
                other => panic!("a threshold never gives {other:?}"),
            };
            assert_eq!(case["state"], state, "{case}");
        }
    }

    #[test]
    fn a_guess_is_refused() {
        for text in [
            "", "@", ":", "@:", "~", "nan", "inf", "-inf:", "0x10", "10s", "10%", " 10", "10 ",
            "1,5", "10:20:30", "-10", "1e", "e3", ".", "+", "1e999", "10:~", "--5", "@@5",
        ] {
            assert!(text.parse::<Range>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn every_plain_decimal_form_is_accepted() {
        for (text, end) in [
            ("1e3", 1000.0),
            (".5", 0.5),
            ("+5", 5.0),
            ("010", 10.0),
            ("5.", 5.0),
        ] {
            assert_eq!(
                text.parse::<Range>().expect(text).plain_end(),
                Some(end),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<Range>();
        }

        #[test]
        fn a_printed_range_reads_back_the_same(
            a in -1e9..1e9f64, b in -1e9..1e9f64, open_start: bool, open_end: bool, inside: bool
        ) {
            let range = Range {
                start: if open_start { f64::NEG_INFINITY } else { a.min(b) },
                end: if open_end { f64::INFINITY } else { a.max(b) },
                alerts_inside: inside,
            };
            prop_assert_eq!(range.to_string().parse::<Range>(), Ok(range));
        }

        #[test]
        fn the_reversed_range_alerts_exactly_where_the_plain_one_does_not(
            a in -1e3..1e3f64, b in -1e3..1e3f64, value in -2e3..2e3f64
        ) {
            let plain = format!("{}:{}", a.min(b), a.max(b));
            let reversed = format!("@{plain}");
            prop_assert_ne!(
                plain.parse::<Range>().expect(&plain).alerts(value),
                reversed.parse::<Range>().expect(&reversed).alerts(value)
            );
        }
    }
}
