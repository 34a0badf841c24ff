//! Performance data: measured values with their units and thresholds.

use serde::{Deserialize, Serialize};

/// One measured value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// `[A-Za-z0-9_]` only: the subset that every monitoring core reads alike.
    pub label: String,
    /// The number, in `unit`.
    pub value: f64,
    /// `s`, `B`, `%`, `c`, or empty for a plain number.
    pub unit: String,
}
