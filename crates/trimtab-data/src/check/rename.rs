//! A missing column, and the unknown one that looks like it.

use arrow::record_batch::RecordBatch;

use super::{Finding, Severity, swap::distance};
use crate::{ColumnProfile, profile::learn_column};

/// Columns that differ no more than this may be one column.
const ALIKE: f64 = 0.25;

pub(super) fn missing(
    name: &str,
    reference: &ColumnProfile,
    batches: &[RecordBatch],
    columns: &[(String, String)],
    rows: u64,
) -> Finding {
    let message = match candidate(name, reference, batches, columns) {
        Some(other) => format!("`{name}` is missing; `{other}` looks like it (renamed?)"),
        None => format!("`{name}` is missing"),
    };
    Finding {
        observed: "missing".to_owned(),
        expected: reference.kind.as_str().to_owned(),
        failure: Some((Severity::Error, message)),
        failed_rows: rows,
        examples: Vec::new(),
    }
}

/// The unknown column that looks most like the reference's.
pub(super) fn candidate(
    name: &str,
    reference: &ColumnProfile,
    batches: &[RecordBatch],
    columns: &[(String, String)],
) -> Option<String> {
    let prefix = name.split_once('.').map(|(prefix, _)| prefix);
    let mut best: Option<(f64, String)> = None;
    for batch in batches {
        for field in batch.schema_ref().fields() {
            let other = field.name();
            let is_known = other == name || columns.iter().any(|(known, _)| known == other);
            if is_known || other.split_once('.').map(|(prefix, _)| prefix) != prefix {
                continue;
            }
            let Ok(window) = learn_column(other, other, batches) else {
                continue;
            };
            let Some(apart) = distance(&window, reference) else {
                continue;
            };
            if apart <= ALIKE && best.as_ref().is_none_or(|(least, _)| apart < *least) {
                best = Some((apart, other.clone()));
            }
        }
    }
    best.map(|(_, other)| other)
}
