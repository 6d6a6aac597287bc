//! CSV: the type of every column is inferred from all of its values, so that no later line can contradict it.

use std::{collections::HashSet, io::Cursor, path::Path, sync::Arc};

use arrow::{
    csv::{ReaderBuilder, reader::Format},
    datatypes::{DataType, Field, Schema},
    error::ArrowError,
    record_batch::RecordBatch,
};
use regex::Regex;

use crate::{TableError, read::BATCH_ROWS};

/// What stands for a missing value, as in pandas and R.
const NULLS: &str = "^(?:|NA|N/A|#N/A|n/a|null|NULL|None|NaN|nan)$";

pub(crate) fn read(
    path: &Path,
    bytes: &[u8],
    delimiter: u8,
) -> Result<Vec<RecordBatch>, TableError> {
    let malformed = |line, reason| TableError::Malformed {
        path: path.to_owned(),
        format: if delimiter == b',' { "CSV" } else { "TSV" },
        line,
        reason,
    };
    if let Err(error) = std::str::from_utf8(bytes) {
        let before = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n');
        let line = before.count() as u64;
        return Err(malformed(Some(line), "the text is not UTF-8".to_owned()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let nulls = Regex::new(NULLS).map_err(|error| malformed(None, error.to_string()))?;
    let format = Format::default()
        .with_header(true)
        .with_delimiter(delimiter)
        .with_null_regex(nulls.clone());
    let (schema, _) = format
        .infer_schema(Cursor::new(bytes), None)
        .map_err(|error| in_line(error, &malformed))?;
    let mut seen = HashSet::new();
    for (index, field) in schema.fields().iter().enumerate() {
        if field.name().is_empty() {
            return Err(malformed(
                Some(1),
                format!("column {} has no name", index + 1),
            ));
        }
        if !seen.insert(field.name()) {
            return Err(malformed(
                Some(1),
                format!("two columns are called `{}`", field.name()),
            ));
        }
    }
    // A column without any value is text: nothing is known about it.
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Null => Field::new(field.name(), DataType::Utf8, true),
            _ => field.as_ref().clone(),
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let reader = ReaderBuilder::new(Arc::clone(&schema))
        .with_header(true)
        .with_delimiter(delimiter)
        .with_null_regex(nulls)
        .with_batch_size(BATCH_ROWS)
        .build(Cursor::new(bytes))
        .map_err(|error| in_line(error, &malformed))?;
    let mut batches = reader
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| in_line(error, &malformed))?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(batches)
}

/// The line stands in the text of the library's errors only.
fn in_line(
    error: ArrowError,
    malformed: &impl Fn(Option<u64>, String) -> TableError,
) -> TableError {
    let text = match error {
        ArrowError::CsvError(text) | ArrowError::ParseError(text) => text,
        other => other.to_string(),
    };
    let line = text.split("line ").skip(1).find_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    malformed(line, text)
}
