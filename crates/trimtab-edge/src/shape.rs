//! How each protocol spells a refusal.

use axum::{body::Body, response::Response};
use http::{HeaderValue, header};
use serde_json::{Value, json};
use trimtab_types::ErrorCode;

use crate::{Edge, Failure, grpc};

/// The response that a protocol's clients understand.
pub(crate) fn render(edge: Edge, failure: &Failure, request_id: &str) -> Response {
    let body = match edge {
        Edge::Mlflow => mlflow(failure),
        Edge::Oip => oip(failure),
        Edge::Grpc => return grpc::refusal(failure),
        Edge::Scoring => scoring(failure),
        Edge::Api => api(failure, request_id),
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = failure.http_status();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if failure.code == ErrorCode::Unauthenticated {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"trimtab\""),
        );
    }
    if let ErrorCode::Limited {
        retry_after: Some(after),
    } = &failure.code
    {
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from(after.as_secs().max(1)),
        );
    }
    response
}

/// MLflow's `error_code` words, from its `databricks_pb2.ErrorCode`.
fn mlflow(failure: &Failure) -> Value {
    let word = match &failure.code {
        ErrorCode::NotFound => "RESOURCE_DOES_NOT_EXIST",
        ErrorCode::AlreadyExists => "RESOURCE_ALREADY_EXISTS",
        ErrorCode::Invalid { .. } => "INVALID_PARAMETER_VALUE",
        ErrorCode::Conflict => "RESOURCE_CONFLICT",
        ErrorCode::Denied => "PERMISSION_DENIED",
        ErrorCode::Unauthenticated => "UNAUTHENTICATED",
        ErrorCode::Limited { .. } => "REQUEST_LIMIT_EXCEEDED",
        ErrorCode::Unavailable => "TEMPORARILY_UNAVAILABLE",
        ErrorCode::DeadlineExceeded => "DEADLINE_EXCEEDED",
        ErrorCode::Unsupported => "NOT_IMPLEMENTED",
        ErrorCode::Internal => "INTERNAL_ERROR",
    };
    let word = if failure.status == Some(404) && failure.code == ErrorCode::NotFound {
        // An unknown path, not an unknown object.
        "ENDPOINT_NOT_FOUND"
    } else {
        word
    };
    let mut error = json!({ "error_code": word, "message": failure.told() });
    if let Some((state, class)) = classified(word) {
        error["sqlstate"] = state.into();
        error["error_class"] = class.into();
    }
    error
}

/// The SQLSTATE and error class that MLflow 3.17 sends with an error code (`mlflow/error_classification.py`).
fn classified(word: &str) -> Option<(&'static str, &'static str)> {
    Some(match word {
        "RESOURCE_DOES_NOT_EXIST" | "ENDPOINT_NOT_FOUND" => ("KAM00", "RESOURCE_NOT_FOUND"),
        "RESOURCE_ALREADY_EXISTS" => ("KAM00", "RESOURCE_ALREADY_EXISTS"),
        "INVALID_PARAMETER_VALUE" => ("KAM00", "INVALID_PARAMETER_VALUE"),
        "PERMISSION_DENIED" => ("KAM00", "PERMISSION_DENIED"),
        "TEMPORARILY_UNAVAILABLE" | "INTERNAL_ERROR" => ("XXM00", "CLIENT_INTERNAL_ERROR"),
        _ => return None,
    })
}

/// The V2 protocol's error object.
fn oip(failure: &Failure) -> Value {
    json!({ "error": failure.told() })
}

/// MLflow's scoring server spells errors as its tracking server does.
fn scoring(failure: &Failure) -> Value {
    let word = match &failure.code {
        ErrorCode::Invalid { .. } => "BAD_REQUEST",
        ErrorCode::NotFound
        | ErrorCode::AlreadyExists
        | ErrorCode::Conflict
        | ErrorCode::Denied
        | ErrorCode::Unauthenticated
        | ErrorCode::Limited { .. }
        | ErrorCode::Unavailable
        | ErrorCode::DeadlineExceeded
        | ErrorCode::Unsupported
        | ErrorCode::Internal => return mlflow(failure),
    };
    json!({ "error_code": word, "message": failure.told() })
}

fn api(failure: &Failure, request_id: &str) -> Value {
    let mut error = json!({
        "code": failure.code.as_str(),
        "message": failure.message,
        "hint": failure.hint,
        "request_id": request_id,
    });
    if let ErrorCode::Invalid { field } = &failure.code
        && !field.is_empty()
    {
        error["field"] = Value::from(field.as_str());
    }
    json!({ "error": error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_word_and_a_status_in_every_protocol() {
        let cases = [
            (ErrorCode::NotFound, 404, "RESOURCE_DOES_NOT_EXIST"),
            (ErrorCode::AlreadyExists, 409, "RESOURCE_ALREADY_EXISTS"),
            (ErrorCode::invalid("a.b"), 400, "INVALID_PARAMETER_VALUE"),
            (ErrorCode::Conflict, 409, "RESOURCE_CONFLICT"),
            (ErrorCode::Denied, 403, "PERMISSION_DENIED"),
            (ErrorCode::Unauthenticated, 401, "UNAUTHENTICATED"),
            (
                ErrorCode::Limited { retry_after: None },
                429,
                "REQUEST_LIMIT_EXCEEDED",
            ),
            (ErrorCode::Unavailable, 503, "TEMPORARILY_UNAVAILABLE"),
            (ErrorCode::DeadlineExceeded, 504, "DEADLINE_EXCEEDED"),
            (ErrorCode::Unsupported, 501, "NOT_IMPLEMENTED"),
            (ErrorCode::Internal, 500, "INTERNAL_ERROR"),
        ];
        for (code, status, word) in cases {
            let failure = Failure::new(code.clone(), "it failed").hint("do this");
            let said = mlflow(&failure);
            assert_eq!(said["error_code"], word);
            assert_eq!(
                said["sqlstate"].is_string(),
                said["error_class"].is_string()
            );
            assert_eq!(oip(&failure)["error"], "it failed (hint: do this)");
            assert_eq!(api(&failure, "r")["error"]["code"], code.as_str());
            // gRPC's statuses have a test of their own.
            for edge in Edge::ALL.into_iter().filter(|edge| *edge != Edge::Grpc) {
                let response = render(edge, &failure, "r");
                assert_eq!(response.status(), status);
            }
        }
        let failure = Failure::new(ErrorCode::invalid("a.b"), "no");
        assert_eq!(
            api(&failure, "r").to_string(),
            r#"{"error":{"code":"invalid","message":"no","hint":null,"request_id":"r","field":"a.b"}}"#
        );
    }
}
