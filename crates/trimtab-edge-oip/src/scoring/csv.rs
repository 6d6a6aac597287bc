//! Rows as CSV: a header line, then one line for each row.

use trimtab_edge::Failure;
use trimtab_serving::{ModelInfo, PredictRequest};

use super::columns::{Columns, Place};

/// Reads a body of CSV.
pub(super) fn read(
    info: &ModelInfo,
    row_key: Option<&str>,
    body: &[u8],
) -> Result<PredictRequest, Failure> {
    let refused = |reason: String| Failure::invalid("", format!("the CSV is not valid: {reason}"));
    let mut columns = Columns::new(info, row_key)?;
    let mut reader = csv::ReaderBuilder::new().from_reader(body);
    let places: Vec<Place> = reader
        .headers()
        .map_err(|error| refused(error.to_string()))?
        .iter()
        .map(|name| columns.place(name))
        .collect();
    columns.check(&places)?;
    let mut record = csv::StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|error| refused(error.to_string()))?
    {
        for (place, text) in places.iter().zip(&record) {
            columns
                .text(*place, text)
                .map_err(|misfit| refused(format!("row {}: {misfit}", columns.rows() + 1)))?;
        }
        columns
            .end_row()
            .map_err(|misfit| refused(misfit.to_string()))?;
    }
    columns.finish()
}
