//! Rollouts.

use trimtab_loop as controller;
use trimtab_loop::{RolloutState, StepKind, StepName, StepState, Verdict};

use crate::{
    convert::{at, finite},
    wire::{Guardrail, HistoryItem, Rollout, RolloutEnd, RolloutStep},
};

/// A rollout with what its plan and the diary say about it.
pub(crate) fn rollout(
    rollout: controller::Rollout,
    model: &str,
    plan: Option<&controller::Plan>,
    decisions: &[controller::Decision],
) -> Rollout {
    let weight = rollout.weight();
    let gate = plan
        .and_then(|plan| plan.steps.iter().find(|step| step.name == StepName::Gate))
        .filter(|step| step.state == StepState::Done)
        .map(|step| step.output.clone());
    let steps = rollout
        .steps
        .iter()
        .enumerate()
        .map(|(index, entered)| step(&rollout, index, entered))
        .collect();
    Rollout {
        id: rollout.id.to_string(),
        endpoint: rollout.endpoint.to_string(),
        model: model.to_owned(),
        plan: rollout.plan.to_string(),
        cause: rollout.cause.text(),
        from: rollout.from.as_ref().map(arm),
        to: arm(&rollout.to),
        state: rollout.state.as_str().to_owned(),
        step: rollout.step as u64,
        steps,
        weight,
        guardrails: rollout.guardrails.iter().map(guardrail).collect(),
        looked_at: at(rollout.looked_at),
        gate,
        history: decisions
            .iter()
            .map(|decision| HistoryItem {
                at: decision.at.into(),
                text: decision.text.clone(),
            })
            .collect(),
        outcome: rollout.outcome,
        deadline: rollout.deadline.into(),
        created_at: rollout.created_at.into(),
        ended_at: at(rollout.ended_at),
    }
}

fn arm(arm: &controller::Arm) -> RolloutEnd {
    RolloutEnd {
        revision: Some(arm.revision.to_string()),
        version: arm.version,
    }
}

fn step(
    rollout: &controller::Rollout,
    index: usize,
    entered: &controller::EnteredStep,
) -> RolloutStep {
    let (name, kind, weight) = match entered.spec.kind {
        StepKind::Shadow => ("Shadow".to_owned(), "shadow", 0),
        StepKind::Canary { weight } => (
            format!("Canary at {} %", f64::from(weight) / 100.0),
            "canary",
            weight,
        ),
        StepKind::Bake => ("Bake".to_owned(), "bake", 10_000),
    };
    let is_open = rollout.state == RolloutState::Running;
    let state = match (entered.entered_at, entered.left_at) {
        (Some(_), None) if is_open && index == rollout.step => "current",
        (Some(_), _) => "done",
        (None, _) if is_open => "pending",
        (None, _) => "skipped",
    };
    RolloutStep {
        name,
        kind: kind.to_owned(),
        weight,
        state: state.to_owned(),
        hold: entered.spec.hold.to_string(),
        entered_at: at(entered.entered_at),
        ended_at: at(entered.left_at),
        message: None,
    }
}

fn guardrail(guardrail: &controller::Guardrail) -> Guardrail {
    let has_bound = guardrail.bound.abs() < f64::MAX;
    Guardrail {
        name: guardrail.name.clone(),
        metric: guardrail.metric.clone(),
        estimate: finite(guardrail.estimate),
        low: finite(guardrail.low),
        high: finite(guardrail.high),
        bound: has_bound.then_some(guardrail.bound),
        verdict: match guardrail.verdict {
            Verdict::Promote => "promote",
            Verdict::Hold => "hold",
            Verdict::RollBack => "roll_back",
            Verdict::TooFew => "too_few",
            Verdict::Invalid => "invalid",
            Verdict::Recorded => "recorded",
        }
        .to_owned(),
        n: guardrail.n,
        decides: guardrail.verdict != Verdict::Recorded,
        message: has_bound.then(|| guardrail.explain()),
    }
}
