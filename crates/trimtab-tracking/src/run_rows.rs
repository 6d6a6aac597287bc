//! Reading runs with all their data, a page in a few queries.

use std::collections::{BTreeMap, HashMap};

use trimtab_db::{DbError, Query, Row, Tx};

use crate::{
    Dataset, DatasetInput, Lifecycle, MetricPoint, Run, RunStatus, TrackingError, sql::join,
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
    query.bind_list(keys.iter().copied()).push(order);
    tx.query(query.sql(), query.params())
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
    let select = "SELECT m.run, k.name, m.class, m.value, m.at_ms, m.step FROM latest_metric m JOIN metric_key k ON k.key = m.key WHERE m.run IN ";
    for row in rows_of(tx, &keys, select, " ORDER BY m.run, k.name")? {
        if let Some(run) = by_key.get_mut(&row.get(0)?) {
            run.metrics.push(MetricPoint {
                key: row.get(1)?,
                value: join(row.get(2)?, row.get(3)?),
                timestamp_ms: row.get(4)?,
                step: row.get(5)?,
                model: None,
                dataset: None,
            });
        }
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
