//! Who answers and what the models are: ServerLive, ServerReady, ModelReady, ServerMetadata, ModelMetadata, ModelConfig.

use axum::{body::Body, extract::State, response::Response};
use http::HeaderMap;
use prost::Message;
use trimtab_edge::{CallScope, Failure};
use trimtab_infer::{DataType, TensorSpec};
use trimtab_serving::{ModelInfo, Serving};

use super::{Empty, call, model};
use crate::{Inference, describe};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Truth {
    #[prost(bool, tag = "1")]
    is_so: bool,
}

/// Which model, and optionally which version: the request of several methods.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelRequest {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
}

#[derive(Clone, PartialEq, Message)]
struct ServerMetadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(string, repeated, tag = "3")]
    extensions: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorMetadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    datatype: String,
    #[prost(int64, repeated, tag = "3")]
    shape: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct ModelMetadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "2")]
    versions: Vec<String>,
    #[prost(string, tag = "3")]
    platform: String,
    #[prost(message, repeated, tag = "4")]
    inputs: Vec<TensorMetadata>,
    #[prost(message, repeated, tag = "5")]
    outputs: Vec<TensorMetadata>,
}

#[derive(Clone, PartialEq, Message)]
struct ModelConfigResponse {
    #[prost(message, optional, tag = "1")]
    config: Option<ModelConfig>,
}

/// The fields of Triton's configuration that hold of our models.
#[derive(Clone, PartialEq, Message)]
struct ModelConfig {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    platform: String,
    #[prost(message, optional, tag = "3")]
    version_policy: Option<VersionPolicy>,
    #[prost(int32, tag = "4")]
    max_batch_size: i32,
    #[prost(message, repeated, tag = "5")]
    input: Vec<ConfigInput>,
    #[prost(message, repeated, tag = "6")]
    output: Vec<ConfigOutput>,
    #[prost(string, tag = "17")]
    backend: String,
}

#[derive(Clone, PartialEq, Message)]
struct VersionPolicy {
    #[prost(message, optional, tag = "3")]
    specific: Option<SpecificVersions>,
}

#[derive(Clone, PartialEq, Message)]
struct SpecificVersions {
    #[prost(int64, repeated, tag = "1")]
    versions: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct ConfigInput {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(int64, repeated, tag = "4")]
    dims: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct ConfigOutput {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(int64, repeated, tag = "3")]
    dims: Vec<i64>,
}

pub(super) async fn live(headers: HeaderMap, body: Body) -> Result<Response, Failure> {
    call(&headers, body, async |_: Empty| Ok(Truth { is_so: true })).await
}

pub(super) async fn ready(
    State(state): State<Inference>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let is_so = !state.stopping.is_cancelled();
    call(&headers, body, async |_: Empty| Ok(Truth { is_so })).await
}

pub(super) async fn model_ready(
    State(serving): State<Serving>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(&headers, body, async |asked: ModelRequest| {
        let (name, version) = model(&asked.name, &asked.version)?;
        let is_so = serving.is_ready(&scope, &name, version)?;
        Ok(Truth { is_so })
    })
    .await
}

pub(super) async fn server(
    State(state): State<Inference>,
    _: CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(&headers, body, async |_: Empty| {
        Ok(ServerMetadata {
            name: describe::NAME.to_owned(),
            version: describe::VERSION.to_owned(),
            extensions: describe::extensions(&state)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        })
    })
    .await
}

pub(super) async fn metadata(
    State(serving): State<Serving>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(&headers, body, async |asked: ModelRequest| {
        let (name, version) = model(&asked.name, &asked.version)?;
        let info = serving.model_info(&scope, &name, version)?;
        let tensors = |specs: &[TensorSpec]| {
            specs
                .iter()
                .map(|spec| TensorMetadata {
                    name: spec.name.clone(),
                    datatype: spec.datatype.as_str().to_owned(),
                    shape: spec.shape.clone(),
                })
                .collect()
        };
        Ok(ModelMetadata {
            name: name.to_string(),
            versions: info.versions.iter().map(i64::to_string).collect(),
            platform: info.platform.to_owned(),
            inputs: tensors(&info.signature.inputs),
            outputs: tensors(&info.signature.outputs),
        })
    })
    .await
}

pub(super) async fn config(
    State(serving): State<Serving>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(&headers, body, async |asked: ModelRequest| {
        let (name, version) = model(&asked.name, &asked.version)?;
        let info = serving.model_info(&scope, &name, version)?;
        Ok(ModelConfigResponse {
            config: Some(ModelConfig::of(name.as_str(), &info)),
        })
    })
    .await
}

impl ModelConfig {
    fn of(name: &str, info: &ModelInfo) -> Self {
        let inputs = info.signature.inputs.iter().map(|spec| ConfigInput {
            name: spec.name.clone(),
            data_type: config_type(spec.datatype),
            dims: spec.shape.clone(),
        });
        let outputs = info.signature.outputs.iter().map(|spec| ConfigOutput {
            name: spec.name.clone(),
            data_type: config_type(spec.datatype),
            dims: spec.shape.clone(),
        });
        Self {
            name: name.to_owned(),
            platform: info.platform.to_owned(),
            version_policy: Some(VersionPolicy {
                specific: Some(SpecificVersions {
                    versions: info.versions.clone(),
                }),
            }),
            // No batch dimension is split off: the shapes are whole.
            max_batch_size: 0,
            input: inputs.collect(),
            output: outputs.collect(),
            backend: describe::backend(info).to_owned(),
        }
    }
}

/// The number of a type in Triton's configuration.
fn config_type(datatype: DataType) -> i32 {
    match datatype {
        DataType::Bool => 1,
        DataType::Uint8 => 2,
        DataType::Uint16 => 3,
        DataType::Uint32 => 4,
        DataType::Uint64 => 5,
        DataType::Int8 => 6,
        DataType::Int16 => 7,
        DataType::Int32 => 8,
        DataType::Int64 => 9,
        DataType::Fp16 => 10,
        DataType::Fp32 => 11,
        DataType::Fp64 => 12,
        DataType::Bytes => 13,
        DataType::Bf16 => 14,
    }
}
