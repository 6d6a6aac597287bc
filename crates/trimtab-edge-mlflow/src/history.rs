//! Histories of metrics.

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use trimtab_edge::{CallScope, Failure};
use trimtab_tracking::{HistoryPage, MetricPoint};
use trimtab_types::{Coded, ErrorCode, PageToken};

use crate::{
    Services,
    input::{self, Input},
    refusal::Refusal,
    wire::{self, Answer, Json},
};

/// Points that a sampled history has at most, and the runs that one request may name.
const POINTS: u32 = 2_500;
const RUNS: usize = 100;
/// Points that whole histories have at most, in all.
const WHOLE: u32 = 25_000;

/// A point in an answer; a history is long, so it is written without a tree of JSON values in between.
#[derive(Debug, Serialize)]
struct Point<'p> {
    key: &'p str,
    #[serde(serialize_with = "double")]
    value: f64,
    timestamp: i64,
    step: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'p str>,
}

#[derive(Debug, Serialize)]
struct Points<'p> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Point<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<&'p str>,
}

/// As [`wire::double`] writes it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn double<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_nan() {
        serializer.serialize_str("NaN")
    } else {
        serializer.serialize_f64(value.clamp(f64::MIN, f64::MAX))
    }
}

impl<'p> Point<'p> {
    fn new(point: &'p MetricPoint, run_id: Option<&'p str>) -> Self {
        Self {
            key: &point.key,
            value: point.value,
            timestamp: point.timestamp_ms,
            step: point.step,
            run_id,
        }
    }
}

impl Points<'_> {
    fn answer(&self) -> Result<Response, Refusal> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Refusal(Failure::new(ErrorCode::Internal, error.to_string())))?;
        let mut response = Response::new(Body::from(text));
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        Ok(response)
    }
}

pub(crate) async fn get(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Result<Response, Refusal> {
    let key = input.required("metric_key")?;
    let (limit, token) = (
        input.positive_limit("max_results")?,
        input.text("page_token")?,
    );
    let found = match input.run() {
        Ok(run) => services
            .tracking
            .metric_history(&scope, run, &key, limit, token.as_deref())
            .await
            .map_err(Refusal::from),
        Err(refusal) => Err(refusal),
    };
    let page = match found {
        // To MLflow, a run that is not there is one without points.
        Err(Refusal(failure)) if failure.code == ErrorCode::NotFound => HistoryPage::default(),
        found => found?,
    };
    let points = Points {
        metrics: page
            .points
            .iter()
            .map(|point| Point::new(point, None))
            .collect(),
        next_page_token: page.next.as_ref().map(PageToken::as_str),
    };
    points.answer()
}

/// Whole histories of one metric in several runs (`run_id`, repeated), by run, time, step and value, up to a limit in all.
/// Runs that are not there are left out.
pub(crate) async fn get_whole(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Result<Response, Refusal> {
    let mut runs = input.texts("run_id")?;
    if runs.is_empty() {
        return Err(Refusal::invalid(
            "run_id",
            "GetMetricHistoryBulk request must specify at least one run_id.",
        ));
    }
    if runs.len() > RUNS {
        return Err(too_many_runs("run_id", runs.len()));
    }
    let key = input.text("metric_key")?.ok_or_else(|| {
        Refusal::invalid(
            "metric_key",
            "GetMetricHistoryBulk request must specify a metric_key.",
        )
    })?;
    let mut left = match input.limit("max_results")? {
        0 => WHOLE,
        asked => asked.min(WHOLE),
    };
    runs.sort();
    runs.dedup();
    let mut found = Vec::new();
    for run in &runs {
        let Ok(id) = input::run_id(run) else { continue };
        if left == 0 {
            break;
        }
        let page = match services
            .tracking
            .metric_history(&scope, id, &key, left, None)
            .await
        {
            Ok(page) => page,
            Err(error) if error.code() == ErrorCode::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        left -= u32::try_from(page.points.len()).unwrap_or(left).min(left);
        found.push((run.as_str(), page.points));
    }
    let metrics = found
        .iter()
        .flat_map(|(run, points)| points.iter().map(|point| Point::new(point, Some(run))))
        .collect();
    Points {
        metrics,
        next_page_token: None,
    }
    .answer()
}

fn too_many_runs(field: &str, count: usize) -> Refusal {
    Refusal::invalid(
        field,
        format!(
            "GetMetricHistoryBulk request cannot specify more than {RUNS} run_ids. Received {count} run_ids."
        ),
    )
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
        return Err(too_many_runs("run_ids", runs.len()));
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
