//! Runs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// A run, in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The experiment's id.
    pub experiment_id: String,
    /// The experiment's name.
    pub experiment: String,
    /// MLflow's word for its state.
    pub status: String,
    /// Who started it.
    pub user: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The latest value of each metric.
    pub metrics: Vec<MetricLast>,
}

/// The latest value of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricLast {
    /// Its key.
    pub key: String,
    /// Its value; `null` when it is not finite.
    pub value: Option<f64>,
    /// Its step.
    pub step: i64,
    /// When.
    pub at: Timestamp,
}

/// A key with a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pair {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The experiment's id.
    pub experiment_id: String,
    /// The experiment's name.
    pub experiment: String,
    /// MLflow's word for its state.
    pub status: String,
    /// Who started it.
    pub user: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The latest value of each metric.
    pub metrics: Vec<MetricLast>,
    /// Its parameters.
    pub params: Vec<Pair>,
    /// Its tags.
    pub tags: Vec<Pair>,
    /// What it read.
    pub datasets: Vec<RunDataset>,
    /// What lies at the root of its artifacts.
    pub artifacts: Vec<ArtifactEntry>,
    /// The model versions that it made.
    pub versions: Vec<VersionRef>,
}

/// A dataset that a run read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunDataset {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What for.
    pub context: Option<String>,
}

/// A file or folder of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactEntry {
    /// Its path.
    pub path: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Its size in bytes, for files.
    pub size: Option<u64>,
}

/// A model version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionRef {
    /// The model.
    pub model: String,
    /// The version.
    pub version: i64,
}

/// The points of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricHistory {
    /// Its key.
    pub key: String,
    /// Its points, in the order of steps.
    pub points: Vec<MetricPoint>,
    /// What to give as `page` for the next points; absent at the end.
    pub next: Option<String>,
}

/// One point of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricPoint {
    /// The step.
    pub step: i64,
    /// The value; `null` when it is not finite.
    pub value: Option<f64>,
    /// When.
    pub at: Timestamp,
}
