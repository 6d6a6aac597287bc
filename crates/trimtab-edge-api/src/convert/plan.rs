//! Triggers, plans, decisions.

use trimtab_loop as controller;
use trimtab_loop::{StepState, TriggerSpec};

use crate::{
    convert::at,
    wire::{Decision, ObjectRef, Plan, PlanStep, Trigger},
};

pub(crate) fn trigger(spec: TriggerSpec) -> Trigger {
    Trigger {
        name: spec.name.to_string(),
        project: spec.project.to_string(),
        endpoint: spec.endpoint.to_string(),
        monitor: spec.monitor.map(|name| name.to_string()),
        stages: spec.stages,
        dataset: spec.dataset,
        cooldown: spec
            .cooldown
            .unwrap_or(TriggerSpec::DEFAULT_COOLDOWN)
            .to_string(),
    }
}

pub(crate) fn plan(plan: controller::Plan) -> Plan {
    let version = plan.version();
    Plan {
        id: plan.id.to_string(),
        trigger: plan
            .trigger
            .map(|name| name.to_string())
            .unwrap_or_default(),
        endpoint: plan.endpoint.to_string(),
        cause: plan.cause.text(),
        version,
        state: plan.state.as_str().to_owned(),
        steps: plan.steps.into_iter().map(step).collect(),
        run: plan.ids.run.to_string(),
        rollout: plan.ids.rollout.to_string(),
        created_at: plan.created_at.into(),
        ended_at: at(plan.ended_at),
    }
}

fn step(step: controller::PlanStep) -> PlanStep {
    PlanStep {
        name: step.name.as_str().to_owned(),
        state: match step.state {
            StepState::Pending => "pending",
            StepState::Running => "running",
            StepState::Done => "done",
            StepState::Failed => "failed",
            StepState::Skipped => "skipped",
        }
        .to_owned(),
        started_at: at(step.started_at),
        ended_at: at(step.ended_at),
        output: step.output,
        error: step.error,
        hint: step.hint,
    }
}

pub(crate) fn decision(decision: controller::Decision) -> Decision {
    let (kind, id) = decision.object;
    Decision {
        seq: decision.seq,
        at: decision.at.into(),
        endpoint: decision.endpoint.to_string(),
        kind: decision.kind,
        text: decision.text,
        object: (!id.is_empty()).then_some(ObjectRef { kind, id }),
        evidence: decision.evidence,
    }
}
