//! What can go wrong with blobs.

use trimtab_db::DbError;
use trimtab_types::{Coded, ErrorCode};

use crate::S3Problem;

/// An error of the blob store.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No blob of that content in the workspace.
    #[error("no blob {hash}")]
    NotFound {
        /// BLAKE3 of the content, in hex.
        hash: String,
    },
    /// The caller asked for bytes past the end.
    #[error("the range {start}..{end} is not inside a blob of {size} bytes")]
    Range {
        /// First byte asked for.
        start: u64,
        /// One past the last byte asked for.
        end: u64,
        /// How many bytes there are.
        size: u64,
    },
    /// The sender's stream broke off; nothing was kept.
    #[error("the stream to be stored broke off")]
    Source {
        /// What the sender's side said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The folder could not be written or read.
    #[error("cannot {doing}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// An upload is not whole.
    #[error(
        "the upload is not whole: the parts that arrived are {numbers:?}, or one of them is not what the list says"
    )]
    Parts {
        /// The parts that arrived.
        numbers: Vec<u32>,
    },
    /// A location that no import named, or that leads out of one.
    #[error("`{uri}` is not below a location that this server may read")]
    Outside {
        /// The location.
        uri: String,
    },
    /// An object store did not answer with what was asked for.
    #[error("cannot read {location}: {problem}")]
    S3 {
        /// Where.
        location: String,
        /// Why.
        problem: S3Problem,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Coded for BlobError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::Range { .. } => ErrorCode::invalid("range"),
            Self::Source { .. } => ErrorCode::invalid("body"),
            Self::Parts { .. } => ErrorCode::invalid("parts"),
            Self::Outside { .. } => ErrorCode::Unsupported,
            Self::Io { .. } => ErrorCode::Unavailable,
            Self::S3 { problem, .. } => match problem {
                S3Problem::NoBucket => ErrorCode::NotFound,
                // To try again would change nothing.
                S3Problem::NoCredentials | S3Problem::Denied | S3Problem::Settings => {
                    ErrorCode::Denied
                }
                S3Problem::Unavailable => ErrorCode::Unavailable,
            },
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Io { .. } => Some(
                "check that the disk is not full and that the data folder is writable".to_owned(),
            ),
            Self::Outside { .. } => Some("read it with a client of that store".to_owned()),
            Self::S3 { problem, .. } => Some(problem.hint().to_owned()),
            Self::Db(error) => error.hint(),
            Self::NotFound { .. }
            | Self::Range { .. }
            | Self::Parts { .. }
            | Self::Source { .. } => None,
        }
    }
}
