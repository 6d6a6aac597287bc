//! What can go wrong with datasets.

use std::path::PathBuf;

use trimtab_blob::BlobError;
use trimtab_db::DbError;
use trimtab_events::EventsError;
use trimtab_table::TableError;
use trimtab_types::{Coded, DatasetVersionId, ErrorCode, Name, PageTokenError, Time};

/// An error of the data service.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No such version in this workspace.
    #[error("no dataset version `{0}`")]
    NotFound(DatasetVersionId),
    /// The name cannot name a dataset.
    #[error("`{name}` cannot name a dataset: {reason}")]
    InvalidName {
        /// What was given.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// The table has no rows or no columns.
    #[error("dataset `{name}` would have no {what}")]
    Empty {
        /// The name of the dataset.
        name: String,
        /// `rows` or `columns`.
        what: &'static str,
    },
    /// The endpoint has no such events.
    #[error("endpoint `{endpoint}` has no {what} from {from} to {to}{}", excluded_text(*excluded))]
    NoEvents {
        /// The endpoint.
        endpoint: Name,
        /// `predictions` or `labelled predictions`.
        what: &'static str,
        /// From this event time.
        from: Time,
        /// Until before this event time.
        to: Time,
        /// How many rows quarantine took out.
        excluded: u64,
    },
    /// The column that should hold the time does not.
    #[error("column `{column}` of dataset `{name}` cannot be its time column: {reason}")]
    TimeColumn {
        /// The name of the dataset.
        name: String,
        /// The column.
        column: String,
        /// Why not.
        reason: String,
    },
    /// Two columns would have one name.
    #[error("dataset `{name}` would have two columns `{column}`")]
    DuplicateColumn {
        /// The name of the dataset.
        name: String,
        /// The column.
        column: String,
    },
    /// A range that ends before it begins.
    #[error("the range from {from} to {to} is empty")]
    EmptyRange {
        /// From this event time.
        from: Time,
        /// Until before this event time.
        to: Time,
    },
    /// Batches could not be put together.
    #[error("cannot {action} batches")]
    Arrow {
        /// What was tried, as a verb.
        action: &'static str,
        /// What the Arrow library said.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The page token is not ours.
    #[error(transparent)]
    Page(#[from] PageTokenError),
    /// A stored document cannot be read.
    #[error("the stored {what} of a dataset version cannot be read")]
    Stored {
        /// Which document.
        what: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A table could not be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The blob store failed.
    #[error("the blob store failed")]
    Blob(#[from] BlobError),
    /// The event log failed.
    #[error("the event log failed")]
    Events(#[from] EventsError),
    /// The database failed.
    #[error("the database failed")]
    Db(#[from] DbError),
}

fn excluded_text(excluded: u64) -> String {
    if excluded == 0 {
        String::new()
    } else {
        format!(" ({excluded} rows are in quarantine)")
    }
}

impl Coded for DataError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::NoEvents { .. } => ErrorCode::Conflict,
            Self::InvalidName { .. } => ErrorCode::invalid("name"),
            Self::Empty { .. } | Self::DuplicateColumn { .. } => ErrorCode::invalid("rows"),
            Self::TimeColumn { .. } => ErrorCode::invalid("time_column"),
            Self::EmptyRange { .. } => ErrorCode::invalid("to"),
            Self::Page(_) => ErrorCode::invalid("page"),
            Self::Arrow { .. } | Self::File { .. } | Self::Stored { .. } => ErrorCode::Internal,
            Self::Table(source) => source.code(),
            Self::Blob(source) => source.code(),
            Self::Events(source) => source.code(),
            Self::Db(source) => source.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoEvents { excluded: 0, .. } => Some(
                "outcomes arrive by feedback: post them, or ask for a range whose outcomes are known"
                    .to_owned(),
            ),
            Self::Table(source) => source.hint(),
            Self::Blob(source) => source.hint(),
            Self::Events(source) => source.hint(),
            Self::Db(source) => source.hint(),
            Self::NotFound(_)
            | Self::NoEvents { .. }
            | Self::InvalidName { .. }
            | Self::Empty { .. }
            | Self::DuplicateColumn { .. }
            | Self::TimeColumn { .. }
            | Self::EmptyRange { .. }
            | Self::Page(_)
            | Self::Arrow { .. }
            | Self::File { .. }
            | Self::Stored { .. } => None,
        }
    }
}
