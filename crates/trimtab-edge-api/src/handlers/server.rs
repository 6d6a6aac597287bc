//! The server itself: what answers, its clock, its document.

use axum::{Json, extract::State};
use trimtab_db::Dialect;
use trimtab_edge::CallScope;
use trimtab_infer::OnnxRuntime;
use trimtab_types::Coded as _;

use crate::{
    extract::Json as Body,
    handlers::Answer,
    state::Api,
    wire::{ClockState, ClockTo, Problem, ServerInfo},
};

pub(crate) async fn server(
    State(api): State<Api>,
    CallScope(scope): CallScope,
) -> Json<ServerInfo> {
    let process = api.process();
    let configured = process.onnx_runtime.clone();
    // Looking for the library walks folders.
    let found =
        tokio::task::spawn_blocking(move || OnnxRuntime::locate(configured.as_deref())).await;
    let (onnx_runtime, mut problems) = match found {
        Ok(Ok(runtime)) => (Some(runtime.library().display().to_string()), Vec::new()),
        Ok(Err(error)) => (
            None,
            vec![Problem {
                what: "onnx runtime".to_owned(),
                message: error.to_string(),
                hint: error.hint(),
            }],
        ),
        Err(_) => (None, Vec::new()),
    };
    problems.extend(api.tracking.room().and_then(|(free, all)| full(free, all)));
    Json(ServerInfo {
        version: process.version.to_owned(),
        workspace: scope.workspace.to_string(),
        principal: scope.principal.name.to_string(),
        role: scope.principal.role.as_str().to_owned(),
        database: match api.db.dialect() {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
        }
        .to_owned(),
        started_at: process.started_at.into(),
        onnx_runtime,
        problems,
    })
}

/// A disk on which the next writes may fail.
fn full(free: u64, all: u64) -> Option<Problem> {
    const LITTLE: u64 = 256 << 20;
    (free < LITTLE.min(all / 10)).then(|| Problem {
        what: "disk".to_owned(),
        message: format!(
            "the disk of the data folder has room for {} MiB more, of {} MiB",
            free >> 20,
            all >> 20
        ),
        hint: Some(
            "make room, or remove what was deleted with `trimtab gc`: writes are refused while there is none, and nothing that was acknowledged is lost"
                .to_owned(),
        ),
    })
}

pub(crate) async fn clock(State(api): State<Api>) -> Json<ClockState> {
    Json(ClockState {
        now: api.clock.now().into(),
        replay: api.clock.is_replay(),
    })
}

pub(crate) async fn set_clock(
    State(api): State<Api>,
    Body(request): Body<ClockTo>,
) -> Answer<ClockState> {
    let now = api.controller.advance(request.to.0).await?;
    Ok(Json(ClockState {
        now: now.into(),
        replay: api.clock.is_replay(),
    }))
}

pub(crate) async fn openapi() -> Json<serde_json::Value> {
    Json(crate::openapi_document())
}
