//! The service's handle and what its verbs share.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::broadcast;

use trimtab_blob::BlobStore;
use trimtab_db::{Db, Lane, Tx, params};
use trimtab_types::{Clock, RunId, Scope, Time, WorkspaceId};

use crate::{Lifecycle, TrackingError};

/// Changes that a slow listener may be behind before it misses some.
const BEHIND: usize = 1_024;
/// Names of metrics that are remembered.
const NAMES: usize = 200_000;

/// A run that was made or changed; told after the commit, by this process only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunsChanged {
    /// The workspace that it belongs to.
    pub workspace: WorkspaceId,
    /// The number of its experiment.
    pub experiment: i64,
    /// The run.
    pub run: RunId,
}

/// Tracking; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tracking(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) blobs: BlobStore,
    /// Workspaces whose experiment 0 is known to exist.
    ready: Mutex<HashSet<WorkspaceId>>,
    changes: broadcast::Sender<RunsChanged>,
    /// Integers of metric names by experiment, as committed. They never change, so another process cannot make them wrong.
    metric_keys: Mutex<HashMap<i64, HashMap<String, i64>>>,
}

impl Tracking {
    /// Tracking on a database that has [`crate::MIGRATIONS`].
    pub fn new(db: Db, clock: Clock, blobs: BlobStore) -> Self {
        Self(Arc::new(Inner {
            db,
            clock,
            blobs,
            ready: Mutex::default(),
            changes: broadcast::channel(BEHIND).0,
            metric_keys: Mutex::default(),
        }))
    }

    /// Runs as they are made and changed by this process; who falls behind misses some and reads anew.
    pub fn changes(&self) -> broadcast::Receiver<RunsChanged> {
        self.0.changes.subscribe()
    }

    pub(crate) fn tell(&self, scope: &Scope, experiment: i64, run: RunId) {
        // Nobody may be listening.
        let _ = self.0.changes.send(RunsChanged {
            workspace: scope.workspace.clone(),
            experiment,
            run,
        });
    }

    /// The integers of those names of an experiment that are known; the others are missing.
    pub(crate) fn known_keys(&self, experiment: i64, names: &[&str]) -> HashMap<String, i64> {
        let keys = self
            .0
            .metric_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(known) = keys.get(&experiment) else {
            return HashMap::new();
        };
        names
            .iter()
            .filter_map(|name| known.get_key_value(*name))
            .map(|(name, key)| (name.clone(), *key))
            .collect()
    }

    /// Remembers names whose integers are committed.
    pub(crate) fn remember_keys(&self, experiment: i64, names: Vec<(String, i64)>) {
        if names.is_empty() {
            return;
        }
        let mut keys = self
            .0
            .metric_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if keys.values().map(HashMap::len).sum::<usize>() > NAMES {
            keys.clear();
        }
        keys.entry(experiment).or_default().extend(names);
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn now(&self) -> Time {
        self.0.clock.wall()
    }

    /// Makes experiment 0 (`Default`) of a workspace, once.
    pub(crate) async fn ready(&self, scope: &Scope) -> Result<(), TrackingError> {
        let is_known = |workspace: &WorkspaceId| {
            self.0
                .ready
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(workspace)
        };
        if is_known(&scope.workspace) {
            return Ok(());
        }
        let (scope_of_row, now) = (scope.clone(), self.now());
        self.db()
            .write(Lane::Control, move |tx| {
                tx.execute(
                    "INSERT INTO experiment (workspace_id, id, name, artifact_location, stage, created_at, updated_at, created_by) VALUES (?1, 0, 'Default', ?2, 0, ?3, ?3, ?4)
                     ON CONFLICT DO NOTHING",
                    params![&scope_of_row.workspace, "mlflow-artifacts:/0", now, scope_of_row.principal.name.as_ref()],
                )?;
                Ok::<_, TrackingError>(())
            })
            .await?;
        self.0
            .ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(scope.workspace.clone());
        Ok(())
    }
}

/// A run's integer key with what writes need to know about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunRow {
    pub(crate) key: i64,
    pub(crate) experiment: i64,
    /// The experiment's number.
    pub(crate) number: i64,
    /// Its start, negated: what the indexes of values carry.
    pub(crate) start_neg: i64,
    pub(crate) lifecycle: Lifecycle,
}

pub(crate) fn find_run(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: RunId,
) -> Result<RunRow, TrackingError> {
    let row = tx
        .query_opt(
            "SELECT r.key, r.experiment, r.start_at, r.stage, e.id FROM run r JOIN experiment e ON e.key = r.experiment WHERE r.workspace_id = ?1 AND r.id = ?2",
            params![workspace, id],
        )?
        .ok_or_else(|| TrackingError::not_found(format!("Run with id={id} not found")))?;
    Ok(RunRow {
        key: row.get(0)?,
        experiment: row.get(1)?,
        number: row.get(4)?,
        start_neg: -row.get::<i64>(2)?,
        lifecycle: Lifecycle::from_number(row.get(3)?),
    })
}

/// The run, which must be active to be written to.
pub(crate) fn active_run(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: RunId,
) -> Result<RunRow, TrackingError> {
    let run = find_run(tx, workspace, id)?;
    if run.lifecycle == Lifecycle::Active {
        Ok(run)
    } else {
        Err(TrackingError::invalid(
            "run_id",
            format!("The run {id} must be in the 'active' state. Current state is deleted."),
        ))
    }
}

/// The key of an experiment by its number, with its lifecycle and artifact location.
pub(crate) fn find_experiment(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: i64,
) -> Result<(i64, Lifecycle, String), TrackingError> {
    let row = tx
        .query_opt(
            "SELECT key, stage, artifact_location FROM experiment WHERE workspace_id = ?1 AND id = ?2",
            params![workspace, id],
        )?
        .ok_or_else(|| TrackingError::not_found(format!("No Experiment with id={id} exists")))?;
    Ok((
        row.get(0)?,
        Lifecycle::from_number(row.get(1)?),
        row.get(2)?,
    ))
}

pub(crate) fn active_experiment(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: i64,
) -> Result<(i64, String), TrackingError> {
    let (key, lifecycle, location) = find_experiment(tx, workspace, id)?;
    if lifecycle == Lifecycle::Active {
        Ok((key, location))
    } else {
        Err(TrackingError::invalid(
            "experiment_id",
            format!("The experiment {id} must be in the 'active' state. Current state is deleted."),
        ))
    }
}
