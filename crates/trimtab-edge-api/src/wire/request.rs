//! What callers send, and short answers to it. Unknown fields are refused: this API is ours, and a misspelt
//! field that is silently ignored costs more than an error.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// What should exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// The text of `trimtab.yaml`.
    pub spec: String,
    /// Where the project's code is; needed when the file declares triggers with stages.
    #[serde(default)]
    pub project: Option<ProjectSource>,
}

/// Where a project's code is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectSource {
    /// URL of its git repository, or a path on the server's machine.
    pub git: String,
    /// The folder in it that holds `dvc.yaml`; empty for its root.
    #[serde(default)]
    pub subfolder: String,
    /// A commit, branch or tag.
    pub commit: String,
}

/// A registered project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectInfo {
    /// Its name.
    pub name: String,
    /// Its repository.
    pub git: String,
    /// The folder in it.
    pub subfolder: String,
    /// The commit that executions use.
    pub commit: String,
}

/// What `apply` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// The project.
    pub project: String,
    /// The commit that its executions use.
    pub commit: Option<String>,
    /// The objects of the file, each with `created`, `updated` or `unchanged`.
    pub objects: Vec<AppliedObject>,
}

/// What `apply` did with one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppliedObject {
    /// `endpoint`, `monitor`, `trigger` or `rollout_policy`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `created`, `updated` or `unchanged`.
    pub change: String,
}

/// A version to send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRollout {
    /// To which endpoint.
    pub endpoint: String,
    /// Which version of its model.
    pub version: i64,
    /// Enter at the canary's first step, without gate and shadow.
    #[serde(default)]
    pub skip_gate: bool,
}

/// Stop a rollout.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AbortRollout {
    /// Why, for the history.
    #[serde(default)]
    pub reason: String,
}

/// Fire a trigger by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FireTrigger {
    /// Train on this dataset version instead of the event log.
    #[serde(default)]
    pub dataset: Option<String>,
}

/// A plan was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fired {
    /// The plan.
    pub plan: String,
    /// The rollout that it will open.
    pub rollout: String,
}

/// Which events make a dataset version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetFromEvents {
    /// Of this endpoint.
    pub endpoint: String,
    /// The dataset's name; default the endpoint's.
    #[serde(default)]
    pub name: Option<String>,
    /// From this event time; default the first.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Until before this event time; default now.
    #[serde(default)]
    pub to: Option<Timestamp>,
    /// Only rows whose outcome is known, with the outcome as a column.
    #[serde(default)]
    pub labelled: bool,
    /// Leave out rows in quarantine.
    #[serde(default)]
    pub exclude_quarantined: bool,
    /// Outcomes known by then; default now.
    #[serde(default)]
    pub as_of: Option<Timestamp>,
}

/// Outcomes of predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackRequest {
    /// The endpoint that predicted.
    pub endpoint: String,
    /// The outcomes: all are stored, or none.
    pub items: Vec<FeedbackItem>,
    /// Store the others when some address no prediction, rather than refuse all.
    #[serde(default)]
    pub ignore_unknown: bool,
}

/// One outcome. It addresses a prediction by `prediction_id` (with `row`), by `row_key`, or by
/// `client_request_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackItem {
    /// The sender's id of this item: a second one with the same id changes nothing.
    #[serde(default)]
    pub event_id: Option<String>,
    /// The prediction; `ID:ROW` names a row.
    #[serde(default)]
    pub prediction_id: Option<String>,
    /// The row of the prediction.
    #[serde(default)]
    pub row: Option<u32>,
    /// The row's key.
    #[serde(default)]
    pub row_key: Option<String>,
    /// The caller's id of the request.
    #[serde(default)]
    pub client_request_id: Option<String>,
    /// When the outcome was known; default now.
    #[serde(default)]
    pub event_time: Option<Timestamp>,
    /// The outcome: a number, a text, or true or false.
    #[schema(value_type = Object)]
    pub value: serde_json::Value,
}

/// What became of feedback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedbackReceipt {
    /// Items stored.
    pub stored: u64,
    /// Items whose `event_id` was known already.
    pub duplicates: u64,
    /// Items that address no prediction; only with `ignore_unknown`.
    pub unknown: u64,
}

/// Move the replay clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockTo {
    /// To this time; answered when all work due by then is done.
    pub to: Timestamp,
}

/// A token to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// The principal's name, written beside every change.
    pub name: String,
    /// `viewer`, `editor`, `operator` or `admin`.
    pub role: String,
    /// When it stops working by itself.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}
