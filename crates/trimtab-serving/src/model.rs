//! The types that cross this crate's border.

use std::{fmt::Debug, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use trimtab_infer::{AnswerForm, Signature, Tensor};
use trimtab_types::{Name, PredictionId, RevisionId, Scope, Time};

use crate::{FetchError, Layout, ServingError, Spent, Traffic};

/// Whose word counts for when a prediction happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventTimeSource {
    /// The server's clock.
    #[default]
    Server,
    /// The caller's, where given.
    Caller,
}

/// What a project declares about an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSpec {
    /// Its name, which is also its address.
    pub name: Name,
    /// The project that owns it.
    pub project: String,
    /// The registered model that it serves.
    pub model: String,
    /// The alias that the controller moves at promotion.
    pub alias: String,
    /// The input column that identifies a row and is no feature.
    pub row_key: Option<String>,
    /// Whose word counts for when a prediction happened.
    pub event_time: EventTimeSource,
    /// The name of the label column in datasets made from its events.
    pub label: String,
    /// The output (`name` or `name.column`) that is the score of a row; otherwise it is found by its name.
    pub score: Option<String>,
    /// The version to stay at: switches automatic promotion off.
    pub pin: Option<i64>,
}

impl EndpointSpec {
    /// A spec with all defaults.
    pub fn new(name: Name, project: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            name,
            project: project.into(),
            model: model.into(),
            alias: "champion".to_owned(),
            row_key: None,
            event_time: EventTimeSource::default(),
            label: "label".to_owned(),
            score: None,
            pin: None,
        }
    }
}

/// An endpoint: what was declared and what is.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// What was declared.
    pub spec: EndpointSpec,
    /// Who answers.
    pub traffic: Traffic,
    /// When it was first declared.
    pub created_at: Time,
    /// By whom.
    pub created_by: String,
    /// When its spec last changed.
    pub updated_at: Time,
}

/// What `apply` did with one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The endpoint.
    pub name: Name,
    /// What happened to it.
    pub change: Change,
}

/// What `apply` did with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created,
    /// Its spec changed.
    Updated,
    /// It was so already.
    Unchanged,
}

/// A model version with an engine, behind an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its id.
    pub id: RevisionId,
    /// Its endpoint.
    pub endpoint: Name,
    /// The registered model.
    pub model: String,
    /// The version of that model.
    pub version: i64,
    /// Whether it can answer.
    pub state: RevisionState,
    /// When it was added.
    pub created_at: Time,
}

/// Whether a revision can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevisionState {
    /// Its model is being fetched and loaded.
    Loading,
    /// It answers.
    Ready,
    /// It could not be loaded.
    Failed {
        /// Why.
        error: String,
    },
    /// It answers no more.
    Retired,
}

impl RevisionState {
    /// The spelling in the database and in answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Failed { .. } => "failed",
            Self::Retired => "retired",
        }
    }
}

/// What the model behind an endpoint takes and gives.
#[derive(Debug, Clone)]
pub struct ModelInfo {
    /// The model versions that are ready, ascending.
    pub versions: Vec<i64>,
    /// The version that this describes.
    pub version: i64,
    /// The engine.
    pub platform: &'static str,
    /// Its tensors.
    pub signature: Arc<Signature>,
    /// Its inputs as columns of a table; `None` when an input is no table.
    pub layout: Option<Arc<Layout>>,
}

/// A request for a prediction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PredictRequest {
    /// The inputs, and possibly the row key column of the endpoint.
    pub inputs: Vec<Tensor>,
    /// One key for each row.
    pub row_keys: Option<Vec<String>>,
    /// The caller's own id of this request.
    pub client_request_id: Option<String>,
    /// What the assignment to a revision is drawn by; the prediction's id when it is not given.
    pub assignment_key: Option<String>,
    /// When it happened, where the endpoint takes the caller's word for it.
    pub event_time: Option<Time>,
    /// Ask one version, outside traffic and statistics.
    pub version: Option<i64>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The id that feedback can name.
    pub prediction_id: PredictionId,
    /// Which revision answered.
    pub revision: RevisionId,
    /// Its model version.
    pub version: i64,
    /// The outputs, in the model's order.
    pub outputs: Vec<Tensor>,
    /// What they were in the model's own language.
    pub form: AnswerForm,
    /// How many rows were asked about.
    pub rows: usize,
    /// Where the time went.
    pub spent: Spent,
}

/// What a revision says of some rows, without an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The outputs, in the model's order.
    pub outputs: Vec<Tensor>,
    /// The score of each row.
    pub scores: Vec<Option<f64>>,
}

/// What became of one revision when the process started.
#[derive(Debug)]
pub struct Restored {
    /// The revision.
    pub revision: Revision,
    /// Why it could not be loaded.
    pub error: Option<ServingError>,
}

/// Where model files come from.
#[async_trait]
pub trait ModelSource: Send + Sync + Debug {
    /// A local folder with the version's `MLmodel`, which stays in place while the version is served.
    async fn fetch(&self, scope: &Scope, model: &str, version: i64) -> Result<PathBuf, FetchError>;

    /// Who registered the version, or otherwise answers for its code; nobody by default. A Python model of nobody is
    /// not loaded.
    async fn registered_by(
        &self,
        _scope: &Scope,
        _model: &str,
        _version: i64,
    ) -> Result<Option<String>, FetchError> {
        Ok(None)
    }
}
