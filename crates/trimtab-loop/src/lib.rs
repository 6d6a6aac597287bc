//! THE LOOP: alert → trigger → plan (data, training, gate) → rollout → verdict. The only service that calls other
//! services.
//!
//! It knows no protocol and no file format; what it decides on is computed by pure modules ([`judge_gate`],
//! guardrails, [`Rollout::decide`], [`admit`]), what it did is in the database, and a kill at any point is
//! answered by carrying out the open step again.

mod controller;
mod decision;
mod error;
mod evaluation;
mod expectation;
mod follow;
mod gate;
mod guardrail;
mod paired;
mod plan;
mod rollout;
mod service;
mod sql;
mod steps;
mod tick;
mod trainings;
mod trigger;

pub use decision::{Decision, DecisionKind};
pub use error::LoopError;
pub use evaluation::model_inputs;
pub use gate::{GateCheck, GateInput, GateReport, judge as judge_gate};
pub use guardrail::{Bounds, Guardrail, Observed, Verdict, judge as judge_guardrails};
pub use paired::{Loss, PairedRow};
pub use plan::{Plan, PlanGiven, PlanIds, PlanState, PlanStep, StepName, StepState};
pub use rollout::{
    Arm, Autonomy, EnteredStep, Move, Rollout, RolloutPolicy, RolloutState, StepKind, StepSpec,
};
pub use service::{Loop, LoopServices};
pub use sql::MIGRATIONS;
pub use steps::{DATASET_TAG, EXPECTED_TAG, PLAN_TAG};
pub use trainings::TrainingEnv;
pub use trigger::{Admission, Cause, TriggerHistory, TriggerSpec, admit, has_new_data};
