//! Bodies and queries, with errors that name the field.

use axum::extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection};
use bytes::Bytes;
use http::request::Parts;
use serde::de::DeserializeOwned;
use trimtab_edge::{Failure, json_reason};

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

/// A JSON body that may be absent.
#[derive(Debug)]
pub(crate) struct OptionalJson<T>(pub(crate) T);

/// The query string.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = read(request, state).await?;
        if bytes.is_empty() {
            return Err(Failure::invalid(
                "",
                "the body is empty; a JSON object is wanted",
            ));
        }
        decode(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = read(request, state).await?;
        if bytes.is_empty() {
            Ok(Self(T::default()))
        } else {
            decode(&bytes).map(Self)
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection| {
                let text = rejection.body_text();
                let said = text
                    .strip_prefix("Failed to deserialize query string: ")
                    .unwrap_or(&text);
                Failure::invalid("query", format!("the query string is wrong: {said}"))
            })
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Failure> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection: BytesRejection| {
            Failure::invalid("", rejection.body_text()).with_status(rejection.status())
        })
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        // A place that has no name yet (a key that is missing, a body that is no object) is no field.
        let path = error.path().to_string();
        let field = path.trim_end_matches('?').trim_end_matches('.').to_owned();
        let message = if field.is_empty() {
            format!("the body is wrong: {}", json_reason(error.inner()))
        } else {
            format!("`{field}` is wrong: {}", json_reason(error.inner()))
        };
        Failure::invalid(field, message)
    })?;
    json.end().map_err(|error| {
        Failure::invalid("", format!("the body is wrong: {}", json_reason(&error)))
    })?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{ApplyRequest, StartRollout};

    #[test]
    fn errors_name_the_field_and_no_type_of_ours() {
        fn said<T: DeserializeOwned>(body: &str) -> String {
            let failure = decode::<T>(body.as_bytes()).map(|_| ()).unwrap_err();
            let field = match failure.code {
                trimtab_types::ErrorCode::Invalid { field } => field.clone(),
                other => panic!("{other:?}"),
            };
            format!("[{field}] {}", failure.message)
        }
        for (said, expected) in [
            (
                said::<StartRollout>("[]"),
                "[] the body is wrong: invalid length 0, expected an object",
            ),
            (
                said::<StartRollout>("{}"),
                "[] the body is wrong: missing field `endpoint`",
            ),
            (
                said::<StartRollout>(r#"{"endpoint":"e","version":"x"}"#),
                "[version] `version` is wrong: invalid type: string \"x\", expected i64",
            ),
            (
                said::<ApplyRequest>(r#"{"spec":"p","project":{}}"#),
                "[project] `project` is wrong: missing field `git`",
            ),
            (
                said::<ApplyRequest>("{"),
                "[] the body is wrong: EOF while parsing an object",
            ),
            (
                said::<ApplyRequest>("7"),
                "[] the body is wrong: invalid type: integer `7`, expected an object",
            ),
        ] {
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
