//! The verbs: declare endpoints, add and retire revisions, set traffic, and what the process does at its start.

mod deploy;
mod load;

use std::sync::Arc;

use trimtab_db::{Db, Lane};
use trimtab_events::EventLog;
use trimtab_infer::Engines;
use trimtab_telemetry::{Metrics, Tasks};
use trimtab_types::{Clock, Name, RevisionId, Scope, WorkspaceId};

use crate::{
    Applied, Change, Endpoint, EndpointSpec, ModelInfo, ModelSource, Restored, Revision,
    RevisionState, ServingError, Traffic,
    metrics::ServingMetrics,
    mirror::{Mirror, chain},
    route::{Key, Route, Table},
    score::ScoreRule,
    sql::{self, EndpointRow},
};

pub use deploy::{Deployed, REPOSITORY};

/// Endpoints listed at once; a workspace that has more is beyond what one process serves.
const MAX_ENDPOINTS: u32 = 10_000;
/// Revisions of an endpoint listed at once, newest first.
const MAX_REVISIONS: u32 = 1_000;

/// The service; cheap to clone.
#[derive(Debug, Clone)]
pub struct Serving(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: Clock,
    models: Arc<dyn ModelSource>,
    engines: Arc<dyn Engines>,
    metrics: ServingMetrics,
    mirror: Mirror,
    table: Table,
}

impl Serving {
    /// The service over a migrated database; [`Serving::restore`] brings back what ran before.
    pub fn new(
        db: Db,
        clock: Clock,
        events: EventLog,
        models: Arc<dyn ModelSource>,
        engines: Arc<dyn Engines>,
        metrics: &Metrics,
        tasks: &Tasks,
    ) -> Self {
        let metrics = ServingMetrics::new(metrics);
        let mirror = Mirror::new(events, metrics.clone(), tasks, clock.is_replay());
        Self(Arc::new(Inner {
            db,
            clock,
            models,
            engines,
            metrics,
            mirror,
            table: Table::default(),
        }))
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn table(&self) -> &Table {
        &self.0.table
    }

    pub(crate) fn mirror(&self) -> &Mirror {
        &self.0.mirror
    }

    pub(crate) fn route(&self, scope: &Scope, name: &Name) -> Result<Arc<Route>, ServingError> {
        self.0
            .table
            .get(&key(scope, name))
            .ok_or_else(|| ServingError::EndpointNotFound(name.to_string()))
    }

    /// Declares endpoints, all or none. An endpoint of another project is a conflict; champion, revisions and
    /// weights are never touched.
    pub async fn apply(
        &self,
        scope: &Scope,
        project: &str,
        specs: Vec<EndpointSpec>,
    ) -> Result<Vec<Applied>, ServingError> {
        let specs: Vec<EndpointSpec> = specs
            .into_iter()
            .map(|spec| EndpointSpec {
                project: project.to_owned(),
                ..spec
            })
            .collect();
        for (at, spec) in specs.iter().enumerate() {
            self.validate(scope, spec, &specs[..at])?;
        }
        let now = self.0.clock.now();
        let (workspace, by) = (scope.workspace.clone(), scope.principal.name.to_string());
        let rows = self
            .0
            .db
            .write(Lane::Control, move |tx| {
                specs
                    .iter()
                    .map(|spec| {
                        let change = match sql::endpoint(tx, &workspace, &spec.name)? {
                            None => {
                                sql::insert_endpoint(tx, &workspace, spec, &by, now)?;
                                Change::Created
                            }
                            Some(row) if row.endpoint.spec.project != spec.project => {
                                return Err(ServingError::OwnedElsewhere {
                                    endpoint: spec.name.clone(),
                                    owner: row.endpoint.spec.project,
                                    project: spec.project.clone(),
                                });
                            }
                            Some(row) if row.endpoint.spec == *spec => Change::Unchanged,
                            Some(_) => {
                                sql::update_spec(tx, &workspace, spec, now)?;
                                Change::Updated
                            }
                        };
                        let row = sql::endpoint(tx, &workspace, &spec.name)?
                            .ok_or(trimtab_db::DbError::NoRow)?;
                        Ok((row, change))
                    })
                    .collect::<Result<Vec<(EndpointRow, Change)>, ServingError>>()
            })
            .await?;
        Ok(rows
            .into_iter()
            .map(|(row, change)| {
                self.take_in(&row);
                Applied {
                    name: row.endpoint.spec.name,
                    change,
                }
            })
            .collect())
    }

    /// One endpoint, as it is stored.
    pub async fn endpoint(&self, scope: &Scope, name: &Name) -> Result<Endpoint, ServingError> {
        Ok(self.row(scope, name).await?.endpoint)
    }

    /// All endpoints of the workspace, by name.
    pub async fn endpoints(&self, scope: &Scope) -> Result<Vec<Endpoint>, ServingError> {
        let workspace = scope.workspace.clone();
        let rows = self
            .0
            .db
            .read(move |tx| sql::endpoints(tx, &workspace, "", MAX_ENDPOINTS))
            .await?;
        Ok(rows.into_iter().map(|row| row.endpoint).collect())
    }

    /// An endpoint's revisions, newest first.
    pub async fn revisions(
        &self,
        scope: &Scope,
        name: &Name,
    ) -> Result<Vec<Revision>, ServingError> {
        self.row(scope, name).await?;
        let (workspace, name) = key(scope, name);
        Ok(self
            .0
            .db
            .read(move |tx| sql::revisions(tx, &workspace, &name, MAX_REVISIONS))
            .await?)
    }

    /// Who answers.
    pub async fn traffic(&self, scope: &Scope, name: &Name) -> Result<Traffic, ServingError> {
        Ok(self.row(scope, name).await?.endpoint.traffic)
    }

    /// What the model behind an endpoint takes and gives: of one version, or of the champion (before there is
    /// one: of the newest revision).
    pub fn model_info(
        &self,
        scope: &Scope,
        name: &Name,
        version: Option<i64>,
    ) -> Result<ModelInfo, ServingError> {
        let route = self.route(scope, name)?;
        let arm = match (version, route.traffic.champion) {
            (Some(version), _) => route.version(version)?,
            (None, Some(champion)) => route.require(champion)?,
            (None, None) => route.arms.last().ok_or_else(|| route.no_champion())?,
        };
        let mut versions: Vec<i64> = route
            .arms
            .iter()
            .map(|arm| arm.loaded.revision.version)
            .collect();
        versions.sort_unstable();
        versions.dedup();
        Ok(ModelInfo {
            versions,
            version: arm.loaded.revision.version,
            platform: arm.loaded.platform(),
            signature: Arc::clone(&arm.loaded.signature),
            layout: arm.loaded.layout.clone(),
        })
    }

    /// The input column that identifies an endpoint's rows and is no feature.
    pub fn row_key(&self, scope: &Scope, name: &Name) -> Result<Option<String>, ServingError> {
        Ok(self.route(scope, name)?.spec.row_key.clone())
    }

    /// Whether an endpoint (or one version behind it) answers requests.
    pub fn is_ready(
        &self,
        scope: &Scope,
        name: &Name,
        version: Option<i64>,
    ) -> Result<bool, ServingError> {
        let route = self.route(scope, name)?;
        Ok(match version {
            Some(version) => route.version(version).is_ok(),
            None => route
                .traffic
                .champion
                .is_some_and(|champion| route.arm(champion).is_some()),
        })
    }

    /// Adds a revision for a version of the endpoint's model: fetches, loads and warms it up. Asked again it
    /// answers the revision that is there; one that had failed is tried again.
    pub async fn add_revision(
        &self,
        scope: &Scope,
        name: &Name,
        version: i64,
    ) -> Result<Revision, ServingError> {
        let row = self.row(scope, name).await?;
        self.take_in(&row);
        let now = self.0.clock.now();
        let (workspace, by) = (scope.workspace.clone(), scope.principal.name.to_string());
        let new = Revision {
            id: RevisionId::new(),
            endpoint: name.clone(),
            model: row.endpoint.spec.model.clone(),
            version,
            state: RevisionState::Loading,
            created_at: now,
        };
        let revision = self
            .0
            .db
            .write(Lane::Control, move |tx| {
                let there = sql::live_revision(tx, &workspace, &new.endpoint, &new.model, version)?;
                if let Some(there) = there {
                    return Ok::<_, ServingError>(there);
                }
                sql::insert_revision(tx, &workspace, &new, &by)?;
                Ok(new)
            })
            .await?;
        let is_loaded = self
            .route(scope, name)
            .is_ok_and(|route| route.arm(revision.id).is_some());
        if revision.state == RevisionState::Ready && is_loaded {
            return Ok(revision);
        }
        match self.load(scope, &revision).await {
            Ok(()) => self.set_state(scope, revision, RevisionState::Ready).await,
            Err(error) => {
                let state = RevisionState::Failed {
                    error: chain(&error),
                };
                self.set_state(scope, revision, state).await?;
                Err(error)
            }
        }
    }

    /// Sets who answers, and answers it with its new generation. Every revision named must be ready and loaded,
    /// and a champion is never taken away. Traffic that is so already stays, with its generation.
    pub async fn set_traffic(
        &self,
        scope: &Scope,
        name: &Name,
        traffic: Traffic,
    ) -> Result<Traffic, ServingError> {
        let refused = {
            let name = name.clone();
            move |reason: String| ServingError::Traffic {
                endpoint: name.clone(),
                reason,
            }
        };
        if let Some(fault) = traffic.fault() {
            return Err(refused(fault.to_owned()));
        }
        let row = self.row(scope, name).await?;
        self.take_in(&row);
        let route = self.route(scope, name)?;
        for revision in traffic.revisions() {
            route.require(revision)?;
        }
        let now = self.0.clock.now();
        let (workspace, name) = key(scope, name);
        let set = self
            .0
            .db
            .write(Lane::Control, move |tx| {
                let row = sql::endpoint(tx, &workspace, &name)?
                    .ok_or_else(|| ServingError::EndpointNotFound(name.to_string()))?;
                let current = row.endpoint.traffic;
                if current.is_same(&traffic) {
                    return Ok(current);
                }
                if current.champion.is_some() && traffic.champion.is_none() {
                    return Err(refused("an endpoint keeps a champion".to_owned()));
                }
                for revision in traffic.revisions() {
                    let state =
                        sql::revision(tx, &workspace, &name, revision)?.map(|found| found.state);
                    if state != Some(RevisionState::Ready) {
                        let state = state.as_ref().map_or("unknown", RevisionState::as_str);
                        return Err(refused(format!("revision {revision} is {state}")));
                    }
                }
                let next = Traffic {
                    generation: current.generation + 1,
                    ..traffic
                };
                sql::update_traffic(tx, &workspace, &name, &next)?;
                sql::publish_traffic(tx, &workspace, &name, &next, now)?;
                Ok(next)
            })
            .await?;
        self.0
            .table
            .update(&key(scope, &row.endpoint.spec.name), |route| {
                route.set_traffic(set.clone());
            });
        Ok(set)
    }

    /// Takes a revision out of service for good; one that gets traffic is refused. Asked again it changes nothing.
    pub async fn retire_revision(
        &self,
        scope: &Scope,
        name: &Name,
        id: RevisionId,
    ) -> Result<Revision, ServingError> {
        let now = self.0.clock.now();
        let (workspace, endpoint) = key(scope, name);
        let retired = self
            .0
            .db
            .write(Lane::Control, move |tx| {
                let row = sql::endpoint(tx, &workspace, &endpoint)?
                    .ok_or_else(|| ServingError::EndpointNotFound(endpoint.to_string()))?;
                let mut revision =
                    sql::revision(tx, &workspace, &endpoint, id)?.ok_or_else(|| {
                        ServingError::RevisionNotFound {
                            endpoint: endpoint.clone(),
                            revision: id,
                        }
                    })?;
                if row.endpoint.traffic.revisions().any(|used| used == id) {
                    return Err(ServingError::InUse {
                        endpoint,
                        revision: id,
                    });
                }
                if revision.state != RevisionState::Retired {
                    revision.state = RevisionState::Retired;
                    sql::update_state(tx, &workspace, &revision, now)?;
                }
                Ok(revision)
            })
            .await?;
        self.0
            .table
            .update(&key(scope, name), |route| route.remove(id));
        Ok(retired)
    }

    /// Loads again what ran before: every revision that is ready, and those whose loading was cut off. A revision
    /// that cannot be loaded is reported, and stays what it was if it had been ready: the cause may pass.
    pub async fn restore(&self) -> Result<Vec<Restored>, ServingError> {
        let rows = self
            .0
            .db
            .read(|tx| {
                let mut rows = Vec::new();
                for workspace in sql::workspaces(tx)? {
                    for row in sql::endpoints(tx, &workspace, "", MAX_ENDPOINTS)? {
                        let name = row.endpoint.spec.name.clone();
                        let revisions = sql::revisions_to_load(tx, &workspace, &name)?;
                        rows.push((row, revisions));
                    }
                }
                Ok::<_, ServingError>(rows)
            })
            .await?;
        let mut restored = Vec::new();
        for (row, revisions) in rows {
            self.take_in(&row);
            let scope = Scope::controller(row.workspace.clone());
            for revision in revisions {
                restored.push(self.restore_one(&scope, revision).await?);
            }
        }
        Ok(restored)
    }

    async fn restore_one(
        &self,
        scope: &Scope,
        revision: Revision,
    ) -> Result<Restored, ServingError> {
        let error = self.load(scope, &revision).await.err();
        let was_ready = revision.state == RevisionState::Ready;
        let revision = match &error {
            None if was_ready => revision,
            None => {
                self.set_state(scope, revision, RevisionState::Ready)
                    .await?
            }
            Some(error) => {
                let why = chain(error);
                tracing::error!(endpoint = %revision.endpoint, revision = %revision.id, error = %why, "a revision cannot be loaded");
                self.0
                    .table
                    .update(&key(scope, &revision.endpoint), |route| {
                        route.failures.push((revision.id, why.clone()));
                    });
                if was_ready {
                    revision
                } else {
                    let state = RevisionState::Failed { error: why };
                    self.set_state(scope, revision, state).await?
                }
            }
        };
        Ok(Restored { revision, error })
    }

    /// Waits until every comparison and event of the requests answered so far is in the event log and readable.
    pub async fn drain(&self) -> Result<(), ServingError> {
        self.0.mirror.drain().await;
        Ok(self.mirror().flush().await?)
    }

    async fn row(&self, scope: &Scope, name: &Name) -> Result<EndpointRow, ServingError> {
        let (workspace, endpoint) = key(scope, name);
        self.0
            .db
            .read(move |tx| sql::endpoint(tx, &workspace, &endpoint))
            .await?
            .ok_or_else(|| ServingError::EndpointNotFound(name.to_string()))
    }

    /// Brings the routing table up to a stored endpoint.
    fn take_in(&self, row: &EndpointRow) {
        let spec = &row.endpoint.spec;
        let key = (row.workspace.clone(), spec.name.clone());
        if self.0.table.get(&key).is_none() {
            let route = self.blank(spec, row.spec_generation);
            self.0.table.insert(&key, &route);
        }
        self.0.table.update(&key, |route| {
            route.set_spec(spec.clone(), row.spec_generation);
            route.set_traffic(row.endpoint.traffic.clone());
        });
    }

    /// An endpoint with nothing behind it.
    fn blank(&self, spec: &EndpointSpec, generation: i64) -> Route {
        Route {
            spec: Arc::new(spec.clone()),
            spec_generation: generation,
            traffic: Traffic::default(),
            arms: Vec::new(),
            failures: Vec::new(),
            waiting: crate::Waiting::declared(),
            metrics: self.0.metrics.endpoint(spec.name.as_str()),
        }
    }

    fn validate(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
        before: &[EndpointSpec],
    ) -> Result<(), ServingError> {
        let refused = |field, reason: &str| {
            Err(ServingError::Spec {
                endpoint: spec.name.clone(),
                field,
                reason: reason.to_owned(),
            })
        };
        if before.iter().any(|other| other.name == spec.name) {
            return refused("name", "it is declared twice");
        }
        if spec.model.is_empty() {
            return refused("model", "`model` must name a registered model");
        }
        if spec.alias.is_empty() {
            return refused("alias", "`alias` must not be empty");
        }
        if spec.label.is_empty() {
            return refused("label", "`label` must not be empty");
        }
        if spec.pin.is_some_and(|pin| pin < 1) {
            return refused("pin", "`pin` must be a version number, 1 or more");
        }
        let Ok(route) = self.route(scope, &spec.name) else {
            return Ok(());
        };
        for arm in &route.arms {
            if let Err(reason) = ScoreRule::of(&arm.loaded.signature, spec.score.as_deref()) {
                return refused("score", &reason);
            }
        }
        Ok(())
    }

    async fn set_state(
        &self,
        scope: &Scope,
        mut revision: Revision,
        state: RevisionState,
    ) -> Result<Revision, ServingError> {
        revision.state = state;
        let (workspace, now) = (scope.workspace.clone(), self.0.clock.now());
        self.0
            .db
            .write(Lane::Control, move |tx| {
                sql::update_state(tx, &workspace, &revision, now)?;
                Ok(revision)
            })
            .await
    }
}

fn key(scope: &Scope, name: &Name) -> Key {
    let workspace: WorkspaceId = scope.workspace.clone();
    (workspace, name.clone())
}
