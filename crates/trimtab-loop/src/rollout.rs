//! Rollouts: the move of an endpoint from one revision to another, as a state machine. Pure: it is told what
//! was observed and says what to do; the controller carries it out.

use serde::{Deserialize, Serialize};
use trimtab_types::{Duration, Name, PlanId, RevisionId, RolloutId, Time};

use crate::{
    Cause,
    guardrail::{Guardrail, Verdict},
};

/// How much the loop may do by itself for an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// Watch and tell.
    Observe,
    /// Train and gate; a person starts the rollout.
    #[default]
    Recommend,
    /// Train, gate, roll out, promote or roll back.
    Act,
}

/// What a rollout does in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum StepKind {
    /// The candidate scores every request and answers none.
    Shadow,
    /// The candidate answers this share of requests.
    Canary {
        /// Of 10,000.
        weight: u32,
    },
    /// The candidate is the champion; the old one stays warm.
    Bake,
}

/// A step of the policy's grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSpec {
    /// What.
    #[serde(flatten)]
    pub kind: StepKind,
    /// The least time, by the loop's clock, before the next step.
    pub hold: Duration,
}

/// The rollout policy of an endpoint; what is not written has a good default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutPolicy {
    /// How much the loop may do by itself.
    pub autonomy: Autonomy,
    /// The steps.
    pub steps: Vec<StepSpec>,
    /// How long the rollout may stay undecided before the champion is kept.
    pub time_limit: Duration,
    /// Error budget of all guardrails that may roll back, together.
    pub alpha: f64,
    /// The candidate may be worse by this share of the champion's own loss and still pass.
    pub margin: f64,
    /// Labelled pairs that quality needs before a step is left.
    pub min_labelled: u64,
}

impl Default for RolloutPolicy {
    fn default() -> Self {
        let canary = |weight| StepSpec {
            kind: StepKind::Canary { weight },
            hold: Duration::from_days(1),
        };
        Self {
            autonomy: Autonomy::default(),
            steps: vec![
                StepSpec {
                    kind: StepKind::Shadow,
                    hold: Duration::from_days(1),
                },
                canary(500),
                canary(2_500),
                canary(5_000),
                StepSpec {
                    kind: StepKind::Bake,
                    hold: Duration::from_days(2),
                },
            ],
            time_limit: Duration::from_days(14),
            alpha: 0.05,
            margin: 0.03,
            min_labelled: 200,
        }
    }
}

/// How a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// Going through its steps.
    Running,
    /// The candidate is the champion and its bake is over.
    Promoted,
    /// A guardrail sent it back.
    RolledBack,
    /// The time limit passed without a verdict; the champion was kept.
    Inconclusive,
    /// A person stopped it.
    Aborted,
}

impl RolloutState {
    /// The spelling in answers and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
            Self::Inconclusive => "inconclusive",
            Self::Aborted => "aborted",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_ended(self) -> bool {
        self != Self::Running
    }
}

/// A step that was entered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnteredStep {
    /// What.
    #[serde(flatten)]
    pub spec: StepSpec,
    /// When, by the loop's clock; `None` while it lies ahead.
    pub entered_at: Option<Time>,
    /// When it was left.
    pub left_at: Option<Time>,
}

/// A revision with its model version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// The revision.
    pub revision: RevisionId,
    /// Its model version's number.
    pub version: i64,
}

/// A rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Its id.
    pub id: RolloutId,
    /// The plan that opened it.
    pub plan: PlanId,
    /// The endpoint.
    pub endpoint: Name,
    /// Why.
    pub cause: Cause,
    /// The champion when it was opened; none for an endpoint's first revision.
    pub from: Option<Arm>,
    /// The candidate.
    pub to: Arm,
    /// How it stands.
    pub state: RolloutState,
    /// Its steps.
    pub steps: Vec<EnteredStep>,
    /// Index of the step that it is in.
    pub step: usize,
    /// The guardrails as last looked at.
    pub guardrails: Vec<Guardrail>,
    /// Error budget shared by the guardrails.
    pub alpha: f64,
    /// Non-inferiority margin, as a share of the champion's loss.
    pub margin: f64,
    /// Labelled pairs needed before a step is left.
    pub min_labelled: u64,
    /// When it is given up.
    pub deadline: Time,
    /// When it was opened, by the loop's clock.
    pub created_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// Why it ended.
    pub outcome: Option<String>,
    /// When the guardrails were last looked at.
    pub looked_at: Option<Time>,
}

/// What the controller must do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Move {
    /// Nothing yet.
    Stay,
    /// Enter the step of this index.
    Enter(usize),
    /// Make the candidate the champion and enter the bake (or end, when there is none).
    Promote,
    /// The bake is over: retire the old champion.
    Finish,
    /// Put all traffic back on the old champion.
    RollBack {
        /// The end state.
        state: RolloutState,
        /// Why.
        reason: String,
    },
}

impl Rollout {
    /// A rollout about to begin.
    pub fn new(
        id: RolloutId,
        plan: PlanId,
        endpoint: Name,
        cause: Cause,
        arms: (Option<Arm>, Arm),
        policy: &RolloutPolicy,
        skip_shadow: bool,
        now: Time,
    ) -> Self {
        let (from, to) = arms;
        let is_needed = |spec: &&StepSpec| match spec.kind {
            StepKind::Shadow => from.is_some() && !skip_shadow,
            StepKind::Canary { .. } | StepKind::Bake => from.is_some(),
        };
        let steps = policy
            .steps
            .iter()
            .filter(is_needed)
            .map(|spec| EnteredStep {
                spec: *spec,
                entered_at: None,
                left_at: None,
            })
            .collect();
        Self {
            id,
            plan,
            endpoint,
            cause,
            from,
            to,
            state: RolloutState::Running,
            steps,
            step: 0,
            guardrails: Vec::new(),
            alpha: policy.alpha,
            margin: policy.margin,
            min_labelled: policy.min_labelled,
            deadline: now + policy.time_limit,
            created_at: now,
            ended_at: None,
            outcome: None,
            looked_at: None,
        }
    }

    /// What the current step is; `None` before the first and when there are none.
    pub fn current(&self) -> Option<&EnteredStep> {
        self.steps
            .get(self.step)
            .filter(|step| step.entered_at.is_some())
    }

    /// The share of requests, of 10,000, that the candidate answers now.
    pub fn weight(&self) -> u32 {
        match (self.state, self.current().map(|step| step.spec.kind)) {
            (RolloutState::Running, Some(StepKind::Canary { weight })) => weight,
            (RolloutState::Running, Some(StepKind::Bake)) | (RolloutState::Promoted, _) => 10_000,
            (
                RolloutState::Running
                | RolloutState::RolledBack
                | RolloutState::Inconclusive
                | RolloutState::Aborted,
                _,
            ) => 0,
        }
    }

    /// Decides the next move from the guardrails as they stand. A guardrail that says roll back wins over
    /// everything at any time; a step is left when its hold is over and every guardrail that decides says
    /// promote (in the shadow and canary steps before the last: none may be short of evidence).
    pub fn decide(&self, now: Time) -> Move {
        if self.state.is_ended() {
            return Move::Stay;
        }
        if let Some(guardrail) = self
            .guardrails
            .iter()
            .find(|guardrail| guardrail.verdict == Verdict::RollBack)
        {
            return Move::RollBack {
                state: RolloutState::RolledBack,
                reason: format!("guardrail `{}`: {}", guardrail.name, guardrail.explain()),
            };
        }
        let Some(step) = self.current() else {
            return if self.steps.is_empty() {
                Move::Promote
            } else {
                Move::Enter(0)
            };
        };
        let is_held = step.entered_at.is_some_and(|at| now < at + step.spec.hold);
        if step.spec.kind == StepKind::Bake {
            return if is_held { Move::Stay } else { Move::Finish };
        }
        if now >= self.deadline {
            return Move::RollBack {
                state: RolloutState::Inconclusive,
                reason: "the time limit passed without a verdict; the champion is kept".to_owned(),
            };
        }
        let next = self.steps.get(self.step + 1).map(|step| step.spec.kind);
        let is_last = matches!(next, None | Some(StepKind::Bake));
        let is_blocked = self
            .guardrails
            .iter()
            .any(|guardrail| match guardrail.verdict {
                Verdict::Promote | Verdict::Recorded => false,
                Verdict::TooFew | Verdict::Invalid | Verdict::RollBack => true,
                Verdict::Hold => is_last,
            });
        if is_held || is_blocked || self.guardrails.is_empty() {
            Move::Stay
        } else if is_last {
            Move::Promote
        } else {
            Move::Enter(self.step + 1)
        }
    }

    /// Notes that a step was entered.
    pub fn enter(&mut self, index: usize, now: Time) {
        if let Some(left) = self.steps.get_mut(self.step)
            && index != self.step
        {
            left.left_at = Some(now);
        }
        self.step = index;
        if let Some(step) = self.steps.get_mut(index) {
            step.entered_at = Some(now);
        }
    }

    /// The index of the bake step, if the policy has one.
    pub fn bake_index(&self) -> Option<usize> {
        self.steps
            .iter()
            .position(|step| step.spec.kind == StepKind::Bake)
    }

    /// Notes that the rollout ended.
    pub fn end(&mut self, state: RolloutState, outcome: String, now: Time) {
        if let Some(step) = self.steps.get_mut(self.step) {
            step.left_at = Some(now);
        }
        self.state = state;
        self.outcome = Some(outcome);
        self.ended_at = Some(now);
    }
}

#[cfg(test)]
mod tests;
