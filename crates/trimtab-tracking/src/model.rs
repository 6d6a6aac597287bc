//! What tracking holds.

use std::collections::BTreeMap;

use trimtab_types::{LoggedModelId, RunId, Time};

/// Whether a thing is in use or waits for collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// In use.
    Active,
    /// Deleted, and restorable until collected.
    Deleted,
}

impl Lifecycle {
    /// The spelling that clients use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        }
    }

    pub(crate) fn number(self) -> i64 {
        i64::from(self == Self::Deleted)
    }

    pub(crate) fn from_number(number: i64) -> Self {
        if number == 0 {
            Self::Active
        } else {
            Self::Deleted
        }
    }
}

/// Which lifecycles a search sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum View {
    #[default]
    ActiveOnly,
    DeletedOnly,
    All,
}

/// A group of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Its number, counted from 0 (`Default`) in the workspace.
    pub id: i64,
    /// Its name, unique in the workspace.
    pub name: String,
    /// Where its artifacts go.
    pub artifact_location: String,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
    /// When it was made.
    pub created_at: Time,
    /// When it or its tags last changed.
    pub updated_at: Time,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What a new experiment is made from.
#[derive(Debug, Clone, Default)]
pub struct CreateExperiment {
    /// Its name.
    pub name: String,
    /// Where its artifacts go; `None` is our own store.
    pub artifact_location: Option<String>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// Which experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExperimentRef {
    /// The one of that number, which must exist.
    Id(i64),
    /// The one of that name; made when it does not exist.
    Name(String),
}

impl From<String> for ExperimentRef {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<&str> for ExperimentRef {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum RunStatus {
    Running,
    Scheduled,
    Finished,
    Failed,
    Killed,
}

impl RunStatus {
    /// Every status, in the order of MLflow's numbers (counted from 1).
    pub const ALL: [Self; 5] = [
        Self::Running,
        Self::Scheduled,
        Self::Finished,
        Self::Failed,
        Self::Killed,
    ];

    /// The spelling in searches.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }

    /// The status of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether the run is over.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed)
    }
}

/// One execution with its data.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The experiment that it belongs to.
    pub experiment: i64,
    /// Its name; also the tag `mlflow.runName`.
    pub name: String,
    /// Who made it, as the client says.
    pub user: String,
    /// How far it is.
    pub status: RunStatus,
    /// When it began, as the client says; whole milliseconds.
    pub start_time: Time,
    /// When it ended, as the client says; whole milliseconds.
    pub end_time: Option<Time>,
    /// Where its artifacts are.
    pub artifact_uri: String,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
    /// The latest point of each metric, by key.
    pub metrics: Vec<MetricPoint>,
    /// Its params.
    pub params: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The datasets that it read.
    pub datasets: Vec<DatasetInput>,
    /// The logged models that it read.
    pub model_inputs: Vec<LoggedModelId>,
    /// The logged models that it made, each with its step.
    pub model_outputs: Vec<(LoggedModelId, i64)>,
}

/// What a new run is made from.
#[derive(Debug, Clone)]
pub struct CreateRun {
    /// Its id, where the caller chooses it; a run that has it already is answered as it is.
    pub id: Option<RunId>,
    /// Where it belongs.
    pub experiment: ExperimentRef,
    /// Its name; `None` makes one up.
    pub name: Option<String>,
    /// When it began; `None` is now.
    pub start_time: Option<Time>,
    /// Who makes it; `None` is the principal.
    pub user: Option<String>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// What changes in a run.
#[derive(Debug, Clone, Default)]
pub struct RunUpdate {
    /// Another name.
    pub name: Option<String>,
    /// Another status.
    pub status: Option<RunStatus>,
    /// When it ended.
    pub end_time: Option<Time>,
}

/// A value of a metric; NaN and the infinities are values.
pub type MetricValue = f64;

/// One point of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPoint {
    /// Name of the metric.
    pub key: String,
    /// Its value.
    pub value: MetricValue,
    /// When, in milliseconds since the epoch, as the client says.
    pub timestamp_ms: i64,
    /// The client's step.
    pub step: i64,
    /// The logged model that it measures.
    pub model: Option<LoggedModelId>,
    /// The dataset that it was measured on.
    pub dataset: Option<DatasetRef>,
}

/// Name and digest of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatasetRef {
    /// Its name.
    pub name: String,
    /// Its digest; empty means any, in a search.
    pub digest: String,
}

/// What a run reads: named data with a digest that its client made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Its digest; with the name it is the identity in an experiment.
    pub digest: String,
    /// What kind of source it has.
    pub source_type: String,
    /// Where it came from.
    pub source: String,
    /// Its schema, as its client describes it.
    pub schema: Option<String>,
    /// Its profile, as its client describes it.
    pub profile: Option<String>,
}

/// A dataset as an input of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetInput {
    /// The dataset.
    pub dataset: Dataset,
    /// Tags of the use, such as `mlflow.data.context`.
    pub tags: Vec<(String, String)>,
}

/// Several writes to one run, validated together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Metric points.
    pub metrics: Vec<MetricPoint>,
    /// Params.
    pub params: Vec<(String, String)>,
    /// Tags.
    pub tags: Vec<(String, String)>,
}

/// How far a logged model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum LoggedModelStatus {
    Pending,
    Ready,
    UploadFailed,
}

impl LoggedModelStatus {
    /// Every status, in the order of MLflow's numbers (counted from 1).
    pub const ALL: [Self; 3] = [Self::Pending, Self::Ready, Self::UploadFailed];

    /// The spelling in searches.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::UploadFailed => "FAILED",
        }
    }

    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Pending => 1,
            Self::Ready => 2,
            Self::UploadFailed => 3,
        }
    }

    pub(crate) fn from_number(number: i64) -> Self {
        match number {
            2 => Self::Ready,
            3 => Self::UploadFailed,
            _ => Self::Pending,
        }
    }
}

/// A model as a run logged it, before anybody registers it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedModel {
    /// Its id.
    pub id: LoggedModelId,
    /// The experiment that it belongs to.
    pub experiment: i64,
    /// Its name.
    pub name: String,
    /// Where its files are.
    pub artifact_uri: String,
    /// How far it is.
    pub status: LoggedModelStatus,
    /// More about its status.
    pub status_message: Option<String>,
    /// Its kind, as its client says.
    pub model_type: Option<String>,
    /// The run that made it.
    pub source_run: Option<RunId>,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Its params.
    pub params: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its metrics: every point, by key, dataset and run in the order of time.
    pub metrics: Vec<LoggedModelMetric>,
}

/// A metric of a logged model.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedModelMetric {
    /// The point.
    pub point: MetricPoint,
    /// The run that measured it.
    pub run: RunId,
}

/// What a new logged model is made from.
#[derive(Debug, Clone, Default)]
pub struct CreateLoggedModel {
    /// The experiment that it belongs to.
    pub experiment: i64,
    /// Its name; `None` makes one up.
    pub name: Option<String>,
    /// Its kind.
    pub model_type: Option<String>,
    /// The run that makes it.
    pub source_run: Option<RunId>,
    /// Its params.
    pub params: Vec<(String, String)>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// A search over experiments.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Comparisons joined by AND; see [`trimtab_types::filter`].
    pub filter: String,
    /// Order clauses.
    pub order_by: Vec<String>,
    /// Which lifecycles.
    pub view: View,
    /// Most items in the page; 0 is the default.
    pub limit: u32,
    /// Where the page begins.
    pub page_token: Option<String>,
}

/// A search over the runs of some experiments.
#[derive(Debug, Clone, Default)]
pub struct RunSearch {
    /// Which experiments; unknown ones are empty.
    pub experiments: Vec<i64>,
    /// Comparisons joined by AND; see [`trimtab_types::filter`].
    pub filter: String,
    /// Order clauses; ties are broken by start (newest first), then id.
    pub order_by: Vec<String>,
    /// Which lifecycles.
    pub view: View,
    /// Most items in the page; 0 is the default.
    pub limit: u32,
    /// Where the page begins.
    pub page_token: Option<String>,
    /// Which metrics, params and tags the answer holds; `None` is all of them, with datasets and models.
    pub columns: Option<RunColumns>,
}

/// Which metrics, params and tags of runs are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunColumns {
    /// Keys of metrics.
    pub metrics: Vec<String>,
    /// Keys of params.
    pub params: Vec<String>,
    /// Keys of tags.
    pub tags: Vec<String>,
}

/// A search over the logged models of some experiments.
#[derive(Debug, Clone, Default)]
pub struct LoggedModelSearch {
    /// Which experiments; unknown ones are empty.
    pub experiments: Vec<i64>,
    /// Comparisons joined by AND; see [`trimtab_types::filter`].
    pub filter: String,
    /// Only metrics on these datasets count; without a metric in the filter, only models that have such a metric.
    pub datasets: Vec<DatasetRef>,
    /// The order; ties are broken by creation (newest first), then id.
    pub order_by: Vec<LoggedModelOrder>,
    /// Most items in the page; 0 is the default.
    pub limit: u32,
    /// Where the page begins.
    pub page_token: Option<String>,
}

/// One clause of an order of logged models.
#[derive(Debug, Clone)]
pub struct LoggedModelOrder {
    /// An attribute, or `metrics.KEY`.
    pub field: String,
    /// Upwards.
    pub is_ascending: bool,
    /// For a metric: only points on this dataset.
    pub dataset: Option<DatasetRef>,
}
