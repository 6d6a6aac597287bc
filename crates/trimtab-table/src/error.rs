//! What can go wrong with a table.

use std::path::PathBuf;

use trimtab_types::{Coded, ErrorCode};

/// An error of reading or writing a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The name says nothing about the format.
    #[error("{} has no known table suffix (.csv, .tsv, .parquet, .jsonl, .ndjson, .arrow, .feather)", path.display())]
    UnknownFormat {
        /// Which file.
        path: PathBuf,
    },
    /// The content is not what its name says.
    #[error("{} is not valid {format}{}: {reason}", path.display(), place(*line))]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// The format that was expected.
        format: &'static str,
        /// The line, counted from 1, where that is known.
        line: Option<u64>,
        /// What is wrong.
        reason: String,
    },
    /// There is nothing in it.
    #[error("{} has no {what}", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
        /// `rows` or `columns`.
        what: &'static str,
    },
    /// No such column.
    #[error("there is no column `{column}`; the columns are {}", have.join(", "))]
    MissingColumn {
        /// What was asked for.
        column: String,
        /// What there is.
        have: Vec<String>,
    },
    /// The column holds something else.
    #[error("column `{column}`{} holds {found}, expected {expected}", row_place(*row))]
    ColumnType {
        /// Which column.
        column: String,
        /// The first row, counted from 1, that is wrong, where it is one row.
        row: Option<usize>,
        /// What it holds.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The batches of one table differ in their columns.
    #[error("the batches of {} do not have the same columns", path.display())]
    Schema {
        /// Which file.
        path: PathBuf,
        /// What the Arrow library said.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// A table could not be encoded.
    #[error("cannot encode {} as {format}", path.display())]
    Encode {
        /// Which file.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// What the library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn place(line: Option<u64>) -> String {
    line.map(|line| format!(", line {line}"))
        .unwrap_or_default()
}

fn row_place(row: Option<usize>) -> String {
    row.map(|row| format!(" in row {row}")).unwrap_or_default()
}

impl Coded for TableError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                ErrorCode::NotFound
            }
            Self::File { .. } | Self::Encode { .. } => ErrorCode::Internal,
            Self::UnknownFormat { .. }
            | Self::Malformed { .. }
            | Self::Empty { .. }
            | Self::Schema { .. } => ErrorCode::invalid("table"),
            Self::MissingColumn { column, .. } | Self::ColumnType { column, .. } => {
                ErrorCode::invalid(column.clone())
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownFormat { .. } => Some("rename the file, or say its format".to_owned()),
            Self::File { .. }
            | Self::Malformed { .. }
            | Self::Empty { .. }
            | Self::MissingColumn { .. }
            | Self::ColumnType { .. }
            | Self::Schema { .. }
            | Self::Encode { .. } => None,
        }
    }
}
