//! Probes and metrics.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use trimtab_edge::Failure;
use trimtab_types::ErrorCode;

use crate::state::Api;

/// The process runs.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// The process can do its work: its database answers and it is not on its way out.
pub(crate) async fn ready(State(api): State<Api>) -> Response {
    if api.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    match api.db.outbox_head().await {
        Ok(_) => "ok\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            Failure::new(ErrorCode::Unavailable, "the database does not answer").into_response()
        }
    }
}

pub(crate) async fn metrics(State(api): State<Api>) -> Result<Response, Failure> {
    let text = api
        .metrics
        .encode()
        .map_err(|_| Failure::new(ErrorCode::Internal, "the metrics could not be written"))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
