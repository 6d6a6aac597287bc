//! Home: one row per endpoint, each cell naming the evidence behind it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RunSummary, Timestamp};

/// The whole page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Home {
    /// One row per endpoint, by name.
    pub endpoints: Vec<HomeRow>,
    /// The latest runs, newest first.
    pub runs: Vec<RunSummary>,
    /// What to type next while there is no endpoint.
    pub next_command: Option<String>,
}

/// An endpoint once around the loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HomeRow {
    /// Its name.
    pub endpoint: String,
    /// The project that owns it.
    pub project: String,
    /// The registered model that it follows.
    pub model: String,
    /// Its events.
    pub data: HomeData,
    /// The checks of the last window.
    pub checks: Option<HomeChecks>,
    /// The champion's training run.
    pub run: Option<HomeRun>,
    /// Who answers.
    pub champion: Option<HomeChampion>,
    /// Whether it can answer.
    pub health: HomeHealth,
    /// The drift of the last window.
    pub drift: Option<HomeDrift>,
    /// The open rollout.
    pub rollout: Option<HomeRollout>,
    /// Alerts that are not over.
    pub open_alerts: u64,
}

/// An endpoint's events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HomeData {
    /// Event time of the first.
    pub first_event_at: Option<Timestamp>,
    /// Event time of the last.
    pub last_event_at: Option<Timestamp>,
    /// Rows served.
    pub rows: u64,
}

/// The checks of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HomeChecks {
    /// The monitor.
    pub monitor: String,
    /// The window.
    pub window: String,
    /// Its begin.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Its rows.
    pub rows: u64,
    /// Checks passed.
    pub passed: u64,
    /// Checks failed.
    pub failed: u64,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HomeRun {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HomeChampion {
    /// The revision.
    pub revision: String,
    /// Its model version.
    pub version: i64,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// Whether an endpoint can answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HomeHealth {
    /// `ready`, `waiting` (no champion yet) or `failed`.
    pub state: String,
    /// Revisions that are ready.
    pub ready: u64,
    /// Revisions that are not retired.
    pub revisions: u64,
    /// What is wrong.
    pub message: Option<String>,
}

/// The drift of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HomeDrift {
    /// The monitor.
    pub monitor: String,
    /// The window.
    pub window: String,
    /// Its begin.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// Its rows.
    pub rows: u64,
    /// Features that drifted.
    pub drifted: u64,
    /// Features looked at.
    pub features: u64,
    /// `too_few`, `ok`, `warning`, `drift` or `failed`.
    pub verdict: String,
}

/// An open rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HomeRollout {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: String,
    /// The step that it is in, counted from 0.
    pub step: u64,
    /// How many steps it has.
    pub steps: u64,
    /// The candidate's version.
    pub version: i64,
    /// The candidate's share, of 10,000.
    pub weight: u32,
}
