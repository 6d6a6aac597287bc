//! Registered models.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// A registered model, in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelSummary {
    /// Its name.
    pub name: String,
    /// What somebody wrote about it.
    pub description: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Its newest version.
    pub latest_version: Option<i64>,
    /// Its aliases.
    pub aliases: Vec<Alias>,
}

/// A name that points at a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alias {
    /// The name.
    pub alias: String,
    /// The version.
    pub version: i64,
}

/// A registered model with its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// What somebody wrote about it.
    pub description: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Its newest version.
    pub latest_version: Option<i64>,
    /// Its aliases.
    pub aliases: Vec<Alias>,
    /// Its versions, newest first.
    pub versions: Vec<ModelVersion>,
}

/// A version of a registered model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelVersion {
    /// The model.
    pub model: String,
    /// Counted from 1.
    pub version: i64,
    /// The run that made it.
    pub run_id: Option<String>,
    /// Where its files are.
    pub source: String,
    /// MLflow's word for its state.
    pub status: String,
    /// MLflow's stage, where it has one.
    pub stage: Option<String>,
    /// What somebody wrote about it.
    pub description: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The aliases that point at it.
    pub aliases: Vec<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
}
