//! The two requests that come by the thousand, read without a tree of JSON values in between.
//!
//! What is not plainly right here is read again the long way ([`Input`]), which knows every leniency and every complaint of
//! MLflow's: so this reader only ever answers what that one would.

use std::borrow::Cow;
use std::fmt;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
};
use http::{Method, header};
use serde::{Deserialize, Deserializer, de};
use trimtab_tracking::{Batch, DatasetRef, MetricPoint};
use trimtab_types::RunId;

use crate::{
    input::{self, Input},
    refusal::Refusal,
    runs,
};

/// A text that is copied only when it has escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A double, or the texts for those that JSON has no number for.
#[derive(Debug)]
struct Double(f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Double;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a double")
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Double, E> {
                Ok(Double(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Double, E> {
                Ok(Double(value as f64))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Double, E> {
                Ok(Double(value as f64))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Double, E> {
                match value {
                    "NaN" => Ok(Double(f64::NAN)),
                    "Infinity" => Ok(Double(f64::INFINITY)),
                    "-Infinity" => Ok(Double(f64::NEG_INFINITY)),
                    _ => Err(E::custom("no number")),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[derive(Debug, Deserialize)]
struct Metric<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    value: Double,
    timestamp: i64,
    step: Option<i64>,
    #[serde(borrow)]
    model_id: Option<Text<'a>>,
    #[serde(borrow)]
    dataset_name: Option<Text<'a>>,
    #[serde(borrow)]
    dataset_digest: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Pair<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
}

#[derive(Debug, Deserialize)]
struct BatchBody<'a> {
    #[serde(borrow)]
    run_id: Text<'a>,
    #[serde(borrow, default)]
    metrics: Vec<Metric<'a>>,
    #[serde(borrow, default)]
    params: Vec<Pair<'a>>,
    #[serde(borrow, default)]
    tags: Vec<Pair<'a>>,
}

#[derive(Debug, Deserialize)]
struct MetricBody<'a> {
    #[serde(borrow)]
    run_id: Text<'a>,
    #[serde(borrow)]
    key: Text<'a>,
    value: Double,
    timestamp: i64,
    step: Option<i64>,
    #[serde(borrow)]
    model_id: Option<Text<'a>>,
    #[serde(borrow)]
    dataset_name: Option<Text<'a>>,
    #[serde(borrow)]
    dataset_digest: Option<Text<'a>>,
}

impl Metric<'_> {
    fn point(self) -> Option<MetricPoint> {
        if self.key.0.is_empty() {
            return None;
        }
        let model = match self.model_id.filter(|id| !id.0.is_empty()) {
            Some(id) => Some(input::logged_model_id(&id.0).ok()?),
            None => None,
        };
        let digest = self
            .dataset_digest
            .map(|digest| digest.0.into_owned())
            .unwrap_or_default();
        let dataset = self
            .dataset_name
            .filter(|name| !name.0.is_empty())
            .map(|name| DatasetRef {
                name: name.0.into_owned(),
                digest,
            });
        Some(MetricPoint {
            key: self.key.0.into_owned(),
            value: self.value.0,
            timestamp_ms: self.timestamp,
            step: self.step.unwrap_or(0),
            model,
            dataset,
        })
    }
}

fn pairs(pairs: Vec<Pair<'_>>) -> Option<Vec<(String, String)>> {
    pairs
        .into_iter()
        .map(|pair| {
            (!pair.key.0.is_empty()).then(|| (pair.key.0.into_owned(), pair.value.0.into_owned()))
        })
        .collect()
}

/// Whether a body may hold a NUL, which the long way looks for and refuses.
fn may_hold_nul(bytes: &[u8]) -> bool {
    bytes.contains(&b'\\') && bytes.windows(6).any(|part| part == b"\\u0000")
}

fn batch(bytes: &[u8]) -> Option<(RunId, Batch)> {
    let body: BatchBody<'_> = serde_json::from_slice(bytes).ok()?;
    let run = input::run_id(&body.run_id.0).ok()?;
    let metrics = body
        .metrics
        .into_iter()
        .map(Metric::point)
        .collect::<Option<_>>()?;
    Some((
        run,
        Batch {
            metrics,
            params: pairs(body.params)?,
            tags: pairs(body.tags)?,
        },
    ))
}

fn one(bytes: &[u8]) -> Option<(RunId, MetricPoint)> {
    let body: MetricBody<'_> = serde_json::from_slice(bytes).ok()?;
    let run = input::run_id(&body.run_id.0).ok()?;
    let metric = Metric {
        key: body.key,
        value: body.value,
        timestamp: body.timestamp,
        step: body.step,
        model_id: body.model_id,
        dataset_name: body.dataset_name,
        dataset_digest: body.dataset_digest,
    };
    Some((run, metric.point()?))
}

/// Reads a body the short way, or the whole request the long way.
async fn read<S: Send + Sync, T>(
    request: Request<Body>,
    state: &S,
    short: impl FnOnce(&[u8]) -> Option<T>,
    long: impl FnOnce(&Input) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value == "application/json");
    if request.method() != Method::POST || !is_json {
        return long(&Input::from_request(request, state).await?);
    }
    let (parts, body) = request.into_parts();
    let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state)
        .await
        .map_err(|rejection| {
            let refusal = Refusal::invalid("body", rejection.body_text());
            Refusal(refusal.0.with_status(rejection.status()))
        })?;
    if !may_hold_nul(&bytes)
        && let Some(read) = short(&bytes)
    {
        return Ok(read);
    }
    let again = Request::from_parts(parts, Body::from(bytes));
    long(&Input::from_request(again, state).await?)
}

/// A `log-batch`.
#[derive(Debug)]
pub(crate) struct LogBatch(pub(crate) RunId, pub(crate) Batch);

impl<S: Send + Sync> FromRequest<S> for LogBatch {
    type Rejection = Refusal;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Refusal> {
        let (run, batch) = read(request, state, batch, runs::batch).await?;
        Ok(Self(run, batch))
    }
}

/// A `log-metric`.
#[derive(Debug)]
pub(crate) struct LogMetric(pub(crate) RunId, pub(crate) MetricPoint);

impl<S: Send + Sync> FromRequest<S> for LogMetric {
    type Rejection = Refusal;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Refusal> {
        let (run, point) = read(request, state, one, runs::point).await?;
        Ok(Self(run, point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "0193f4c0000070008000000000000001";

    type Made = Option<(RunId, Batch)>;

    /// What both ways make of one body; the short one may leave it to the long one.
    fn both(json: &str) -> (Made, Made) {
        let long = Input::of_body(&Bytes::copy_from_slice(json.as_bytes()))
            .and_then(|input| runs::batch(&input));
        (batch(json.as_bytes()), long.ok())
    }

    #[test]
    fn the_short_way_answers_what_the_long_one_does() {
        let bodies = [
            r#"{"run_id": "RUN", "metrics": [{"key": "a", "value": 1, "timestamp": 5, "step": 2}, {"key": "b", "value": "NaN", "timestamp": 6}, {"key": "c", "value": "-Infinity", "timestamp": 7, "step": null}], "params": [{"key": "p", "value": "q\"\n"}], "tags": [{"key": "t", "value": "ü"}]}"#,
            r#"{"run_id": "RUN", "run_uuid": "x", "other": {"deep": [1]}, "metrics": [{"key": "a", "value": 1.5e3, "timestamp": 5, "step": -2, "dataset_name": "d", "dataset_digest": "e", "model_id": ""}]}"#,
            r#"{"run_id": "RUN"}"#,
        ];
        for json in bodies {
            let json = json.replace("RUN", RUN);
            let (Some(short), Some(long)) = both(&json) else {
                panic!("{json}");
            };
            // NaN is unequal to itself, so the texts are compared.
            assert_eq!(format!("{short:?}"), format!("{long:?}"));
        }
    }

    #[test]
    fn what_is_odd_is_left_to_the_long_way() {
        for json in [
            r#"{"run_id": "RUN", "metrics": [{"key": "a", "value": 1, "timestamp": "5"}]}"#,
            r#"{"run_id": "RUN", "metrics": null}"#,
            r#"{"run_id": "RUN", "metrics": [{"key": 5, "value": 1, "timestamp": 5}]}"#,
            r#"{"run_id": "RUN", "metrics": [{"value": 1, "timestamp": 5}]}"#,
            r#"{"run_id": "RUN", "params": [{"key": "a"}]}"#,
            r#"{"run_uuid": "RUN"}"#,
            r#"{"run_id": "no id"}"#,
            "[]",
            "",
        ] {
            assert!(both(&json.replace("RUN", RUN)).0.is_none(), "{json}");
        }
        assert!(may_hold_nul(br#"{"a": "\u0000"}"#));
    }

    #[test]
    fn one_point() {
        let json = format!(
            r#"{{"run_uuid": "{RUN}", "run_id": "{RUN}", "key": "loss", "value": 0.5, "timestamp": 7, "step": 3}}"#
        );
        let (run, point) = one(json.as_bytes()).unwrap();
        assert_eq!(run.to_string(), RUN);
        assert_eq!(
            (
                point.key.as_str(),
                point.value,
                point.timestamp_ms,
                point.step
            ),
            ("loss", 0.5, 7, 3)
        );
    }
}
