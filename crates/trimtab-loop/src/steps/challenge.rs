//! Register the challenger, judge it, open its rollout and wait for the verdict.

use serde::{Deserialize, Serialize};
use serde_json::json;
use trimtab_registry::{LineageEdge, ModelVersion};
use trimtab_serving::EndpointSpec;
use trimtab_types::{RevisionId, RunId, Scope};

use super::{DATASET_TAG, EXPECTED_TAG, Outcome, PLAN_TAG, Trained, need};
use crate::{
    Arm, Autonomy, Cause, DecisionKind, GateReport, Loop, LoopError, Plan, PlanState, Rollout,
    RolloutState, StepName, error::service, evaluation::Evaluation, sql,
};

/// Output of `register`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Registered {
    model: String,
    version: i64,
    revision: RevisionId,
}

impl Loop {
    /// Finds the model version, tags it with where it came from, and loads it as a revision.
    pub(super) async fn register(
        &self,
        scope: &Scope,
        plan: &Plan,
        spec: &EndpointSpec,
    ) -> Result<Outcome, LoopError> {
        let registry = &self.0.services.registry;
        let version = match plan.given.version {
            Some(number) => registry
                .get_version(scope, &spec.model, number)
                .await
                .map_err(service(
                    "registry",
                    format!("read version {number} of `{}`", spec.model),
                ))?,
            None => {
                let version = self.registered_by(scope, plan.ids.run, spec).await?;
                self.remove_leftovers(scope, plan, &version).await?;
                version
            }
        };
        let attempt = "record where the model version came from";
        if let Some(Trained {
            dataset_version, ..
        }) = plan.output(StepName::Dataset)
        {
            let tags = [
                (DATASET_TAG, dataset_version.to_string()),
                (PLAN_TAG, plan.id.to_string()),
            ];
            for (key, value) in tags {
                registry
                    .set_version_tag(scope, &version.model, version.version, key, &value)
                    .await
                    .map_err(service("registry", attempt))?;
            }
        }
        let revision = self
            .0
            .services
            .serving
            .add_revision(scope, &plan.endpoint, version.version)
            .await
            .map_err(service(
                "serving",
                format!("load version {} of `{}`", version.version, version.model),
            ))?;
        let at = self.0.clock.now();
        let edges = LineageEdge::of_revision(&plan.endpoint, revision.id, &version, at);
        registry
            .record_edges(scope, edges)
            .await
            .map_err(service("registry", attempt))?;
        let registered = Registered {
            model: version.model,
            version: version.version,
            revision: revision.id,
        };
        Ok(Outcome::Done(
            serde_json::to_value(registered).unwrap_or_default(),
        ))
    }

    /// A training that was killed after it had registered its version was run again: the version of the last time
    /// stands, those of earlier times are removed.
    async fn remove_leftovers(
        &self,
        scope: &Scope,
        plan: &Plan,
        kept: &ModelVersion,
    ) -> Result<(), LoopError> {
        let is_repeated = |step: &crate::PlanStep| step.name == StepName::Train && step.is_repeated;
        if !plan.steps.iter().any(is_repeated) {
            return Ok(());
        }
        let registry = &self.0.services.registry;
        let attempt = "remove the version of an interrupted training";
        let versions = registry
            .versions_by_run(scope, plan.ids.run)
            .await
            .map_err(service("registry", attempt))?;
        let is_leftover =
            |other: &&ModelVersion| other.model == kept.model && other.version < kept.version;
        for leftover in versions.iter().filter(is_leftover) {
            registry
                .delete_version(scope, &leftover.model, leftover.version)
                .await
                .map_err(service("registry", attempt))?;
        }
        Ok(())
    }

    pub(super) async fn registered_by(
        &self,
        scope: &Scope,
        run: RunId,
        spec: &EndpointSpec,
    ) -> Result<ModelVersion, LoopError> {
        let versions = self
            .0
            .services
            .registry
            .versions_by_run(scope, run)
            .await
            .map_err(service(
                "registry",
                "find the version that training registered",
            ))?;
        versions.into_iter().filter(|version| version.model == spec.model).max_by_key(|v| v.version).ok_or_else(
            || LoopError::Invalid {
                field: format!("run {run}"),
                problem: format!(
                    "it registered no version of `{}`; pass registered_model_name=\"{}\" to log_model",
                    spec.model, spec.model
                ),
            },
        )
    }

    pub(super) async fn gate(
        &self,
        scope: &Scope,
        plan: &Plan,
        spec: &EndpointSpec,
    ) -> Result<Outcome, LoopError> {
        let registered: Registered = need(plan, StepName::Register)?;
        let evaluation = Evaluation {
            frozen: plan.output(StepName::Freeze),
            champion: self.champion(scope, spec).await?.map(|arm| arm.revision),
            challenger: registered.revision,
            dataset: match plan.output::<Trained>(StepName::Dataset) {
                Some(trained) => Some(trained.dataset_version),
                None => self.champion_dataset(scope, spec).await?,
            },
            seed: plan.given.seed,
        };
        let report = self.evaluate(scope, spec, &evaluation).await?;
        let output = serde_json::to_value(&report).unwrap_or_default();
        if report.passed {
            let text = format!(
                "version {} passes the gate: {}",
                registered.version, report.reason
            );
            self.expect_of(scope, &registered, &report).await?;
            self.tell(scope, plan, DecisionKind::GatePassed, text, output.clone())
                .await?;
            return Ok(Outcome::Done(output));
        }
        let text = format!(
            "version {} is refused by the gate: {}",
            registered.version, report.reason
        );
        self.refuse(scope, plan, text, output.clone()).await?;
        let blames_labels = report
            .checks
            .iter()
            .any(|check| !check.passed && check.name.starts_with("label"));
        // A table that a person handed in is as likely to be the wrong one of the two.
        let is_own_data = plan.given.dataset.is_none();
        if let (true, Some(frozen)) = (blames_labels && is_own_data, &evaluation.frozen) {
            // Labels that cannot be right must not be trained on later either.
            let quarantine = trimtab_data::Quarantine {
                endpoint: plan.endpoint.clone(),
                from: frozen.evaluation_from,
                to: frozen.evaluation_to,
                columns: vec![spec.label.clone()],
                cause: report.reason.clone(),
                alert: None,
                at: self.0.clock.now(),
            };
            let text = format!(
                "rows from {} to {} are not learned from: {}",
                quarantine.from, quarantine.to, quarantine.cause
            );
            self.quarantine(scope, quarantine, text).await?;
        }
        self.0
            .services
            .serving
            .retire_revision(scope, &plan.endpoint, registered.revision)
            .await
            .map_err(service("serving", "retire the refused revision"))?;
        Ok(Outcome::Ends(PlanState::Refused, output))
    }

    /// Writes down, on the version, what its monitor is to expect of it.
    async fn expect_of(
        &self,
        scope: &Scope,
        registered: &Registered,
        report: &GateReport,
    ) -> Result<(), LoopError> {
        let Some(expected) = &report.expected else {
            return Ok(());
        };
        let value = serde_json::to_string(expected).unwrap_or_default();
        let registry = &self.0.services.registry;
        registry
            .set_version_tag(
                scope,
                &registered.model,
                registered.version,
                EXPECTED_TAG,
                &value,
            )
            .await
            .map_err(service("registry", "write down the expected performance"))
    }

    pub(super) async fn open_rollout(
        &self,
        scope: &Scope,
        plan: &Plan,
        spec: &EndpointSpec,
    ) -> Result<Outcome, LoopError> {
        let registered: Registered = need(plan, StepName::Register)?;
        let policy = self.policy(scope, &plan.endpoint).await?;
        let champion = self.champion(scope, spec).await?;
        let is_by_hand = matches!(plan.cause, Cause::Person { .. });
        let is_allowed = policy.autonomy == Autonomy::Act && spec.pin.is_none();
        if !is_allowed && !is_by_hand {
            let pinned = match spec.pin {
                Some(pin) => format!(", and the endpoint is pinned to version {pin}"),
                None => String::new(),
            };
            let text = format!(
                "version {} passed the gate{pinned}; start it with `trimtab rollout start {} --version {}`",
                registered.version, plan.endpoint, registered.version
            );
            self.tell(scope, plan, DecisionKind::Recommended, text, json!({}))
                .await?;
            return Ok(Outcome::Ends(
                PlanState::Recommended,
                json!({ "version": registered.version }),
            ));
        }
        if champion.is_some_and(|arm| arm.revision == registered.revision) {
            let problem = format!("version {} is the champion already", registered.version);
            return Err(LoopError::Invalid {
                field: "version".to_owned(),
                problem,
            });
        }
        let id = plan.ids.rollout;
        let output = json!({ "rollout": id });
        let workspace = scope.workspace.clone();
        let existing = self
            .0
            .db
            .read(move |tx| Ok::<_, LoopError>(sql::rollout(tx, &workspace, id)?))
            .await?;
        if existing.is_none() {
            let rollout = Rollout::new(
                id,
                plan.id,
                plan.endpoint.clone(),
                plan.cause.clone(),
                (
                    champion,
                    Arm {
                        revision: registered.revision,
                        version: registered.version,
                    },
                ),
                &policy,
                plan.given.skip_gate,
                self.0.clock.now(),
            );
            self.store(scope, move |tx, workspace| {
                sql::put_rollout(tx, workspace, &rollout)
            })
            .await?;
        }
        Ok(Outcome::Done(output))
    }

    pub(super) async fn verdict(
        &self,
        scope: &Scope,
        plan: &Plan,
        spec: &EndpointSpec,
    ) -> Result<Outcome, LoopError> {
        let mut rollout = self.rollout(scope, plan.ids.rollout).await?;
        self.drive_rollout(scope, spec, &mut rollout).await?;
        let output =
            json!({ "rollout": rollout.id, "state": rollout.state, "outcome": rollout.outcome });
        Ok(match rollout.state {
            RolloutState::Running => Outcome::Waiting,
            RolloutState::Promoted => Outcome::Done(output),
            RolloutState::RolledBack | RolloutState::Inconclusive | RolloutState::Aborted => {
                Outcome::Ends(PlanState::KeptChampion, output)
            }
        })
    }
}
