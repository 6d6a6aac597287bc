//! Dataset versions and quarantines.

use serde::{Deserialize, Serialize};
use trimtab_types::{AlertId, DatasetVersionId, Name, Time};

use crate::Profile;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// Whole numbers.
    Int,
    /// Floating-point numbers.
    Float,
    /// Text.
    Text,
    /// Booleans.
    Bool,
    /// Moments or dates.
    Time,
    /// Lists, structures, bytes: kept, not profiled.
    Other,
}

impl ColumnKind {
    /// The spelling in files and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Text => "text",
            Self::Bool => "bool",
            Self::Time => "time",
            Self::Other => "other",
        }
    }

    /// Whether its values are numbers.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Int | Self::Float)
    }
}

/// A column of a dataset version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSchema {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it has nulls.
    pub nullable: bool,
}

/// An immutable, content-addressed version of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetVersion {
    /// Its id.
    pub id: DatasetVersionId,
    /// The name of the dataset.
    pub name: String,
    /// Counted from 1 within the name.
    pub number: i64,
    /// BLAKE3 of its Parquet file, in hex.
    pub digest: String,
    /// The number of rows.
    pub rows: u64,
    /// Its columns, in order.
    pub columns: Vec<ColumnSchema>,
    /// Where its rows came from.
    pub source: DatasetSource,
    /// The first time in its time column, if it has one.
    pub from: Option<Time>,
    /// The last time in its time column (inclusive).
    pub to: Option<Time>,
    /// When it was made, by the loop's clock.
    pub created_at: Time,
    /// Who made it.
    pub created_by: String,
    /// What was learned from it.
    pub profile: Profile,
}

/// Where the rows of a dataset version came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DatasetSource {
    /// A table that somebody brought.
    Table {
        /// Its path or name, as it was given.
        path: String,
    },
    /// The event log.
    Events {
        /// Of this endpoint.
        endpoint: Name,
        /// From this event time.
        from: Time,
        /// Until before this event time.
        to: Time,
        /// Only rows whose outcome was known.
        labelled: bool,
        /// Without rows in quarantine.
        exclude_quarantined: bool,
        /// What was known when.
        as_of: Time,
        /// How many rows quarantine took out.
        rows_excluded: u64,
    },
}

/// Which events make a dataset version.
#[derive(Debug, Clone, PartialEq)]
pub struct FromEvents {
    /// Of this endpoint.
    pub endpoint: Name,
    /// From this event time.
    pub from: Time,
    /// Until before this event time.
    pub to: Time,
    /// Only rows whose outcome was known at `as_of`, with the outcome as a column.
    pub labelled: bool,
    /// Leave out rows in quarantine.
    pub exclude_quarantined: bool,
    /// What was known when.
    pub as_of: Time,
    /// The name of the outcome's column.
    pub label_name: String,
    /// The name of the row key's column; `None`: no such column.
    pub key_name: Option<String>,
}

/// A range of events that training must not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Of this endpoint.
    pub endpoint: Name,
    /// From this event time.
    pub from: Time,
    /// Until before this event time.
    pub to: Time,
    /// The columns that are wrong (empty: all).
    pub columns: Vec<String>,
    /// What is wrong, in words.
    pub cause: String,
    /// The alert that told of it.
    pub alert: Option<AlertId>,
    /// When it was put there, by the loop's clock.
    pub at: Time,
}
