//! Verbs on runs.

use std::collections::BTreeMap;

use trimtab_db::{Dialect, Insert, Kind, Lane, Tx, params};
use trimtab_types::{RunId, Scope, Time, WorkspaceId};

use crate::{
    CreateExperiment, CreateRun, ExperimentRef, Lifecycle, Run, RunStatus, RunUpdate, Tracking,
    TrackingError, experiments, names, run_rows,
    service::{RunRow, active_experiment, active_run, find_run},
    validate,
};

const RUN_NAME: &str = "mlflow.runName";
const MODEL_HISTORY: &str = "mlflow.log-model.history";
const MODEL_HISTORY_BYTES: usize = 1 << 20;

fn whole_ms(time: Time) -> Time {
    Time::from_millis(time.as_millis())
}

impl Tracking {
    /// Begins a run. With an id that is there already, the run that has it is answered as it is.
    pub async fn create_run(
        &self,
        scope: &Scope,
        mut create: CreateRun,
    ) -> Result<Run, TrackingError> {
        for (i, tag) in create.tags.iter_mut().enumerate() {
            validate::tag(&format!("tags[{i}].key"), tag)?;
        }
        if let ExperimentRef::Name(name) = &create.experiment {
            validate::experiment_name(name)?;
        }
        let tagged = create
            .tags
            .iter()
            .find(|(key, _)| key == RUN_NAME)
            .map(|(_, value)| value.clone());
        let given = create.name.filter(|name| !name.trim().is_empty());
        if let (Some(name), Some(tagged)) = (&given, &tagged)
            && name != tagged
        {
            return Err(TrackingError::invalid(
                "run_name",
                format!(
                    "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='{name}', mlflow.runName='{tagged}')."
                ),
            ));
        }
        let name = given.or(tagged).unwrap_or_else(names::random);
        let mut name_tag = (RUN_NAME.to_owned(), name);
        validate::tag("run_name", &mut name_tag)?;
        create.tags.retain(|(key, _)| key != RUN_NAME);
        create.tags.push(name_tag.clone());
        create.name = Some(name_tag.1);
        self.ready(scope).await?;
        // What looks first and then acts goes one after the other; a new run of a given experiment needs no such thing.
        let lane = match (&create.id, &create.experiment) {
            (None, ExperimentRef::Id(_)) => Lane::Bulk,
            _ => Lane::Control,
        };
        let (of_run, now) = (scope.clone(), self.now());
        let run = self
            .db()
            .write(lane, move |tx| insert(tx, &of_run, create, now))
            .await?;
        self.tell(scope, run.experiment, run.id);
        Ok(run)
    }

    /// The run with all its data.
    pub async fn get_run(&self, scope: &Scope, id: RunId) -> Result<Run, TrackingError> {
        let workspace = scope.workspace.clone();
        self.db().read(move |tx| by_id(tx, &workspace, id)).await
    }

    /// Changes name, status or end of an active run.
    pub async fn update_run(
        &self,
        scope: &Scope,
        id: RunId,
        update: RunUpdate,
    ) -> Result<Run, TrackingError> {
        let mut tag = update
            .name
            .filter(|name| !name.trim().is_empty())
            .map(|name| (RUN_NAME.to_owned(), name));
        if let Some(tag) = &mut tag {
            validate::tag("run_name", tag)?;
        }
        let workspace = scope.workspace.clone();
        let run = self
            .db()
            .write(Lane::Control, move |tx| {
                let run = active_run(tx, &workspace, id)?;
                if let Some(status) = update.status {
                    tx.execute(
                        "UPDATE run SET status = ?2 WHERE key = ?1",
                        params![run.key, status.as_str()],
                    )?;
                }
                if let Some(end) = update.end_time {
                    tx.execute(
                        "UPDATE run SET end_at = ?2 WHERE key = ?1",
                        params![run.key, whole_ms(end)],
                    )?;
                }
                if let Some(tag) = &tag {
                    set_tag(tx, run, tag)?;
                }
                by_id(tx, &workspace, id)
            })
            .await?;
        self.tell(scope, run.experiment, id);
        Ok(run)
    }

    /// Ends a run now; a run that is over stays as it is.
    pub async fn finish_run(
        &self,
        scope: &Scope,
        id: RunId,
        status: RunStatus,
    ) -> Result<(), TrackingError> {
        let (workspace, now) = (scope.workspace.clone(), whole_ms(self.now()));
        let number = self
            .db()
            .write(Lane::Control, move |tx| {
                let run = find_run(tx, &workspace, id)?;
                tx.execute(
                    "UPDATE run SET status = ?2, end_at = ?3 WHERE key = ?1 AND status IN ('RUNNING', 'SCHEDULED')",
                    params![run.key, status.as_str(), now],
                )?;
                Ok::<_, TrackingError>(run.number)
            })
            .await?;
        self.tell(scope, number, id);
        Ok(())
    }

    /// Deletes a run; it can be restored.
    pub async fn delete_run(&self, scope: &Scope, id: RunId) -> Result<(), TrackingError> {
        self.set_run_lifecycle(scope, id, Lifecycle::Deleted).await
    }

    /// Restores a deleted run.
    pub async fn restore_run(&self, scope: &Scope, id: RunId) -> Result<(), TrackingError> {
        self.set_run_lifecycle(scope, id, Lifecycle::Active).await
    }

    async fn set_run_lifecycle(
        &self,
        scope: &Scope,
        id: RunId,
        to: Lifecycle,
    ) -> Result<(), TrackingError> {
        let (workspace, now) = (scope.workspace.clone(), self.now());
        let number = self
            .db()
            .write(Lane::Control, move |tx| {
                let run = find_run(tx, &workspace, id)?;
                let deleted_at = (to == Lifecycle::Deleted).then_some(now);
                tx.execute(
                    "UPDATE run SET stage = ?2, deleted_at = ?3 WHERE key = ?1",
                    params![run.key, to.number(), deleted_at],
                )?;
                Ok::<_, TrackingError>(run.number)
            })
            .await?;
        self.tell(scope, number, id);
        Ok(())
    }

    /// Sets a tag of an active run; `mlflow.runName` is its name.
    pub async fn set_tag(
        &self,
        scope: &Scope,
        id: RunId,
        key: &str,
        value: &str,
    ) -> Result<(), TrackingError> {
        let mut tag = (key.to_owned(), value.to_owned());
        validate::tag("key", &mut tag)?;
        let workspace = scope.workspace.clone();
        let number = self
            .db()
            .write(Lane::Bulk, move |tx| {
                let run = active_run(tx, &workspace, id)?;
                set_tag(tx, run, &tag)?;
                Ok::<_, TrackingError>(run.number)
            })
            .await?;
        self.tell(scope, number, id);
        Ok(())
    }

    /// Adds a description of a model to the run's history of logged models (the tag `mlflow.log-model.history`, which
    /// holds a JSON list and is not cut).
    pub async fn record_model(
        &self,
        scope: &Scope,
        id: RunId,
        model: serde_json::Value,
    ) -> Result<(), TrackingError> {
        let workspace = scope.workspace.clone();
        self.db()
            .write(Lane::Bulk, move |tx| {
                let run = active_run(tx, &workspace, id)?;
                let known = tx.query_opt(
                    "SELECT value FROM tag WHERE run = ?1 AND key = ?2",
                    params![run.key, MODEL_HISTORY],
                )?;
                let mut history: Vec<serde_json::Value> = match known {
                    Some(row) => serde_json::from_str(&row.get::<String>(0)?).unwrap_or_default(),
                    None => Vec::new(),
                };
                history.push(model);
                let text = serde_json::Value::from(history).to_string();
                if text.len() > MODEL_HISTORY_BYTES {
                    return Err(TrackingError::invalid(
                        "model_json",
                        format!(
                            "the run's history of models is full ({MODEL_HISTORY_BYTES} bytes)"
                        ),
                    ));
                }
                set_tag(tx, run, &(MODEL_HISTORY.to_owned(), text))
            })
            .await
    }

    /// Deletes a tag of an active run.
    pub async fn delete_tag(
        &self,
        scope: &Scope,
        id: RunId,
        key: &str,
    ) -> Result<(), TrackingError> {
        let (workspace, key) = (scope.workspace.clone(), key.to_owned());
        let number = self
            .db()
            .write(Lane::Bulk, move |tx| {
                let run = active_run(tx, &workspace, id)?;
                let changed = tx.execute(
                    "DELETE FROM tag WHERE run = ?1 AND key = ?2",
                    params![run.key, &key],
                )?;
                if changed == 0 {
                    return Err(TrackingError::not_found(format!(
                        "No tag with name: {key} in run with id {id}"
                    )));
                }
                Ok(run.number)
            })
            .await?;
        self.tell(scope, number, id);
        Ok(())
    }
}

fn insert(
    tx: &mut Tx<'_>,
    scope: &Scope,
    create: CreateRun,
    now: Time,
) -> Result<Run, TrackingError> {
    let workspace = &scope.workspace;
    if let Some(id) = create.id {
        let known = tx.query_opt(
            "SELECT 1 FROM run WHERE workspace_id = ?1 AND id = ?2",
            params![workspace, id],
        )?;
        if known.is_some() {
            return by_id(tx, workspace, id);
        }
    }
    let id = create.id.unwrap_or_else(RunId::new);
    let number = match create.experiment {
        ExperimentRef::Id(id) => id,
        ExperimentRef::Name(name) => match experiments::by_name(tx, workspace, &name)? {
            Some(experiment) => experiment.id,
            None => {
                let made = CreateExperiment {
                    name,
                    ..CreateExperiment::default()
                };
                experiments::insert(tx, scope, &made, now)?.id
            }
        },
    };
    if tx.dialect() == Dialect::Postgres {
        // Runs are made side by side there; a deletion of the experiment waits for them, or they for it.
        tx.query(
            "SELECT 1 FROM experiment WHERE workspace_id = ?1 AND id = ?2 FOR SHARE",
            params![workspace, number],
        )?;
    }
    let (experiment, location) = active_experiment(tx, workspace, number)?;
    let user = create
        .user
        .unwrap_or_else(|| scope.principal.name.to_string());
    let artifact_uri = format!("{}/{id}/artifacts", location.trim_end_matches('/'));
    let name = create.name.unwrap_or_default();
    let start = whole_ms(create.start_time.unwrap_or(now));
    let key: i64 = tx
        .query_one(
            "INSERT INTO run (workspace_id, id, experiment, name, user_id, status, start_at, artifact_uri, stage, received_at, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10) RETURNING key",
            params![
                workspace,
                id,
                experiment,
                &name,
                &user,
                RunStatus::Running.as_str(),
                start,
                &artifact_uri,
                now,
                scope.principal.name.as_ref()
            ],
        )?
        .get(0)?;
    // The name is among them, and the run has it already.
    let tags: BTreeMap<String, String> = create.tags.into_iter().collect();
    let start_neg = -start.as_micros();
    tx.insert_many(
        &TAGS,
        &mut tags
            .iter()
            .map(|(tag, value)| params![key, tag, value, experiment, start_neg].to_vec()),
    )?;
    Ok(Run {
        id,
        experiment: number,
        name,
        user,
        status: RunStatus::Running,
        start_time: start,
        end_time: None,
        artifact_uri,
        lifecycle: Lifecycle::Active,
        metrics: Vec::new(),
        params: BTreeMap::new(),
        tags,
        datasets: Vec::new(),
        model_inputs: Vec::new(),
        model_outputs: Vec::new(),
    })
}

const TAGS: Insert = Insert {
    table: "tag",
    columns: &[
        ("run", Kind::Int),
        ("key", Kind::Text),
        ("value", Kind::Text),
        ("experiment", Kind::Int),
        ("start_neg", Kind::Int),
    ],
    tail: "",
};

/// Sets a tag, and the name that is one.
pub(crate) fn set_tag(
    tx: &mut Tx<'_>,
    run: RunRow,
    tag: &(String, String),
) -> Result<(), TrackingError> {
    tx.execute(
        "INSERT INTO tag (run, key, value, experiment, start_neg) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (run, key) DO UPDATE SET value = excluded.value",
        params![run.key, &tag.0, &tag.1, run.experiment, run.start_neg],
    )?;
    if tag.0 == RUN_NAME {
        tx.execute(
            "UPDATE run SET name = ?2 WHERE key = ?1",
            params![run.key, &tag.1],
        )?;
    }
    Ok(())
}

pub(crate) fn by_id(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: RunId,
) -> Result<Run, TrackingError> {
    let rows = tx.query(
        &format!(
            "SELECT {} FROM run r JOIN experiment e ON e.key = r.experiment WHERE r.workspace_id = ?1 AND r.id = ?2",
            run_rows::COLUMNS
        ),
        params![workspace, id],
    )?;
    run_rows::read(tx, &rows)?
        .pop()
        .ok_or_else(|| TrackingError::not_found(format!("Run with id={id} not found")))
}
