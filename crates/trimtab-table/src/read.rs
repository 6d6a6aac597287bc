//! Reads a table of any format.

use std::{io::Cursor, path::Path};

use arrow::{error::ArrowError, record_batch::RecordBatch};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{TableError, csv, json};

/// The rows of a batch, at most.
pub(crate) const BATCH_ROWS: usize = 65_536;

/// A format that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma-separated values with a header line.
    Csv,
    /// The same with tabulators.
    Tsv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line.
    JsonLines,
    /// Arrow IPC, as a file or a stream.
    Arrow,
}

impl TableFormat {
    /// The format that a file's name says.
    pub fn of(path: &Path) -> Option<Self> {
        let suffix = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match suffix.as_str() {
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "parquet" | "pq" => Self::Parquet,
            "jsonl" | "ndjson" | "json" => Self::JsonLines,
            "arrow" | "arrows" | "feather" | "ipc" => Self::Arrow,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Parquet => "Parquet",
            Self::JsonLines => "JSON lines",
            Self::Arrow => "Arrow IPC",
        }
    }
}

/// How to read a table.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The format; `None`: what the name says.
    pub format: Option<TableFormat>,
}

/// Reads a file. A table without rows is an empty list of batches only where the file names no columns either.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Vec<RecordBatch>, TableError> {
    let bytes = std::fs::read(path).map_err(|source| TableError::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    read_bytes(path, bytes.into(), options)
}

/// Reads a table that is in memory; `path` is what errors call it, and its suffix says the format.
pub fn read_bytes(
    path: &Path,
    bytes: Bytes,
    options: &ReadOptions,
) -> Result<Vec<RecordBatch>, TableError> {
    let format = options
        .format
        .or_else(|| TableFormat::of(path))
        .ok_or_else(|| TableError::UnknownFormat {
            path: path.to_owned(),
        })?;
    let malformed = |reason: String| TableError::Malformed {
        path: path.to_owned(),
        format: format.name(),
        line: None,
        reason,
    };
    if bytes.is_empty() {
        return Err(TableError::Empty {
            path: path.to_owned(),
            what: "content",
        });
    }
    match format {
        TableFormat::Csv => csv::read(path, &bytes, b','),
        TableFormat::Tsv => csv::read(path, &bytes, b'\t'),
        TableFormat::JsonLines => json::read(path, &bytes),
        TableFormat::Parquet => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
                .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
                .map_err(|error| malformed(error.to_string()))?;
            collect(reader, malformed)
        }
        TableFormat::Arrow => {
            let cursor = Cursor::new(bytes.clone());
            if bytes.starts_with(b"ARROW1") {
                let reader = arrow::ipc::reader::FileReader::try_new(cursor, None)
                    .map_err(|error| malformed(error.to_string()))?;
                collect(reader, malformed)
            } else {
                let reader = arrow::ipc::reader::StreamReader::try_new(cursor, None)
                    .map_err(|error| malformed(error.to_string()))?;
                collect(reader, malformed)
            }
        }
    }
}

fn collect(
    reader: impl arrow::record_batch::RecordBatchReader,
    malformed: impl Fn(String) -> TableError,
) -> Result<Vec<RecordBatch>, TableError> {
    let schema = reader.schema();
    let mut batches = reader
        .collect::<Result<Vec<_>, ArrowError>>()
        .map_err(|error| malformed(error.to_string()))?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(batches)
}
