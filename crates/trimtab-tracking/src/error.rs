//! What can go wrong in tracking.

use trimtab_blob::BlobError;
use trimtab_db::DbError;
use trimtab_types::{Coded, ErrorCode, PageTokenError, filter::FilterError};

/// An error of tracking.
#[derive(Debug, thiserror::Error)]
pub enum TrackingError {
    /// Something that was named does not exist in the workspace.
    #[error("{message}")]
    NotFound {
        /// What, with its name or id.
        message: String,
    },
    /// The name is taken.
    #[error("{message}")]
    AlreadyExists {
        /// What, with its name.
        message: String,
    },
    /// An input is wrong.
    #[error("{message}")]
    Invalid {
        /// Which.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// The store of that URI is not ours.
    #[error("artifacts at `{uri}` are not kept by this server")]
    Foreign {
        /// The URI.
        uri: String,
    },
    /// A signed URL is not good, or no longer.
    #[error("{message}")]
    Ticket {
        /// Why not.
        message: String,
    },
    /// The filter or an order clause is not in the grammar.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The page token is not ours.
    #[error("Invalid page token, could not base64-decode")]
    PageToken(#[from] PageTokenError),
    /// A file could not be written where the caller wants it.
    #[error("cannot write {path}")]
    Export {
        /// Where.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The blobs failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl TrackingError {
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            message: message.into(),
        }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound {
            message: message.into(),
        }
    }
}

impl Coded for TrackingError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::AlreadyExists { .. } => ErrorCode::AlreadyExists,
            Self::Invalid { field, .. } => ErrorCode::invalid(field),
            Self::Foreign { .. } => ErrorCode::Unsupported,
            Self::Ticket { .. } => ErrorCode::Denied,
            Self::Filter(_) => ErrorCode::invalid("filter"),
            Self::PageToken(_) => ErrorCode::invalid("page_token"),
            Self::Export { .. } => ErrorCode::Unavailable,
            Self::Blob(error) => error.code(),
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Blob(error) => error.hint(),
            Self::Db(error) => error.hint(),
            Self::Foreign { .. } => Some("read it with a client of that store".to_owned()),
            Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::Invalid { .. }
            | Self::Ticket { .. }
            | Self::Filter(_)
            | Self::PageToken(_)
            | Self::Export { .. } => None,
        }
    }
}
