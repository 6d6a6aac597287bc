//! Answers in MLflow's JSON: 64-bit integers are numbers, NaN is `"NaN"`, infinities are the greatest doubles, empty
//! lists and absent values are left out.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde_json::{Map, Value, json};
use trimtab_registry::{ModelVersion, RegisteredModel, VersionStatus};
use trimtab_tracking::{Experiment, LoggedModel, LoggedModelStatus, MetricPoint};
use trimtab_types::{PageToken, Scope};

use crate::refusal::Refusal;

/// An answer in JSON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Json(pub(crate) Value);

/// What a handler answers.
pub(crate) type Answer = Result<Json, Refusal>;

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.0.to_string().into());
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        response
    }
}

/// `{}`.
pub(crate) fn nothing() -> Json {
    Json(Value::Object(Map::new()))
}

/// An object without what is empty: `null`, empty texts of optional fields given as `null`, empty lists.
pub(crate) fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let fields = fields
        .into_iter()
        .filter(|(_, value)| {
            !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
        })
        .map(|(name, value)| (name.to_owned(), value));
    Value::Object(fields.collect())
}

/// A list under its name, with the token of the next page.
pub(crate) fn list(name: &'static str, items: Vec<Value>, next: Option<PageToken>) -> Json {
    let token = next.map_or(Value::Null, |token| token.as_str().into());
    Json(object([
        (name, Value::from(items)),
        ("next_page_token", token),
    ]))
}

/// A double as protobuf JSON and MLflow's database write it.
pub(crate) fn double(value: f64) -> Value {
    if value.is_nan() {
        "NaN".into()
    } else {
        value.clamp(f64::MIN, f64::MAX).into()
    }
}

fn pairs<'p>(pairs: impl IntoIterator<Item = (&'p String, &'p String)>) -> Value {
    pairs
        .into_iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}

pub(crate) fn experiment(scope: &Scope, experiment: &Experiment) -> Value {
    object([
        ("experiment_id", experiment.id.to_string().into()),
        ("name", experiment.name.as_str().into()),
        (
            "artifact_location",
            experiment.artifact_location.as_str().into(),
        ),
        ("lifecycle_stage", experiment.lifecycle.as_str().into()),
        ("last_update_time", experiment.updated_at.as_millis().into()),
        ("creation_time", experiment.created_at.as_millis().into()),
        ("tags", pairs(&experiment.tags)),
        ("workspace", scope.workspace.as_str().into()),
    ])
}

pub(crate) fn metric(point: &MetricPoint) -> Value {
    let dataset = point.dataset.as_ref();
    object([
        ("key", point.key.as_str().into()),
        ("value", double(point.value)),
        ("timestamp", point.timestamp_ms.into()),
        ("step", point.step.into()),
        (
            "dataset_name",
            dataset.map_or(Value::Null, |dataset| dataset.name.as_str().into()),
        ),
        (
            "dataset_digest",
            dataset.map_or(Value::Null, |dataset| dataset.digest.as_str().into()),
        ),
        (
            "model_id",
            point
                .model
                .map_or(Value::Null, |model| format!("m-{model}").into()),
        ),
    ])
}

/// The spellings of [`LoggedModelStatus`], counted from 1.
pub(crate) const LOGGED_MODEL_STATUSES: [(&str, LoggedModelStatus); 3] = [
    ("LOGGED_MODEL_PENDING", LoggedModelStatus::Pending),
    ("LOGGED_MODEL_READY", LoggedModelStatus::Ready),
    (
        "LOGGED_MODEL_UPLOAD_FAILED",
        LoggedModelStatus::UploadFailed,
    ),
];

pub(crate) fn logged_model(model: &LoggedModel) -> Value {
    let status = LOGGED_MODEL_STATUSES
        .iter()
        .find(|(_, status)| *status == model.status)
        .map_or("LOGGED_MODEL_STATUS_UNSPECIFIED", |(name, _)| name);
    let metrics: Vec<Value> = model
        .metrics
        .iter()
        .map(|measured| {
            let mut value = metric(&measured.point);
            value["run_id"] = measured.run.to_string().into();
            value
        })
        .collect();
    json!({
        "info": object([
            ("model_id", format!("m-{}", model.id).into()),
            ("experiment_id", model.experiment.to_string().into()),
            ("name", model.name.as_str().into()),
            ("creation_timestamp_ms", model.created_at.as_millis().into()),
            ("last_updated_timestamp_ms", model.updated_at.as_millis().into()),
            ("artifact_uri", model.artifact_uri.as_str().into()),
            ("status", status.into()),
            ("model_type", model.model_type.clone().into()),
            ("source_run_id", model.source_run.map(|run| run.to_string()).into()),
            ("status_message", model.status_message.clone().into()),
            ("tags", pairs(&model.tags)),
        ]),
        "data": object([("params", pairs(&model.params)), ("metrics", metrics.into())]),
    })
}

pub(crate) fn version(version: &ModelVersion) -> Value {
    let status = match version.status {
        VersionStatus::Pending => "PENDING_REGISTRATION",
        VersionStatus::Failed => "FAILED_REGISTRATION",
        VersionStatus::Ready => "READY",
    };
    object([
        ("name", version.model.as_str().into()),
        ("version", version.version.to_string().into()),
        ("creation_timestamp", version.created_at.as_millis().into()),
        (
            "last_updated_timestamp",
            version.updated_at.as_millis().into(),
        ),
        ("user_id", version.created_by.as_str().into()),
        ("current_stage", version.stage.as_str().into()),
        (
            "description",
            version.description.clone().unwrap_or_default().into(),
        ),
        ("source", version.source.as_str().into()),
        (
            "run_id",
            version
                .run_id
                .map(|run| run.to_string())
                .unwrap_or_default()
                .into(),
        ),
        ("status", status.into()),
        ("status_message", version.status_message.clone().into()),
        ("tags", pairs(&version.tags)),
        (
            "run_link",
            version.run_link.clone().unwrap_or_default().into(),
        ),
        ("aliases", version.aliases.clone().into()),
        (
            "model_id",
            version
                .logged_model
                .map(|model| format!("m-{model}"))
                .into(),
        ),
    ])
}

pub(crate) fn model(model: &RegisteredModel) -> Value {
    let aliases: Vec<Value> = model
        .aliases
        .iter()
        .map(|(alias, version)| json!({ "alias": alias, "version": version.to_string() }))
        .collect();
    object([
        ("name", model.name.as_str().into()),
        ("creation_timestamp", model.created_at.as_millis().into()),
        (
            "last_updated_timestamp",
            model.updated_at.as_millis().into(),
        ),
        ("user_id", model.created_by.as_str().into()),
        ("description", model.description.clone().into()),
        (
            "latest_versions",
            model.latest_versions.iter().map(version).collect(),
        ),
        ("tags", pairs(&model.tags)),
        ("aliases", aliases.into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_that_json_lacks() {
        assert_eq!(double(f64::NAN), json!("NaN"));
        assert_eq!(double(f64::INFINITY), json!(f64::MAX));
        assert_eq!(double(f64::NEG_INFINITY), json!(f64::MIN));
        assert_eq!(double(0.1).to_string(), "0.1");
    }

    #[test]
    fn what_is_empty_is_left_out() {
        let value = object([
            ("a", Value::Null),
            ("b", json!([])),
            ("c", json!("")),
            ("d", json!(0)),
        ]);
        assert_eq!(value, json!({ "c": "", "d": 0 }));
    }
}
