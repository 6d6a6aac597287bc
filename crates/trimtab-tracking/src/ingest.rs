//! Records that were made elsewhere, taken over with their ids, times and users.
//!
//! Each carries a mark: what its source looked like when it was taken. The mark is written with the record, so that an
//! import that was interrupted, or that runs again, knows what is here already; a record without one was made here,
//! and one with another origin came from elsewhere: both are collisions, which are told and never overwritten.

mod records;

use futures::{StreamExt as _, TryStreamExt as _};
use trimtab_db::{Lane, Tx, Value, params};
use trimtab_types::{RunId, Scope, WorkspaceId};

pub use records::{
    IngestExperiment, IngestKey, IngestKind, IngestLoggedModel, IngestMark, IngestRun, IngestState,
};

use crate::{
    ArtifactPath, Lifecycle, MetricPoint, Tracking, TrackingError, batch, inputs, logged_models,
    references, runs, service::find_run, validate,
};

/// How many commands of one request wait for the writer together: one commit takes them all.
const TOGETHER: usize = 64;

impl Tracking {
    /// What is here of these records, and which of them cannot come. Writes nothing.
    pub async fn ingest_state(
        &self,
        scope: &Scope,
        keys: Vec<IngestKey>,
    ) -> Result<IngestState, TrackingError> {
        self.ready(scope).await?;
        let workspace = scope.workspace.clone();
        self.db()
            .read(move |tx| {
                let mut state = IngestState::default();
                for key in keys {
                    let mark = find_mark(tx, &workspace, key.kind, &key.id)?;
                    match collision(tx, &workspace, &key, mark.as_ref())? {
                        Some(why) => state.collisions.push((key, why)),
                        None => {
                            if is_here(tx, &workspace, &key)? {
                                state.known.extend(mark);
                            }
                        }
                    }
                }
                Ok(state)
            })
            .await
    }

    /// Lets the workspace read a folder of this machine in place; see [`trimtab_blob::BlobStore::register_root`].
    pub async fn ingest_root(&self, scope: &Scope, uri: &str) -> Result<(), TrackingError> {
        Ok(self.0.blobs.register_root(scope, uri).await?)
    }

    /// Writes marks of records that are here.
    pub async fn ingest_marks(
        &self,
        scope: &Scope,
        marks: Vec<IngestMark>,
    ) -> Result<(), TrackingError> {
        let workspace = scope.workspace.clone();
        self.db()
            .write(Lane::Bulk, move |tx| {
                marks
                    .iter()
                    .try_for_each(|mark| set_mark(tx, &workspace, mark))
            })
            .await
    }

    /// Takes over experiments.
    pub async fn ingest_experiments(
        &self,
        scope: &Scope,
        experiments: Vec<IngestExperiment>,
    ) -> Result<(), TrackingError> {
        for experiment in &experiments {
            validate::experiment_name(&experiment.name)?;
        }
        self.ready(scope).await?;
        let scope = scope.clone();
        self.db()
            .write(Lane::Control, move |tx| {
                experiments
                    .iter()
                    .try_for_each(|experiment| put_experiment(tx, &scope, experiment))
            })
            .await
    }

    /// Takes over runs, each in a command of its own.
    pub async fn ingest_runs(
        &self,
        scope: &Scope,
        runs: Vec<IngestRun>,
    ) -> Result<(), TrackingError> {
        for run in &runs {
            keys("params", &run.params)?;
            keys("tags", &run.tags)?;
        }
        self.ready(scope).await?;
        let commands = runs.into_iter().map(|run| {
            let scope = scope.clone();
            self.db()
                .write(Lane::Bulk, move |tx| put_run(tx, &scope, &run))
        });
        futures::stream::iter(commands)
            .buffer_unordered(TOGETHER)
            .try_collect::<()>()
            .await
    }

    /// Takes over points of runs that are here, also of deleted ones; a point that is known changes nothing.
    pub async fn ingest_points(
        &self,
        scope: &Scope,
        points: Vec<(RunId, Vec<MetricPoint>)>,
    ) -> Result<(), TrackingError> {
        for point in points.iter().flat_map(|(_, points)| points) {
            validate::metric("points", point)?;
        }
        let commands = points.into_iter().map(|(id, points)| {
            let workspace = scope.workspace.clone();
            self.db().write(Lane::Bulk, move |tx| {
                if find_mark(tx, &workspace, IngestKind::Run, &id.to_string())?.is_none() {
                    return Err(TrackingError::not_found(format!(
                        "no import brought a run with id {id}"
                    )));
                }
                let run = find_run(tx, &workspace, id)?;
                batch::log_metrics(tx, run, &points)
            })
        });
        futures::stream::iter(commands)
            .buffer_unordered(TOGETHER)
            .try_collect::<()>()
            .await
    }

    /// Takes over logged models, each in a command of its own.
    pub async fn ingest_logged_models(
        &self,
        scope: &Scope,
        models: Vec<IngestLoggedModel>,
    ) -> Result<(), TrackingError> {
        let commands = models.into_iter().map(|model| {
            let scope = scope.clone();
            self.db()
                .write(Lane::Bulk, move |tx| put_logged_model(tx, &scope, &model))
        });
        futures::stream::iter(commands)
            .buffer_unordered(TOGETHER)
            .try_collect::<()>()
            .await
    }
}

fn keys(field: &str, pairs: &[(String, String)]) -> Result<(), TrackingError> {
    pairs
        .iter()
        .try_for_each(|(key, _)| validate::key("Imported", field, key))
}

fn find_mark(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    kind: IngestKind,
    id: &str,
) -> Result<Option<IngestMark>, TrackingError> {
    let row = tx.query_opt(
        "SELECT origin, mark FROM ingest_mark WHERE workspace_id = ?1 AND kind = ?2 AND id = ?3",
        params![workspace, kind.as_str(), id],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(IngestMark {
        kind,
        id: id.to_owned(),
        origin: row.get(0)?,
        mark: row.get(1)?,
    }))
}

fn set_mark(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    mark: &IngestMark,
) -> Result<(), TrackingError> {
    tx.execute(
        "INSERT INTO ingest_mark (workspace_id, kind, id, origin, mark) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (workspace_id, kind, id) DO UPDATE SET origin = excluded.origin, mark = excluded.mark",
        params![workspace, mark.kind.as_str(), &mark.id, &mark.origin, &mark.mark],
    )?;
    Ok(())
}

/// Whether the record that a mark speaks of is here. Registered models are another service's: their marks count.
fn is_here(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    key: &IngestKey,
) -> Result<bool, TrackingError> {
    let (sql, id): (&str, Value) = match key.kind {
        IngestKind::Experiment => (
            "SELECT 1 FROM experiment WHERE workspace_id = ?1 AND id = ?2",
            key.id
                .parse::<i64>()
                .map_err(|_| {
                    TrackingError::invalid(
                        "id",
                        format!("`{}` is not the number of an experiment", key.id),
                    )
                })?
                .into(),
        ),
        IngestKind::Run => (
            "SELECT 1 FROM run WHERE workspace_id = ?1 AND id = ?2",
            key.id.as_str().into(),
        ),
        IngestKind::LoggedModel => (
            "SELECT 1 FROM logged_model WHERE workspace_id = ?1 AND id = ?2",
            key.id.as_str().into(),
        ),
        IngestKind::Model | IngestKind::Files => return Ok(true),
    };
    Ok(tx.query_opt(sql, &[workspace.into(), id])?.is_some())
}

/// Why a record cannot come, if it cannot.
fn collision(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    key: &IngestKey,
    mark: Option<&IngestMark>,
) -> Result<Option<String>, TrackingError> {
    let is_default = key.kind == IngestKind::Experiment && key.id == "0";
    if is_default || matches!(key.kind, IngestKind::Model | IngestKind::Files) {
        return Ok(None);
    }
    if is_here(tx, workspace, key)? {
        return Ok(match mark {
            None => Some("it was made here".to_owned()),
            Some(mark) if mark.origin != key.origin => {
                Some("another one of that id was imported".to_owned())
            }
            Some(_) => None,
        });
    }
    let Some(name) = &key.name else {
        return Ok(None);
    };
    let row = tx.query_opt(
        "SELECT id FROM experiment WHERE workspace_id = ?1 AND name = ?2 AND stage = 0",
        params![workspace, name],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(format!(
        "experiment {} has the name `{name}`",
        row.get::<i64>(0)?
    )))
}

/// Refuses what [`Tracking::ingest_state`] calls a collision, also when it came about since.
fn require_free(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    key: &IngestKey,
) -> Result<(), TrackingError> {
    let mark = find_mark(tx, workspace, key.kind, &key.id)?;
    match collision(tx, workspace, key, mark.as_ref())? {
        None => Ok(()),
        Some(why) => Err(TrackingError::AlreadyExists {
            message: format!(
                "{} {} cannot be taken over: {why}",
                key.kind.as_str(),
                key.id
            ),
        }),
    }
}

fn put_experiment(
    tx: &mut Tx<'_>,
    scope: &Scope,
    experiment: &IngestExperiment,
) -> Result<(), TrackingError> {
    let workspace = &scope.workspace;
    require_free(
        tx,
        workspace,
        &IngestKey {
            kind: IngestKind::Experiment,
            id: experiment.id.to_string(),
            origin: experiment.origin.clone(),
            name: (experiment.lifecycle == Lifecycle::Active).then(|| experiment.name.clone()),
        },
    )?;
    if experiment.id != 0 {
        tx.execute(
            "INSERT INTO experiment (workspace_id, id, name, artifact_location, stage, created_at, updated_at, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (workspace_id, id) DO UPDATE SET name = excluded.name, stage = excluded.stage, updated_at = excluded.updated_at",
            params![
                workspace,
                experiment.id,
                &experiment.name,
                &experiment.artifact_location,
                experiment.lifecycle.number(),
                experiment.created_at,
                experiment.updated_at,
                scope.principal.name.as_ref()
            ],
        )?;
    }
    for (key, value) in &experiment.tags {
        tx.execute(
            "INSERT INTO experiment_tag (experiment, key, value) VALUES ((SELECT key FROM experiment WHERE workspace_id = ?1 AND id = ?2), ?3, ?4)
             ON CONFLICT (experiment, key) DO UPDATE SET value = excluded.value",
            params![workspace, experiment.id, key, value],
        )?;
    }
    set_mark(
        tx,
        workspace,
        &IngestMark {
            kind: IngestKind::Experiment,
            id: experiment.id.to_string(),
            origin: experiment.origin.clone(),
            mark: experiment.mark.clone(),
        },
    )
}

fn experiment_key(tx: &mut Tx<'_>, workspace: &WorkspaceId, id: i64) -> Result<i64, TrackingError> {
    crate::service::find_experiment(tx, workspace, id).map(|(key, ..)| key)
}

/// Says where the files of a record lie. What says nothing changes nothing: a delivery may go on with an imported run.
fn refer(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    files: &str,
    uri: Option<&str>,
) -> Result<(), TrackingError> {
    match uri {
        Some(uri) => references::put(tx, workspace, &ArtifactPath::parse(files)?, uri),
        None => Ok(()),
    }
}

fn put_run(tx: &mut Tx<'_>, scope: &Scope, run: &IngestRun) -> Result<(), TrackingError> {
    let workspace = &scope.workspace;
    require_free(
        tx,
        workspace,
        &IngestKey {
            kind: IngestKind::Run,
            id: run.id.to_string(),
            origin: String::new(),
            name: None,
        },
    )?;
    let experiment = experiment_key(tx, workspace, run.experiment)?;
    tx.execute(
            "INSERT INTO run (workspace_id, id, experiment, name, user_id, status, start_at, end_at, artifact_uri, stage, deleted_at, received_at, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?7, ?12)
             ON CONFLICT (workspace_id, id) DO UPDATE SET name = excluded.name, status = excluded.status, end_at = excluded.end_at, stage = excluded.stage, deleted_at = excluded.deleted_at",
            params![
                workspace,
                run.id,
                experiment,
                &run.name,
                &run.user,
                run.status.as_str(),
                run.start_time,
                run.end_time,
                &run.artifact_uri,
                run.lifecycle.number(),
                run.deleted_at,
                scope.principal.name.as_ref()
            ],
    )?;
    let files = format!("{}/{}/artifacts", run.experiment, run.id);
    refer(tx, workspace, &files, run.reference.as_deref())?;
    let row = find_run(tx, workspace, run.id)?;
    batch::log_params(tx, run.id, row, &run.params)?;
    run.tags
        .iter()
        .try_for_each(|tag| runs::set_tag(tx, row, tag))?;
    for input in &run.datasets {
        inputs::log_dataset(tx, row, input)?;
    }
    for model in &run.model_inputs {
        inputs::link(tx, row, 0, *model, 0)?;
    }
    for (model, step) in &run.model_outputs {
        inputs::link(tx, row, 1, *model, *step)?;
    }
    set_mark(
        tx,
        workspace,
        &IngestMark {
            kind: IngestKind::Run,
            id: run.id.to_string(),
            origin: String::new(),
            mark: run.mark.clone(),
        },
    )
}

fn put_logged_model(
    tx: &mut Tx<'_>,
    scope: &Scope,
    model: &IngestLoggedModel,
) -> Result<(), TrackingError> {
    let workspace = &scope.workspace;
    require_free(
        tx,
        workspace,
        &IngestKey {
            kind: IngestKind::LoggedModel,
            id: model.id.to_string(),
            origin: String::new(),
            name: None,
        },
    )?;
    let experiment = experiment_key(tx, workspace, model.experiment)?;
    // Active until its metrics are in, which only active ones take.
    let key: i64 = tx
        .query_one(
            "INSERT INTO logged_model (workspace_id, id, experiment, name, artifact_uri, status, status_message, model_type, source_run, created_at, updated_at, stage, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12)
             ON CONFLICT (workspace_id, id) DO UPDATE SET name = excluded.name, status = excluded.status, status_message = excluded.status_message, model_type = excluded.model_type, updated_at = excluded.updated_at, stage = 0
             RETURNING key",
            params![
                workspace,
                model.id,
                experiment,
                &model.name,
                &model.artifact_uri,
                model.status.number(),
                model.status_message.clone(),
                model.model_type.clone(),
                model.source_run,
                model.created_at,
                model.updated_at,
                scope.principal.name.as_ref()
            ],
        )?
        .get(0)?;
    let files = format!("{}/models/m-{}/artifacts", model.experiment, model.id);
    refer(tx, workspace, &files, model.reference.as_deref())?;
    logged_models::log_params(tx, key, &model.params)?;
    for (tag, value) in &model.tags {
        logged_models::set_tag(tx, key, tag, value)?;
    }
    for metric in &model.metrics {
        let point = MetricPoint {
            model: Some(model.id),
            ..metric.point.clone()
        };
        logged_models::log_metrics(tx, workspace, metric.run, &[point])?;
    }
    if model.lifecycle == Lifecycle::Deleted {
        tx.execute(
            "UPDATE logged_model SET stage = 1 WHERE key = ?1",
            params![key],
        )?;
    }
    set_mark(
        tx,
        workspace,
        &IngestMark {
            kind: IngestKind::LoggedModel,
            id: model.id.to_string(),
            origin: String::new(),
            mark: model.mark.clone(),
        },
    )
}
