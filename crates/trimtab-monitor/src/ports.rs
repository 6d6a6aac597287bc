//! What monitors must be told by others.

use std::{fmt, sync::Arc};

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use trimtab_types::{DatasetVersionId, Name, WorkspaceId};

use crate::{MonitorError, WindowCheck};

/// What another service said when it could not answer.
pub type PortError = Box<dyn std::error::Error + Send + Sync>;

/// Knows what an endpoint's champion was trained on and how well it should do.
#[async_trait]
pub trait ReferenceSource: Send + Sync + fmt::Debug {
    /// The reference of the endpoint's champion; `None` while it has no champion.
    async fn reference(
        &self,
        workspace: &WorkspaceId,
        endpoint: &Name,
    ) -> Result<Option<EndpointReference>, PortError>;
}

/// What windows of an endpoint are compared with.
#[derive(Debug, Clone)]
pub struct EndpointReference {
    /// The champion's model version.
    pub model_version: i64,
    /// The dataset version that it was trained on.
    pub dataset: DatasetVersionId,
    /// Its rows, columns named as the model's inputs; in order of time where they have one. Others (label, key, time)
    /// may be among them: only columns that are inputs of the window's rows count.
    pub batches: Arc<Vec<RecordBatch>>,
    /// The label's column.
    pub label: Option<String>,
    /// How well the champion did when it was evaluated.
    pub baseline: Option<Baseline>,
    /// How much each input matters to the model, where that is known.
    pub importances: Option<Vec<(String, f64)>>,
}

/// A champion's expected performance with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// `roc_auc`, `log_loss`, `brier`, `accuracy`, `rmse` or `mae`.
    pub metric: String,
    /// The estimate.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Checks rows against what a dataset version looks like.
#[async_trait]
pub trait CheckSource: Send + Sync + fmt::Debug {
    /// Checks the predictions of one window (inputs are columns `in.NAME`).
    async fn check(
        &self,
        workspace: &WorkspaceId,
        endpoint: &Name,
        dataset: DatasetVersionId,
        batches: &[RecordBatch],
    ) -> Result<WindowChecks, PortError>;
}

/// The answers of the checks of one window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WindowChecks {
    /// Each check, passed or not.
    pub results: Vec<WindowCheck>,
}

impl MonitorError {
    pub(crate) fn events(endpoint: &Name) -> impl FnOnce(trimtab_events::EventsError) -> Self {
        let endpoint = endpoint.clone();
        move |source| Self::Events { endpoint, source }
    }

    pub(crate) fn port(attempt: &'static str, endpoint: &Name) -> impl FnOnce(PortError) -> Self {
        let endpoint = endpoint.clone();
        move |source| Self::Port {
            attempt,
            endpoint,
            source,
        }
    }
}
