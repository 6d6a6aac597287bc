//! MLflow's own database: SQLite or PostgreSQL, as its migrations have left it. Only read, and in short queries, so that
//! a server that runs on it goes on.

mod registry;

use std::collections::{HashMap, HashSet};

use tokio::sync::mpsc;
use trimtab_db::{DbError, ForeignDb, Row, Value};
use trimtab_edge_api::wire::{
    IngestDataset, IngestExperiment, IngestLoggedModel, IngestModelMetric, IngestOutput, IngestRun,
    IngestValue, Pair,
};

use crate::{
    TransferError,
    source::{Cursor, SourcePoint, SourceRun, finite_or_infinite, mark},
};

/// How many runs are read together.
const RUNS: i64 = 100;

/// An MLflow database.
#[derive(Debug)]
pub struct SqlSource {
    db: ForeignDb,
    /// Tables with a column `workspace` (MLflow 3.10 and later): only the default one is read.
    has_workspaces: bool,
    has_logged_models: bool,
    has_datasets: bool,
    has_aliases: bool,
    has_storage: bool,
    experiments: HashSet<i64>,
}

fn text(row: &Row, column: usize) -> Result<String, DbError> {
    Ok(row.get::<Option<String>>(column)?.unwrap_or_default())
}

fn maybe(row: &Row, column: usize) -> Result<Option<String>, DbError> {
    Ok(row
        .get::<Option<String>>(column)?
        .filter(|text| !text.is_empty()))
}

fn number(row: &Row, column: usize) -> Result<i64, DbError> {
    Ok(row.get::<Option<i64>>(column)?.unwrap_or_default())
}

/// A value column: SQLite hands out whole numbers as integers.
fn real(row: &Row, column: usize, is_nan: bool) -> Result<f64, DbError> {
    if is_nan {
        return Ok(f64::NAN);
    }
    Ok(finite_or_infinite(
        row.get::<Option<f64>>(column)?.unwrap_or_default(),
    ))
}

/// `?1, ?2, …`
fn places(count: usize) -> String {
    let places: Vec<String> = (1..=count).map(|place| format!("?{place}")).collect();
    places.join(", ")
}

fn values(ids: &[String]) -> Vec<Value> {
    ids.iter().map(Value::from).collect()
}

impl SqlSource {
    pub(crate) async fn open(url: &str) -> Result<Self, TransferError> {
        let db = ForeignDb::open(url).await?;
        for (table, columns) in [
            (
                "experiments",
                "experiment_id, name, artifact_location, lifecycle_stage",
            ),
            ("runs", "run_uuid, name, deleted_time, artifact_uri"),
            ("metrics", "run_uuid, key, value, timestamp, step, is_nan"),
            (
                "latest_metrics",
                "run_uuid, key, value, timestamp, step, is_nan",
            ),
        ] {
            if !has(&db, table, columns).await {
                return Err(TransferError::schema(format!(
                    "this is no database of MLflow, or an old one: no table `{table}` with {columns}"
                )));
            }
        }
        Ok(Self {
            has_workspaces: has(&db, "experiments", "workspace").await,
            has_logged_models: has(&db, "logged_models", "model_id").await,
            has_datasets: has(&db, "inputs", "destination_id").await,
            has_aliases: has(&db, "registered_model_aliases", "alias").await,
            has_storage: has(&db, "model_versions", "storage_location").await,
            experiments: HashSet::new(),
            db,
        })
    }

    pub(crate) fn folder(&self) -> Option<std::path::PathBuf> {
        let file = std::path::absolute(self.db.file()?).ok()?;
        file.parent().map(std::path::Path::to_owned)
    }

    /// ` WHERE` or ` AND` of the default workspace, where there are workspaces.
    fn in_default(&self, word: &str, table: &str) -> String {
        if self.has_workspaces {
            format!(" {word} {table}.workspace = 'default'")
        } else {
            String::new()
        }
    }

    async fn rows(&self, sql: String, params: Vec<Value>) -> Result<Vec<Row>, TransferError> {
        Ok(self.db.query(sql, params).await?)
    }

    /// Key and value rows of some owners, by owner, keys in order.
    async fn pairs(
        &self,
        table: &str,
        owner: &str,
        columns: (&str, &str),
        ids: &[String],
    ) -> Result<HashMap<String, Vec<Pair>>, TransferError> {
        let rows = self
            .rows(
                format!(
                    "SELECT {owner}, {}, {} FROM {table} WHERE {owner} IN ({})",
                    columns.0,
                    columns.1,
                    places(ids.len())
                ),
                values(ids),
            )
            .await?;
        let mut pairs: HashMap<String, Vec<Pair>> = HashMap::new();
        for row in &rows {
            pairs.entry(text(row, 0)?).or_default().push(Pair {
                key: text(row, 1)?,
                value: text(row, 2)?,
            });
        }
        for list in pairs.values_mut() {
            list.sort_by(|a, b| a.key.cmp(&b.key));
        }
        Ok(pairs)
    }

    pub(crate) async fn experiments(&mut self) -> Result<Vec<IngestExperiment>, TransferError> {
        let rows = self
            .rows(
                format!(
                    "SELECT experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time FROM experiments{} ORDER BY experiment_id",
                    self.in_default("WHERE", "experiments")
                ),
                Vec::new(),
            )
            .await?;
        let mut tags: HashMap<i64, Vec<Pair>> = HashMap::new();
        let tag_rows = self
            .rows(
                "SELECT experiment_id, key, value FROM experiment_tags ORDER BY experiment_id, key"
                    .to_owned(),
                Vec::new(),
            )
            .await?;
        for row in &tag_rows {
            tags.entry(row.get(0)?).or_default().push(Pair {
                key: text(row, 1)?,
                value: text(row, 2)?,
            });
        }
        let mut experiments = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: i64 = row.get(0)?;
            let created_ms = number(row, 4)?;
            let mut experiment = IngestExperiment {
                id,
                name: text(row, 1)?,
                artifact_location: text(row, 2)?,
                is_deleted: text(row, 3)? == "deleted",
                created_ms,
                updated_ms: row.get::<Option<i64>>(5)?.unwrap_or(created_ms),
                tags: tags.remove(&id).unwrap_or_default(),
                origin: created_ms.to_string(),
                mark: String::new(),
            };
            experiment.mark = mark(&experiment);
            self.experiments.insert(id);
            experiments.push(experiment);
        }
        Ok(experiments)
    }

    pub(crate) async fn run_ids(&self, cursor: &mut Cursor) -> Result<Vec<String>, TransferError> {
        let rows = self
            .rows(
                format!(
                    "SELECT r.run_uuid FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id WHERE r.run_uuid > ?1{} ORDER BY r.run_uuid LIMIT 5000",
                    self.in_default("AND", "e")
                ),
                vec![cursor.after.as_str().into()],
            )
            .await?;
        let ids = rows
            .iter()
            .map(|row| text(row, 0))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(last) = ids.last() {
            cursor.after.clone_from(last);
        }
        Ok(ids)
    }

    pub(crate) async fn runs(&self, cursor: &mut Cursor) -> Result<Vec<SourceRun>, TransferError> {
        let rows = self
            .rows(
                format!(
                    "SELECT r.run_uuid, r.name, r.user_id, r.status, r.start_time, r.end_time, r.deleted_time, r.lifecycle_stage, r.artifact_uri, r.experiment_id
                     FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id WHERE r.run_uuid > ?1{} ORDER BY r.run_uuid LIMIT ?2",
                    self.in_default("AND", "e")
                ),
                vec![cursor.after.as_str().into(), RUNS.into()],
            )
            .await?;
        let ids = rows
            .iter()
            .map(|row| text(row, 0))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(last) = ids.last() else {
            return Ok(Vec::new());
        };
        cursor.after.clone_from(last);
        let mut params = self
            .pairs("params", "run_uuid", ("key", "value"), &ids)
            .await?;
        let mut tags = self
            .pairs("tags", "run_uuid", ("key", "value"), &ids)
            .await?;
        let mut links = self.links(&ids).await?;
        let mut states = self.metric_states(&ids).await?;
        let mut runs = Vec::with_capacity(rows.len());
        for (row, id) in rows.iter().zip(ids) {
            let links = links.remove(&id).unwrap_or_default();
            let mut run = IngestRun {
                experiment: number(row, 9)?,
                name: text(row, 1)?,
                user: text(row, 2)?,
                status: text(row, 3)?,
                start_ms: number(row, 4)?,
                end_ms: row.get(5)?,
                deleted_ms: row.get(6)?,
                is_deleted: text(row, 7)? == "deleted",
                artifact_uri: text(row, 8)?,
                reference: None,
                params: params.remove(&id).unwrap_or_default(),
                tags: tags.remove(&id).unwrap_or_default(),
                datasets: links.datasets,
                model_inputs: links.model_inputs,
                model_outputs: links.model_outputs,
                mark: String::new(),
                id,
            };
            let state = states.remove(&run.id).unwrap_or_default();
            run.mark = mark(&(&run, &state));
            runs.push(SourceRun {
                run,
                metrics: Vec::new(),
            });
        }
        Ok(runs)
    }

    /// How many points each run has, and its latest ones, as text: what tells that there are new ones.
    async fn metric_states(
        &self,
        ids: &[String],
    ) -> Result<HashMap<String, Vec<String>>, TransferError> {
        let mut states: HashMap<String, Vec<String>> = HashMap::new();
        let counts = self
            .rows(
                format!(
                    "SELECT run_uuid, COUNT(*) FROM metrics WHERE run_uuid IN ({}) GROUP BY run_uuid",
                    places(ids.len())
                ),
                values(ids),
            )
            .await?;
        for row in &counts {
            states
                .entry(text(row, 0)?)
                .or_default()
                .push(row.get::<i64>(1)?.to_string());
        }
        let latest = self
            .rows(
                format!(
                    "SELECT run_uuid, key, value, timestamp, step, is_nan FROM latest_metrics WHERE run_uuid IN ({})",
                    places(ids.len())
                ),
                values(ids),
            )
            .await?;
        for row in &latest {
            states.entry(text(row, 0)?).or_default().push(format!(
                "{} {:?} {} {} {}",
                text(row, 1)?,
                row.get::<Option<f64>>(2)?,
                number(row, 3)?,
                number(row, 4)?,
                row.get::<Option<bool>>(5)?.unwrap_or_default()
            ));
        }
        for state in states.values_mut() {
            state.sort();
        }
        Ok(states)
    }

    async fn links(&self, ids: &[String]) -> Result<HashMap<String, Links>, TransferError> {
        let mut links: HashMap<String, Links> = HashMap::new();
        if !self.has_datasets {
            return Ok(links);
        }
        let tags = self
            .rows(
                format!(
                    "SELECT t.input_uuid, t.name, t.value FROM input_tags t JOIN inputs i ON i.input_uuid = t.input_uuid WHERE i.destination_id IN ({}) ORDER BY t.input_uuid, t.name",
                    places(ids.len())
                ),
                values(ids),
            )
            .await?;
        let mut by_input: HashMap<String, Vec<Pair>> = HashMap::new();
        for row in &tags {
            by_input.entry(text(row, 0)?).or_default().push(Pair {
                key: text(row, 1)?,
                value: text(row, 2)?,
            });
        }
        let datasets = self
            .rows(
                format!(
                    "SELECT i.destination_id, i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, d.dataset_profile
                     FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id WHERE i.destination_type = 'RUN' AND i.destination_id IN ({}) ORDER BY d.name, d.digest",
                    places(ids.len())
                ),
                values(ids),
            )
            .await?;
        for row in &datasets {
            links
                .entry(text(row, 0)?)
                .or_default()
                .datasets
                .push(IngestDataset {
                    name: text(row, 2)?,
                    digest: text(row, 3)?,
                    source_type: text(row, 4)?,
                    source: text(row, 5)?,
                    schema: maybe(row, 6)?,
                    profile: maybe(row, 7)?,
                    tags: by_input.remove(&text(row, 1)?).unwrap_or_default(),
                });
        }
        if !self.has_logged_models {
            return Ok(links);
        }
        let models = self
            .rows(
                format!(
                    "SELECT source_id, destination_id, source_type, step FROM inputs WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id IN ({}) ORDER BY destination_id",
                    places(ids.len())
                ),
                values(ids),
            )
            .await?;
        for row in &models {
            let of_run = links.entry(text(row, 0)?).or_default();
            let model = model_id(&text(row, 1)?);
            if text(row, 2)? == "RUN_INPUT" {
                of_run.model_inputs.push(model);
            } else {
                of_run.model_outputs.push(IngestOutput {
                    model,
                    step: number(row, 3)?,
                });
            }
        }
        Ok(links)
    }

    pub(crate) fn points(&self, runs: &[SourceRun]) -> SqlPoints {
        let ids: Vec<String> = runs.iter().map(|run| run.run.id.clone()).collect();
        SqlPoints(self.db.stream(
            format!(
                "SELECT run_uuid, key, value, timestamp, step, is_nan FROM metrics WHERE run_uuid IN ({})",
                places(ids.len())
            ),
            values(&ids),
        ))
    }

    pub(crate) async fn logged_models(
        &self,
        cursor: &mut Cursor,
    ) -> Result<Vec<IngestLoggedModel>, TransferError> {
        if !self.has_logged_models {
            return Ok(Vec::new());
        }
        let rows = self
            .rows(
                format!(
                    "SELECT m.model_id, m.experiment_id, m.name, m.artifact_location, m.creation_timestamp_ms, m.last_updated_timestamp_ms, m.status, m.lifecycle_stage, m.model_type, m.source_run_id, m.status_message
                     FROM logged_models m JOIN experiments e ON e.experiment_id = m.experiment_id WHERE m.model_id > ?1{} ORDER BY m.model_id LIMIT ?2",
                    self.in_default("AND", "e")
                ),
                vec![cursor.after.as_str().into(), RUNS.into()],
            )
            .await?;
        let ids = rows
            .iter()
            .map(|row| text(row, 0))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(last) = ids.last() else {
            return Ok(Vec::new());
        };
        cursor.after.clone_from(last);
        let mut params = self
            .pairs(
                "logged_model_params",
                "model_id",
                ("param_key", "param_value"),
                &ids,
            )
            .await?;
        let mut tags = self
            .pairs(
                "logged_model_tags",
                "model_id",
                ("tag_key", "tag_value"),
                &ids,
            )
            .await?;
        let mut metrics = self.model_metrics(&ids).await?;
        let mut models = Vec::with_capacity(rows.len());
        for (row, id) in rows.iter().zip(&ids) {
            let mut model = IngestLoggedModel {
                id: model_id(id),
                experiment: number(row, 1)?,
                name: text(row, 2)?,
                artifact_uri: text(row, 3)?,
                reference: None,
                created_ms: number(row, 4)?,
                updated_ms: number(row, 5)?,
                status: match number(row, 6)? {
                    2 => "READY",
                    3 => "FAILED",
                    _ => "PENDING",
                }
                .to_owned(),
                is_deleted: text(row, 7)? == "deleted",
                model_type: maybe(row, 8)?,
                source_run: maybe(row, 9)?,
                status_message: maybe(row, 10)?,
                params: params.remove(id).unwrap_or_default(),
                tags: tags.remove(id).unwrap_or_default(),
                metrics: metrics.remove(id).unwrap_or_default(),
                mark: String::new(),
            };
            model.mark = mark(&model);
            models.push(model);
        }
        Ok(models)
    }

    async fn model_metrics(
        &self,
        ids: &[String],
    ) -> Result<HashMap<String, Vec<IngestModelMetric>>, TransferError> {
        let rows = self
            .rows(
                format!(
                    "SELECT model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, run_id, dataset_name, dataset_digest FROM logged_model_metrics WHERE model_id IN ({}) ORDER BY model_id, metric_name, metric_timestamp_ms, metric_step, run_id",
                    places(ids.len())
                ),
                values(ids),
            )
            .await?;
        let mut metrics: HashMap<String, Vec<IngestModelMetric>> = HashMap::new();
        for row in &rows {
            let is_nan = row.get::<Option<f64>>(4)?.is_none_or(f64::is_nan);
            metrics
                .entry(text(row, 0)?)
                .or_default()
                .push(IngestModelMetric {
                    key: text(row, 1)?,
                    at_ms: number(row, 2)?,
                    step: number(row, 3)?,
                    value: IngestValue(real(row, 4, is_nan)?),
                    run: text(row, 5)?,
                    dataset_name: maybe(row, 6)?,
                    dataset_digest: maybe(row, 7)?,
                });
        }
        Ok(metrics)
    }
}

/// The points of some runs.
#[derive(Debug)]
pub(crate) struct SqlPoints(mpsc::Receiver<Result<Vec<Row>, DbError>>);

impl SqlPoints {
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<SourcePoint>>, TransferError> {
        let Some(rows) = self.0.recv().await else {
            return Ok(None);
        };
        let points = rows?
            .iter()
            .map(|row| {
                let is_nan = row.get::<Option<bool>>(5)?.unwrap_or_default();
                Ok(SourcePoint {
                    run: text(row, 0)?,
                    key: text(row, 1)?,
                    value: real(row, 2, is_nan)?,
                    at_ms: number(row, 3)?,
                    step: number(row, 4)?,
                })
            })
            .collect::<Result<_, DbError>>()?;
        Ok(Some(points))
    }
}

#[derive(Debug, Default)]
struct Links {
    datasets: Vec<IngestDataset>,
    model_inputs: Vec<String>,
    model_outputs: Vec<IngestOutput>,
}

/// Without `m-`, as our ids are.
pub(crate) fn model_id(id: &str) -> String {
    id.strip_prefix("m-").unwrap_or(id).to_owned()
}

/// Whether the database has such a table with such columns.
async fn has(db: &ForeignDb, table: &str, columns: &str) -> bool {
    db.query(format!("SELECT {columns} FROM {table} LIMIT 1"), Vec::new())
        .await
        .is_ok()
}
