//! MLflow's scoring protocol: `invocations`, `ping`, `health`, `version`.

mod answer;
mod columns;
mod csv;
mod frame;
mod tensors;

use std::fmt;

use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{json, value::RawValue};
use trimtab_edge::{CallScope, Failure, json_reason};
use trimtab_infer::{SCORING_REQUEST, Tensor};
use trimtab_serving::{ModelInfo, PredictRequest, Serving};
use trimtab_types::{ErrorCode, Name, Scope};

use self::answer::Form;
use crate::{EdgeState, body, context};

/// The fields that carry the input; a request has exactly one.
const FIELDS: [&str; 4] = [
    "dataframe_split",
    "dataframe_records",
    "instances",
    "inputs",
];

/// POST /serve/{endpoint}/invocations.
pub(crate) async fn of_endpoint(
    State(serving): State<Serving>,
    CallScope(scope): CallScope,
    Path(endpoint): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        let name = context::endpoint(&endpoint)?;
        invoke(&serving, &scope, &name, &headers, body).await
    };
    answer.await.unwrap_or_else(refused)
}

/// POST /invocations.
pub(crate) async fn at_root(
    State(state): State<EdgeState>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        let name = state
            .only
            .as_ref()
            .ok_or_else(|| Failure::not_found("no model is served here"))?;
        invoke(&state.inference.serving, &scope, name, &headers, body).await
    };
    answer.await.unwrap_or_else(refused)
}

/// GET /serve/{endpoint}/ping: 200 when the endpoint answers.
pub(crate) async fn ping_endpoint(
    State(serving): State<Serving>,
    CallScope(scope): CallScope,
    Path(endpoint): Path<String>,
) -> Response {
    match context::endpoint(&endpoint) {
        Ok(name) => ping(&serving, &scope, &name),
        Err(failure) => refused(failure),
    }
}

/// GET /ping and /health.
pub(crate) async fn ping_root(State(state): State<EdgeState>) -> Response {
    match &state.only {
        Some(name) => ping(&state.inference.serving, &Scope::local(), name),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// GET /version.
pub(crate) async fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn ping(serving: &Serving, scope: &Scope, name: &Name) -> Response {
    match serving.is_ready(scope, name, None) {
        Ok(true) => "\n".into_response(),
        Ok(false) => refused(Failure::new(
            ErrorCode::Unavailable,
            format!("endpoint `{name}` has no model yet"),
        )),
        Err(error) => refused(error.into()),
    }
}

async fn invoke(
    serving: &Serving,
    scope: &Scope,
    name: &Name,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let kind = ContentKind::of(headers)?;
    let info = serving.model_info(scope, name, None)?;
    let row_key = serving.row_key(scope, name)?;
    let body = body::read(headers, body).await?;
    let is_document = info.signature.input(SCORING_REQUEST).is_some();
    let (mut request, form) = match kind {
        ContentKind::Csv | ContentKind::Json if is_document => (document(&body)?, Form::Records),
        ContentKind::Csv => (csv::read(&info, row_key.as_deref(), &body)?, Form::Records),
        ContentKind::Json => json_request(&info, row_key.as_deref(), &body)?,
    };
    context::take_headers(headers, &mut request)?;
    let prediction = serving.predict(scope, name, request).await?;
    let answer = answer::encode(&prediction.outputs, prediction.form, form);
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    context::put_headers(out, &prediction);
    out.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let packed = body::pack(headers, answer, out);
    *response.body_mut() = Body::from(packed);
    Ok(response)
}

/// The whole body, for a model that reads it by MLflow's own rules.
fn document(body: &Bytes) -> Result<PredictRequest, Failure> {
    let input = Tensor::new(SCORING_REQUEST, vec![1], vec![body.clone()])?;
    Ok(PredictRequest {
        inputs: vec![input],
        ..PredictRequest::default()
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContentKind {
    Json,
    Csv,
}

impl ContentKind {
    fn of(headers: &HeaderMap) -> Result<Self, Failure> {
        let value = headers
            .get(header::CONTENT_TYPE)
            .map_or("", |value| value.to_str().unwrap_or("?"));
        let kind = value.split(';').next().unwrap_or("").trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "text/csv" => Ok(Self::Csv),
            other => Err(Failure::invalid(
                "content-type",
                format!(
                    "the content type `{other}` is not known: use application/json or text/csv"
                ),
            )
            .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)),
        }
    }
}

fn json_request(
    info: &ModelInfo,
    row_key: Option<&str>,
    body: &[u8],
) -> Result<(PredictRequest, Form), Failure> {
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|error| {
        Failure::invalid(
            "",
            format!("the request is not valid: {}", json_reason(&error)),
        )
    })?;
    let [(field, input)] = envelope.inputs.as_slice() else {
        return Err(Failure::invalid(
            "",
            format!("the request must have exactly one of {}", FIELDS.join(", ")),
        ));
    };
    let (mut request, form) = match *field {
        "dataframe_split" => (frame::split(info, row_key, input)?, Form::Records),
        "dataframe_records" => (frame::records(info, row_key, input)?, Form::Records),
        "instances" => (tensors::instances(info, row_key, input)?, Form::Columns),
        _ => (tensors::inputs(info, row_key, input)?, Form::Columns),
    };
    if let Some(params) = envelope.params {
        if params.row_keys.is_some() {
            request.row_keys = params.row_keys;
        }
        if let Some(text) = params.event_time {
            request.event_time = Some(context::event_time("params.event_time", &text)?);
        }
        request.client_request_id = params.client_request_id;
    }
    let keys = request.row_keys.iter().flatten();
    for key in keys.chain(&request.client_request_id) {
        if key.len() > context::MAX_KEY {
            return Err(Failure::invalid(
                "params",
                format!("a key is longer than {} bytes", context::MAX_KEY),
            ));
        }
    }
    Ok((request, form))
}

/// The parameters that we know; a model's own are ignored.
#[derive(Deserialize)]
struct Params {
    row_keys: Option<Vec<String>>,
    event_time: Option<String>,
    client_request_id: Option<String>,
}

/// The outermost object, its input not yet read.
struct Envelope<'a> {
    inputs: Vec<(&'static str, &'a RawValue)>,
    params: Option<Params>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with exactly one of {}", FIELDS.join(", "))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
        let mut envelope = Envelope {
            inputs: Vec::new(),
            params: None,
        };
        while let Some(key) = map.next_key::<String>()? {
            if let Some(field) = FIELDS.iter().find(|field| **field == key) {
                if envelope.inputs.iter().any(|(seen, _)| seen == field) {
                    return Err(A::Error::duplicate_field(field));
                }
                envelope.inputs.push((field, map.next_value()?));
            } else if key == "params" {
                envelope.params = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(envelope)
    }
}

/// A refusal as MLflow's scoring server spells it, whichever edge it is mounted on.
fn refused(failure: Failure) -> Response {
    let word = match &failure.code {
        ErrorCode::Invalid { .. } => "BAD_REQUEST",
        ErrorCode::NotFound => "RESOURCE_DOES_NOT_EXIST",
        ErrorCode::AlreadyExists => "RESOURCE_ALREADY_EXISTS",
        ErrorCode::Conflict => "RESOURCE_CONFLICT",
        ErrorCode::Denied => "PERMISSION_DENIED",
        ErrorCode::Unauthenticated => "UNAUTHENTICATED",
        ErrorCode::Limited { .. } => "RESOURCE_LIMIT_EXCEEDED",
        ErrorCode::Unavailable => "TEMPORARILY_UNAVAILABLE",
        ErrorCode::DeadlineExceeded => "DEADLINE_EXCEEDED",
        ErrorCode::Unsupported => "NOT_IMPLEMENTED",
        ErrorCode::Internal => "INTERNAL_ERROR",
    };
    if failure.code == ErrorCode::Internal {
        tracing::error!(message = failure.message, "scoring failed");
    }
    let body = json!({ "error_code": word, "message": failure.told() });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = failure.http_status();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// A JSON error of an input field, with its name.
fn in_field(field: &str, error: &serde_json::Error) -> Failure {
    Failure::invalid(
        field,
        format!("`{field}` is not valid: {}", json_reason(error)),
    )
}
