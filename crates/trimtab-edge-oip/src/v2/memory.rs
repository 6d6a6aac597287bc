//! Shared memory over HTTP.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use trimtab_edge::{CallScope, Failure};

use super::settings::read;
use crate::{
    Inference,
    memory::{self, RegionStatus},
};

#[derive(Deserialize, Default)]
struct RegisterRequest {
    #[serde(default)]
    key: String,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    byte_size: u64,
}

/// GET /v2/systemsharedmemory/status, of all regions or of one.
pub(crate) async fn status(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    region: Option<Path<String>>,
) -> Result<Json<Value>, Failure> {
    let regions = state.memory.status(&scope, name(region.as_ref()))?;
    let rows = regions.into_iter().map(|region| {
        json!({
            "name": region.name,
            "key": region.key,
            "offset": region.offset,
            "byte_size": region.byte_size,
        })
    });
    Ok(Json(rows.collect()))
}

/// POST /v2/systemsharedmemory/region/{region}/register.
pub(crate) async fn register(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Failure> {
    let asked: RegisterRequest = read(&headers, body).await?;
    let status = RegionStatus {
        name,
        key: asked.key,
        offset: asked.offset,
        byte_size: asked.byte_size,
    };
    state.memory.register(&scope, status)?;
    Ok(StatusCode::OK)
}

/// POST /v2/systemsharedmemory/unregister, of all regions or of one.
pub(crate) async fn unregister(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    region: Option<Path<String>>,
) -> StatusCode {
    state.memory.unregister(&scope, name(region.as_ref()));
    StatusCode::OK
}

/// Every path of CUDA shared memory.
pub(crate) async fn cuda() -> Failure {
    memory::no_cuda()
}

fn name(region: Option<&Path<String>>) -> Option<&str> {
    region.map(|Path(name)| name.as_str())
}
