//! A missing column, and the unknown one that looks like it.

use arrow::record_batch::RecordBatch;

use super::{Finding, Severity, swap::distance};
use crate::{ColumnProfile, profile::learn_column};

/// Columns that differ no more than this may be one column.
const ALIKE: f64 = 0.25;

pub(super) fn missing(
    batch_name: &str,
    reference: &ColumnProfile,
    batches: &[RecordBatch],
    columns: &[(String, String)],
    rows: u64,
) -> Finding {
    let name = &reference.name;
    let message = match candidate(batch_name, reference, batches, columns) {
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

/// The unknown column that looks most like the reference's, without what the batches put before every name.
pub(super) fn candidate(
    batch_name: &str,
    reference: &ColumnProfile,
    batches: &[RecordBatch],
    columns: &[(String, String)],
) -> Option<String> {
    let prefix = batch_name
        .strip_suffix(reference.name.as_str())
        .unwrap_or_default();
    let mut best: Option<(f64, String)> = None;
    for batch in batches {
        for field in batch.schema_ref().fields() {
            let Some(other) = field.name().strip_prefix(prefix) else {
                continue;
            };
            let is_known = columns.iter().any(|(known, _)| known == field.name());
            if is_known || field.name() == batch_name {
                continue;
            }
            let Ok(window) = learn_column(other, field.name(), batches) else {
                continue;
            };
            let Some(apart) = distance(&window, reference) else {
                continue;
            };
            if apart <= ALIKE && best.as_ref().is_none_or(|(least, _)| apart < *least) {
                best = Some((apart, other.to_owned()));
            }
        }
    }
    best.map(|(_, other)| other)
}
