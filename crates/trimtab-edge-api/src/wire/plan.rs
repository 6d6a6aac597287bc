//! Triggers, plans, decisions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ObjectRef, Timestamp};

/// What starts a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The project that owns it.
    pub project: String,
    /// The endpoint that it keeps on course.
    pub endpoint: String,
    /// The monitor whose alerts start it.
    pub monitor: Option<String>,
    /// The stages that it runs.
    pub stages: Vec<String>,
    /// Where the training dataset version is put, in the project.
    pub dataset: String,
    /// The least time between two starts, such as `7d`.
    pub cooldown: String,
}

/// What the loop has written down to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// Its id.
    pub id: String,
    /// The trigger that started it; empty when a person sent a version by hand.
    pub trigger: String,
    /// The endpoint.
    pub endpoint: String,
    /// Why.
    pub cause: String,
    /// The model version that it is about, as soon as that is known.
    pub version: Option<i64>,
    /// `running`, `promoted`, `refused`, `kept_champion`, `recommended` or `failed`.
    pub state: String,
    /// Its steps, in order.
    pub steps: Vec<PlanStep>,
    /// The run that training is recorded under.
    pub run: String,
    /// The rollout that it opens.
    pub rollout: String,
    /// When it was written, by the loop's clock.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlanStep {
    /// `freeze`, `dataset`, `train`, `register`, `gate`, `rollout` or `verdict`.
    pub name: String,
    /// `pending`, `running`, `done`, `failed` or `skipped`.
    pub state: String,
    /// When it was first begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it found or made.
    #[schema(value_type = Object)]
    pub output: serde_json::Value,
    /// Why it failed.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// One entry of the loop's diary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// Its place in the diary.
    pub seq: i64,
    /// When, by the loop's clock.
    pub at: Timestamp,
    /// The endpoint.
    pub endpoint: String,
    /// `alert`, `quarantine`, `plan_started`, `trained`, `gate_passed`, `gate_refused`, `rollout_step`,
    /// `promoted`, `rolled_back`, `recommended`, `plan_failed` or `alias_waits`.
    pub kind: String,
    /// In one sentence.
    pub text: String,
    /// What it is about.
    pub object: Option<ObjectRef>,
    /// What it rests on.
    #[schema(value_type = Object)]
    pub evidence: serde_json::Value,
}
