//! Logged models: what runs made, before anybody registers it.

use std::collections::BTreeMap;

use trimtab_db::{DbError, Lane, Row, Tx, params};
use trimtab_types::{LoggedModelId, RunId, Scope, WorkspaceId};

use crate::{
    CreateLoggedModel, DatasetRef, LoggedModel, LoggedModelMetric, LoggedModelStatus, MetricPoint,
    Tracking, TrackingError, names,
    service::{active_experiment, find_run},
    sql::{join, split},
    validate,
};

/// The columns of `logged_model l JOIN experiment e` that [`read`] needs, in its order.
pub(crate) const COLUMNS: &str = "l.key, l.id, e.id, l.name, l.artifact_uri, l.status, l.status_message, l.model_type, l.source_run, l.created_at, l.updated_at";
/// How many they are.
pub(crate) const WIDTH: usize = 11;

impl Tracking {
    /// Makes a logged model in state pending.
    pub async fn create_logged_model(
        &self,
        scope: &Scope,
        mut create: CreateLoggedModel,
    ) -> Result<LoggedModel, TrackingError> {
        for param in &mut create.params {
            validate::param("params", param)?;
        }
        for tag in &mut create.tags {
            validate::tag("tags", tag)?;
        }
        let name = create
            .name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(names::random);
        let is_bad = name.chars().count() > 250
            || name.contains(['/', ':', '.', '%', '"', '\'', '\\'])
            || name.chars().any(char::is_control);
        if is_bad {
            return Err(TrackingError::invalid(
                "name",
                format!(
                    "Invalid model name ({}) provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")",
                    name.chars().take(80).collect::<String>()
                ),
            ));
        }
        self.ready(scope).await?;
        let (scope, now) = (scope.clone(), self.now());
        self.db()
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                let (experiment, location) = active_experiment(tx, workspace, create.experiment)?;
                if let Some(run) = create.source_run {
                    find_run(tx, workspace, run)?;
                }
                let id = LoggedModelId::new();
                let uri = format!("{}/models/m-{id}/artifacts", location.trim_end_matches('/'));
                let key: i64 = tx
                    .query_one(
                        "INSERT INTO logged_model (workspace_id, id, experiment, name, artifact_uri, status, model_type, source_run, created_at, updated_at, stage, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 0, ?10) RETURNING key",
                        params![
                            workspace,
                            id,
                            experiment,
                            &name,
                            &uri,
                            LoggedModelStatus::Pending.number(),
                            create.model_type.clone(),
                            create.source_run,
                            now,
                            scope.principal.name.as_ref()
                        ],
                    )?
                    .get(0)?;
                log_params(tx, key, &create.params)?;
                for (tag, value) in &create.tags {
                    set_tag(tx, key, tag, value)?;
                }
                by_id(tx, workspace, id)
            })
            .await
    }

    /// The logged model with all its data.
    pub async fn get_logged_model(
        &self,
        scope: &Scope,
        id: LoggedModelId,
    ) -> Result<LoggedModel, TrackingError> {
        let workspace = scope.workspace.clone();
        self.db().read(move |tx| by_id(tx, &workspace, id)).await
    }

    /// Says that a model's files are there, or will never be.
    pub async fn finalize_logged_model(
        &self,
        scope: &Scope,
        id: LoggedModelId,
        status: LoggedModelStatus,
    ) -> Result<LoggedModel, TrackingError> {
        let (workspace, now) = (scope.workspace.clone(), self.now());
        self.db()
            .write(Lane::Control, move |tx| {
                let key = require(tx, &workspace, id)?;
                tx.execute(
                    "UPDATE logged_model SET status = ?2, updated_at = ?3 WHERE key = ?1",
                    params![key, status.number(), now],
                )?;
                by_id(tx, &workspace, id)
            })
            .await
    }

    /// Deletes a logged model; its files stay until collected.
    pub async fn delete_logged_model(
        &self,
        scope: &Scope,
        id: LoggedModelId,
    ) -> Result<(), TrackingError> {
        let (workspace, now) = (scope.workspace.clone(), self.now());
        self.db()
            .write(Lane::Control, move |tx| {
                let key = require(tx, &workspace, id)?;
                tx.execute(
                    "UPDATE logged_model SET stage = 1, updated_at = ?2 WHERE key = ?1",
                    params![key, now],
                )?;
                Ok(())
            })
            .await
    }

    /// Sets params of a logged model; one that is set can never have another value.
    pub async fn log_logged_model_params(
        &self,
        scope: &Scope,
        id: LoggedModelId,
        mut params: Vec<(String, String)>,
    ) -> Result<(), TrackingError> {
        for param in &mut params {
            validate::param("params", param)?;
        }
        let workspace = scope.workspace.clone();
        self.db()
            .write(Lane::Control, move |tx| {
                let key = require(tx, &workspace, id)?;
                log_params(tx, key, &params)
            })
            .await
    }

    /// Sets tags of a logged model.
    pub async fn set_logged_model_tags(
        &self,
        scope: &Scope,
        id: LoggedModelId,
        mut tags: Vec<(String, String)>,
    ) -> Result<LoggedModel, TrackingError> {
        for tag in &mut tags {
            validate::tag("tags", tag)?;
        }
        let workspace = scope.workspace.clone();
        self.db()
            .write(Lane::Control, move |tx| {
                let key = require(tx, &workspace, id)?;
                for (tag, value) in &tags {
                    set_tag(tx, key, tag, value)?;
                }
                by_id(tx, &workspace, id)
            })
            .await
    }

    /// Deletes a tag of a logged model.
    pub async fn delete_logged_model_tag(
        &self,
        scope: &Scope,
        id: LoggedModelId,
        tag: &str,
    ) -> Result<(), TrackingError> {
        let (workspace, tag) = (scope.workspace.clone(), tag.to_owned());
        self.db()
            .write(Lane::Control, move |tx| {
                let key = require(tx, &workspace, id)?;
                let changed = tx.execute(
                    "DELETE FROM logged_model_tag WHERE model = ?1 AND key = ?2",
                    params![key, &tag],
                )?;
                if changed == 0 {
                    return Err(TrackingError::not_found(format!(
                        "No tag with key '{tag}' found for model with ID 'm-{id}'."
                    )));
                }
                Ok(())
            })
            .await
    }
}

/// The integer key of a logged model that is not deleted.
pub(crate) fn require(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: LoggedModelId,
) -> Result<i64, TrackingError> {
    let row = tx.query_opt(
        "SELECT key FROM logged_model WHERE workspace_id = ?1 AND id = ?2 AND stage = 0",
        params![workspace, id],
    )?;
    match row {
        Some(row) => Ok(row.get(0)?),
        None => Err(TrackingError::not_found(format!(
            "Logged model with ID 'm-{id}' not found."
        ))),
    }
}

pub(crate) fn log_params(
    tx: &mut Tx<'_>,
    model: i64,
    params: &[(String, String)],
) -> Result<(), TrackingError> {
    for (key, value) in params {
        let inserted = tx.execute(
            "INSERT INTO logged_model_param (model, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (model, key) DO NOTHING",
            params![model, key, value],
        )?;
        if inserted == 1 {
            continue;
        }
        let known: String = tx
            .query_one(
                "SELECT value FROM logged_model_param WHERE model = ?1 AND key = ?2",
                params![model, key],
            )?
            .get(0)?;
        if known != *value {
            return Err(TrackingError::invalid(
                "params",
                format!(
                    "Changing param values is not allowed. Param with key='{key}' was already logged with value='{known}'. Attempted logging new value '{value}'."
                ),
            ));
        }
    }
    Ok(())
}

pub(crate) fn set_tag(
    tx: &mut Tx<'_>,
    model: i64,
    key: &str,
    value: &str,
) -> Result<(), TrackingError> {
    tx.execute(
        "INSERT INTO logged_model_tag (model, key, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (model, key) DO UPDATE SET value = excluded.value",
        params![model, key, value],
    )?;
    Ok(())
}

/// Gives points that name a logged model to it. A point that is known changes nothing.
pub(crate) fn log_metrics(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    run: RunId,
    points: &[MetricPoint],
) -> Result<(), TrackingError> {
    for point in points {
        let Some(model) = point.model else { continue };
        let key = require(tx, workspace, model)?;
        let (class, value) = split(point.value);
        let (name, digest) = point
            .dataset
            .as_ref()
            .map_or(("", ""), |dataset| (&dataset.name, &dataset.digest));
        tx.execute(
            "INSERT INTO logged_model_metric (model, key, dataset_name, dataset_digest, run, step, at_ms, class, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO NOTHING",
            params![key, &point.key, name, digest, run, point.step, point.timestamp_ms, class, value],
        )?;
    }
    Ok(())
}

pub(crate) fn by_id(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: LoggedModelId,
) -> Result<LoggedModel, TrackingError> {
    let row = tx.query_opt(
        &format!("SELECT {COLUMNS} FROM logged_model l JOIN experiment e ON e.key = l.experiment WHERE l.workspace_id = ?1 AND l.id = ?2 AND l.stage = 0"),
        params![workspace, id],
    )?;
    match row {
        Some(row) => read(tx, &row),
        None => Err(TrackingError::not_found(format!(
            "Logged model with ID 'm-{id}' not found."
        ))),
    }
}

/// Reads a logged model, with its data.
pub(crate) fn read(tx: &mut Tx<'_>, row: &Row) -> Result<LoggedModel, TrackingError> {
    let key: i64 = row.get(0)?;
    let mut pairs = |sql: &str| -> Result<BTreeMap<String, String>, DbError> {
        tx.query(sql, params![key])?
            .iter()
            .map(|row| Ok((row.get(0)?, row.get(1)?)))
            .collect()
    };
    let params = pairs("SELECT key, value FROM logged_model_param WHERE model = ?1")?;
    let tags = pairs("SELECT key, value FROM logged_model_tag WHERE model = ?1")?;
    let id: LoggedModelId = row.get(1)?;
    let metrics = tx
        .query(
            "SELECT key, class, value, at_ms, step, dataset_name, dataset_digest, run FROM logged_model_metric WHERE model = ?1 ORDER BY key, dataset_name, dataset_digest, run, at_ms, step, class, value",
            params![key],
        )?
        .iter()
        .map(|row| {
            let name: String = row.get(5)?;
            let digest: String = row.get(6)?;
            Ok(LoggedModelMetric {
                point: MetricPoint {
                    key: row.get(0)?,
                    value: join(row.get(1)?, row.get(2)?),
                    timestamp_ms: row.get(3)?,
                    step: row.get(4)?,
                    model: Some(id),
                    dataset: (!name.is_empty()).then_some(DatasetRef { name, digest }),
                },
                run: row.get(7)?,
            })
        })
        .collect::<Result<_, DbError>>()?;
    Ok(LoggedModel {
        id,
        experiment: row.get(2)?,
        name: row.get(3)?,
        artifact_uri: row.get(4)?,
        status: LoggedModelStatus::from_number(row.get(5)?),
        status_message: row.get(6)?,
        model_type: row.get(7)?,
        source_run: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
        params,
        tags,
        metrics,
    })
}
