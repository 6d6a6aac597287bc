//! Statuses: what a refusal is called in gRPC, and how it travels.

use std::fmt::Write as _;

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use trimtab_types::ErrorCode;

use crate::Failure;

const CONTENT_TYPE: &str = "application/grpc";
const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";

/// The status of a kind of refusal, by its number in gRPC's list.
fn status(failure: &Failure) -> u8 {
    if failure.status == Some(StatusCode::PAYLOAD_TOO_LARGE.as_u16()) {
        return 8;
    }
    match failure.code {
        ErrorCode::Invalid { .. } => 3,
        ErrorCode::DeadlineExceeded => 4,
        ErrorCode::NotFound => 5,
        ErrorCode::AlreadyExists => 6,
        ErrorCode::Denied => 7,
        ErrorCode::Limited { .. } => 8,
        ErrorCode::Conflict => 9,
        ErrorCode::Unsupported => 12,
        ErrorCode::Internal => 13,
        ErrorCode::Unavailable => 14,
        ErrorCode::Unauthenticated => 16,
    }
}

/// The headers that end an answer: all is well, or the status of a refusal and what it says.
pub fn trailers(failure: Option<&Failure>) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(
        STATUS,
        HeaderValue::from(failure.map_or(0, |failure| u16::from(status(failure)))),
    );
    if let Some(failure) = failure
        && let Ok(message) = HeaderValue::from_str(&escaped(&failure.told()))
    {
        trailers.insert(MESSAGE, message);
    }
    trailers
}

/// A refusal without a message before it: its status travels in the head of the answer.
pub(crate) fn refusal(failure: &Failure) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.extend(trailers(Some(failure)));
    headers.insert(header::CONTENT_TYPE, content_type());
    // Who does not speak gRPC looks at HTTP's status; who does must find a 200.
    if failure.status == Some(StatusCode::UNSUPPORTED_MEDIA_TYPE.as_u16()) {
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    response
}

pub(super) fn content_type() -> HeaderValue {
    HeaderValue::from_static(CONTENT_TYPE)
}

/// Whether the request is gRPC's: `application/grpc`, alone or with the encoding of its messages; gRPC-Web is not.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix(CONTENT_TYPE))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

/// Text as `grpc-message` carries it: visible ASCII as it is, every other byte and `%` in hexadecimal.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            escaped.push(byte.into());
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status() {
        for (code, expected) in [
            (ErrorCode::invalid("a"), "3"),
            (ErrorCode::DeadlineExceeded, "4"),
            (ErrorCode::NotFound, "5"),
            (ErrorCode::AlreadyExists, "6"),
            (ErrorCode::Denied, "7"),
            (ErrorCode::Limited { retry_after: None }, "8"),
            (ErrorCode::Conflict, "9"),
            (ErrorCode::Unsupported, "12"),
            (ErrorCode::Internal, "13"),
            (ErrorCode::Unavailable, "14"),
            (ErrorCode::Unauthenticated, "16"),
        ] {
            let response = refusal(&Failure::new(code, "100 % größer"));
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()[STATUS], expected);
            assert_eq!(response.headers()[MESSAGE], "100 %25 gr%C3%B6%C3%9Fer");
        }
        assert_eq!(trailers(None)[STATUS], "0");
        let large = Failure::invalid("", "x").with_status(StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(trailers(Some(&large))[STATUS], "8");
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        for (text, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;x=y", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(text));
            assert_eq!(is_grpc(&headers), expected, "{text}");
        }
    }
}
