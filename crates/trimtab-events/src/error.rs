//! What can go wrong in the event log.

use std::path::PathBuf;

use trimtab_db::DbError;
use trimtab_types::{Coded, ErrorCode, Name, PredictionId};

/// An error of the event log.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
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
    /// A file holds what we do not understand.
    #[error("{} {reason}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A segment could not be written or read.
    #[error("cannot {action} the segment {}", path.display())]
    Segment {
        /// What was tried, as a verb.
        action: &'static str,
        /// Which segment.
        path: PathBuf,
        /// What the Parquet library said.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// Batches could not be put together.
    #[error("cannot {action} event batches")]
    Arrow {
        /// What was tried, as a verb.
        action: &'static str,
        /// What the Arrow library said.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// Feedback speaks of predictions that are not known.
    #[error("endpoint `{endpoint}` has no prediction for {address} ({} of the posted items are unknown)", items.len())]
    UnknownAddress {
        /// The endpoint that was named.
        endpoint: Name,
        /// The first address without a match.
        address: String,
        /// The places of all items without a match; none of the posted items was stored.
        items: Vec<usize>,
    },
    /// An address matches several rows.
    #[error("{address} matches {} rows of endpoint `{endpoint}`: {}", matches.len(), spell(matches))]
    AmbiguousAddress {
        /// The endpoint that was named.
        endpoint: Name,
        /// The address.
        address: String,
        /// The place of the item; none of the posted items was stored.
        item: usize,
        /// What it matches.
        matches: Vec<(PredictionId, u32)>,
    },
    /// A number that cannot be an outcome.
    #[error("the value of feedback {item} is not a finite number")]
    InvalidValue {
        /// The place of the item.
        item: usize,
    },
    /// Too much at once.
    #[error("{found} feedback items in one call, at most {limit}")]
    TooMany {
        /// How many there were.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// The disk does not keep up, or refuses.
    #[error("the event log cannot be written at the moment: {reason}")]
    Unwritable {
        /// Why.
        reason: String,
    },
    /// The log was closed.
    #[error("the event log is closed")]
    Closed,
    /// The manifest failed.
    #[error("the manifest of the event log failed")]
    Db(#[from] DbError),
}

fn spell(matches: &[(PredictionId, u32)]) -> String {
    let mut text = matches
        .iter()
        .take(10)
        .map(|(id, row)| format!("{id}:{row}"))
        .collect::<Vec<_>>()
        .join(", ");
    if matches.len() > 10 {
        text.push_str(", …");
    }
    text
}

impl Coded for EventsError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownAddress { .. } => ErrorCode::NotFound,
            Self::AmbiguousAddress { .. } => ErrorCode::Conflict,
            Self::InvalidValue { item } => ErrorCode::invalid(format!("items[{item}].value")),
            Self::TooMany { .. } => ErrorCode::invalid("items"),
            Self::Unwritable { .. } | Self::Closed => ErrorCode::Unavailable,
            Self::Db(source) => source.code(),
            Self::File { .. } | Self::Format { .. } | Self::Segment { .. } | Self::Arrow { .. } => {
                ErrorCode::Internal
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::AmbiguousAddress { .. } => {
                Some("address the row as PREDICTION_ID:ROW".to_owned())
            }
            Self::UnknownAddress { .. } => Some(
                "post feedback after its prediction was answered, with the row key, client request id or prediction id of that answer"
                    .to_owned(),
            ),
            Self::File { .. } | Self::Unwritable { .. } => {
                Some("check that the disk of the data folder is not full".to_owned())
            }
            Self::TooMany { .. } => Some("post it in several calls".to_owned()),
            Self::Db(source) => source.hint(),
            Self::Format { .. }
            | Self::Segment { .. }
            | Self::Arrow { .. }
            | Self::InvalidValue { .. }
            | Self::Closed => None,
        }
    }
}
