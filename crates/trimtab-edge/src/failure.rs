//! A refusal, before it is spelled in a protocol.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use trimtab_types::{Coded, ErrorCode};

/// What a handler answers when it does not answer: the shell spells it in the shape of the edge that was called.
/// Every [`Coded`] error turns into one with `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub code: ErrorCode,
    /// A status that the protocol wants instead of the code's own.
    pub status: Option<u16>,
    /// What happened, for a person: the error and its causes.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A refusal of that kind.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            status: None,
            message: message.into(),
            hint: None,
        }
    }

    /// The input is wrong at `field`.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::invalid(field), message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with another HTTP status than the code's own.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status.as_u16());
        self
    }

    /// The HTTP status that it is answered with.
    pub fn http_status(&self) -> StatusCode {
        StatusCode::from_u16(self.status.unwrap_or_else(|| self.code.http_status()))
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What happened and what to do about it, where a protocol has one text for both.
    pub fn told(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} (hint: {hint})", self.message),
            None => self.message.clone(),
        }
    }

    /// The kind that a bare HTTP status stands for.
    pub(crate) fn of_status(status: StatusCode, message: String) -> Self {
        let code = match status.as_u16() {
            401 => ErrorCode::Unauthenticated,
            403 => ErrorCode::Denied,
            404 => ErrorCode::NotFound,
            409 => ErrorCode::Conflict,
            429 => ErrorCode::Limited { retry_after: None },
            501 => ErrorCode::Unsupported,
            503 => ErrorCode::Unavailable,
            504 => ErrorCode::DeadlineExceeded,
            400..=499 => ErrorCode::invalid(""),
            _ => ErrorCode::Internal,
        };
        Self::new(code, message).with_status(status)
    }
}

impl<E: Coded> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            code: error.code(),
            status: None,
            message: chain(&error),
            hint: error.hint(),
        }
    }
}

impl IntoResponse for Failure {
    /// A response that the shell replaces with the edge's shape; seen as it is only where no shell is.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.http_status();
        response.extensions_mut().insert(self);
        response
    }
}

/// An error and its causes in one line; a cause that repeats what was said is left out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}
