//! What can go wrong in the loop.

use trimtab_db::DbError;
use trimtab_types::{ClockError, Coded, ErrorCode};

/// An error of the loop.
#[derive(Debug, thiserror::Error)]
pub enum LoopError {
    /// No such object.
    #[error("there is no {kind} `{name}`")]
    NotFound {
        /// `trigger`, `plan`, `rollout`, `endpoint`.
        kind: &'static str,
        /// Its name or id.
        name: String,
    },
    /// Another project's file owns the object.
    #[error("{kind} `{name}` belongs to project `{owner}`")]
    OwnedElsewhere {
        /// `trigger` or `endpoint`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The project.
        owner: String,
    },
    /// The endpoint is busy with another plan.
    #[error("endpoint `{endpoint}` is busy with plan {plan}")]
    Busy {
        /// The endpoint.
        endpoint: String,
        /// The open plan.
        plan: String,
    },
    /// The rollout has ended.
    #[error("rollout {rollout} has ended: {state}")]
    Ended {
        /// Which.
        rollout: String,
        /// How.
        state: &'static str,
    },
    /// The specification is wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// Path of the field.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Another process over the same database is the controller.
    #[error("another process is the loop's controller")]
    Standby,
    /// The clock refused.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// A service that the loop called failed.
    #[error("{service} failed while the loop was about to {attempt}")]
    Service {
        /// Which service.
        service: &'static str,
        /// What the loop was doing.
        attempt: String,
        /// Its code.
        code: ErrorCode,
        /// What it says to do.
        hint: Option<String>,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Coded for LoopError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::OwnedElsewhere { .. }
            | Self::Busy { .. }
            | Self::Ended { .. }
            | Self::Clock(_) => ErrorCode::Conflict,
            Self::Invalid { field, .. } => ErrorCode::invalid(field.clone()),
            Self::Standby => ErrorCode::Unavailable,
            Self::Service { code, .. } => code.clone(),
            Self::Db(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Busy { endpoint, .. } => Some(format!(
                "see `trimtab rollout show {endpoint}`; wait for it to end, or end its rollout with `trimtab rollout abort {endpoint}`"
            )),
            Self::OwnedElsewhere { .. } => {
                Some("change it in that project's trimtab.yaml, or choose another name".to_owned())
            }
            Self::Clock(ClockError::NotReplay) => {
                Some("start the server with `--clock replay` on a fresh data folder".to_owned())
            }
            Self::Standby => Some(
                "ask that process, or stop it and try again when its lease has ended, a minute later".to_owned(),
            ),
            Self::Service { hint, .. } => hint.clone(),
            Self::NotFound { .. }
            | Self::Ended { .. }
            | Self::Invalid { .. }
            | Self::Clock(_)
            | Self::Db(_) => None,
        }
    }
}

/// Turns a service's error into ours, keeping its code.
pub(crate) fn service<E: Coded + Send + Sync + 'static>(
    service: &'static str,
    attempt: impl Into<String>,
) -> impl FnOnce(E) -> LoopError {
    let attempt = attempt.into();
    move |source| LoopError::Service {
        service,
        attempt,
        code: source.code(),
        hint: source.hint(),
        source: Box::new(source),
    }
}
