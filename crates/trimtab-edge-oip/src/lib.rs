//! The Open Inference Protocol V2 over HTTP, and MLflow's scoring protocol.
//!
//! It knows no revision and no traffic: it turns bytes into tensors and tensors into bytes, and asks
//! `trimtab-serving`. Nothing is allocated from a declared shape; every malformed input is a 400.
//!
//! Numbers that JSON does not have: V2 writes and reads `"NaN"`, `"Infinity"` and `"-Infinity"` as strings (as
//! protobuf's JSON does); scoring writes `null`, and reads `null` as NaN, as pandas does.

mod binary;
mod body;
mod classify;
mod context;
mod describe;
mod element;
mod grpc;
mod infer;
mod scoring;
mod v2;

use axum::extract::FromRef;
use trimtab_edge::{BodyLimit, Edge, Route, Routes};
use trimtab_serving::Serving;
use trimtab_types::{Name, Verb};

pub use self::grpc::grpc_routes;

/// How large an inference request may be, packed and unpacked.
pub(crate) const MAX_BODY: usize = 64 << 20;
const BODY: BodyLimit = BodyLimit::Bytes(MAX_BODY as u64);

#[derive(Debug, Clone, FromRef)]
pub(crate) struct EdgeState {
    serving: Serving,
    /// The one endpoint of `models serve`.
    only: Option<Name>,
}

/// The server's paths: `/v2/…` and `/serve/{endpoint}/…`.
pub fn routes(serving: Serving) -> Routes {
    let read = |path| Route::get(path, Verb::Read, "endpoint");
    let predict = |path| Route::post(path, Verb::Write, "prediction").body_limit(BODY);
    v2_routes(Edge::Oip)
        .route(
            predict("/serve/{endpoint}/invocations"),
            scoring::of_endpoint,
        )
        .route(read("/serve/{endpoint}/ping"), scoring::ping_endpoint)
        .route(read("/serve/{endpoint}/health"), scoring::ping_endpoint)
        .route(read("/serve/{endpoint}/version"), scoring::version)
        .with_state(EdgeState {
            serving,
            only: None,
        })
}

/// The paths of `trimtab models serve`: MLflow's scoring server at the root, for one endpoint, and V2 beside it.
pub fn scoring_routes(serving: Serving, endpoint: Name) -> Routes {
    v2_routes(Edge::Scoring)
        .route(
            Route::post("/invocations", Verb::Write, "prediction").body_limit(BODY),
            scoring::at_root,
        )
        .route(Route::public("/ping", "health"), scoring::ping_root)
        .route(Route::public("/health", "health"), scoring::ping_root)
        .route(Route::public("/version", "health"), scoring::version)
        .with_state(EdgeState {
            serving,
            only: Some(endpoint),
        })
}

fn v2_routes(edge: Edge) -> Routes<EdgeState> {
    let read = |path| Route::get(path, Verb::Read, "endpoint");
    let predict = |path| Route::post(path, Verb::Write, "prediction").body_limit(BODY);
    Routes::new(edge)
        .route(Route::public("/v2/health/live", "health"), v2::live)
        .route(Route::public("/v2/health/ready", "health"), v2::live)
        .route(read("/v2"), v2::server)
        .route(read("/v2/models/{model}"), v2::model)
        .route(read("/v2/models/{model}/ready"), v2::ready)
        .route(read("/v2/models/{model}/config"), v2::config)
        .route(predict("/v2/models/{model}/infer"), v2::infer)
        .route(read("/v2/models/{model}/versions/{version}"), v2::model)
        .route(
            read("/v2/models/{model}/versions/{version}/ready"),
            v2::ready,
        )
        .route(
            read("/v2/models/{model}/versions/{version}/config"),
            v2::config,
        )
        .route(
            predict("/v2/models/{model}/versions/{version}/infer"),
            v2::infer,
        )
}
