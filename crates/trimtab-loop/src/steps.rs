//! The steps of a plan. Each is idempotent: its output follows from the plan's own record and from ids chosen when
//! the plan was written, so that carrying it out twice makes one thing.

mod challenge;
mod training;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::json;
use trimtab_serving::{EndpointSpec, Waiting};
use trimtab_types::{Coded as _, DatasetVersionId, Scope, Time};

use crate::{
    Arm, DecisionKind, Loop, LoopError, Plan, PlanState, StepName, StepState, TriggerSpec,
    error::service, sql,
};

/// Tag of a model version: the dataset version that it was trained on.
pub const DATASET_TAG: &str = "trimtab.dataset_version";
/// Model version tag: how well it did on the window that it was judged on, as JSON (metric, value, low, high).
pub const EXPECTED_TAG: &str = "trimtab.expected_performance";
/// Tag of a model version: the plan that made it.
pub const PLAN_TAG: &str = "trimtab.plan";
/// Output of `freeze`: the window on which the challenger will be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frozen {
    pub(crate) evaluation_from: Time,
    pub(crate) evaluation_to: Time,
    pub(crate) labelled_rows: u64,
    pub(crate) as_of: Time,
}

/// Output of `dataset`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trained {
    pub(crate) dataset_version: DatasetVersionId,
    pub(crate) rows: u64,
}

/// What a step came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Done, with its output.
    Done(serde_json::Value),
    /// Not yet; look again at the next tick.
    Waiting,
    /// The plan ends here, in this state, with this output.
    Ends(PlanState, serde_json::Value),
}

impl Loop {
    /// Carries a plan out as far as it goes now. A failed step fails the plan, except where the database, the disk
    /// or a lost lease is the cause: then the step stays open and the next tick tries it again.
    pub(crate) async fn carry_on(&self, scope: &Scope, plan: &mut Plan) -> Result<(), LoopError> {
        while let Some(name) = plan.current() {
            let is_begun = plan
                .steps
                .iter()
                .any(|step| step.name == name && step.state == StepState::Running);
            let is_under_way = self.0.trainings.is_under_way(plan.id);
            if !is_begun || (name == StepName::Train && !is_under_way) {
                plan.begin(name, self.0.clock.now());
                self.keep(scope, plan).await?;
            }
            match self.carry_out(scope, plan, name).await {
                Ok(Outcome::Done(output)) => {
                    plan.finish(name, output, self.0.clock.now());
                    if name == StepName::Verdict {
                        plan.end(PlanState::Promoted, self.0.clock.now());
                    }
                    self.keep(scope, plan).await?;
                }
                Ok(Outcome::Waiting) => return Ok(()),
                Ok(Outcome::Ends(state, output)) => {
                    plan.finish(name, output, self.0.clock.now());
                    plan.end(state, self.0.clock.now());
                    self.keep(scope, plan).await?;
                }
                Err(error) if is_passing(&error) => {
                    // Whoever asks an endpoint without a champion is told what keeps it.
                    let waiting = Waiting {
                        why: format!("step `{}` is tried again: {}", name.as_str(), chain(&error)),
                        hint: error.hint(),
                    };
                    let serving = &self.0.services.serving;
                    serving.explain(scope, &plan.endpoint, &waiting);
                    return Err(error);
                }
                Err(error) => {
                    let reason = chain(&error);
                    plan.fail(name, reason.clone(), error.hint(), self.0.clock.now());
                    let text = format!("step `{}` failed: {reason}", name.as_str());
                    let object = ("plan", plan.id.to_string());
                    let kind = DecisionKind::PlanFailed;
                    let decision =
                        self.decision(scope, &plan.endpoint, kind, text, object, json!({}));
                    let stored = plan.clone();
                    self.store(scope, move |tx, workspace| {
                        sql::put_plan(tx, workspace, &stored)?;
                        sql::add_decision(tx, workspace, &decision)
                    })
                    .await?;
                }
            }
        }
        Ok(())
    }

    async fn keep(&self, scope: &Scope, plan: &Plan) -> Result<(), LoopError> {
        let stored = plan.clone();
        self.store(scope, move |tx, workspace| {
            sql::put_plan(tx, workspace, &stored)
        })
        .await
    }

    async fn carry_out(
        &self,
        scope: &Scope,
        plan: &Plan,
        step: StepName,
    ) -> Result<Outcome, LoopError> {
        let spec = self.endpoint_spec(scope, &plan.endpoint).await?;
        match step {
            StepName::Freeze => self.freeze(scope, plan, &spec).await,
            StepName::Dataset => self.dataset(scope, plan, &spec).await,
            StepName::Train => self.training(scope, plan).await,
            StepName::Register => self.register(scope, plan, &spec).await,
            StepName::Gate => self.gate(scope, plan, &spec).await,
            StepName::Rollout => self.open_rollout(scope, plan, &spec).await,
            StepName::Verdict => self.verdict(scope, plan, &spec).await,
        }
    }

    async fn trigger_of(&self, scope: &Scope, plan: &Plan) -> Result<TriggerSpec, LoopError> {
        let name = plan.trigger.clone();
        let triggers = self.triggers(scope).await?;
        triggers
            .into_iter()
            .find(|spec| Some(&spec.name) == name.as_ref())
            .ok_or_else(|| LoopError::NotFound {
                kind: "trigger",
                name: name.map(String::from).unwrap_or_default(),
            })
    }

    /// The endpoint's champion now.
    pub(crate) async fn champion(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
    ) -> Result<Option<Arm>, LoopError> {
        let serving = &self.0.services.serving;
        let attempt = "read the champion";
        let traffic = serving
            .traffic(scope, &spec.name)
            .await
            .map_err(service("serving", attempt))?;
        let Some(revision) = traffic.champion else {
            return Ok(None);
        };
        let revisions = serving
            .revisions(scope, &spec.name)
            .await
            .map_err(service("serving", attempt))?;
        let found = revisions
            .into_iter()
            .find(|candidate| candidate.id == revision);
        Ok(found.map(|found| Arm {
            revision,
            version: found.version,
        }))
    }

    async fn champion_dataset(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
    ) -> Result<Option<DatasetVersionId>, LoopError> {
        let Some(champion) = self.champion(scope, spec).await? else {
            return Ok(None);
        };
        let version = self
            .0
            .services
            .registry
            .get_version(scope, &spec.model, champion.version)
            .await
            .map_err(service("registry", "read the champion's version"))?;
        Ok(version
            .tags
            .iter()
            .find(|(key, _)| *key == DATASET_TAG)
            .and_then(|(_, id)| id.parse().ok()))
    }

    async fn refuse(
        &self,
        scope: &Scope,
        plan: &Plan,
        mut text: String,
        evidence: serde_json::Value,
    ) -> Result<(), LoopError> {
        if plan.given.follows_alias {
            let spec = self.endpoint_spec(scope, &plan.endpoint).await?;
            if let Some(champion) = self.champion(scope, &spec).await? {
                let _ = write!(
                    text,
                    "; alias `{}` stays where it was put, and version {} goes on answering",
                    spec.alias, champion.version
                );
            }
        }
        self.tell(scope, plan, DecisionKind::GateRefused, text, evidence)
            .await
    }

    async fn tell(
        &self,
        scope: &Scope,
        plan: &Plan,
        kind: DecisionKind,
        text: String,
        evidence: serde_json::Value,
    ) -> Result<(), LoopError> {
        let object = ("plan", plan.id.to_string());
        let decision = self.decision(scope, &plan.endpoint, kind, text, object, evidence);
        self.store(scope, move |tx, workspace| {
            sql::add_decision_once(tx, workspace, &decision)
        })
        .await
    }
}

fn need<T: serde::de::DeserializeOwned>(plan: &Plan, step: StepName) -> Result<T, LoopError> {
    plan.output(step).ok_or_else(|| LoopError::Invalid {
        field: format!("plan {}", plan.id),
        problem: format!("step `{}` left no output", step.as_str()),
    })
}

/// Whether trying again at the next tick may help: nothing is wrong with the plan itself.
fn is_passing(error: &LoopError) -> bool {
    use trimtab_types::ErrorCode;
    match error {
        LoopError::Db(_) | LoopError::Standby => true,
        LoopError::Service { code, .. } => {
            matches!(
                code,
                ErrorCode::Unavailable | ErrorCode::DeadlineExceeded | ErrorCode::Limited { .. }
            )
        }
        LoopError::NotFound { .. }
        | LoopError::OwnedElsewhere { .. }
        | LoopError::Busy { .. }
        | LoopError::Ended { .. }
        | LoopError::Invalid { .. }
        | LoopError::Clock(_) => false,
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
