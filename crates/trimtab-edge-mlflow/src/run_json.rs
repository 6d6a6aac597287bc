//! Runs in MLflow's JSON, written straight from the records: a page of a search has tens of thousands of values, and a
//! tree of them would be made only to be written and dropped.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::{Serialize, Serializer, ser::SerializeMap};
use trimtab_edge::Failure;
use trimtab_tracking::{DatasetInput, MetricPoint, Run};
use trimtab_types::{ErrorCode, LoggedModelId, Page, PageToken, Time};

use crate::refusal::Refusal;

/// An answer that is written already.
#[derive(Debug)]
pub(crate) struct Written(Vec<u8>);

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.0.into());
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        response
    }
}

fn written(answer: &impl Serialize) -> Result<Written, Refusal> {
    // No record of ours has a key that is no text, which is all that can go wrong.
    serde_json::to_vec(answer)
        .map(Written)
        .map_err(|error| Refusal(Failure::new(ErrorCode::Internal, error.to_string())))
}

/// `{"run": …}`.
pub(crate) fn run(run: &Run) -> Result<Written, Refusal> {
    written(&BTreeMap::from([("run", RunJson::of(run))]))
}

/// `{"run_info": …}`.
pub(crate) fn info(run: &Run) -> Result<Written, Refusal> {
    written(&BTreeMap::from([("run_info", InfoJson::of(run))]))
}

/// `{"runs": […], "next_page_token": …}`.
pub(crate) fn page(page: &Page<Run>) -> Result<Written, Refusal> {
    #[derive(Serialize)]
    struct PageJson<'p> {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        runs: Vec<RunJson<'p>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_page_token: Option<&'p str>,
    }
    written(&PageJson {
        runs: page.items.iter().map(RunJson::of).collect(),
        next_page_token: page.next.as_ref().map(PageToken::as_str),
    })
}

#[derive(Debug, Serialize)]
struct RunJson<'r> {
    info: InfoJson<'r>,
    data: DataJson<'r>,
    inputs: InputsJson<'r>,
    outputs: OutputsJson<'r>,
}

#[derive(Debug, Serialize)]
struct InfoJson<'r> {
    run_uuid: String,
    experiment_id: String,
    run_name: &'r str,
    user_id: &'r str,
    status: &'static str,
    start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    artifact_uri: &'r str,
    lifecycle_stage: &'static str,
    run_id: String,
}

#[derive(Debug, Serialize)]
struct DataJson<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<MetricJson<'r>>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    params: Pairs<'r>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    tags: Pairs<'r>,
}

#[derive(Debug, Serialize)]
struct MetricJson<'r> {
    key: &'r str,
    #[serde(serialize_with = "double")]
    value: f64,
    timestamp: i64,
    step: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_name: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_digest: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct InputsJson<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_inputs: Vec<DatasetInputJson<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_inputs: Vec<ModelJson>,
}

#[derive(Debug, Serialize)]
struct OutputsJson<'r> {
    #[serde(
        skip_serializing_if = "<[_]>::is_empty",
        serialize_with = "model_outputs"
    )]
    model_outputs: &'r [(LoggedModelId, i64)],
}

#[derive(Debug, Serialize)]
struct ModelJson {
    model_id: String,
}

#[derive(Debug, Serialize)]
struct DatasetInputJson<'r> {
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "pairs")]
    tags: &'r [(String, String)],
    dataset: DatasetJson<'r>,
}

#[derive(Debug, Serialize)]
struct DatasetJson<'r> {
    name: &'r str,
    digest: &'r str,
    source_type: &'r str,
    source: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'r str>,
}

/// A list of keys with values.
#[derive(Debug)]
struct Pairs<'r>(&'r BTreeMap<String, String>);

impl Pairs<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(key, value)| Pair { key, value }))
    }
}

struct Pair<'p> {
    key: &'p str,
    value: &'p str,
}

impl Serialize for Pair<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("key", self.key)?;
        map.serialize_entry("value", self.value)?;
        map.end()
    }
}

fn pairs<S: Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(pairs.iter().map(|(key, value)| Pair { key, value }))
}

fn model_outputs<S: Serializer>(
    models: &[(LoggedModelId, i64)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Output {
        model_id: String,
        step: i64,
    }
    serializer.collect_seq(models.iter().map(|(model, step)| Output {
        model_id: model_id(*model),
        step: *step,
    }))
}

/// As protobuf JSON and MLflow's database write it: see [`crate::wire::double`].
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands the field by reference"
)]
fn double<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_nan() {
        serializer.serialize_str("NaN")
    } else {
        serializer.serialize_f64(value.clamp(f64::MIN, f64::MAX))
    }
}

fn model_id(model: LoggedModelId) -> String {
    format!("m-{model}")
}

impl<'r> RunJson<'r> {
    fn of(run: &'r Run) -> Self {
        Self {
            info: InfoJson::of(run),
            data: DataJson {
                metrics: run.metrics.iter().map(MetricJson::of).collect(),
                params: Pairs(&run.params),
                tags: Pairs(&run.tags),
            },
            inputs: InputsJson {
                dataset_inputs: run.datasets.iter().map(DatasetInputJson::of).collect(),
                model_inputs: run
                    .model_inputs
                    .iter()
                    .map(|model| ModelJson {
                        model_id: model_id(*model),
                    })
                    .collect(),
            },
            outputs: OutputsJson {
                model_outputs: &run.model_outputs,
            },
        }
    }
}

impl<'r> InfoJson<'r> {
    fn of(run: &'r Run) -> Self {
        let id = run.id.to_string();
        Self {
            run_uuid: id.clone(),
            experiment_id: run.experiment.to_string(),
            run_name: &run.name,
            user_id: &run.user,
            status: run.status.as_str(),
            start_time: run.start_time.as_millis(),
            end_time: run.end_time.map(Time::as_millis),
            artifact_uri: &run.artifact_uri,
            lifecycle_stage: run.lifecycle.as_str(),
            run_id: id,
        }
    }
}

impl<'r> MetricJson<'r> {
    fn of(point: &'r MetricPoint) -> Self {
        let dataset = point.dataset.as_ref();
        Self {
            key: &point.key,
            value: point.value,
            timestamp: point.timestamp_ms,
            step: point.step,
            dataset_name: dataset.map(|dataset| dataset.name.as_str()),
            dataset_digest: dataset.map(|dataset| dataset.digest.as_str()),
            model_id: point.model.map(model_id),
        }
    }
}

impl<'r> DatasetInputJson<'r> {
    fn of(input: &'r DatasetInput) -> Self {
        let dataset = &input.dataset;
        Self {
            tags: &input.tags,
            dataset: DatasetJson {
                name: &dataset.name,
                digest: &dataset.digest,
                source_type: &dataset.source_type,
                source: &dataset.source,
                schema: dataset.schema.as_deref(),
                profile: dataset.profile.as_deref(),
            },
        }
    }
}
