//! The steps of a plan. Each is idempotent: its output follows from the plan's own record and from ids chosen when
//! the plan was written, so that carrying it out twice makes one thing.

use serde::{Deserialize, Serialize};
use serde_json::json;
use trimtab_data::{DatasetVersion, FromEvents};
use trimtab_events::{Scan, ServedAs};
use trimtab_pipeline::{Execution, ExecutionSpec, ExecutionStatus, StageStatus};
use trimtab_registry::{LineageEdge, ModelVersion, NodeRef};
use trimtab_serving::EndpointSpec;
use trimtab_tracking::{CreateRun, ExperimentRef, RunStatus};
use trimtab_types::{Coded, DatasetVersionId, Duration, RunId, Scope, Time};

use crate::{
    Arm, Autonomy, Cause, DecisionKind, Loop, LoopError, Plan, PlanState, Rollout, RolloutState,
    StepName, StepState, TriggerSpec, error::service, evaluation::Evaluation, gate::MIN_ROWS, sql,
};

/// Tag of a model version: the dataset version that it was trained on.
pub const DATASET_TAG: &str = "trimtab.dataset_version";
/// Tag of a model version: the plan that made it.
pub const PLAN_TAG: &str = "trimtab.plan";
/// The evaluation window is the shortest of these that holds enough labelled rows.
const WINDOWS_DAYS: [i64; 4] = [7, 14, 28, 56];
/// Training rows below which a retraining is not worth its gate.
const MIN_TRAINING_ROWS: u64 = 1_000;
/// Lines of a failed stage's output that a plan shows.
const LOG_LINES: usize = 20;

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

/// Output of `register`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Registered {
    model: String,
    version: i64,
    revision: trimtab_types::RevisionId,
}

/// What a step came to.
enum Outcome {
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
            if !is_begun {
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
                Err(error) if is_passing(&error) => return Err(error),
                Err(error) => {
                    let reason = chain(&error);
                    plan.fail(name, reason.clone(), self.0.clock.now());
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
            StepName::Train => self.train(scope, plan).await,
            StepName::Register => self.register(scope, plan, &spec).await,
            StepName::Gate => self.gate(scope, plan, &spec).await,
            StepName::Rollout => self.open_rollout(scope, plan, &spec).await,
            StepName::Verdict => self.verdict(scope, plan, &spec).await,
        }
    }

    /// Fixes the evaluation window before anything is trained: whole days, the latest with enough labels.
    async fn freeze(
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
            let is_enough = labelled_rows >= 4 * MIN_ROWS as u64;
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
    async fn dataset(
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
            Err(error) if matches!(error.code(), trimtab_types::ErrorCode::Invalid { .. }) => {
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
    async fn train(&self, scope: &Scope, plan: &Plan) -> Result<Outcome, LoopError> {
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
        let mut env = self.0.training_env.read().await.clone();
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
        let commit = execution
            .map(|execution| execution.commit)
            .unwrap_or_default();
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

    /// Finds the model version, tags it with where it came from, and loads it as a revision.
    async fn register(
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
            None => self.registered_by(scope, plan.ids.run, spec).await?,
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
        let node = |kind: &str, id: String| NodeRef {
            kind: kind.to_owned(),
            id,
        };
        let model_version = node(
            "model_version",
            format!("{}/{}", version.model, version.version),
        );
        let at = self.0.clock.now();
        let mut edges = vec![
            LineageEdge {
                from: node("revision", revision.id.to_string()),
                relation: "serves".to_owned(),
                to: model_version.clone(),
                at,
            },
            LineageEdge {
                from: node("endpoint", plan.endpoint.to_string()),
                relation: "has".to_owned(),
                to: node("revision", revision.id.to_string()),
                at,
            },
        ];
        edges.extend(version.run_id.map(|run| LineageEdge {
            from: model_version,
            relation: "made_by".to_owned(),
            to: node("run", run.to_string()),
            at,
        }));
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

    async fn registered_by(
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

    async fn gate(
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
        };
        let report = self.evaluate(scope, spec, &evaluation).await?;
        let output = serde_json::to_value(&report).unwrap_or_default();
        if report.passed {
            let text = format!(
                "version {} passes the gate: {}",
                registered.version, report.reason
            );
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
        if let (true, Some(frozen)) = (blames_labels, &evaluation.frozen) {
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
            self.quarantine(scope, quarantine).await?;
        }
        self.0
            .services
            .serving
            .retire_revision(scope, &plan.endpoint, registered.revision)
            .await
            .map_err(service("serving", "retire the refused revision"))?;
        Ok(Outcome::Ends(PlanState::Refused, output))
    }

    async fn open_rollout(
        &self,
        scope: &Scope,
        plan: &Plan,
        spec: &EndpointSpec,
    ) -> Result<Outcome, LoopError> {
        let registered: Registered = need(plan, StepName::Register)?;
        let policy = self.policy(scope, &plan.endpoint).await?;
        let champion = self.champion(scope, spec).await?;
        let is_by_hand = matches!(plan.cause, Cause::Person { .. });
        if policy.autonomy != Autonomy::Act && !is_by_hand {
            let text = format!(
                "version {} passed the gate; start it with `trimtab rollout start {} --version {}`",
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

    async fn verdict(
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
        text: String,
        evidence: serde_json::Value,
    ) -> Result<(), LoopError> {
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

    /// The labelled, unquarantined rows that the endpoint served in a span, as they were known at a time.
    pub(crate) async fn labelled_rows(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
        (from, to): (Time, Time),
        as_of: Time,
    ) -> Result<crate::evaluation::LabelledRows, LoopError> {
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
        Ok(crate::evaluation::LabelledRows::new(&batches, &spans))
    }
}

fn trained(version: &DatasetVersion) -> serde_json::Value {
    serde_json::to_value(Trained {
        dataset_version: version.id,
        rows: version.rows,
    })
    .unwrap_or_default()
}

fn need<T: serde::de::DeserializeOwned>(plan: &Plan, step: StepName) -> Result<T, LoopError> {
    plan.output(step).ok_or_else(|| LoopError::Invalid {
        field: format!("plan {}", plan.id),
        problem: format!("step `{}` left no output", step.as_str()),
    })
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

/// Whether trying again at the next tick may help: nothing is wrong with the plan itself.
fn is_passing(error: &LoopError) -> bool {
    use trimtab_types::ErrorCode;
    match error {
        LoopError::Db(_) => true,
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
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
