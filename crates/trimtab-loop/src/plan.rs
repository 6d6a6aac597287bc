//! Plans: what the loop has written down to do, step by step, so that a kill at any point loses nothing.

use serde::{Deserialize, Serialize};
use trimtab_types::{DatasetVersionId, ExecutionId, Name, PlanId, RolloutId, RunId, Time};

use crate::Cause;

/// The steps of a plan, in the order in which they are carried out. Every step is idempotent: the ids of what
/// it makes are chosen when the plan is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// Choose the evaluation window, before anything is trained.
    Freeze,
    /// Make the training dataset version, which ends before the evaluation window begins.
    Dataset,
    /// Run the pipeline's stages in a worktree of the recorded commit.
    Train,
    /// Find the model version that the run registered, and load it as a revision.
    Register,
    /// Compare the challenger with the champion on the frozen window.
    Gate,
    /// Open the rollout.
    Rollout,
    /// Wait for the rollout's verdict.
    Verdict,
}

impl StepName {
    /// The spelling in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Dataset => "dataset",
            Self::Train => "train",
            Self::Register => "register",
            Self::Gate => "gate",
            Self::Rollout => "rollout",
            Self::Verdict => "verdict",
        }
    }
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Begun; carried out again after a restart.
    Running,
    /// Done; its output stands.
    Done,
    /// Failed; the plan ends.
    Failed,
    /// Not needed in this plan.
    Skipped,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Which.
    pub name: StepName,
    /// How far.
    pub state: StepState,
    /// Whether it was begun more than once: a kill, or a failure that passed, came between.
    #[serde(default)]
    pub is_repeated: bool,
    /// When it was first begun, by the loop's clock.
    pub started_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// What it found or made.
    pub output: serde_json::Value,
    /// Why it failed.
    pub error: Option<String>,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
}

/// How a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// Steps are left.
    Running,
    /// It ended with a new champion.
    Promoted,
    /// It ended with the old champion: the gate refused the challenger.
    Refused,
    /// It ended with the old champion: the rollout was rolled back, aborted or stayed undecided.
    KeptChampion,
    /// The gate passed, and the policy's autonomy leaves the rollout to a person.
    Recommended,
    /// A step failed.
    Failed,
}

impl PlanState {
    /// The spelling in answers and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Promoted => "promoted",
            Self::Refused => "refused",
            Self::KeptChampion => "kept_champion",
            Self::Recommended => "recommended",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_ended(self) -> bool {
        self != Self::Running
    }
}

/// A plan with its steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// The trigger that started it; none when a person sent a version by hand.
    pub trigger: Option<Name>,
    /// The endpoint that it is for.
    pub endpoint: Name,
    /// Why.
    pub cause: Cause,
    /// How it stands.
    pub state: PlanState,
    /// Its steps.
    pub steps: Vec<PlanStep>,
    /// When it was written, by the loop's clock.
    pub created_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// The ids of what it will make.
    pub ids: PlanIds,
    /// What it was told.
    pub given: PlanGiven,
    /// Rows that the endpoint had served when it was written.
    #[serde(default)]
    pub rows_served: u64,
}

/// Ids chosen before the first step, so that every step can be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanIds {
    /// Of the run that training is recorded under.
    pub run: RunId,
    /// Of the pipeline's execution.
    pub execution: ExecutionId,
    /// Of the rollout.
    pub rollout: RolloutId,
}

/// What whoever started the plan fixed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanGiven {
    /// Train on this dataset version rather than on events.
    pub dataset: Option<DatasetVersionId>,
    /// Send this model version rather than train one.
    pub version: Option<i64>,
    /// Enter the rollout at the canary's first step, without gate and shadow.
    pub skip_gate: bool,
    /// It is sent because a person moved the alias that the endpoint follows.
    #[serde(default)]
    pub follows_alias: bool,
    /// Seed of the gate's draws.
    #[serde(default)]
    pub seed: u64,
}

impl Plan {
    /// A plan with every step pending or skipped, as what was given says.
    pub fn new(
        trigger: Option<Name>,
        endpoint: Name,
        cause: Cause,
        given: PlanGiven,
        created_at: Time,
    ) -> Self {
        use StepName::{Dataset, Freeze, Gate, Register, Rollout, Train, Verdict};
        let step = |name| {
            let is_skipped = match name {
                Dataset | Train => given.version.is_some(),
                Freeze | Gate => given.skip_gate,
                Register | Rollout | Verdict => false,
            };
            PlanStep {
                name,
                state: if is_skipped {
                    StepState::Skipped
                } else {
                    StepState::Pending
                },
                is_repeated: false,
                started_at: None,
                ended_at: None,
                output: serde_json::Value::Null,
                error: None,
                hint: None,
            }
        };
        Self {
            id: PlanId::new(),
            trigger,
            endpoint,
            cause,
            state: PlanState::Running,
            steps: [Freeze, Dataset, Train, Register, Gate, Rollout, Verdict]
                .map(step)
                .into(),
            created_at,
            rows_served: 0,
            ended_at: None,
            ids: PlanIds {
                run: RunId::new(),
                execution: ExecutionId::new(),
                rollout: RolloutId::new(),
            },
            given,
        }
    }

    /// The step to carry out now; `None` when the plan has ended.
    pub fn current(&self) -> Option<StepName> {
        if self.state.is_ended() {
            return None;
        }
        let is_open =
            |step: &&PlanStep| matches!(step.state, StepState::Pending | StepState::Running);
        self.steps.iter().find(is_open).map(|step| step.name)
    }

    /// The output of a step that is done, as its type.
    pub fn output<T: serde::de::DeserializeOwned>(&self, name: StepName) -> Option<T> {
        let step = self
            .steps
            .iter()
            .find(|step| step.name == name && step.state == StepState::Done)?;
        serde_json::from_value(step.output.clone()).ok()
    }

    /// The model version that it is about, as soon as that is known.
    pub fn version(&self) -> Option<i64> {
        let registered =
            || self.output::<serde_json::Value>(StepName::Register)?["version"].as_i64();
        self.given.version.or_else(registered)
    }

    fn step_mut(&mut self, name: StepName) -> Option<&mut PlanStep> {
        self.steps.iter_mut().find(|step| step.name == name)
    }

    /// Notes that a step was begun.
    pub fn begin(&mut self, name: StepName, at: Time) {
        if let Some(step) = self.step_mut(name) {
            step.is_repeated = step.state == StepState::Running;
            step.state = StepState::Running;
            step.started_at.get_or_insert(at);
        }
    }

    /// Notes that a step is done.
    pub fn finish(&mut self, name: StepName, output: serde_json::Value, at: Time) {
        if let Some(step) = self.step_mut(name) {
            step.state = StepState::Done;
            step.output = output;
            step.ended_at = Some(at);
        }
    }

    /// Notes that a step failed, which ends the plan.
    pub fn fail(&mut self, name: StepName, error: String, hint: Option<String>, at: Time) {
        if let Some(step) = self.step_mut(name) {
            step.state = StepState::Failed;
            step.error = Some(error);
            step.hint = hint;
            step.ended_at = Some(at);
        }
        self.end(PlanState::Failed, at);
    }

    /// Ends the plan; steps that were not begun are skipped.
    pub fn end(&mut self, state: PlanState, at: Time) {
        for step in &mut self.steps {
            if matches!(step.state, StepState::Pending | StepState::Running) {
                step.state = StepState::Skipped;
            }
        }
        self.state = state;
        self.ended_at = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(given: PlanGiven) -> Plan {
        let cause = Cause::Person {
            name: "ada".to_owned(),
        };
        Plan::new(
            None,
            "flights".parse().unwrap(),
            cause,
            given,
            Time::from_micros(0),
        )
    }

    #[test]
    fn steps_follow_each_other_and_a_restart_repeats_the_open_one() {
        let at = Time::from_micros(1);
        let mut plan = plan(PlanGiven::default());
        assert_eq!(plan.current(), Some(StepName::Freeze));
        plan.begin(StepName::Freeze, at);
        let stored = serde_json::to_string(&plan).unwrap();
        let mut plan: Plan = serde_json::from_str(&stored).unwrap();
        assert_eq!(plan.current(), Some(StepName::Freeze));
        plan.finish(StepName::Freeze, serde_json::json!(7), at);
        assert_eq!(plan.output::<i64>(StepName::Freeze), Some(7));
        assert_eq!(plan.current(), Some(StepName::Dataset));
        plan.fail(StepName::Dataset, "no rows".to_owned(), None, at);
        assert_eq!((plan.current(), plan.state), (None, PlanState::Failed));
        assert!(
            plan.steps
                .iter()
                .all(|step| !matches!(step.state, StepState::Pending | StepState::Running))
        );
    }

    #[test]
    fn a_version_sent_by_hand_is_not_trained_and_may_skip_the_gate() {
        let by_hand = plan(PlanGiven {
            version: Some(3),
            skip_gate: true,
            ..PlanGiven::default()
        });
        assert_eq!(by_hand.current(), Some(StepName::Register));
        let gated = plan(PlanGiven {
            version: Some(3),
            ..PlanGiven::default()
        });
        assert_eq!(gated.current(), Some(StepName::Freeze));
    }
}
