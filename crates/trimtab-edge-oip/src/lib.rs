//! The Open Inference Protocol V2 over HTTP, and MLflow's scoring protocol.
//!
//! It knows no revision and no traffic: it turns bytes into tensors and tensors into bytes, and asks
//! `trimtab-serving`. Nothing is allocated from a declared shape; every malformed input is a 400.
//!
//! Numbers that JSON does not have: V2 writes and reads `"NaN"`, `"Infinity"` and `"-Infinity"` as strings (as
//! protobuf's JSON does); scoring writes `null`, and reads `null` as NaN, as pandas does.

mod body;
mod classify;
mod context;
mod describe;
mod element;
mod grpc;
mod infer;
mod memory;
mod repository;
mod scoring;
mod settings;
mod state;
mod v2;

use axum::extract::FromRef;
use trimtab_edge::{BodyLimit, Edge, Route, Routes};
use trimtab_infer::raw as binary;
use trimtab_serving::Serving;
use trimtab_types::{Name, Verb};

pub use self::{grpc::grpc_routes, state::Inference};

/// How large an inference request may be, packed and unpacked.
pub(crate) const MAX_BODY: usize = 64 << 20;
const BODY: BodyLimit = BodyLimit::Bytes(MAX_BODY as u64);

/// What handlers over HTTP work with.
#[derive(Debug, Clone)]
pub(crate) struct EdgeState {
    inference: Inference,
    /// The one endpoint of `models serve`.
    only: Option<Name>,
}

impl FromRef<EdgeState> for Inference {
    fn from_ref(state: &EdgeState) -> Self {
        state.inference.clone()
    }
}

impl FromRef<EdgeState> for Serving {
    fn from_ref(state: &EdgeState) -> Self {
        state.inference.serving.clone()
    }
}

/// The server's paths: `/v2/…` and `/serve/{endpoint}/…`.
pub fn routes(inference: Inference) -> Routes {
    let read = |path| Route::get(path, Verb::Read, "endpoint");
    let predict = |path| Route::post(path, Verb::Write, "prediction").body_limit(BODY);
    Routes::new(Edge::Oip)
        .route(
            predict("/serve/{endpoint}/invocations"),
            scoring::of_endpoint,
        )
        .route(read("/serve/{endpoint}/ping"), scoring::ping_endpoint)
        .route(read("/serve/{endpoint}/health"), scoring::ping_endpoint)
        .route(read("/serve/{endpoint}/version"), scoring::version)
        .with_state(EdgeState {
            inference: inference.clone(),
            only: None,
        })
        .merge(v2_routes(inference))
}

/// MLflow's scoring server at the root, for one endpoint: the paths of `trimtab models serve` beside V2's.
pub fn scoring_routes(inference: Inference, endpoint: Name) -> Routes {
    Routes::new(Edge::Scoring)
        .route(
            Route::post("/invocations", Verb::Write, "prediction").body_limit(BODY),
            scoring::at_root,
        )
        .route(Route::public("/ping", "health"), scoring::ping_root)
        .route(Route::public("/health", "health"), scoring::ping_root)
        .route(Route::public("/version", "health"), scoring::version)
        .with_state(EdgeState {
            inference,
            only: Some(endpoint),
        })
}

/// The paths of the Open Inference Protocol V2 over HTTP, `/v2/…`.
pub fn v2_routes(inference: Inference) -> Routes {
    let read = |path| Route::get(path, Verb::Read, "endpoint");
    let predict = |path| Route::post(path, Verb::Write, "prediction").body_limit(BODY);
    let operate = |path| Route::post(path, Verb::Operate, "endpoint");
    Routes::new(Edge::Oip)
        .route(Route::public("/v2/health/live", "health"), v2::live)
        .route(
            Route::public("/v2/health/ready", "health"),
            v2::server_ready,
        )
        .route(read("/v2"), v2::server)
        .route(read("/v2/models/stats"), v2::statistics::all)
        .route(read("/v2/models/{model}"), v2::model)
        .route(read("/v2/models/{model}/ready"), v2::ready)
        .route(read("/v2/models/{model}/config"), v2::config)
        .route(read("/v2/models/{model}/stats"), v2::statistics::of_model)
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
            read("/v2/models/{model}/versions/{version}/stats"),
            v2::statistics::of_model,
        )
        .route(
            predict("/v2/models/{model}/versions/{version}/infer"),
            v2::infer,
        )
        .route(read("/v2/trace/setting"), v2::settings::traces)
        .route(operate("/v2/trace/setting"), v2::settings::set_traces)
        .route(
            read("/v2/models/{model}/trace/setting"),
            v2::settings::traces,
        )
        .route(
            operate("/v2/models/{model}/trace/setting"),
            v2::settings::set_traces,
        )
        .route(
            Route::get("/v2/logging", Verb::Read, "log"),
            v2::settings::logs,
        )
        // It is the whole process that logs, for every workspace.
        .route(
            Route::post("/v2/logging", Verb::Admin, "log"),
            v2::settings::set_logs,
        )
        // A question, though it comes as a POST.
        .route(
            Route::post("/v2/repository/index", Verb::Read, "endpoint"),
            v2::repository::index,
        )
        .route(
            operate("/v2/repository/models/{model}/load"),
            v2::repository::load,
        )
        .route(
            operate("/v2/repository/models/{model}/unload"),
            v2::repository::unload,
        )
        .with_state(inference.clone())
        .merge(memory_routes(inference))
}

/// Shared memory: who may ask for predictions may say where their tensors lie.
fn memory_routes(inference: Inference) -> Routes {
    let read = |path| Route::get(path, Verb::Read, "shared-memory");
    let write = |path| Route::post(path, Verb::Write, "shared-memory");
    Routes::new(Edge::Oip)
        .route(read("/v2/systemsharedmemory/status"), v2::memory::status)
        .route(
            read("/v2/systemsharedmemory/region/{region}/status"),
            v2::memory::status,
        )
        .route(
            write("/v2/systemsharedmemory/region/{region}/register"),
            v2::memory::register,
        )
        .route(
            write("/v2/systemsharedmemory/unregister"),
            v2::memory::unregister,
        )
        .route(
            write("/v2/systemsharedmemory/region/{region}/unregister"),
            v2::memory::unregister,
        )
        .route(read("/v2/cudasharedmemory/status"), v2::memory::cuda)
        .route(
            read("/v2/cudasharedmemory/region/{region}/status"),
            v2::memory::cuda,
        )
        .route(
            write("/v2/cudasharedmemory/region/{region}/register"),
            v2::memory::cuda,
        )
        .route(write("/v2/cudasharedmemory/unregister"), v2::memory::cuda)
        .route(
            write("/v2/cudasharedmemory/region/{region}/unregister"),
            v2::memory::cuda,
        )
        .with_state(inference)
}
