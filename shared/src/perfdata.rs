//! Performance data: measured values with their units and thresholds.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::threshold::{Range, Thresholds};

/// One measured value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// `[A-Za-z0-9_]` only: the subset that every monitoring core reads alike.
    pub label: String,
    /// The number, in `unit`.
    pub value: f64,
    /// `s`, `B`, `%`, `c`, or empty for a plain number.
    pub unit: String,
    /// The warning range, in `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<Range>,
    /// The critical range, in `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crit: Option<Range>,
    /// The least possible value, in `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest possible value, in `unit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

impl Value {
    /// A plain number.
    pub fn number(label: &str, value: f64, unit: &str) -> Self {
        Self {
            label: label.to_owned(),
            value,
            unit: unit.to_owned(),
            warn: None,
            crit: None,
            min: None,
            max: None,
        }
    }

    /// A duration in seconds, which is never below 0.
    pub fn seconds(label: &str, duration: Duration) -> Self {
        Self {
            min: Some(0.0),
            ..Self::number(label, duration.as_secs_f64(), "s")
        }
    }

    /// The same value with the thresholds it was judged by.
    pub fn judged_by(self, thresholds: &Thresholds) -> Self {
        Self {
            warn: thresholds.warning,
            crit: thresholds.critical,
            ..self
        }
    }
}

/// `label=value[unit];[warn];[crit];[min];[max]` in the subset that Nagios, Icinga 2 and the Perl
/// library read alike: no quotes, no exponent, no comma, thresholds as plain numbers or not at
/// all (Icinga 2 drops ranges), trailing `;` left out. Empty for a value that is no finite number.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.value.is_finite() {
            return Ok(());
        }
        let label = self.label.chars().map(|letter| match letter {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' => letter,
            _ => '_',
        });
        let limit = |range: &Option<Range>| decimal(range.and_then(|range| range.plain_end()));
        let fields = [
            format!("{}{}", decimal(Some(self.value)), self.unit),
            limit(&self.warn),
            limit(&self.crit),
            decimal(self.min),
            decimal(self.max),
        ];
        let text = fields.join(";");
        write!(
            f,
            "{}={}",
            label.collect::<String>(),
            text.trim_end_matches(';')
        )
    }
}

/// A finite number with at most six decimals and no exponent; nothing for any other.
fn decimal(number: Option<f64>) -> String {
    let Some(number) = number.filter(|number| number.is_finite()) else {
        return String::new();
    };
    let text = format!("{number:.6}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        short => short.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn thresholds(warning: &str, critical: &str) -> Thresholds {
        Thresholds {
            warning: warning.parse().ok(),
            critical: critical.parse().ok(),
        }
    }

    #[test]
    fn seconds_are_printed_with_their_minimum() {
        let value = Value::seconds("time", Duration::from_micros(1_519));
        assert_eq!(value.to_string(), "time=0.001519s;;;0");
    }

    #[test]
    fn a_range_from_zero_is_a_plain_number_and_any_other_is_left_out() {
        let value = Value::seconds("time", Duration::from_secs(2));
        assert_eq!(
            value
                .clone()
                .judged_by(&thresholds("0:1", "5.5"))
                .to_string(),
            "time=2s;1;5.5;0"
        );
        assert_eq!(
            value.judged_by(&thresholds("@1:2", "3:")).to_string(),
            "time=2s;;;0"
        );
    }

    #[test]
    fn a_value_that_is_no_number_prints_nothing() {
        assert_eq!(Value::number("x", f64::NAN, "").to_string(), "");
        assert_eq!(Value::number("x", f64::INFINITY, "s").to_string(), "");
    }

    proptest! {
        #[test]
        fn whatever_the_value_the_text_stays_in_the_portable_subset(
            label in ".*", value: f64, min: Option<f64>
        ) {
            let text = Value { min, ..Value::number(&label, value, "s") }.to_string();
            prop_assert!(
                text.chars().all(|c| c.is_ascii_alphanumeric() || "_=.;-".contains(c)),
                "{text}"
            );
            prop_assert!(!text.contains('e') || label.contains('e'), "{text}");
        }
    }
}
