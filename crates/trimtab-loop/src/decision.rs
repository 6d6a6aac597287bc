//! Decisions: the loop's diary. Every one says when, about what, why, and with which evidence.

use serde::{Deserialize, Serialize};
use trimtab_types::{Name, Time};

/// What kind of decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionKind {
    /// An alert was seen.
    Alert,
    /// Rows were quarantined.
    Quarantine,
    /// A plan was started.
    PlanStarted,
    /// Training ended.
    Trained,
    /// The gate let a challenger pass.
    GatePassed,
    /// The gate refused a challenger.
    GateRefused,
    /// A rollout entered a step.
    RolloutStep,
    /// A candidate became the champion.
    Promoted,
    /// A rollout was rolled back, given up or aborted.
    RolledBack,
    /// A rollout was recommended to a person.
    Recommended,
    /// A plan failed.
    PlanFailed,
    /// A person moved the alias while the endpoint was busy.
    AliasWaits,
}

impl DecisionKind {
    /// The spelling in answers and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Quarantine => "quarantine",
            Self::PlanStarted => "plan_started",
            Self::Trained => "trained",
            Self::GatePassed => "gate_passed",
            Self::GateRefused => "gate_refused",
            Self::RolloutStep => "rollout_step",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
            Self::Recommended => "recommended",
            Self::PlanFailed => "plan_failed",
            Self::AliasWaits => "alias_waits",
        }
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Its place in the diary; 0 before it is written.
    pub seq: i64,
    /// When, by the loop's clock.
    pub at: Time,
    /// About which endpoint.
    pub endpoint: Name,
    /// What.
    pub kind: String,
    /// One sentence.
    pub text: String,
    /// The object that it is about: (`plan`, `rollout`, `alert`, …; id).
    pub object: (String, String),
    /// What it was decided on.
    pub evidence: serde_json::Value,
    /// Who decided.
    pub principal: String,
}
