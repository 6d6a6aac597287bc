//! Refusals with MLflow's statuses, where those are not the code's own.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use trimtab_edge::Failure;
use trimtab_types::{Coded, ErrorCode};

/// What a handler answers when it does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) Failure);

impl<E: Coded> From<E> for Refusal {
    fn from(error: E) -> Self {
        let failure = Failure::from(error);
        // RESOURCE_ALREADY_EXISTS is a 400 of MLflow's, which old clients rely on.
        if failure.code == ErrorCode::AlreadyExists {
            Self(failure.with_status(StatusCode::BAD_REQUEST))
        } else {
            Self(failure)
        }
    }
}

impl Refusal {
    pub(crate) fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Failure::invalid(field, message))
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self(Failure::not_found(message))
    }

    pub(crate) fn missing(field: &str) -> Self {
        Self::invalid(
            field,
            format!(
                "Missing value for required parameter '{field}'. See the API docs for more information about request parameters."
            ),
        )
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self(Failure::new(ErrorCode::Unsupported, message))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("taken")]
    struct Taken;

    impl Coded for Taken {
        fn code(&self) -> ErrorCode {
            ErrorCode::AlreadyExists
        }
    }

    #[test]
    fn a_taken_name_is_a_bad_request() {
        assert_eq!(
            Refusal::from(Taken).0.http_status(),
            StatusCode::BAD_REQUEST
        );
    }
}
