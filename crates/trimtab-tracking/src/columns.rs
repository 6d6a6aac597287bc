//! Runs with only the metrics, params and tags that a table shows: a page of 100 rows costs what its columns cost,
//! not what the runs hold.

use std::collections::HashMap;

use trimtab_db::{DbError, Query, Row, Tx};
use trimtab_types::{RunId, Scope};

use crate::{MetricPoint, Run, RunColumns, Tracking, TrackingError, run_rows, sql::join};

/// How many runs one query reads data of.
const CHUNK: usize = 400;

impl Tracking {
    /// Runs by their ids, in the order of the ids, with some columns; unknown ones are left out.
    pub async fn runs_by_id(
        &self,
        scope: &Scope,
        ids: &[RunId],
        columns: Option<RunColumns>,
    ) -> Result<Vec<Run>, TrackingError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (workspace, ids) = (scope.workspace.clone(), ids.to_vec());
        self.db()
            .read(move |tx| {
                let mut query = Query::new(format!(
                    "SELECT {} FROM run r JOIN experiment e ON e.key = r.experiment WHERE r.workspace_id = ",
                    run_rows::COLUMNS
                ));
                query
                    .bind(&workspace)
                    .push(" AND r.id IN ")
                    .bind_list(ids.iter().copied());
                let rows = tx.query(query.sql(), query.params())?;
                let runs = match &columns {
                    Some(columns) => read(tx, &rows, columns)?,
                    None => run_rows::read(tx, &rows)?,
                };
                let mut by_id: HashMap<RunId, Run> =
                    runs.into_iter().map(|run| (run.id, run)).collect();
                Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
            })
            .await
    }
}

/// Reads runs from their rows (as [`run_rows::read`] takes them), in the order of the rows.
pub(crate) fn read(
    tx: &mut Tx<'_>,
    rows: &[Row],
    columns: &RunColumns,
) -> Result<Vec<Run>, TrackingError> {
    let mut runs = rows
        .iter()
        .map(run_rows::bare)
        .collect::<Result<Vec<_>, DbError>>()?;
    for chunk in runs.chunks_mut(CHUNK) {
        fill(tx, chunk, columns)?;
    }
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}

fn fill(
    tx: &mut Tx<'_>,
    runs: &mut [(i64, Run)],
    columns: &RunColumns,
) -> Result<(), TrackingError> {
    let keys: Vec<i64> = runs.iter().map(|(key, _)| *key).collect();
    let mut by_key: HashMap<i64, &mut Run> =
        runs.iter_mut().map(|(key, run)| (*key, run)).collect();
    for (table, names) in [("param", &columns.params), ("tag", &columns.tags)] {
        if names.is_empty() {
            continue;
        }
        let mut query = Query::new("SELECT run, key, value FROM ");
        query
            .push(table)
            .push(" WHERE run IN ")
            .bind_list(keys.iter().copied())
            .push(" AND key IN ")
            .bind_list(names.iter().map(String::as_str));
        for row in tx.query(query.sql(), query.params())? {
            if let Some(run) = by_key.get_mut(&row.get(0)?) {
                let values = if table == "param" {
                    &mut run.params
                } else {
                    &mut run.tags
                };
                values.insert(row.get(1)?, row.get(2)?);
            }
        }
    }
    let names = metric_names(tx, &keys, &columns.metrics)?;
    if names.is_empty() {
        return Ok(());
    }
    let mut query =
        Query::new("SELECT run, key, class, value, at_ms, step FROM latest_metric WHERE run IN ");
    query
        .bind_list(keys)
        .push(" AND key IN ")
        .bind_list(names.keys().copied());
    for row in tx.query(query.sql(), query.params())? {
        let name = names.get(&row.get::<i64>(1)?);
        if let (Some(run), Some(name)) = (by_key.get_mut(&row.get(0)?), name) {
            run.metrics.push(MetricPoint {
                key: name.clone(),
                value: join(row.get(2)?, row.get(3)?),
                timestamp_ms: row.get(4)?,
                step: row.get(5)?,
                model: None,
                dataset: None,
            });
        }
    }
    Ok(())
}

/// The integer keys of metrics in the experiments of some runs, with their names.
fn metric_names(
    tx: &mut Tx<'_>,
    runs: &[i64],
    names: &[String],
) -> Result<HashMap<i64, String>, DbError> {
    if names.is_empty() || runs.is_empty() {
        return Ok(HashMap::new());
    }
    let mut query = Query::new(
        "SELECT key, name FROM metric_key WHERE experiment IN (SELECT experiment FROM run WHERE key IN ",
    );
    query
        .bind_list(runs.iter().copied())
        .push(") AND name IN ")
        .bind_list(names.iter().map(String::as_str));
    tx.query(query.sql(), query.params())?
        .iter()
        .map(|row| Ok((row.get(0)?, row.get(1)?)))
        .collect()
}
