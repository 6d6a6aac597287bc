//! The model repository over HTTP.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use trimtab_edge::{CallScope, Failure};

use super::settings::read;
use crate::{Inference, repository};

#[derive(Deserialize, Default)]
struct IndexRequest {
    #[serde(default)]
    ready: bool,
}

#[derive(Deserialize, Default)]
struct LoadRequest {
    parameters: Option<Map<String, Value>>,
}

/// POST /v2/repository/index.
pub(crate) async fn index(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let asked: IndexRequest = read(&headers, body).await?;
    let index = repository::index(&state, &scope, asked.ready).await?;
    let rows = index.into_iter().map(|row| {
        let mut json = json!({ "name": row.name, "state": row.state, "reason": row.reason });
        if !row.version.is_empty() {
            json["version"] = row.version.into();
        }
        json
    });
    Ok(Json(rows.collect()))
}

/// POST /v2/repository/models/{model}/load.
pub(crate) async fn load(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    Path(model): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Failure> {
    let asked: LoadRequest = read(&headers, body).await?;
    let parameters = asked.parameters.unwrap_or_default();
    repository::check_parameters(parameters.keys().map(String::as_str))?;
    repository::load(&state, &scope, &model).await?;
    Ok(StatusCode::OK)
}

/// POST /v2/repository/models/{model}/unload. That models depend on others does not happen here.
pub(crate) async fn unload(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    Path(model): Path<String>,
) -> Result<StatusCode, Failure> {
    repository::unload(&state, &scope, &model).await?;
    Ok(StatusCode::OK)
}
