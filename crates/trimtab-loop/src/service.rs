//! The verbs that people and edges call. What happens by itself is in [`crate::tick`].

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::RwLock;
use trimtab_data::Data;
use trimtab_db::{Db, DbError, Lane, Lease, Tx};
use trimtab_events::EventLog;
use trimtab_monitor::Monitors;
use trimtab_pipeline::Pipelines;
use trimtab_registry::Registry;
use trimtab_serving::Serving;
use trimtab_tracking::Tracking;
use trimtab_types::{
    Clock, Coded as _, DatasetVersionId, ErrorCode, Name, PlanId, RolloutId, Scope, Time,
    WorkspaceId,
};

use crate::{
    Cause, Decision, DecisionKind, LoopError, Plan, PlanGiven, PlanState, Rollout, RolloutPolicy,
    RolloutState, StepKind, StepName, TrainingEnv, TriggerHistory, TriggerSpec, error::service,
    sql, steps::Trained, trainings::Trainings,
};

/// The file, in the loop's folder, that names the lease's holder.
const HOLDER: &str = "holder";

/// What the loop calls.
#[derive(Debug, Clone)]
pub struct LoopServices {
    /// The event log.
    pub events: EventLog,
    /// Runs.
    pub tracking: Tracking,
    /// Model versions and lineage.
    pub registry: Registry,
    /// Dataset versions and quarantine.
    pub data: Data,
    /// Executions.
    pub pipelines: Pipelines,
    /// Endpoints.
    pub serving: Serving,
    /// Monitors and alerts.
    pub monitors: Monitors,
}

/// The loop; cheap to clone.
#[derive(Debug, Clone)]
pub struct Loop(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) services: LoopServices,
    /// Where training inputs are put before they are checked out.
    pub(crate) inputs: PathBuf,
    /// Environment of training stages.
    pub(crate) training_env: RwLock<Arc<dyn TrainingEnv>>,
    pub(crate) trainings: Trainings,
    /// The controller's lease while this process holds it.
    pub(crate) lease: RwLock<Option<Lease>>,
    /// Who this process is to the lease.
    pub(crate) holder: String,
    /// One tick at a time.
    pub(crate) ticking: tokio::sync::Mutex<()>,
    /// Lets the live loop look at once, not at its next tick.
    pub(crate) woken: tokio::sync::Notify,
    /// Seed of what plans written from now on draw.
    pub(crate) seed: std::sync::atomic::AtomicU64,
    /// Whether this process has done a tick; the first one does what an earlier process, killed, left open.
    pub(crate) has_ticked: std::sync::atomic::AtomicBool,
}

impl Loop {
    /// A loop over these services; `inputs` is a folder of its own for training inputs, and keeps who the loop is
    /// to its lease: one process at a time has the folder, and the next one is not kept waiting by a dead one's lease.
    pub fn new(db: Db, clock: Clock, services: LoopServices, inputs: PathBuf) -> Self {
        let holder = holder(&inputs);
        Self(Arc::new(Inner {
            db,
            clock,
            services,
            inputs,
            training_env: RwLock::new(Arc::new(Vec::new())),
            trainings: Trainings::default(),
            lease: RwLock::default(),
            holder,
            ticking: tokio::sync::Mutex::default(),
            woken: tokio::sync::Notify::new(),
            seed: std::sync::atomic::AtomicU64::new(0),
            has_ticked: std::sync::atomic::AtomicBool::new(false),
        }))
    }

    /// Sets the environment of training stages, such as `MLFLOW_TRACKING_URI`, once the address is known.
    pub async fn set_training_env(&self, env: impl TrainingEnv + 'static) {
        *self.0.training_env.write().await = Arc::new(env);
    }

    /// Sets the seed of everything that plans written from now on draw at random; it is kept with each plan, so that a
    /// restart draws the same.
    pub fn set_seed(&self, seed: u64) {
        self.0
            .seed
            .store(seed, std::sync::atomic::Ordering::Relaxed);
    }

    /// Replaces the triggers and rollout policies of a project. Another project's trigger of the same name is a
    /// conflict, and so is the policy of another project's endpoint; nothing is changed then. Endpoints that have no
    /// champion follow their alias again, whatever came of it before.
    pub async fn apply(
        &self,
        scope: &Scope,
        project: &Name,
        triggers: Vec<TriggerSpec>,
        policies: Vec<(Name, RolloutPolicy)>,
    ) -> Result<(), LoopError> {
        for (endpoint, policy) in &policies {
            check_policy(endpoint, policy)?;
        }
        let mut idle = Vec::new();
        for (endpoint, _) in &policies {
            let waiting = self.0.services.serving.waiting(scope, endpoint);
            if matches!(waiting, Ok(Some(_))) {
                idle.push(endpoint.clone());
            }
        }
        let (workspace, project) = (scope.workspace.clone(), project.clone());
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let existing = sql::triggers(tx, &workspace)?;
                for spec in &triggers {
                    let other = existing
                        .iter()
                        .find(|old| old.name == spec.name && old.project != project);
                    if let Some(other) = other {
                        return Err(LoopError::OwnedElsewhere {
                            kind: "trigger",
                            name: spec.name.to_string(),
                            owner: other.project.to_string(),
                        });
                    }
                }
                for (endpoint, _) in &policies {
                    let owner = sql::policy_owner(tx, &workspace, endpoint)?;
                    if let Some(owner) = owner.filter(|owner| *owner != project) {
                        return Err(LoopError::OwnedElsewhere {
                            kind: "endpoint",
                            name: endpoint.to_string(),
                            owner: owner.to_string(),
                        });
                    }
                }
                sql::delete_triggers_but(tx, &workspace, &project, &triggers)?;
                for spec in &triggers {
                    sql::put_trigger(tx, &workspace, spec)?;
                }
                for (endpoint, policy) in &policies {
                    sql::put_policy(tx, &workspace, &project, endpoint, policy)?;
                }
                for endpoint in &idle {
                    sql::forget_followed(tx, &workspace, endpoint)?;
                }
                Ok(())
            })
            .await?;
        self.0.woken.notify_one();
        Ok(())
    }

    /// The triggers of the workspace, by name.
    pub async fn triggers(&self, scope: &Scope) -> Result<Vec<TriggerSpec>, LoopError> {
        let workspace = scope.workspace.clone();
        self.0
            .db
            .read(move |tx| Ok(sql::triggers(tx, &workspace)?))
            .await
    }

    /// The rollout policy of an endpoint.
    pub async fn policy(&self, scope: &Scope, endpoint: &Name) -> Result<RolloutPolicy, LoopError> {
        let (workspace, endpoint) = (scope.workspace.clone(), endpoint.clone());
        self.0
            .db
            .read(move |tx| Ok(sql::policy(tx, &workspace, &endpoint)?))
            .await
    }

    /// Writes a plan for a trigger, by hand; its steps are carried out by the next tick. Busy endpoints refuse.
    pub async fn fire(
        &self,
        scope: &Scope,
        trigger: &Name,
        dataset: Option<DatasetVersionId>,
    ) -> Result<PlanId, LoopError> {
        let triggers = self.triggers(scope).await?;
        let spec = triggers
            .into_iter()
            .find(|spec| spec.name == *trigger)
            .ok_or_else(|| LoopError::NotFound {
                kind: "trigger",
                name: trigger.to_string(),
            })?;
        if let Some(id) = dataset {
            let data = &self.0.services.data;
            data.get(scope, id).await.map_err(crate::error::service(
                "data",
                "read the given dataset version",
            ))?;
        }
        let cause = Cause::Person {
            name: scope.principal.name.to_string(),
        };
        let given = PlanGiven {
            dataset,
            ..PlanGiven::default()
        };
        self.write_plan(scope, Some(spec.name), spec.endpoint, cause, given)
            .await
    }

    /// Opens a rollout of a registered version by hand: through the gate, or at the canary's first step.
    pub async fn start_rollout(
        &self,
        scope: &Scope,
        endpoint: &Name,
        version: i64,
        skip_gate: bool,
    ) -> Result<PlanId, LoopError> {
        let spec = self.endpoint_spec(scope, endpoint).await?;
        self.0
            .services
            .registry
            .get_version(scope, &spec.model, version)
            .await
            .map_err(|error| match error.code() {
                ErrorCode::NotFound => LoopError::NotFound {
                    kind: "model version",
                    name: format!("{}/{version}", spec.model),
                },
                _ => service(
                    "registry",
                    format!("read version {version} of `{}`", spec.model),
                )(error),
            })?;
        let cause = Cause::Person {
            name: scope.principal.name.to_string(),
        };
        let given = PlanGiven {
            version: Some(version),
            skip_gate,
            ..PlanGiven::default()
        };
        self.write_plan(scope, None, endpoint.clone(), cause, given)
            .await
    }

    pub(crate) async fn write_plan(
        &self,
        scope: &Scope,
        trigger: Option<Name>,
        endpoint: Name,
        cause: Cause,
        given: PlanGiven,
    ) -> Result<PlanId, LoopError> {
        let given = PlanGiven {
            seed: self.0.seed.load(std::sync::atomic::Ordering::Relaxed),
            ..given
        };
        let mut plan = Plan::new(trigger, endpoint, cause, given, self.0.clock.now());
        plan.rows_served = self.rows_served(scope, &plan.endpoint).await?;
        let id = plan.id;
        let text = match (&plan.trigger, plan.given.version) {
            (Some(trigger), _) => format!("trigger `{trigger}`: {}", plan.cause.text()),
            (None, Some(version)) if plan.given.skip_gate => {
                format!("version {version} sent without gate, {}", plan.cause.text())
            }
            (None, Some(version)) => format!("version {version}, {}", plan.cause.text()),
            (None, None) => plan.cause.text(),
        };
        let decision = self.decision(
            scope,
            &plan.endpoint,
            DecisionKind::PlanStarted,
            text,
            ("plan", id.to_string()),
            serde_json::to_value(&plan.given).unwrap_or_default(),
        );
        let workspace = scope.workspace.clone();
        self.0
            .db
            .write(Lane::Control, move |tx| {
                if let Some(open) = sql::open_plan_of(tx, &workspace, &plan.endpoint)? {
                    return Err(LoopError::Busy {
                        endpoint: plan.endpoint.to_string(),
                        plan: open.id.to_string(),
                    });
                }
                if let (true, Some(version)) = (plan.given.follows_alias, plan.given.version) {
                    sql::put_followed(tx, &workspace, &plan.endpoint, version)?;
                }
                sql::put_plan(tx, &workspace, &plan)?;
                sql::add_decision(tx, &workspace, &decision)?;
                Ok(())
            })
            .await?;
        self.0.woken.notify_one();
        Ok(id)
    }

    /// How many rows an endpoint has served.
    pub(crate) async fn rows_served(
        &self,
        scope: &Scope,
        endpoint: &Name,
    ) -> Result<u64, LoopError> {
        let bounds = self.0.services.events.bounds(&scope.workspace, endpoint);
        let bounds = bounds
            .await
            .map_err(service("events", "count what the endpoint served"))?;
        Ok(bounds.map_or(0, |(_, _, served)| served))
    }

    /// Ends a rollout by hand: all traffic goes back to the champion that it had when it was opened.
    pub async fn abort_rollout(
        &self,
        scope: &Scope,
        id: RolloutId,
        reason: &str,
    ) -> Result<Rollout, LoopError> {
        let _tick = self.0.ticking.lock().await;
        let mut rollout = self.rollout(scope, id).await?;
        if rollout.state.is_ended() {
            return Err(LoopError::Ended {
                rollout: id.to_string(),
                state: rollout.state.as_str(),
            });
        }
        let by = &scope.principal.name;
        let outcome = format!("aborted by {by}: {reason}");
        self.end_rollout(scope, &mut rollout, RolloutState::Aborted, outcome)
            .await?;
        Ok(rollout)
    }

    /// Plans, newest first, before a cursor.
    pub async fn plans(
        &self,
        scope: &Scope,
        before: Option<(Time, PlanId)>,
        limit: u32,
    ) -> Result<Vec<Plan>, LoopError> {
        let workspace = scope.workspace.clone();
        self.0
            .db
            .read(move |tx| Ok(sql::plans(tx, &workspace, before, limit)?))
            .await
    }

    /// An endpoint's plans, newest first.
    pub async fn plans_of(
        &self,
        scope: &Scope,
        endpoint: &Name,
        limit: u32,
    ) -> Result<Vec<Plan>, LoopError> {
        let (workspace, endpoint) = (scope.workspace.clone(), endpoint.clone());
        self.0
            .db
            .read(move |tx| Ok(sql::plans_of(tx, &workspace, &endpoint, limit)?))
            .await
    }

    /// One plan.
    pub async fn plan(&self, scope: &Scope, id: PlanId) -> Result<Plan, LoopError> {
        let workspace = scope.workspace.clone();
        let plan: Option<Plan> = self
            .0
            .db
            .read(move |tx| Ok::<_, LoopError>(sql::plan(tx, &workspace, id)?))
            .await?;
        plan.ok_or_else(|| LoopError::NotFound {
            kind: "plan",
            name: id.to_string(),
        })
    }

    /// Rollouts, newest first.
    pub async fn rollouts(
        &self,
        scope: &Scope,
        endpoint: Option<&Name>,
        limit: u32,
    ) -> Result<Vec<Rollout>, LoopError> {
        let (workspace, endpoint) = (scope.workspace.clone(), endpoint.cloned());
        self.0
            .db
            .read(move |tx| Ok(sql::rollouts(tx, &workspace, endpoint.as_ref(), limit)?))
            .await
    }

    /// One rollout.
    pub async fn rollout(&self, scope: &Scope, id: RolloutId) -> Result<Rollout, LoopError> {
        let workspace = scope.workspace.clone();
        let rollout: Option<Rollout> = self
            .0
            .db
            .read(move |tx| Ok::<_, LoopError>(sql::rollout(tx, &workspace, id)?))
            .await?;
        rollout.ok_or_else(|| LoopError::NotFound {
            kind: "rollout",
            name: id.to_string(),
        })
    }

    /// The diary after a place, oldest first.
    pub async fn decisions(
        &self,
        scope: &Scope,
        endpoint: Option<&Name>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Decision>, LoopError> {
        let (workspace, endpoint) = (scope.workspace.clone(), endpoint.cloned());
        self.0
            .db
            .read(move |tx| {
                Ok(sql::decisions(
                    tx,
                    &workspace,
                    endpoint.as_ref(),
                    after,
                    limit,
                )?)
            })
            .await
    }

    /// The newest decisions before a place in the diary, newest first.
    pub async fn latest_decisions(
        &self,
        scope: &Scope,
        endpoint: Option<&Name>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Decision>, LoopError> {
        let (workspace, endpoint) = (scope.workspace.clone(), endpoint.cloned());
        let before = before.unwrap_or(i64::MAX);
        self.0
            .db
            .read(move |tx| {
                Ok(sql::latest_decisions(
                    tx,
                    &workspace,
                    endpoint.as_ref(),
                    before,
                    limit,
                )?)
            })
            .await
    }

    pub(crate) fn decision(
        &self,
        scope: &Scope,
        endpoint: &Name,
        kind: DecisionKind,
        text: String,
        object: (&str, String),
        evidence: serde_json::Value,
    ) -> Decision {
        Decision {
            seq: 0,
            at: self.0.clock.now(),
            endpoint: endpoint.clone(),
            kind: kind.as_str().to_owned(),
            text,
            object: (object.0.to_owned(), object.1),
            evidence,
            principal: scope.principal.name.to_string(),
        }
    }

    /// A write of the controller: refused when another process has become the controller.
    pub(crate) async fn store(
        &self,
        scope: &Scope,
        write: impl FnOnce(&mut Tx<'_>, &WorkspaceId) -> Result<(), DbError> + Send + 'static,
    ) -> Result<(), LoopError> {
        let lease = self.0.lease.read().await.clone();
        let workspace = scope.workspace.clone();
        self.0
            .db
            .write(Lane::Control, move |tx| {
                if let Some(lease) = &lease {
                    tx.require_lease(lease)?;
                }
                write(tx, &workspace)
            })
            .await
            .map_err(LoopError::Db)
    }

    pub(crate) async fn history(
        &self,
        scope: &Scope,
        spec: &TriggerSpec,
    ) -> Result<TriggerHistory, LoopError> {
        let (workspace, name, endpoint) = (
            scope.workspace.clone(),
            spec.name.clone(),
            spec.endpoint.clone(),
        );
        self.0
            .db
            .read(move |tx| {
                let plans =
                    sql::trigger_history(tx, &workspace, &name, TriggerSpec::MAX_FAILURES + 1)?;
                let failures = plans
                    .iter()
                    .take_while(|plan| plan.state == PlanState::Failed)
                    .count();
                Ok(TriggerHistory {
                    has_open_plan: sql::open_plan_of(tx, &workspace, &endpoint)?.is_some(),
                    last_started_at: plans.first().map(|plan| plan.created_at),
                    failures: u32::try_from(failures).unwrap_or(u32::MAX),
                    known_rows: plans.first().map_or(0, known_rows),
                })
            })
            .await
    }
}

/// What a plan could learn from at most.
fn known_rows(plan: &Plan) -> u64 {
    let trained = plan.output::<Trained>(StepName::Dataset);
    plan.rows_served
        .max(trained.map_or(0, |trained| trained.rows))
}

/// The lease holder whose folder this is; a new one where the folder names none, or cannot be written.
fn holder(folder: &Path) -> String {
    let place = folder.join(HOLDER);
    let known = std::fs::read_to_string(&place)
        .ok()
        .and_then(|text| text.trim().parse::<PlanId>().ok());
    let holder = known.unwrap_or_else(PlanId::new).to_string();
    if known.is_none()
        && let Err(error) = std::fs::write(&place, &holder)
    {
        tracing::warn!(path = %place.display(), %error, "after a crash the loop will wait for its own lease to end");
    }
    holder
}

fn check_policy(endpoint: &Name, policy: &RolloutPolicy) -> Result<(), LoopError> {
    let invalid = |field: &str, problem: &str| {
        Err(LoopError::Invalid {
            field: format!("endpoints.{endpoint}.rollout.{field}"),
            problem: problem.to_owned(),
        })
    };
    if !(policy.alpha > 0.0 && policy.alpha < 1.0) {
        return invalid("alpha", "must lie between 0 and 1");
    }
    if !(policy.margin >= 0.0 && policy.margin.is_finite()) {
        return invalid("margin", "must not be negative");
    }
    let weights: Vec<u32> = policy
        .steps
        .iter()
        .filter_map(|step| match step.kind {
            StepKind::Canary { weight } => Some(weight),
            StepKind::Shadow | StepKind::Bake => None,
        })
        .collect();
    if weights.iter().any(|weight| !(1..10_000).contains(weight)) {
        return invalid("steps", "a canary's share must lie between 0 and 100 %");
    }
    if weights.windows(2).any(|pair| pair[0] >= pair[1]) {
        return invalid("steps", "canary shares must grow from step to step");
    }
    let bakes: Vec<usize> = (0..policy.steps.len())
        .filter(|index| policy.steps[*index].kind == StepKind::Bake)
        .collect();
    if bakes.iter().any(|index| index + 1 != policy.steps.len()) {
        return invalid("steps", "`bake` must be the last step");
    }
    Ok(())
}
