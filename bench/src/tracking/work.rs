//! The requests of each kind of work. Both servers get the same ones.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{load::Next, processes::Target};
use crate::http::{Connection, get, post};

/// A time that every point stands near.
const NOW_MS: i64 = 1_760_000_000_000;

pub(crate) fn call(target: &Target, request: &[u8]) -> Result<Value> {
    let answer = Connection::open(target.address)?.call(request)?;
    if answer.status != 200 {
        bail!(
            "status {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
    }
    Ok(serde_json::from_slice(&answer.body)?)
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no {pointer} in an answer"))?
        .to_owned())
}

pub(crate) fn experiment(target: &Target, name: &str) -> Result<String> {
    let body = json!({"name": name}).to_string();
    text(
        &call(target, &post("/api/2.0/mlflow/experiments/create", &body))?,
        "/experiment_id",
    )
}

fn create_body(experiment: &str, i: usize) -> String {
    json!({
        "experiment_id": experiment,
        "run_name": format!("run-{i}"),
        "user_id": "bench",
        "start_time": NOW_MS + i64::try_from(i).unwrap_or(0),
        "tags": [{"key": "mlflow.user", "value": "bench"}, {"key": "mlflow.source.name", "value": "train.py"}, {"key": "mlflow.source.type", "value": "LOCAL"}],
    })
    .to_string()
}

pub(crate) fn run(target: &Target, experiment: &str, i: usize) -> Result<String> {
    let answer = call(
        target,
        &post("/api/2.0/mlflow/runs/create", &create_body(experiment, i)),
    )?;
    text(&answer, "/run/info/run_id")
}

pub(crate) fn create_run(experiment: String) -> Next {
    let mut i = 0;
    Box::new(move || {
        i += 1;
        post("/api/2.0/mlflow/runs/create", &create_body(&experiment, i))
    })
}

pub(crate) fn log_metric(run: String) -> Next {
    let mut step = 0_i64;
    Box::new(move || {
        step += 1;
        let body = format!(
            r#"{{"run_uuid":"{run}","run_id":"{run}","key":"loss","value":{},"timestamp":{},"step":{step}}}"#,
            1.0 / step as f64,
            NOW_MS + step
        );
        post("/api/2.0/mlflow/runs/log-metric", &body)
    })
}

/// A batch of `keys` x `steps` points, the steps going on from `from`.
pub(crate) fn batch(run: &str, keys: usize, steps: i64, from: i64) -> Vec<u8> {
    let mut body = format!(r#"{{"run_id":"{run}","metrics":["#);
    for step in from..from + steps {
        for key in 0..keys {
            if !body.ends_with('[') {
                body.push(',');
            }
            let _ = write!(
                body,
                r#"{{"key":"metric_{key}","value":{},"timestamp":{},"step":{step}}}"#,
                (step as f64 + 0.25) / (key as f64 + 1.5),
                NOW_MS + step
            );
        }
    }
    body.push_str(r#"],"params":[],"tags":[]}"#);
    post("/api/2.0/mlflow/runs/log-batch", &body)
}

/// Batches of one run, made beforehand: the steps are patched in place, because writing a thousand numbers as text takes
/// longer than sending them.
pub(crate) fn log_batch(run: &str, keys: usize, steps: i64) -> Next {
    const FIRST: i64 = 100_000_000;
    let mut request = batch(run, keys, steps, FIRST);
    let places: Vec<usize> = request
        .windows(8)
        .enumerate()
        .filter(|(_, part)| part == b"\"step\":1")
        .map(|(i, _)| i + 7)
        .collect();
    let mut from = FIRST;
    Box::new(move || {
        for (i, place) in places.iter().enumerate() {
            let mut step = from + i64::try_from(i / keys).unwrap_or(0);
            for digit in request[*place..place + 9].iter_mut().rev() {
                *digit = b'0' + u8::try_from(step % 10).unwrap_or(0);
                step /= 10;
            }
        }
        from += steps;
        request.clone()
    })
}

pub(crate) fn search(
    experiment: &str,
    filter: &str,
    order: &[&str],
    token: Option<&str>,
) -> Vec<u8> {
    let mut body = json!({"experiment_ids": [experiment], "filter": filter, "order_by": order, "max_results": 100});
    if let Some(token) = token {
        body["page_token"] = json!(token);
    }
    post("/api/2.0/mlflow/runs/search", &body.to_string())
}

pub(crate) fn same(request: Vec<u8>) -> Next {
    Box::new(move || request.clone())
}

/// The token of the page after `pages` pages.
pub(crate) fn token(
    target: &Target,
    experiment: &str,
    order: &[&str],
    pages: usize,
) -> Result<String> {
    let mut token: Option<String> = None;
    for _ in 0..pages {
        let answer = call(target, &search(experiment, "", order, token.as_deref()))?;
        token = Some(text(&answer, "/next_page_token")?);
    }
    token.context("no page was asked for")
}

/// Reads a history whole, as the client does, and counts its points.
pub(crate) fn history(target: &Target, run: &str, key: &str) -> Result<usize> {
    let mut connection = Connection::open(target.address)?.acknowledging_at_once(true);
    let (mut count, mut token) = (0, String::new());
    loop {
        let path = format!(
            "/api/2.0/mlflow/metrics/get-history?run_id={run}&run_uuid={run}&metric_key={key}&max_results=25000&page_token={token}"
        );
        let answer = connection.call(&get(&path))?;
        let answer: Value = serde_json::from_slice(&answer.body)?;
        count += answer["metrics"].as_array().map_or(0, Vec::len);
        token = match answer["next_page_token"].as_str() {
            Some(next) if !next.is_empty() => next
                .replace('+', "%2B")
                .replace('/', "%2F")
                .replace('=', "%3D"),
            Some(_) | None => return Ok(count),
        };
    }
}

/// Two requests of an import: runs with their params, then the points of their metrics.
pub(crate) fn ingest(experiment: i64, numbers: std::ops::Range<usize>) -> [String; 2] {
    let (mut runs, mut series) = (Vec::new(), Vec::new());
    for i in numbers {
        let id = format!("{:032x}", (1_u128 << 100) + i as u128);
        let at = NOW_MS + i64::try_from(i).unwrap_or(0);
        let params: Vec<Value> = (0..5)
            .map(|k| json!({"key": format!("param_{k}"), "value": (i * (k + 7) % 10).to_string()}))
            .collect();
        runs.push(json!({
            "id": id, "experiment": experiment, "name": format!("run-{i}"), "user": "bench", "status": "FINISHED",
            "start_ms": at, "end_ms": at + 1, "artifact_uri": format!("mlflow-artifacts:/{experiment}/{id}/artifacts"),
            "params": params, "mark": "bench",
            "tags": [{"key": "mlflow.runName", "value": format!("run-{i}")}, {"key": "mlflow.user", "value": "bench"}, {"key": "mlflow.source.name", "value": "train.py"}, {"key": "mlflow.source.type", "value": "LOCAL"}],
        }));
        series.extend((0..10).map(|k| {
            let value = ((i * 7_919 % 10_007) as f64 + 0.25) / (f64::from(k) + 1.5);
            json!({"run": id, "key": format!("metric_{k}"), "at_ms": [at], "step": [0], "value": [value]})
        }));
    }
    [
        json!({ "runs": runs }).to_string(),
        json!({ "series": series }).to_string(),
    ]
}
