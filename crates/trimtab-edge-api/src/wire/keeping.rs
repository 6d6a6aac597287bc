//! Collection and backups.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// What to remove for good. Without a list, all that is deleted; with one or more, only what they name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GcRequest {
    /// Only what was deleted at least so many seconds ago.
    #[serde(default)]
    pub older_than_s: Option<f64>,
    /// These runs.
    #[serde(default)]
    pub run_ids: Option<Vec<String>>,
    /// These experiments, with all in them.
    #[serde(default)]
    pub experiment_ids: Option<Vec<String>>,
    /// These logged models.
    #[serde(default)]
    pub logged_model_ids: Option<Vec<String>>,
    /// In every workspace; ids that a workspace does not have are left out.
    #[serde(default)]
    pub all_workspaces: bool,
}

/// What is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GcAnswer {
    /// Runs.
    pub runs: u64,
    /// Logged models.
    pub logged_models: u64,
    /// Experiments.
    pub experiments: u64,
    /// Files, of runs, models and experiments.
    pub files: u64,
    /// Runs and models whose files are in another store, where they stay.
    pub foreign: u64,
    /// How many stay, because a model version needs their files or because something in them stays.
    pub kept: u64,
    /// The first of those.
    pub kept_names: Vec<String>,
    /// Contents that nothing referred to: remains of interrupted uploads.
    pub swept: u64,
}

/// A backup that the server holds still for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Backup {
    /// Its id.
    pub id: String,
    /// When it was begun: all that was acknowledged before is in it.
    pub begun_at: Timestamp,
    /// The server's version.
    pub version: String,
    /// Its files.
    pub files: Vec<BackupFile>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupFile {
    /// Its path in the data folder.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// BLAKE3 of its content; absent where the server has not read it.
    pub blake3: Option<String>,
    /// Whether a file of this path and size never changes, so that an earlier backup's copy serves.
    pub is_final: bool,
}
