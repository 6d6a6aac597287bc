//! Reading runs with all their data, a page in a few queries.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use trimtab_db::{DbError, Query, Row, Tx};

use crate::{
    Dataset, DatasetInput, Lifecycle, MetricPoint, Run, RunStatus, TrackingError,
    planner::key_list, sql::join,
};

/// The columns of `run r JOIN experiment e` that [`read`] needs, in its order.
pub(crate) const COLUMNS: &str =
    "r.key, r.id, e.id, r.name, r.user_id, r.status, r.start_at, r.end_at, r.artifact_uri, r.stage";
/// How many runs one query reads data of.
const CHUNK: usize = 400;

/// Reads runs from their rows, in the order of the rows.
pub(crate) fn read(tx: &mut Tx<'_>, rows: &[Row]) -> Result<Vec<Run>, TrackingError> {
    let mut runs = rows.iter().map(bare).collect::<Result<Vec<_>, DbError>>()?;
    for chunk in runs.chunks_mut(CHUNK) {
        fill(tx, chunk)?;
    }
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}

pub(crate) fn bare(row: &Row) -> Result<(i64, Run), DbError> {
    let status: String = row.get(5)?;
    let run = Run {
        id: row.get(1)?,
        experiment: row.get(2)?,
        name: row.get(3)?,
        user: row.get(4)?,
        status: RunStatus::parse(&status).unwrap_or(RunStatus::Running),
        start_time: row.get(6)?,
        end_time: row.get(7)?,
        artifact_uri: row.get(8)?,
        lifecycle: Lifecycle::from_number(row.get(9)?),
        metrics: Vec::new(),
        params: BTreeMap::new(),
        tags: BTreeMap::new(),
        datasets: Vec::new(),
        model_inputs: Vec::new(),
        model_outputs: Vec::new(),
    };
    Ok((row.get(0)?, run))
}

fn rows_of(tx: &mut Tx<'_>, keys: &[i64], select: &str, order: &str) -> Result<Vec<Row>, DbError> {
    let mut query = Query::new(select);
    key_list(&mut query, keys);
    query.push(order);
    tx.query(query.sql(), query.params())
}

/// The names of the metrics of some latest values.
fn metric_names(tx: &mut Tx<'_>, latest: &[Row]) -> Result<HashMap<i64, String>, DbError> {
    /// Names that one query asks for at most.
    const NAMES: usize = 4_096;
    let keys = latest
        .iter()
        .map(|row| row.get(1))
        .collect::<Result<BTreeSet<i64>, DbError>>()?;
    let keys: Vec<i64> = keys.into_iter().collect();
    let mut names = HashMap::with_capacity(keys.len());
    for part in keys.chunks(NAMES) {
        for row in rows_of(
            tx,
            part,
            "SELECT key, name FROM metric_key WHERE key IN ",
            "",
        )? {
            names.insert(row.get(0)?, row.get(1)?);
        }
    }
    Ok(names)
}

fn fill(tx: &mut Tx<'_>, runs: &mut [(i64, Run)]) -> Result<(), TrackingError> {
    let keys: Vec<i64> = runs.iter().map(|(key, _)| *key).collect();
    let mut by_key: HashMap<i64, &mut Run> =
        runs.iter_mut().map(|(key, run)| (*key, run)).collect();
    for row in rows_of(
        tx,
        &keys,
        "SELECT run, key, value FROM param WHERE run IN ",
        "",
    )? {
        if let Some(run) = by_key.get_mut(&row.get(0)?) {
            run.params.insert(row.get(1)?, row.get(2)?);
        }
    }
    for row in rows_of(
        tx,
        &keys,
        "SELECT run, key, value FROM tag WHERE run IN ",
        "",
    )? {
        if let Some(run) = by_key.get_mut(&row.get(0)?) {
            run.tags.insert(row.get(1)?, row.get(2)?);
        }
    }
    // In the order of their table, and named and sorted here: for the database that is a join and a sort of every value.
    let select = "SELECT run, key, class, value, at_ms, step FROM latest_metric WHERE run IN ";
    let latest = rows_of(tx, &keys, select, "")?;
    let names = metric_names(tx, &latest)?;
    for row in &latest {
        let (run, name) = (by_key.get_mut(&row.get(0)?), names.get(&row.get(1)?));
        if let (Some(run), Some(name)) = (run, name) {
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
    for run in by_key.values_mut() {
        run.metrics.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    }
    let select = "SELECT i.run, i.tags, d.name, d.digest, d.source_type, d.source, d.schema_text, d.profile FROM run_dataset i JOIN dataset d ON d.key = i.dataset WHERE i.run IN ";
    for row in rows_of(tx, &keys, select, " ORDER BY i.run, i.seq, i.dataset")? {
        if let Some(run) = by_key.get_mut(&row.get(0)?) {
            let tags: String = row.get(1)?;
            run.datasets.push(DatasetInput {
                tags: serde_json::from_str(&tags).unwrap_or_default(),
                dataset: Dataset {
                    name: row.get(2)?,
                    digest: row.get(3)?,
                    source_type: row.get(4)?,
                    source: row.get(5)?,
                    schema: row.get(6)?,
                    profile: row.get(7)?,
                },
            });
        }
    }
    let select = "SELECT run, role, model, step FROM run_model WHERE run IN ";
    for row in rows_of(tx, &keys, select, " ORDER BY run, role, step, model")? {
        if let Some(run) = by_key.get_mut(&row.get(0)?) {
            if row.get::<i64>(1)? == 0 {
                run.model_inputs.push(row.get(2)?);
            } else {
                run.model_outputs.push((row.get(2)?, row.get(3)?));
            }
        }
    }
    Ok(())
}
