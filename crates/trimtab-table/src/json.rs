//! JSON lines.

use std::{io::Cursor, path::Path, sync::Arc};

use arrow::{
    datatypes::{DataType, Field, Schema},
    json::{ReaderBuilder, reader::infer_json_schema},
    record_batch::RecordBatch,
};

use crate::{TableError, read::BATCH_ROWS};

pub(crate) fn read(path: &Path, bytes: &[u8]) -> Result<Vec<RecordBatch>, TableError> {
    let error = |error: &dyn std::fmt::Display| locate(path, bytes, error);
    let (schema, _) =
        infer_json_schema(Cursor::new(bytes), None).map_err(|source| error(&source))?;
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Null => Field::new(field.name(), DataType::Utf8, true),
            _ => field.as_ref().clone(),
        })
        .collect();
    if fields.is_empty() {
        return Err(TableError::Empty {
            path: path.to_owned(),
            what: "columns",
        });
    }
    ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_coerce_primitive(true)
        .with_batch_size(BATCH_ROWS)
        .build(Cursor::new(bytes))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| error(&source))
}

/// Finds the line that the library complains about: the first that is no JSON object.
fn locate(path: &Path, bytes: &[u8], error: &dyn std::fmt::Display) -> TableError {
    let malformed = |line, reason| TableError::Malformed {
        path: path.to_owned(),
        format: "JSON lines",
        line,
        reason,
    };
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let line_number = Some(index as u64 + 1);
        match serde_json::from_slice::<serde_json::Value>(line) {
            Ok(serde_json::Value::Object(_)) => {}
            Ok(_) => return malformed(line_number, "expected a JSON object".to_owned()),
            Err(source) => {
                let text = source.to_string();
                let what = text.split(" at line ").next().unwrap_or(&text).to_owned();
                return malformed(line_number, format!("{what} at column {}", source.column()));
            }
        }
    }
    malformed(None, error.to_string())
}
