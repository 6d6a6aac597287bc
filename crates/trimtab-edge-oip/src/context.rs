//! What travels beside the tensors: the headers of ours, and names and versions in paths.

use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use trimtab_edge::Failure;
use trimtab_serving::{PredictRequest, Prediction};
use trimtab_types::{Name, Time};

/// The longest assignment key, row key or request id that is taken.
pub(crate) const MAX_KEY: usize = 512;

const KEY: &str = "x-trimtab-key";
const EVENT_TIME: &str = "x-trimtab-event-time";
const PREDICTION_ID: &str = "x-trimtab-prediction-id";
const VERSION: &str = "x-trimtab-model-version";

/// Takes our headers into a request.
pub(crate) fn take_headers(
    headers: &HeaderMap,
    request: &mut PredictRequest,
) -> Result<(), Failure> {
    if let Some(key) = text(headers, KEY)? {
        request.assignment_key = Some(bounded(KEY, key.to_owned())?);
    }
    if let Some(time) = text(headers, EVENT_TIME)? {
        request.event_time = Some(event_time(EVENT_TIME, time)?);
    }
    Ok(())
}

/// Says in the answer's headers who answered.
pub(crate) fn put_headers(headers: &mut HeaderMap, prediction: &Prediction) {
    let id = prediction.prediction_id.to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(PREDICTION_ID, id);
    }
    headers.insert(VERSION, HeaderValue::from(prediction.version));
}

fn text<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Failure> {
    headers
        .get(name)
        .map(|value| {
            std::str::from_utf8(value.as_bytes())
                .map(str::trim)
                .map_err(|_| Failure::invalid(name, format!("header {name} is not text")))
        })
        .transpose()
}

/// A key that is neither empty nor endless.
pub(crate) fn bounded(field: &str, key: String) -> Result<String, Failure> {
    if (1..=MAX_KEY).contains(&key.len()) {
        Ok(key)
    } else {
        Err(Failure::invalid(
            field,
            format!("`{field}` must have 1 to {MAX_KEY} bytes"),
        ))
    }
}

/// A time as callers write it.
pub(crate) fn event_time(field: &str, text: &str) -> Result<Time, Failure> {
    text.parse()
        .map_err(|error: trimtab_types::TimeError| Failure::invalid(field, error.to_string()))
}

/// Row keys: a list, or (for clients whose parameters must be scalars) a list as JSON in a string.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum RowKeys {
    List(Vec<Key>),
    Text(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Key {
    Text(String),
    Number(i64),
}

impl RowKeys {
    /// The keys, none of them empty or endless.
    pub(crate) fn check(self) -> Result<Vec<String>, Failure> {
        let keys = match self {
            Self::List(keys) => keys,
            Self::Text(text) => serde_json::from_str(&text).map_err(|error| {
                Failure::invalid(
                    "parameters.row_keys",
                    format!("`row_keys` is neither a list nor a list as JSON text: {error}"),
                )
            })?,
        };
        keys.into_iter()
            .map(|key| match key {
                Key::Text(text) => bounded("parameters.row_keys", text),
                Key::Number(number) => Ok(number.to_string()),
            })
            .collect()
    }
}

/// The endpoint that a path names; what cannot be a name is the name of nothing.
pub(crate) fn endpoint(text: &str) -> Result<Name, Failure> {
    text.parse()
        .map_err(|_| Failure::not_found(format!("endpoint `{text}` does not exist")))
}

/// The version that a path names.
pub(crate) fn version(endpoint: &Name, text: Option<&str>) -> Result<Option<i64>, Failure> {
    text.map(|text| {
        text.parse().map_err(|_| {
            Failure::not_found(format!(
                "endpoint `{endpoint}` serves no version `{text}`: versions are numbers"
            ))
        })
    })
    .transpose()
}
