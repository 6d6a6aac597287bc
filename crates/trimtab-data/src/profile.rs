//! What is learned from a table: counts, quantiles, values.

use serde::{Deserialize, Serialize};

use crate::ColumnKind;

/// What was learned from the columns of a table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// Version of this document's shape.
    pub version: u32,
    /// The number of rows.
    pub rows: u64,
    /// Its columns, in order.
    pub columns: Vec<ColumnProfile>,
}

impl Profile {
    /// The profile of a column.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// What was learned from one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Values that are not null.
    pub count: u64,
    /// Nulls (and NaN, which stand for a missing number in most tables).
    pub nulls: u64,
    /// Different values; `None` when there are more than 8,192.
    pub distinct: Option<u64>,
    /// Every value with its count, most frequent first, then by value; empty when there are more than 8,192.
    pub values: Vec<(String, u64)>,
    /// For numbers.
    pub numeric: Option<NumericProfile>,
}

/// What was learned from a column of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumericProfile {
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
    /// How many values are zero.
    pub zeros: u64,
    /// The quantiles at 0, 0.01, … 1 (inverted distribution function: each is a value that occurs).
    pub quantiles: Vec<f64>,
    /// Equal-width bins for a picture.
    pub histogram: Histogram,
}

/// Equal-width bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The edges, one more than there are bins.
    pub edges: Vec<f64>,
    /// The values in each bin.
    pub counts: Vec<u64>,
}
