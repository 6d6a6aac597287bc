//! The runs table: what is asked, and rows with only the asked columns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// Which runs, in which order, with which columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunsQuery {
    /// Ids or names of experiments; none is all active ones.
    #[serde(default)]
    pub experiments: Vec<String>,
    /// Only these runs, in this order; filter, order and pages are not for them.
    #[serde(default)]
    pub ids: Vec<String>,
    /// A filter in MLflow's grammar, such as `metrics.loss < 0.1 AND params.lr = '0.01'`.
    #[serde(default)]
    pub filter: String,
    /// Order clauses, such as `metrics.loss ASC`.
    #[serde(default)]
    pub order_by: Vec<String>,
    /// The columns of the answer: `metrics.KEY`, `params.KEY`, `tags.KEY`; absent is all of them.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// Deleted runs in place of active ones.
    #[serde(default)]
    pub deleted: bool,
    /// Most rows in the answer.
    #[serde(default)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    pub page: Option<String>,
}

/// A run in a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunRow {
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
    /// The latest values of the metrics that were asked for and that it has.
    pub metrics: BTreeMap<String, Measure>,
    /// Its params among those asked for.
    pub params: BTreeMap<String, String>,
    /// Its tags among those asked for.
    pub tags: BTreeMap<String, String>,
}

/// A measured number. JSON has no words for those that are not finite, so they are texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Measure {
    /// A finite number.
    Number(f64),
    /// `NaN`, `Infinity` or `-Infinity`.
    Word(String),
}

impl From<f64> for Measure {
    fn from(value: f64) -> Self {
        if value.is_nan() {
            Self::Word("NaN".to_owned())
        } else if value == f64::INFINITY {
            Self::Word("Infinity".to_owned())
        } else if value == f64::NEG_INFINITY {
            Self::Word("-Infinity".to_owned())
        } else {
            Self::Number(value)
        }
    }
}

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExperimentSummary {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it or its tags last changed.
    pub updated_at: Timestamp,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What the runs of some experiments have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunKeys {
    /// Metrics, by key.
    pub metrics: Vec<MetricKey>,
    /// Params, by key.
    pub params: Vec<TextKey>,
    /// Tags, by key.
    pub tags: Vec<TextKey>,
    /// Whether there are more keys than these.
    pub is_cut: bool,
}

/// A metric that some runs have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricKey {
    /// Its key.
    pub key: String,
    /// The least of the latest values.
    pub low: Measure,
    /// The greatest of the latest values.
    pub high: Measure,
}

/// A param or tag that some runs have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextKey {
    /// Its key.
    pub key: String,
    /// The first value, by text; at most 200 characters.
    pub low: String,
    /// The last value, by text: the same where all runs that have the key agree.
    pub high: String,
}

/// Curves to draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesQuery {
    /// Ids of runs.
    pub runs: Vec<String>,
    /// Keys of metrics.
    pub keys: Vec<String>,
    /// About how many points of each; default 320.
    #[serde(default)]
    pub points: Option<u32>,
    /// Only steps from this one on.
    #[serde(default)]
    pub from_step: Option<i64>,
    /// Only steps up to this one.
    #[serde(default)]
    pub to_step: Option<i64>,
}

/// A curve: the points of a metric of a run, by step and then time, thinned to what a chart can show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Series {
    /// The run.
    pub run: String,
    /// The metric.
    pub key: String,
    /// The steps.
    pub steps: Vec<i64>,
    /// The times, in milliseconds since 1970.
    pub at_ms: Vec<i64>,
    /// The values; `null` where one is not finite.
    pub values: Vec<Option<f64>>,
}
