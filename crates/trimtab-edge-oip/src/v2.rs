//! The handlers of `/v2/…`.

pub(crate) mod memory;
mod metadata;
pub(crate) mod repository;
mod request;
mod response;
pub(crate) mod settings;
pub(crate) mod statistics;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;
use serde_json::{Value, json};
use trimtab_edge::{CallScope, Failure};
use trimtab_serving::Serving;
use trimtab_types::Scope;

use crate::{Inference, body, context, describe, infer::InferRequest, memory::Regions};

/// The length of the JSON part of a body with binary tensors.
const HEADER_LENGTH: &str = "inference-header-content-length";

#[derive(Debug, Deserialize)]
pub(crate) struct ModelPath {
    model: String,
    version: Option<String>,
}

/// GET /v2/health/live.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// GET /v2/health/ready: until the server begins to stop; from then on 400, as Triton has it.
pub(crate) async fn server_ready(State(state): State<Inference>) -> Result<Json<Value>, Failure> {
    if state.stopping.is_cancelled() {
        return Err(Failure::invalid("", "the server is shutting down"));
    }
    Ok(Json(json!({ "ready": true })))
}

/// GET /v2.
pub(crate) async fn server(State(state): State<Inference>, _: CallScope) -> Json<Value> {
    Json(json!({
        "name": describe::NAME,
        "version": describe::VERSION,
        "extensions": describe::extensions(&state),
    }))
}

/// GET /v2/models/{model}, with or without a version.
pub(crate) async fn model(
    State(serving): State<Serving>,
    CallScope(scope): CallScope,
    Path(path): Path<ModelPath>,
) -> Result<Json<Value>, Failure> {
    let (name, version) = path.resolve()?;
    let info = serving.model_info(&scope, &name, version)?;
    Ok(Json(metadata::metadata(&name, &info)))
}

/// GET /v2/models/{model}/config.
pub(crate) async fn config(
    State(serving): State<Serving>,
    CallScope(scope): CallScope,
    Path(path): Path<ModelPath>,
) -> Result<Json<Value>, Failure> {
    let (name, version) = path.resolve()?;
    let info = serving.model_info(&scope, &name, version)?;
    Ok(Json(metadata::config(&name, &info)))
}

/// GET /v2/models/{model}/ready: 200 only when it answers; as Triton has it, 400 when it does not.
pub(crate) async fn ready(
    State(serving): State<Serving>,
    CallScope(scope): CallScope,
    Path(path): Path<ModelPath>,
) -> Result<Json<Value>, Failure> {
    let (name, version) = path.resolve()?;
    if serving.is_ready(&scope, &name, version)? {
        Ok(Json(json!({ "name": name, "ready": true })))
    } else {
        Err(Failure::invalid("", format!("model `{name}` is not ready")))
    }
}

/// POST /v2/models/{model}/infer.
pub(crate) async fn infer(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    Path(path): Path<ModelPath>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let (name, version) = path.resolve()?;
    // An unknown model is told before its body is read.
    let info = state.serving.model_info(&scope, &name, version)?;
    let body = body::read(&headers, body).await?;
    let regions = Regions {
        memory: &state.memory,
        scope: &scope,
    };
    let asked = match header_length(&headers)? {
        None => InferRequest::json(&body, regions)?,
        Some(0) => InferRequest::raw(&info, &body)?,
        Some(length) => InferRequest::binary(&body, length, regions)?,
    };
    answer(&state, &scope, &name, version, &headers, asked).await
}

async fn answer(
    state: &Inference,
    scope: &Scope,
    name: &trimtab_types::Name,
    version: Option<i64>,
    headers: &HeaderMap,
    asked: InferRequest,
) -> Result<Response, Failure> {
    let (id, prediction, wanted) = asked.predict(state, scope, name, version, headers).await?;
    let encoded = response::encode(name, id.as_deref(), &prediction, &wanted)?;
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    context::put_headers(out, &prediction);
    let content_type = if let Some(length) = encoded.json_length {
        out.insert(
            HeaderName::from_static(HEADER_LENGTH),
            HeaderValue::from(length),
        );
        "application/octet-stream"
    } else {
        "application/json"
    };
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    let packed = body::pack(headers, encoded.bytes, out);
    *response.body_mut() = Body::from(packed);
    Ok(response)
}

fn header_length(headers: &HeaderMap) -> Result<Option<usize>, Failure> {
    headers
        .get(HEADER_LENGTH)
        .map(|value| {
            value
                .to_str()
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .ok_or_else(|| {
                    Failure::invalid(
                        HEADER_LENGTH,
                        "Inference-Header-Content-Length is no length in bytes",
                    )
                })
        })
        .transpose()
}

impl ModelPath {
    fn resolve(&self) -> Result<(trimtab_types::Name, Option<i64>), Failure> {
        let name = context::endpoint(&self.model)?;
        let version = context::version(&name, self.version.as_deref())?;
        Ok((name, version))
    }
}
