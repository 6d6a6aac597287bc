//! What the shell puts into a request for its handler.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};
use trimtab_types::{ErrorCode, Scope, Secret};
use uuid::Uuid;

use crate::Failure;

/// Who calls, and in which workspace: the first argument of every service verb.
#[derive(Debug, Clone)]
pub struct CallScope(pub Scope);

/// The request's id: the caller's `x-request-id`, or one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

/// The other end of the connection; absent in tests that drive the router without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub Option<SocketAddr>);

impl<S: Send + Sync> FromRequestParts<S> for CallScope {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        // Public routes have no scope; a handler that asks for one there is a defect of ours.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Failure::new(ErrorCode::Internal, "the route has no scope"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get::<Self>()
            .cloned()
            .unwrap_or_else(|| Self("".into())))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(None)))
    }
}

impl RequestId {
    /// The caller's id where it is 1 to 128 visible ASCII characters, else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers
            .get("x-request-id")
            .and_then(|value| value.to_str().ok())
            .filter(|text| {
                (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
            })
            .map_or_else(
                || Self(Uuid::now_v7().as_simple().to_string().into()),
                |text| Self(text.into()),
            )
    }
}

/// The token, from `Authorization: Bearer`, the password of Basic (as the mlflow client sends it), or `x-api-key`.
pub(crate) fn token(headers: &HeaderMap) -> Option<Secret<String>> {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .and_then(|(scheme, rest)| {
            let rest = rest.trim();
            if scheme.eq_ignore_ascii_case("bearer") {
                Some(rest.to_owned())
            } else if scheme.eq_ignore_ascii_case("basic") {
                password(rest)
            } else {
                None
            }
        });
    authorization
        .or_else(|| {
            let key = headers.get("x-api-key")?.to_str().ok()?;
            Some(key.trim().to_owned())
        })
        .map(Secret::new)
}

fn password(encoded: &str) -> Option<String> {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':')
        .map(|(_, password)| password.to_owned())
}

/// The workspace that the call names: our header, or MLflow's.
pub(crate) fn workspace(headers: &HeaderMap) -> Option<String> {
    ["x-trimtab-workspace", "x-mlflow-workspace"]
        .iter()
        .find_map(|name| headers.get(*name))
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
        .filter(|text| !text.is_empty())
}

/// What a request was about, for the audit trail, where its path does not say: put into the extensions of the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditObject(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn a_token_is_found_in_three_places() {
        for (name, value) in [
            ("authorization", "Bearer secret"),
            ("authorization", "bearer  secret"),
            ("authorization", "Basic dXNlcjpzZWNyZXQ="),
            ("x-api-key", "secret"),
        ] {
            let found = token(&headers(name, value)).map(|secret| secret.reveal().clone());
            assert_eq!(found.as_deref(), Some("secret"), "{value}");
        }
        for (name, value) in [
            ("authorization", "Digest x"),
            ("authorization", "secret"),
            ("authorization", "Basic !!!"),
            ("cookie", "secret"),
        ] {
            assert!(token(&headers(name, value)).is_none(), "{value}");
        }
    }

    #[test]
    fn a_request_id_is_kept_when_it_is_safe_to_print() {
        assert_eq!(
            RequestId::of(&headers("x-request-id", "abc-1")).0.as_ref(),
            "abc-1"
        );
        assert_eq!(RequestId::of(&headers("x-request-id", "a b")).0.len(), 32);
        assert_eq!(
            RequestId::of(&headers("x-request-id", &"x".repeat(200)))
                .0
                .len(),
            32
        );
    }
}
