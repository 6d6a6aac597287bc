//! The Open Inference Protocol V2 over gRPC (`inference.GRPCInferenceService`), and gRPC's health check. Messages are
//! Rust structs with their field numbers; the frames are the shell's.

mod describe;
mod health;
mod infer;
mod memory;
mod repository;
mod settings;
mod statistics;
mod wire;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, Method};
use prost::Message;
use trimtab_edge::{
    BodyLimit, Edge, Failure, Route, Routes,
    grpc::{self, Messages},
};
use trimtab_types::{Name, Verb};

use crate::{Inference, MAX_BODY, context};

/// gRPC's paths.
pub fn grpc_routes(inference: Inference) -> Routes {
    // Messages have a limit of their own, which holds for every one of a stream.
    let method =
        |path, verb, resource| Route::post(path, verb, resource).body_limit(BodyLimit::Unlimited);
    let public = |path| Route {
        method: Method::POST,
        body_limit: BodyLimit::Bytes(64 << 10),
        ..Route::public(path, "health")
    };
    let read = |path| method(path, Verb::Read, "endpoint");
    let predict = |path| method(path, Verb::Write, "prediction");
    let operate = |path| method(path, Verb::Operate, "endpoint");
    Routes::new(Edge::Grpc)
        .route(
            public("/inference.GRPCInferenceService/ServerLive"),
            describe::live,
        )
        .route(
            public("/inference.GRPCInferenceService/ServerReady"),
            describe::ready,
        )
        .route(
            read("/inference.GRPCInferenceService/ModelReady"),
            describe::model_ready,
        )
        .route(
            read("/inference.GRPCInferenceService/ServerMetadata"),
            describe::server,
        )
        .route(
            read("/inference.GRPCInferenceService/ModelMetadata"),
            describe::metadata,
        )
        .route(
            read("/inference.GRPCInferenceService/ModelConfig"),
            describe::config,
        )
        .route(
            predict("/inference.GRPCInferenceService/ModelInfer"),
            infer::infer,
        )
        .route(
            predict("/inference.GRPCInferenceService/ModelStreamInfer"),
            infer::stream,
        )
        .route(
            read("/inference.GRPCInferenceService/ModelStatistics"),
            statistics::statistics,
        )
        .route(
            read("/inference.GRPCInferenceService/RepositoryIndex"),
            repository::index,
        )
        .route(
            operate("/inference.GRPCInferenceService/RepositoryModelLoad"),
            repository::load,
        )
        .route(
            operate("/inference.GRPCInferenceService/RepositoryModelUnload"),
            repository::unload,
        )
        .route(
            operate("/inference.GRPCInferenceService/TraceSetting"),
            settings::traces,
        )
        .route(
            method(
                "/inference.GRPCInferenceService/LogSettings",
                Verb::Admin,
                "log",
            ),
            settings::logs,
        )
        .route(public("/grpc.health.v1.Health/Check"), health::check)
        .route(public("/grpc.health.v1.Health/Watch"), health::watch)
        .with_state(inference.clone())
        .merge(memory_routes(inference))
}

/// Shared memory: who may ask for predictions may say where their tensors lie.
fn memory_routes(inference: Inference) -> Routes {
    let read = |path| Route::post(path, Verb::Read, "shared-memory");
    let write = |path| Route::post(path, Verb::Write, "shared-memory");
    Routes::new(Edge::Grpc)
        .route(
            read("/inference.GRPCInferenceService/SystemSharedMemoryStatus"),
            memory::status,
        )
        .route(
            write("/inference.GRPCInferenceService/SystemSharedMemoryRegister"),
            memory::register,
        )
        .route(
            write("/inference.GRPCInferenceService/SystemSharedMemoryUnregister"),
            memory::unregister,
        )
        .route(
            read("/inference.GRPCInferenceService/CudaSharedMemoryStatus"),
            memory::cuda,
        )
        .route(
            write("/inference.GRPCInferenceService/CudaSharedMemoryRegister"),
            memory::cuda,
        )
        .route(
            write("/inference.GRPCInferenceService/CudaSharedMemoryUnregister"),
            memory::cuda,
        )
        .with_state(inference)
}

#[derive(Clone, PartialEq, Message)]
struct Empty {}

/// A unary call: its message in, `answer`'s message out, within the caller's deadline.
async fn call<Q: Message + Default, A: Message>(
    headers: &HeaderMap,
    body: Body,
    answer: impl AsyncFnOnce(Q) -> Result<A, Failure>,
) -> Result<Response, Failure> {
    grpc::within(headers, async {
        let message = Messages::new(headers, body, MAX_BODY)?.only().await?;
        let answer = answer(decode(message)?).await?;
        Ok(grpc::unary(encoded(&answer)?))
    })
    .await
}

fn decode<Q: Message + Default>(message: Bytes) -> Result<Q, Failure> {
    Q::decode(message)
        .map_err(|error| Failure::invalid("", format!("the message cannot be read: {error}")))
}

fn encoded(answer: &impl Message) -> Result<Bytes, Failure> {
    grpc::frame(answer.encoded_len(), |out| answer.encode_raw(out))
}

/// The endpoint and the version that a message names.
fn model(name: &str, version: &str) -> Result<(Name, Option<i64>), Failure> {
    let name = context::endpoint(name)?;
    let version = context::version(&name, Some(version).filter(|text| !text.is_empty()))?;
    Ok((name, version))
}
