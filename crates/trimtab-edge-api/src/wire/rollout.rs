//! Rollouts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// The move of an endpoint from one revision to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rollout {
    /// Its id.
    pub id: String,
    /// The endpoint.
    pub endpoint: String,
    /// The registered model that the endpoint follows.
    pub model: String,
    /// The plan that opened it.
    pub plan: String,
    /// Why.
    pub cause: String,
    /// The champion when it was opened.
    pub from: Option<RolloutEnd>,
    /// The candidate.
    pub to: RolloutEnd,
    /// `running`, `promoted`, `rolled_back`, `inconclusive` or `aborted`.
    pub state: String,
    /// The step that it is in, counted from 0.
    pub step: u64,
    /// Its steps.
    pub steps: Vec<RolloutStep>,
    /// The candidate's share now, of 10,000.
    pub weight: u32,
    /// The guardrails as last looked at.
    pub guardrails: Vec<Guardrail>,
    /// When they were last looked at.
    pub looked_at: Option<Timestamp>,
    /// What the gate found; absent when it was skipped.
    #[schema(value_type = Option<Object>)]
    pub gate: Option<serde_json::Value>,
    /// What happened, oldest first.
    pub history: Vec<HistoryItem>,
    /// Why it ended.
    pub outcome: Option<String>,
    /// When it is given up.
    pub deadline: Timestamp,
    /// When it was opened, by the loop's clock.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// One side of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RolloutEnd {
    /// The revision.
    pub revision: Option<String>,
    /// Its model version.
    pub version: i64,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RolloutStep {
    /// For a person.
    pub name: String,
    /// `shadow`, `canary` or `bake`.
    pub kind: String,
    /// The candidate's share in it, of 10,000.
    pub weight: u32,
    /// `pending`, `current`, `done` or `skipped`.
    pub state: String,
    /// The least time in it, such as `1d`.
    pub hold: String,
    /// When it was entered.
    pub entered_at: Option<Timestamp>,
    /// When it was left.
    pub ended_at: Option<Timestamp>,
    /// What is worth saying about it.
    pub message: Option<String>,
}

/// A guardrail as last looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Guardrail {
    /// Its name.
    pub name: String,
    /// What it measures.
    pub metric: String,
    /// The estimate: candidate less champion.
    pub estimate: Option<f64>,
    /// Lower end of the always-valid interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// What the interval is held against.
    pub bound: Option<f64>,
    /// `promote`, `hold`, `roll_back`, `too_few`, `invalid` or `recorded`.
    pub verdict: String,
    /// Units seen.
    pub n: u64,
    /// Whether it may decide.
    pub decides: bool,
    /// In one sentence.
    pub message: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryItem {
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}
