//! The audit trail: append-only rows of who changed what runs in production, or who may do what.

use trimtab_types::{Time, WorkspaceId};

/// One thing that was done, about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// What was done, such as `POST /api/v1/rollouts`.
    pub action: String,
    /// The kind of object.
    pub kind: String,
    /// Which one: the path as it was called.
    pub object: String,
    /// How it ended: an HTTP status.
    pub status: i64,
    /// The request that did it.
    pub request_id: String,
}

/// One row of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place.
    pub seq: i64,
    /// Where.
    pub workspace: WorkspaceId,
    /// When, by the machine's clock.
    pub at: Time,
    /// Who.
    pub principal: String,
    /// What.
    pub entry: AuditEntry,
}
