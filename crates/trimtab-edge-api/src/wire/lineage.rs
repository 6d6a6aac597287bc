//! Lineage.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ObjectRef, Timestamp};

/// What an object came from, or what came from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lineage {
    /// Where the walk began.
    pub node: ObjectRef,
    /// `upstream` or `downstream`.
    pub direction: String,
    /// The edges that were walked, nearest first.
    pub edges: Vec<LineageEdge>,
    /// The predictions that were touched, by endpoint; downstream only.
    pub predictions: Vec<PredictionsTouched>,
}

/// One edge: `from` was made with, of or by `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineageEdge {
    /// The later object.
    pub from: ObjectRef,
    /// What it has to do with the earlier one.
    pub relation: String,
    /// The earlier object.
    pub to: ObjectRef,
    /// When the edge came to be.
    pub at: Timestamp,
}

/// Predictions made by revisions that descend from an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PredictionsTouched {
    /// The endpoint.
    pub endpoint: String,
    /// The model versions that answered.
    pub versions: Vec<i64>,
    /// Rows served by them.
    pub rows: u64,
    /// Event time of the first.
    pub from: Timestamp,
    /// Event time of the last.
    pub to: Timestamp,
}
