//! One column of a batch in a plain type.

use arrow::{
    array::{Array, AsArray, Float64Array, StringArray},
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, Float64Type},
    record_batch::RecordBatch,
};

use crate::TableError;

const STRICT: CastOptions<'static> = CastOptions {
    safe: false,
    format_options: arrow::util::display::FormatOptions::new(),
};

/// A column of numbers or booleans as doubles; text that spells numbers is read, other text is an error with its row.
pub fn column_f64(batch: &RecordBatch, name: &str) -> Result<Float64Array, TableError> {
    let array = find(batch, name)?;
    let error = |row, found| TableError::ColumnType {
        column: name.to_owned(),
        row,
        found,
        expected: "numbers",
    };
    match cast_with_options(array, &DataType::Float64, &STRICT) {
        Ok(cast) => Ok(cast.as_primitive::<Float64Type>().clone()),
        Err(_) => {
            let Ok(text) = column_text(batch, name) else {
                return Err(error(None, format!("{}", array.data_type())));
            };
            let wrong = text
                .iter()
                .enumerate()
                .find_map(|(row, value)| Some((row, value.filter(|v| v.parse::<f64>().is_err())?)));
            Err(match wrong {
                Some((row, value)) => error(Some(row + 1), format!("`{value}`")),
                None => error(None, format!("{}", array.data_type())),
            })
        }
    }
}

/// A column of anything that has a spelling as text.
pub fn column_text(batch: &RecordBatch, name: &str) -> Result<StringArray, TableError> {
    let array = find(batch, name)?;
    let cast = cast_with_options(array, &DataType::Utf8, &STRICT);
    cast.map(|cast| cast.as_string::<i32>().clone())
        .map_err(|_| TableError::ColumnType {
            column: name.to_owned(),
            row: None,
            found: format!("{}", array.data_type()),
            expected: "text",
        })
}

fn find<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b dyn Array, TableError> {
    batch
        .column_by_name(name)
        .map(AsRef::as_ref)
        .ok_or_else(|| TableError::MissingColumn {
            column: name.to_owned(),
            have: batch
                .schema()
                .fields()
                .iter()
                .map(|field| field.name().clone())
                .collect(),
        })
}
