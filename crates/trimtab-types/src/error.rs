//! One list of error codes for the whole house. Services say which; each edge maps it to its protocol.

use std::time::Duration;

/// What kind of failure an error is, independent of protocol and of the crate that raised it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorCode {
    /// The object named by the caller does not exist in the caller's workspace.
    NotFound,
    /// An object of that name exists already.
    AlreadyExists,
    /// The input is wrong; `field` is the path of the offending part (empty: the whole).
    Invalid {
        /// Dotted path of the field, as the caller wrote it.
        field: String,
    },
    /// The state of an object forbids the operation now.
    Conflict,
    /// The caller is known and may not do this.
    Denied,
    /// The caller is not known.
    Unauthenticated,
    /// A limit was reached.
    Limited {
        /// How long to wait before trying again, where that is known.
        retry_after: Option<Duration>,
    },
    /// Something that is needed is not there at the moment; trying again may help.
    Unavailable,
    /// The deadline passed before the work was done.
    DeadlineExceeded,
    /// The protocol has this operation, we do not.
    Unsupported,
    /// A defect of ours, or of the machine.
    Internal,
}

impl ErrorCode {
    /// An [`ErrorCode::Invalid`] for one field.
    pub fn invalid(field: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
        }
    }

    /// The machine-readable spelling used in `/api/v1` answers and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Invalid { .. } => "invalid",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Unauthenticated => "unauthenticated",
            Self::Limited { .. } => "limited",
            Self::Unavailable => "unavailable",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status that our own API answers with, and the default of the other edges.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::Invalid { .. } => 400,
            Self::Denied => 403,
            Self::Unauthenticated => 401,
            Self::Limited { .. } => 429,
            Self::Unavailable => 503,
            Self::DeadlineExceeded => 504,
            Self::Unsupported => 501,
            Self::Internal => 500,
        }
    }
}

/// An error that knows its [`ErrorCode`] and, where a person can do something about it, what.
pub trait Coded: std::error::Error {
    /// The code that edges map to their protocol.
    fn code(&self) -> ErrorCode;

    /// What to do about it, in one sentence; printed after `hint:`.
    fn hint(&self) -> Option<String> {
        None
    }
}
