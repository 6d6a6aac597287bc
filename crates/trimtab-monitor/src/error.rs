//! What can go wrong in monitors.

use trimtab_db::DbError;
use trimtab_events::EventsError;
use trimtab_types::{Coded, ErrorCode, MonitorWindowId, Name};

use crate::{PortError, performance::BytesError};

/// An error of the monitor service.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// No such monitor.
    #[error("there is no monitor `{0}`")]
    NotFound(Name),
    /// No such window.
    #[error("there is no monitor window {0}")]
    WindowNotFound(MonitorWindowId),
    /// A monitor belongs to another project.
    #[error("monitor `{monitor}` belongs to project `{owner}`, not to `{project}`")]
    Owned {
        /// Which one.
        monitor: Name,
        /// Whose it is.
        owner: String,
        /// Who asked.
        project: String,
    },
    /// A spec cannot be carried out.
    #[error("monitor `{monitor}`: {reason}")]
    Spec {
        /// Which one.
        monitor: Name,
        /// The field of the spec.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// What another service had to tell could not be had.
    #[error("cannot {attempt} of endpoint `{endpoint}`")]
    Port {
        /// What was tried, as a verb.
        attempt: &'static str,
        /// For which endpoint.
        endpoint: Name,
        /// What it said.
        #[source]
        source: PortError,
    },
    /// The event log failed.
    #[error("cannot read the events of endpoint `{endpoint}`")]
    Events {
        /// Of which endpoint.
        endpoint: Name,
        /// What it said.
        #[source]
        source: EventsError,
    },
    /// A stored document is not what this program writes.
    #[error("a stored {what} cannot be read")]
    Stored {
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Stored bytes are not what this program writes.
    #[error("what a monitor keeps of a window cannot be read")]
    Bytes(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The computation was cut off.
    #[error("judging a window of endpoint `{0}` was cut off")]
    CutOff(Name),
}

impl Coded for MonitorError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound(_) | Self::WindowNotFound(_) => ErrorCode::NotFound,
            Self::Owned { .. } => ErrorCode::Conflict,
            Self::Spec { field, .. } => ErrorCode::invalid(*field),
            Self::Port { .. } => ErrorCode::Unavailable,
            Self::Events { source, .. } => source.code(),
            Self::Stored { .. } | Self::Bytes(_) | Self::CutOff(_) => ErrorCode::Internal,
            Self::Db(source) => source.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Owned { owner, .. } => Some(format!(
                "remove it from project `{owner}` first, or use another name"
            )),
            Self::Db(source) => source.hint(),
            Self::Events { source, .. } => source.hint(),
            Self::NotFound(_)
            | Self::WindowNotFound(_)
            | Self::Spec { .. }
            | Self::Port { .. }
            | Self::Stored { .. }
            | Self::Bytes(_)
            | Self::CutOff(_) => None,
        }
    }
}

impl From<BytesError> for MonitorError {
    fn from(source: BytesError) -> Self {
        Self::Bytes(source.into())
    }
}
