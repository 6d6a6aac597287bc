//! Histories of metrics.

use axum::extract::State;
use serde_json::{Value, json};
use trimtab_edge::CallScope;

use crate::{
    Services,
    input::{self, Input},
    refusal::Refusal,
    wire::{self, Answer, Json},
};

/// Points that a sampled history has at most, and the runs that one request may name.
const POINTS: u32 = 2_500;
const RUNS: usize = 100;

pub(crate) async fn get(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (run, key) = (input.run()?, input.required("metric_key")?);
    let (limit, token) = (input.limit("max_results")?, input.text("page_token")?);
    let page = services
        .tracking
        .metric_history(&scope, run, &key, limit, token.as_deref())
        .await?;
    let items: Vec<Value> = page.points.iter().map(wire::metric).collect();
    Ok(wire::list("metrics", items, page.next))
}

/// Histories of one metric in several runs, thinned for a chart.
pub(crate) async fn get_bulk(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let mut runs = input.texts("run_ids")?;
    if runs.is_empty() {
        runs = input.texts("run_id")?;
    }
    if runs.is_empty() {
        return Err(Refusal::missing("run_ids"));
    }
    if runs.len() > RUNS {
        return Err(Refusal::invalid(
            "run_ids",
            format!(
                "GetMetricHistoryBulk request cannot specify more than {RUNS} run_ids. Received {} run_ids.",
                runs.len()
            ),
        ));
    }
    let key = input.required("metric_key")?;
    let steps = match (input.integer("start_step")?, input.integer("end_step")?) {
        (None, None) => None,
        (Some(start), Some(end)) if start <= end => Some((start, end)),
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid(
                "end_step",
                "end_step must be greater than or equal to start_step",
            ));
        }
        _ => {
            return Err(Refusal::invalid(
                "start_step",
                "If either start step or end step are specified, both must be specified.",
            ));
        }
    };
    let most = match input.limit("max_results")? {
        0 => POINTS,
        asked if asked > POINTS => {
            return Err(Refusal::invalid(
                "max_results",
                format!("max_results must be at most {POINTS}"),
            ));
        }
        asked => asked,
    };
    let mut metrics = Vec::new();
    for run in runs {
        let id = input::run_id(&run)?;
        for point in services
            .tracking
            .metric_sample(&scope, id, &key, steps, most)
            .await?
        {
            metrics.push(json!({
                "key": point.key,
                "value": wire::double(point.value),
                "timestamp": point.timestamp_ms,
                "step": point.step,
                "run_id": run,
            }));
        }
    }
    Ok(Json(wire::object([("metrics", Value::from(metrics))])))
}
