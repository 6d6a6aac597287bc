//! Dataset versions and quarantine.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// An immutable version of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatasetVersion {
    /// Its id.
    pub id: String,
    /// The dataset.
    pub name: String,
    /// Counted from 1 within the name.
    pub number: i64,
    /// BLAKE3 of its Parquet file.
    pub digest: String,
    /// The number of rows.
    pub rows: u64,
    /// Its columns, in order.
    pub columns: Vec<ColumnSchema>,
    /// Where its rows came from.
    #[schema(value_type = Object)]
    pub source: serde_json::Value,
    /// First time in its time column.
    pub from: Option<Timestamp>,
    /// Last time in its time column.
    pub to: Option<Timestamp>,
    /// When it was made, by the loop's clock.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// What was learned from it; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Vec<ColumnProfile>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ColumnSchema {
    /// Its name.
    pub name: String,
    /// `int`, `float`, `text`, `bool`, `time` or `other`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it has nulls.
    pub nullable: bool,
}

/// What was learned from a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// Rows.
    pub count: u64,
    /// Rows without a value.
    pub nulls: u64,
    /// Different values, where they were counted.
    pub distinct: Option<u64>,
    /// For numbers.
    pub numeric: Option<NumericProfile>,
    /// The most frequent values, for text.
    pub values: Vec<ValueCount>,
}

/// What was learned from a column of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NumericProfile {
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// The edges of equal-width bins, one more than counts.
    pub edges: Vec<f64>,
    /// Values by bin.
    pub counts: Vec<u64>,
}

/// How often a value occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValueCount {
    /// The value.
    pub value: String,
    /// How often.
    pub count: u64,
}

/// Events that training must not see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineRow {
    /// The endpoint.
    pub endpoint: String,
    /// From this event time.
    pub from: Timestamp,
    /// Until before this event time.
    pub to: Timestamp,
    /// The columns that are wrong; empty: all.
    pub columns: Vec<String>,
    /// In words.
    pub cause: String,
    /// The alert that told of it.
    pub alert: Option<String>,
    /// When it was put there.
    pub at: Timestamp,
}
