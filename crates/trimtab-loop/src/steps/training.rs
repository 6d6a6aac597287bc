//! Freeze the evaluation window, make the training dataset version, run the stages.

use serde_json::json;
use trimtab_data::{DatasetVersion, FromEvents};
use trimtab_events::{Scan, ServedAs};
use trimtab_pipeline::{Execution, ExecutionSpec, ExecutionStatus, StageStatus};
use trimtab_registry::{LineageEdge, NodeRef};
use trimtab_serving::EndpointSpec;
use trimtab_tracking::{CreateRun, ExperimentRef, RunStatus};
use trimtab_types::{Coded as _, Duration, ErrorCode, RunId, Scope, Time};

use super::{DATASET_TAG, Frozen, Outcome, PLAN_TAG, Trained, need};
use crate::{
    DecisionKind, Loop, LoopError, Plan, PlanState, StepName, error::service,
    evaluation::LabelledRows, gate::MIN_ROWS,
};

/// The evaluation window is the shortest of these that holds enough labelled rows.
const WINDOWS_DAYS: [i64; 4] = [7, 14, 28, 56];
/// Training rows below which a retraining is not worth its gate.
const MIN_TRAINING_ROWS: u64 = 1_000;
/// Lines of a failed stage's output that a plan shows.
const LOG_LINES: usize = 20;

impl Loop {
    /// Fixes the evaluation window before anything is trained: whole days, the latest with enough labels.
    pub(super) async fn freeze(
        &self,
        scope: &Scope,
        plan: &Plan,
        spec: &EndpointSpec,
    ) -> Result<Outcome, LoopError> {
        let as_of = self.0.clock.now();
        if self.champion(scope, spec).await?.is_none() {
            return Ok(Outcome::Done(json!({ "first_revision": true })));
        }
        let to = as_of;
        let mut frozen = None;
        for days in WINDOWS_DAYS {
            let from = as_of.floor(Duration::from_days(1)) - Duration::from_days(days);
            let labelled_rows = self
                .labelled_rows(scope, spec, (from, to), as_of)
                .await?
                .rows() as u64;
            let candidate = Frozen {
                evaluation_from: from,
                evaluation_to: to,
                labelled_rows,
                as_of,
            };
            let is_enough = labelled_rows >= 2 * MIN_ROWS as u64;
            frozen = Some(candidate);
            if is_enough {
                break;
            }
        }
        match frozen {
            Some(frozen) if frozen.labelled_rows >= MIN_ROWS as u64 => Ok(Outcome::Done(
                serde_json::to_value(frozen).unwrap_or_default(),
            )),
            _ => {
                let rows = frozen.map_or(0, |frozen| frozen.labelled_rows);
                let reason = format!(
                    "only {rows} labelled, unquarantined rows in the last {} days, {MIN_ROWS} are needed to judge a challenger",
                    WINDOWS_DAYS[WINDOWS_DAYS.len() - 1]
                );
                self.refuse(scope, plan, reason.clone(), json!({})).await?;
                Ok(Outcome::Ends(
                    PlanState::Refused,
                    json!({ "reason": reason }),
                ))
            }
        }
    }

    /// Makes the training dataset version: given, or every labelled, unquarantined event before the window.
    pub(super) async fn dataset(
        &self,
        scope: &Scope,
        plan: &Plan,
        spec: &EndpointSpec,
    ) -> Result<Outcome, LoopError> {
        let data = &self.0.services.data;
        let attempt = "make the training dataset version";
        if let Some(id) = plan.given.dataset {
            let version = data
                .get(scope, id)
                .await
                .map_err(service("data", attempt))?;
            if let Some(frozen) = plan.output::<Frozen>(StepName::Freeze)
                && let Some(to) = version.to
                && to > frozen.evaluation_from
            {
                // Who is judged on rows that it was trained on always wins.
                return Err(LoopError::Invalid {
                    field: format!("dataset version {id}"),
                    problem: format!(
                        "its rows reach to {to}, into the evaluation window, which begins at {}; give one that ends before",
                        frozen.evaluation_from
                    ),
                });
            }
            return Ok(Outcome::Done(trained(&version)));
        }
        let Some(frozen) = plan.output::<Frozen>(StepName::Freeze) else {
            return Err(LoopError::Invalid {
                field: "dataset".to_owned(),
                problem: format!(
                    "endpoint `{}` has no champion yet, so there are no events to learn from; fire the trigger with a dataset version",
                    plan.endpoint
                ),
            });
        };
        let bounds = self
            .0
            .services
            .events
            .bounds(&scope.workspace, &plan.endpoint)
            .await
            .map_err(service("events", attempt))?;
        let from = bounds.map_or(frozen.evaluation_from, |(first, _, _)| first);
        let wanted = FromEvents {
            endpoint: plan.endpoint.clone(),
            from,
            to: frozen.evaluation_from,
            labelled: true,
            exclude_quarantined: true,
            as_of: frozen.as_of,
            label_name: spec.label.clone(),
            key_name: spec.row_key.clone(),
        };
        let name = format!("{}-training", plan.endpoint);
        let made = data.version_from_events(scope, &name, wanted).await;
        let refusal = match made {
            _ if from >= frozen.evaluation_from => format!(
                "every event lies within the evaluation window ({} to {}); nothing is left to train on",
                frozen.evaluation_from, frozen.evaluation_to
            ),
            Ok(version) if version.rows >= MIN_TRAINING_ROWS => {
                let champion = self.champion_dataset(scope, spec).await?;
                if champion != Some(version.id) {
                    return Ok(Outcome::Done(trained(&version)));
                }
                "the training data is what the champion was trained on already".to_owned()
            }
            Ok(version) => format!(
                "only {} labelled, unquarantined rows before the evaluation window, {MIN_TRAINING_ROWS} are needed",
                version.rows
            ),
            // An empty range, or none of its rows labelled and outside of quarantine.
            Err(error)
                if matches!(
                    error.code(),
                    ErrorCode::Invalid { .. } | ErrorCode::Conflict
                ) =>
            {
                error.to_string()
            }
            Err(error) => return Err(service("data", attempt)(error)),
        };
        self.refuse(scope, plan, refusal.clone(), json!({})).await?;
        Ok(Outcome::Ends(
            PlanState::Refused,
            json!({ "reason": refusal }),
        ))
    }

    /// Runs the trigger's stages in a worktree of the project's recorded commit.
    pub(crate) async fn train(&self, scope: &Scope, plan: &Plan) -> Result<Outcome, LoopError> {
        let services = &self.0.services;
        let trigger = self.trigger_of(scope, plan).await?;
        let Trained {
            dataset_version, ..
        } = need(plan, StepName::Dataset)?;
        let attempt = "prepare the training run";
        let input = self
            .0
            .inputs
            .join(format!("{dataset_version}-{}", file_name(&trigger.dataset)));
        services
            .data
            .materialise(scope, dataset_version, &input)
            .await
            .map_err(service("data", "check out the training dataset version"))?;
        let run = plan.ids.run;
        services
            .tracking
            .create_run(
                scope,
                CreateRun {
                    id: Some(run),
                    experiment: ExperimentRef::Name(trigger.project.to_string()),
                    name: Some(format!("{}-{}", trigger.name, plan.id)),
                    start_time: Some(self.0.clock.wall()),
                    user: Some(scope.principal.name.to_string()),
                    tags: vec![
                        (PLAN_TAG.to_owned(), plan.id.to_string()),
                        (DATASET_TAG.to_owned(), dataset_version.to_string()),
                    ],
                },
            )
            .await
            .map_err(service("tracking", attempt))?;
        let mut env = self.0.training_env.read().await.of(&scope.workspace);
        env.push(("MLFLOW_RUN_ID".to_owned(), run.to_string()));
        env.push((
            "TRIMTAB_EXECUTION_ID".to_owned(),
            plan.ids.execution.to_string(),
        ));
        let execution = services
            .pipelines
            .execute(
                scope,
                ExecutionSpec {
                    id: plan.ids.execution,
                    project: trigger.project.clone(),
                    stages: trigger.stages.clone(),
                    inputs: vec![(trigger.dataset.clone(), input.clone())],
                    params: Vec::new(),
                    env,
                },
            )
            .await;
        if let Err(error) = tokio::fs::remove_file(&input).await {
            tracing::warn!(path = %input.display(), %error, "a training input could not be removed");
        }
        let failure = match &execution {
            Ok(execution) if execution.status == ExecutionStatus::Succeeded => None,
            Ok(execution) => Some(failure_of(execution)),
            Err(error) => Some(error.to_string()),
        };
        if let Some(problem) = failure {
            // The client closes the run when it got that far; a stage that died before leaves it to us.
            services
                .tracking
                .finish_run(scope, run, RunStatus::Failed)
                .await
                .map_err(service("tracking", "close the failed run"))?;
            return Err(match execution {
                Err(error) => service("pipeline", "run the training stages")(error),
                Ok(_) => LoopError::Invalid {
                    field: format!("project `{}`", trigger.project),
                    problem,
                },
            });
        }
        let (commit, skipped) = execution.map_or_else(
            |_| Default::default(),
            |execution| (execution.commit.clone(), skipped_stages(&execution)),
        );
        if !skipped.is_empty() && self.is_without_version(scope, run).await? {
            // The same rows, code and parameters made a version before, and its fate is known.
            services
                .tracking
                .finish_run(scope, run, RunStatus::Finished)
                .await
                .map_err(service("tracking", "close the run of a skipped training"))?;
            let reason = format!(
                "there is nothing new to learn: nothing that stage `{}` depends on has changed since it last ran",
                skipped.join("`, `")
            );
            self.refuse(scope, plan, reason.clone(), json!({})).await?;
            return Ok(Outcome::Ends(
                PlanState::Refused,
                json!({ "reason": reason }),
            ));
        }
        let edge = |from: (&str, String), relation: &str, to: (&str, String)| LineageEdge {
            from: NodeRef {
                kind: from.0.to_owned(),
                id: from.1,
            },
            relation: relation.to_owned(),
            to: NodeRef {
                kind: to.0.to_owned(),
                id: to.1,
            },
            at: self.0.clock.now(),
        };
        let edges = vec![
            edge(
                ("run", run.to_string()),
                "trained_on",
                ("dataset_version", dataset_version.to_string()),
            ),
            edge(
                ("run", run.to_string()),
                "ran_at",
                ("commit", commit.clone()),
            ),
            edge(
                ("run", run.to_string()),
                "part_of",
                ("plan", plan.id.to_string()),
            ),
        ];
        services
            .registry
            .record_edges(scope, edges)
            .await
            .map_err(service("registry", "record lineage"))?;
        let text = format!("a challenger was trained by trigger `{}`", trigger.name);
        self.tell(
            scope,
            plan,
            DecisionKind::Trained,
            text,
            json!({ "run": run, "commit": commit }),
        )
        .await?;
        Ok(Outcome::Done(json!({ "run": run, "commit": commit })))
    }

    async fn is_without_version(&self, scope: &Scope, run: RunId) -> Result<bool, LoopError> {
        let found = self.0.services.registry.versions_by_run(scope, run).await;
        Ok(found
            .map_err(service(
                "registry",
                "find the version that training registered",
            ))?
            .is_empty())
    }

    /// The labelled, unquarantined rows that the endpoint served in a span, as they were known at a time.
    pub(crate) async fn labelled_rows(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
        (from, to): (Time, Time),
        as_of: Time,
    ) -> Result<LabelledRows, LoopError> {
        let attempt = "read the labelled events";
        let scan = Scan {
            workspace: scope.workspace.clone(),
            endpoint: spec.name.clone(),
            from,
            to,
            served_as: Some(ServedAs::Served),
            columns: None,
        };
        let services = &self.0.services;
        let batches = services
            .events
            .labelled(&scan, as_of)
            .await
            .map_err(service("events", attempt))?;
        let quarantines = services
            .data
            .quarantines(scope, &spec.name)
            .await
            .map_err(service("data", attempt))?;
        let spans: Vec<(Time, Time)> = quarantines.iter().map(|q| (q.from, q.to)).collect();
        Ok(LabelledRows::new(&batches, &spans))
    }
}

fn trained(version: &DatasetVersion) -> serde_json::Value {
    serde_json::to_value(Trained {
        dataset_version: version.id,
        rows: version.rows,
    })
    .unwrap_or_default()
}

/// Stages whose outputs an earlier execution had made already.
fn skipped_stages(execution: &Execution) -> Vec<String> {
    let skipped = execution
        .stages
        .iter()
        .filter(|stage| stage.status == StageStatus::Skipped);
    skipped.map(|stage| stage.name.clone()).collect()
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Why an execution did not succeed: the stage, what it said, and the end of its output.
fn failure_of(execution: &Execution) -> String {
    let failed = execution
        .stages
        .iter()
        .find(|stage| stage.status == StageStatus::Failed);
    match failed {
        Some(stage) => {
            let lines: Vec<&str> = stage.log_tail.lines().collect();
            let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
            format!("stage `{}` failed: {}\n{tail}", stage.name, stage.message)
        }
        None => execution
            .message
            .clone()
            .unwrap_or_else(|| execution.status.to_string()),
    }
}
