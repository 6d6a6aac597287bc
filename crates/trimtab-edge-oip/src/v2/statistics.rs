//! Statistics over HTTP, in the words of the protocol.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};
use trimtab_edge::{CallScope, Failure};
use trimtab_serving::{RevisionStatistics, Serving, Timed};

use super::ModelPath;

/// GET /v2/models/stats.
pub(crate) async fn all(
    State(serving): State<Serving>,
    CallScope(scope): CallScope,
) -> Result<Json<Value>, Failure> {
    Ok(Json(answer(&serving.statistics(&scope, None, None)?)))
}

/// GET /v2/models/{model}/stats, with or without a version.
pub(crate) async fn of_model(
    State(serving): State<Serving>,
    CallScope(scope): CallScope,
    Path(path): Path<ModelPath>,
) -> Result<Json<Value>, Failure> {
    let (name, version) = path.resolve()?;
    let statistics = serving.statistics(&scope, Some(&name), version)?;
    Ok(Json(answer(&statistics)))
}

fn answer(statistics: &[RevisionStatistics]) -> Value {
    let models: Vec<Value> = statistics.iter().map(model).collect();
    json!({ "model_stats": models })
}

fn model(statistics: &RevisionStatistics) -> Value {
    let timed = |timed: Timed| json!({ "count": timed.count, "ns": timed.ns });
    let batches = statistics.batches.iter().map(|batch| {
        json!({
            "batch_size": batch.rows,
            "compute_input": timed(batch.input),
            "compute_infer": timed(batch.infer),
            "compute_output": timed(batch.output),
        })
    });
    json!({
        "name": statistics.endpoint,
        "version": statistics.version.to_string(),
        "last_inference": statistics.last_inference.map_or(0, trimtab_types::Time::as_millis),
        "inference_count": statistics.rows,
        "execution_count": statistics.executions,
        "inference_stats": {
            "success": timed(statistics.success),
            "fail": timed(statistics.fail),
            "queue": timed(statistics.queue),
            "compute_input": timed(statistics.input),
            "compute_infer": timed(statistics.infer),
            "compute_output": timed(statistics.output),
            // There is no response cache.
            "cache_hit": timed(Timed::default()),
            "cache_miss": timed(Timed::default()),
        },
        "response_stats": {},
        "batch_stats": batches.collect::<Vec<Value>>(),
        "memory_usage": [],
    })
}
