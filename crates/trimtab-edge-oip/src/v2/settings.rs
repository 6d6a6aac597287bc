//! Trace and log settings over HTTP.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use trimtab_edge::{CallScope, Failure, json_reason};

use crate::{
    Inference, body, context,
    settings::{LogSettings, LogUpdate, Texts, Updates},
};

/// The endpoint in the path, which must be there.
fn endpoint(
    state: &Inference,
    scope: &trimtab_types::Scope,
    model: Option<Path<String>>,
) -> Result<Option<trimtab_types::Name>, Failure> {
    model
        .map(|Path(model)| {
            let name = context::endpoint(&model)?;
            state.serving.is_ready(scope, &name, None)?;
            Ok(name)
        })
        .transpose()
}

/// GET /v2/trace/setting and /v2/models/{model}/trace/setting.
pub(crate) async fn traces(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    model: Option<Path<String>>,
) -> Result<Json<Value>, Failure> {
    let name = endpoint(&state, &scope, model)?;
    Ok(Json(answer(state.traces.get(&scope, name.as_ref()))))
}

/// POST of the same paths.
pub(crate) async fn set_traces(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    model: Option<Path<String>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let name = endpoint(&state, &scope, model)?;
    let asked: Map<String, Value> = read(&headers, body).await?;
    let updates = asked
        .into_iter()
        .map(|(key, value)| {
            let value = texts(&key, value)?;
            Ok((key, value))
        })
        .collect::<Result<Updates, Failure>>()?;
    let texts = state.traces.change(&scope, name.as_ref(), &updates)?;
    Ok(Json(answer(texts)))
}

/// A value as clients write it: a text, a list of texts, a number; `null` sets the default again.
fn texts(key: &str, value: Value) -> Result<Option<Vec<String>>, Failure> {
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(Failure::invalid(
            key,
            format!("`{key}` must be a text or a list of texts"),
        )),
    };
    match value {
        Value::Null => Ok(None),
        Value::Array(values) => values
            .into_iter()
            .map(text)
            .collect::<Result<_, _>>()
            .map(Some),
        value @ (Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Object(_)) => {
            Ok(Some(vec![text(value)?]))
        }
    }
}

/// Levels are a list, everything else is one text.
fn answer(texts: Texts) -> Value {
    let pairs = texts.into_iter().map(|(key, mut values)| {
        let value = if key == "trace_level" {
            Value::from(values)
        } else {
            Value::from(values.pop().unwrap_or_default())
        };
        (key.to_owned(), value)
    });
    Value::Object(pairs.collect())
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LogRequest {
    log_file: Option<String>,
    log_format: Option<String>,
    log_info: Option<bool>,
    log_warning: Option<bool>,
    log_error: Option<bool>,
    log_verbose_level: Option<u32>,
}

/// GET /v2/logging.
pub(crate) async fn logs() -> Json<Value> {
    Json(log_answer(LogSettings::now()))
}

/// POST /v2/logging.
pub(crate) async fn set_logs(headers: HeaderMap, body: Body) -> Result<Json<Value>, Failure> {
    let asked: LogRequest = read(&headers, body).await?;
    let update = LogUpdate {
        file: asked.log_file,
        format: asked.log_format,
        info: asked.log_info,
        warning: asked.log_warning,
        error: asked.log_error,
        verbose: asked.log_verbose_level,
    };
    Ok(Json(log_answer(LogSettings::change(&update)?)))
}

fn log_answer(settings: LogSettings) -> Value {
    json!({
        "log_file": LogSettings::FILE,
        "log_info": settings.info,
        "log_warning": settings.warning,
        "log_error": settings.error,
        "log_verbose_level": settings.verbose,
        "log_format": LogSettings::FORMAT,
    })
}

/// A body that may be left out.
pub(super) async fn read<T: for<'de> Deserialize<'de> + Default>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Failure> {
    let body = body::read(headers, body).await?;
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&body).map_err(|error| {
        Failure::invalid(
            "",
            format!("the request is not valid: {}", json_reason(&error)),
        )
    })
}
