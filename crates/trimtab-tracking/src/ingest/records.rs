//! The records, as an import brings them.

use trimtab_types::{LoggedModelId, RunId, Time};

use crate::{DatasetInput, Lifecycle, LoggedModelMetric, LoggedModelStatus, RunStatus};

/// What kind of record a mark belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IngestKind {
    /// An experiment, by number.
    Experiment,
    /// A run, by id.
    Run,
    /// A logged model, by id without `m-`.
    LoggedModel,
    /// A registered model, by name.
    Model,
    /// A tree of artifacts, by its path in ours.
    Files,
}

impl IngestKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Experiment,
        Self::Run,
        Self::LoggedModel,
        Self::Model,
        Self::Files,
    ];

    /// Its spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::Run => "run",
            Self::LoggedModel => "logged_model",
            Self::Model => "model",
            Self::Files => "files",
        }
    }

    /// The kind of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Where a record came from and how it was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestMark {
    /// What kind of record.
    pub kind: IngestKind,
    /// Its id.
    pub id: String,
    /// What tells it from another record of the same id, such as when it was made.
    pub origin: String,
    /// How its source was when it was taken.
    pub mark: String,
}

/// A record that an import would like to bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestKey {
    /// What kind of record.
    pub kind: IngestKind,
    /// Its id.
    pub id: String,
    /// What tells it from another record of the same id.
    pub origin: String,
    /// The name that must be free for it, where that is one.
    pub name: Option<String>,
}

/// What is here of the records that an import would like to bring.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngestState {
    /// Those that an import brought, with their marks.
    pub known: Vec<IngestMark>,
    /// Those that cannot come: which, and why.
    pub collisions: Vec<(IngestKey, String)>,
}

/// An experiment from elsewhere.
#[derive(Debug, Clone)]
pub struct IngestExperiment {
    /// Its number; 0 is `Default`, which every workspace has and which takes over only tags.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Where its artifacts go.
    pub artifact_location: String,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// What tells it from another experiment of that number.
    pub origin: String,
    /// How its source is.
    pub mark: String,
}

/// A run from elsewhere, without the points of its metrics.
#[derive(Debug, Clone)]
pub struct IngestRun {
    /// Its id.
    pub id: RunId,
    /// The experiment that it belongs to.
    pub experiment: i64,
    /// Its name.
    pub name: String,
    /// Who made it.
    pub user: String,
    /// How far it is.
    pub status: RunStatus,
    /// When it began.
    pub start_time: Time,
    /// When it ended.
    pub end_time: Option<Time>,
    /// Where its artifacts are.
    pub artifact_uri: String,
    /// Where the files below `EXPERIMENT/ID/artifacts` of our tree lie, when that is another store.
    pub reference: Option<String>,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
    /// When it was deleted.
    pub deleted_at: Option<Time>,
    /// Its params.
    pub params: Vec<(String, String)>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// The datasets that it read.
    pub datasets: Vec<DatasetInput>,
    /// The logged models that it read.
    pub model_inputs: Vec<LoggedModelId>,
    /// The logged models that it made, each with its step.
    pub model_outputs: Vec<(LoggedModelId, i64)>,
    /// How its source is; [`IngestMark`]s replace it when the points are in too.
    pub mark: String,
}

/// A logged model from elsewhere.
#[derive(Debug, Clone)]
pub struct IngestLoggedModel {
    /// Its id.
    pub id: LoggedModelId,
    /// The experiment that it belongs to.
    pub experiment: i64,
    /// Its name.
    pub name: String,
    /// Where its files are.
    pub artifact_uri: String,
    /// Where the files below `EXPERIMENT/models/m-ID/artifacts` of our tree lie, when that is another store.
    pub reference: Option<String>,
    /// How far it is.
    pub status: LoggedModelStatus,
    /// More about its status.
    pub status_message: Option<String>,
    /// Its kind.
    pub model_type: Option<String>,
    /// The run that made it.
    pub source_run: Option<RunId>,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
    /// Its params.
    pub params: Vec<(String, String)>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// Its metrics.
    pub metrics: Vec<LoggedModelMetric>,
    /// How its source is.
    pub mark: String,
}
