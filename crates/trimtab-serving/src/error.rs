//! What can go wrong between a request and its answer.

use trimtab_db::DbError;
use trimtab_events::EventsError;
use trimtab_infer::InferError;
use trimtab_types::{Coded, ErrorCode, Name, RevisionId};

use crate::{REPOSITORY, Waiting};

/// Why a model's files could not be brought.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    /// What kind of failure it is.
    pub code: ErrorCode,
    /// What happened, with its causes.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl FetchError {
    /// From another service's error.
    pub fn of(error: &dyn Coded) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self {
            code: error.code(),
            message,
            hint: error.hint(),
        }
    }
}

/// An error of serving.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// No endpoint of that name is in the caller's workspace.
    #[error("endpoint `{0}` does not exist")]
    EndpointNotFound(String),
    /// The endpoint has no such revision.
    #[error("endpoint `{endpoint}` has no revision {revision}")]
    RevisionNotFound {
        /// The endpoint.
        endpoint: Name,
        /// The revision.
        revision: RevisionId,
    },
    /// No ready revision of the endpoint has that model version.
    #[error("endpoint `{endpoint}` serves no version {version}")]
    VersionNotServed {
        /// The endpoint.
        endpoint: Name,
        /// The version that was asked for.
        version: String,
    },
    /// The endpoint has no champion yet.
    #[error("endpoint `{endpoint}` has no champion yet: {}", waiting.why)]
    NoChampion {
        /// The endpoint.
        endpoint: Name,
        /// What it waits for.
        waiting: Waiting,
    },
    /// The revision that should answer is not loaded in this process.
    #[error("revision {revision} of endpoint `{endpoint}` is not loaded: {reason}")]
    NotLoaded {
        /// The endpoint.
        endpoint: Name,
        /// The revision.
        revision: RevisionId,
        /// Why not, as far as it is known.
        reason: String,
    },
    /// The endpoint belongs to another project.
    #[error("endpoint `{endpoint}` belongs to project `{owner}`, not to `{project}`")]
    OwnedElsewhere {
        /// The endpoint.
        endpoint: Name,
        /// Whose it is.
        owner: String,
        /// Who wanted to change it.
        project: String,
    },
    /// A spec says something that cannot be.
    #[error("endpoint `{endpoint}`: {reason}")]
    Spec {
        /// The endpoint.
        endpoint: Name,
        /// Which field of the spec.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The traffic that was asked for cannot be.
    #[error("traffic of endpoint `{endpoint}` cannot be set: {reason}")]
    Traffic {
        /// The endpoint.
        endpoint: Name,
        /// Why not.
        reason: String,
    },
    /// The revision gets traffic and cannot be retired.
    #[error("revision {revision} of endpoint `{endpoint}` gets traffic")]
    InUse {
        /// The endpoint.
        endpoint: Name,
        /// The revision.
        revision: RevisionId,
    },
    /// A file declares the endpoint: only who owns the file takes it away or changes it.
    #[error("endpoint `{endpoint}` is declared by project `{project}`")]
    Declared {
        /// The endpoint.
        endpoint: Name,
        /// The project that owns it.
        project: String,
    },
    /// The endpoint compares revisions just now.
    #[error("endpoint `{0}` is in a rollout")]
    InRollout(Name),
    /// The model's files could not be brought.
    #[error("cannot fetch version {version} of model `{model}`")]
    Fetch {
        /// The model.
        model: String,
        /// The version.
        version: i64,
        /// What the source said.
        #[source]
        source: FetchError,
    },
    /// The model's folder is not what MLflow writes, or names files outside itself.
    #[error("the model folder {folder} is broken: {reason}")]
    Folder {
        /// The folder.
        folder: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The model has no flavor that can be served.
    #[error("the model in {folder} has no flavor that can be served: it has {found}")]
    Flavor {
        /// The folder.
        folder: String,
        /// The flavors that it has.
        found: String,
    },
    /// The model is Python code, and nobody answers for it.
    #[error("version {version} of model `{model}` is Python code from an unknown source")]
    Unvouched {
        /// The model.
        model: String,
        /// The version.
        version: i64,
    },
    /// The request says when it happened, and the endpoint does not take the caller's word for it.
    #[error("endpoint `{0}` does not accept event times from its callers")]
    EventTimeRefused(Name),
    /// The request's parts do not fit each other.
    #[error("{reason}")]
    Request {
        /// Which part.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// The engine refused or failed.
    #[error(transparent)]
    Infer(#[from] InferError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The event log failed.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// The process is ending, or a worker died.
    #[error("serving is shutting down")]
    Closed,
}

impl Coded for ServingError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::EndpointNotFound(_)
            | Self::RevisionNotFound { .. }
            | Self::VersionNotServed { .. } => ErrorCode::NotFound,
            Self::NoChampion { .. } | Self::NotLoaded { .. } | Self::Closed => {
                ErrorCode::Unavailable
            }
            Self::OwnedElsewhere { .. }
            | Self::Declared { .. }
            | Self::InRollout(_)
            | Self::Traffic { .. }
            | Self::InUse { .. } => ErrorCode::Conflict,
            Self::Spec {
                endpoint, field, ..
            } => ErrorCode::invalid(format!("endpoints.{endpoint}.{field}")),
            Self::Fetch { source, .. } => source.code.clone(),
            Self::Folder { .. } => ErrorCode::invalid("model"),
            Self::Flavor { .. } => ErrorCode::Unsupported,
            Self::Unvouched { .. } => ErrorCode::Denied,
            Self::EventTimeRefused(_) => ErrorCode::invalid("event_time"),
            Self::Request { field, .. } => ErrorCode::Invalid {
                field: field.clone(),
            },
            Self::Infer(error) => error.code(),
            Self::Db(error) => error.code(),
            Self::Events(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoChampion { waiting, .. } => waiting.hint.clone(),
            Self::OwnedElsewhere { owner, .. } if owner == REPOSITORY => Some(
                "it was made by loading a model: unload it first (`unload_model` of a V2 client), or choose another name"
                    .to_owned(),
            ),
            Self::Declared { project, .. } => Some(format!(
                "change it in the trimtab.yaml of project `{project}`"
            )),
            Self::InRollout(endpoint) => Some(format!(
                "wait for its end, or abort it: `trimtab rollout show {endpoint}`"
            )),
            Self::OwnedElsewhere { owner, .. } => Some(format!(
                "apply the file of project `{owner}`, or choose another name for the endpoint"
            )),
            Self::Flavor { .. } => Some(
                "log the model with one of MLflow's flavors that has a Python function, or with mlflow.onnx.log_model"
                    .to_owned(),
            ),
            Self::Unvouched { .. } => Some(
                "register it, so that the registry says who did; for a folder of your own add `--trust-model`"
                    .to_owned(),
            ),
            Self::EventTimeRefused(_) => Some(
                "set `event_time: caller` for this endpoint in trimtab.yaml, or leave x-trimtab-event-time out"
                    .to_owned(),
            ),
            Self::InUse { .. } => {
                Some("end its rollout, or promote another revision first".to_owned())
            }
            Self::Fetch { source, .. } => source.hint.clone(),
            Self::Infer(error) => error.hint(),
            Self::Db(error) => error.hint(),
            Self::Events(error) => error.hint(),
            Self::EndpointNotFound(_) => Some(
                "`trimtab apply` makes the endpoints that trimtab.yaml names; `GET /api/v1/endpoints` lists those of the workspace"
                    .to_owned(),
            ),
            Self::RevisionNotFound { .. }
            | Self::VersionNotServed { .. }
            | Self::NotLoaded { .. }
            | Self::Spec { .. }
            | Self::Traffic { .. }
            | Self::Folder { .. }
            | Self::Request { .. }
            | Self::Closed => None,
        }
    }
}
