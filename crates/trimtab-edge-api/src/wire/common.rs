//! What many answers share.

use serde::{Deserialize, Serialize};
use trimtab_types::Time;
use utoipa::ToSchema;

/// A moment in UTC, RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = DateTime)]
pub struct Timestamp(pub Time);

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        Self(time)
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// The items, in the order of the path's description.
    pub items: Vec<T>,
    /// What to give as `page` for the next items; absent at the end.
    pub next: Option<String>,
}

impl<T> List<T> {
    /// The whole list.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Every refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// `not_found`, `already_exists`, `invalid`, `conflict`, `denied`, `unauthenticated`, `limited`,
    /// `unavailable`, `deadline_exceeded`, `unsupported`, `internal`.
    pub code: String,
    /// For a person.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The request's id, to find it in the server's log.
    pub request_id: Option<String>,
    /// Dotted path of the offending field, with `invalid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// Something that points at an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct ObjectRef {
    /// `prediction`, `revision`, `model_version`, `run`, `dataset_version`, `commit`, `endpoint`, `execution`, `plan`…
    pub kind: String,
    /// Its id; a model version is `NAME/VERSION`.
    pub id: String,
}

/// What answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerInfo {
    /// The program's version.
    pub version: String,
    /// The caller's workspace.
    pub workspace: String,
    /// The caller's name.
    pub principal: String,
    /// The caller's role.
    pub role: String,
    /// `sqlite` or `postgres`.
    pub database: String,
    /// When the process started.
    pub started_at: Timestamp,
    /// Whether ONNX Runtime was found, and where.
    pub onnx_runtime: Option<String>,
    /// What is not as it should be; empty when all is well.
    pub problems: Vec<Problem>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Of what: `onnx runtime`, `disk`, `endpoint`.
    pub what: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The loop's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClockState {
    /// Where it stands.
    pub now: Timestamp,
    /// Whether it moves only by command.
    pub replay: bool,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenInfo {
    /// Its public part.
    pub id: String,
    /// The principal's name.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// The workspace that it opens.
    pub workspace: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it stops working by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A new token, with its text: shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewTokenAnswer {
    /// The whole text, to be given as Bearer, as MLflow's password or as `x-api-key`.
    pub token: String,
    /// The token.
    pub info: TokenInfo,
}

/// A workspace to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorkspace {
    /// Its name.
    pub name: String,
}

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkspaceInfo {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}

/// A row of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditRow {
    /// Its place.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub principal: String,
    /// The method and the path pattern.
    pub action: String,
    /// The kind of object.
    pub kind: String,
    /// The path as it was called.
    pub object: String,
    /// The HTTP status that it was answered with.
    pub status: i64,
    /// The request.
    pub request_id: String,
}
