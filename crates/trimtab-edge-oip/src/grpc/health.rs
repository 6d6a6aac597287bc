//! gRPC's health check, `grpc.health.v1`: of the server as a whole.

use axum::{body::Body, extract::State, response::Response};
use bytes::Bytes;
use futures::StreamExt as _;
use http::HeaderMap;
use prost::Message;
use trimtab_edge::{
    Failure,
    grpc::{self, Messages},
};

use super::{call, decode, encoded};
use crate::Inference;

/// The name that the inference service is asked by; the empty one stands for everything.
const SERVICE: &str = "inference.GRPCInferenceService";
/// How long a request may be: names.
const MAX_REQUEST: usize = 64 << 10;

const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;
const SERVICE_UNKNOWN: i32 = 3;

#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

pub(super) async fn check(
    State(state): State<Inference>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(
        &headers,
        body,
        async |asked: HealthCheckRequest| match status(&state, &asked) {
            SERVICE_UNKNOWN => Err(Failure::not_found(format!(
                "there is no service `{}`",
                asked.service
            ))),
            status => Ok(HealthCheckResponse { status }),
        },
    )
    .await
}

/// The status now, and again when it changes: it does once, when the server begins to stop.
pub(super) async fn watch(
    State(state): State<Inference>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let message = Messages::new(&headers, body, MAX_REQUEST)?.only().await?;
    let asked: HealthCheckRequest = decode(message)?;
    let first = status(&state, &asked);
    let change = async move {
        state.stopping.cancelled().await;
        NOT_SERVING
    };
    let statuses = futures::stream::iter([first]).chain(futures::stream::once(change));
    let frames = statuses.map(|status| encoded(&HealthCheckResponse { status }));
    Ok(grpc::stream(
        frames.boxed() as futures::stream::BoxStream<'_, Result<Bytes, Failure>>
    ))
}

fn status(state: &Inference, asked: &HealthCheckRequest) -> i32 {
    match asked.service.as_str() {
        "" | SERVICE if state.stopping.is_cancelled() => NOT_SERVING,
        "" | SERVICE => SERVING,
        _ => SERVICE_UNKNOWN,
    }
}
