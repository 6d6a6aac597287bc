//! Dataset versions (immutable, content-addressed tables), their schema and profile, checks against them, quarantine.
//!
//! It knows no model and no monitor. A dataset version is one Parquet file in the blob store; what can be learned from
//! it (schema, profile) is inferred when it is made and kept with it. Checks compare a window of rows with a version's
//! profile and name the cause of what they find; no threshold is set by hand. Quarantine is rows that say which events
//! training must not see.

mod check;
mod error;
mod events;
mod model;
mod profile;
mod service;
mod sql;
mod table;

pub use check::{CheckKind, CheckReport, CheckResult, Severity};
pub use error::DataError;
pub use model::{ColumnKind, ColumnSchema, DatasetSource, DatasetVersion, FromEvents, Quarantine};
pub use profile::{ColumnProfile, Histogram, NumericProfile, Profile};
pub use service::Data;
pub use sql::MIGRATIONS;
