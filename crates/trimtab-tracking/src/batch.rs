//! Several writes to one run in one transaction: everything is validated before anything is written.

use std::collections::{BTreeMap, HashMap};

use trimtab_db::{Lane, Query, Tx, params};
use trimtab_types::{RunId, Scope};

use crate::{
    Batch, MetricPoint, Tracking, TrackingError, logged_models, runs,
    service::{RunRow, active_run},
    sql::split,
    validate,
};

/// How many points one statement inserts. Only this width and 1 occur, so the statements stay prepared.
const WIDTH: usize = 50;

impl Tracking {
    /// Writes metrics, params and tags of an active run, all or nothing.
    pub async fn log_batch(
        &self,
        scope: &Scope,
        id: RunId,
        mut batch: Batch,
    ) -> Result<(), TrackingError> {
        validate::batch(&mut batch)?;
        let workspace = scope.workspace.clone();
        self.db()
            .write(Lane::Bulk, move |tx| {
                let run = active_run(tx, &workspace, id)?;
                log_params(tx, id, run, &batch.params)?;
                log_metrics(tx, run, &batch.metrics)?;
                logged_models::log_metrics(tx, &workspace, id, &batch.metrics)?;
                batch
                    .tags
                    .iter()
                    .try_for_each(|tag| runs::set_tag(tx, run, tag))
            })
            .await
    }

    /// Writes one point of a metric of an active run.
    pub async fn log_metric(
        &self,
        scope: &Scope,
        id: RunId,
        point: MetricPoint,
    ) -> Result<(), TrackingError> {
        let metrics = vec![point];
        self.log_batch(
            scope,
            id,
            Batch {
                metrics,
                ..Batch::default()
            },
        )
        .await
    }

    /// Writes a param of an active run; it can never have another value.
    pub async fn log_param(
        &self,
        scope: &Scope,
        id: RunId,
        key: &str,
        value: &str,
    ) -> Result<(), TrackingError> {
        let params = vec![(key.to_owned(), value.to_owned())];
        self.log_batch(
            scope,
            id,
            Batch {
                params,
                ..Batch::default()
            },
        )
        .await
    }
}

pub(crate) fn log_params(
    tx: &mut Tx<'_>,
    id: RunId,
    run: RunRow,
    params: &[(String, String)],
) -> Result<(), TrackingError> {
    let sorted: BTreeMap<&String, &String> =
        params.iter().map(|(key, value)| (key, value)).collect();
    for (key, value) in sorted {
        let inserted = tx.execute(
            "INSERT INTO param (run, key, value, experiment, start_neg) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (run, key) DO NOTHING",
            params![run.key, key, value, run.experiment, run.start_neg],
        )?;
        if inserted == 1 {
            continue;
        }
        let known: String = tx
            .query_one(
                "SELECT value FROM param WHERE run = ?1 AND key = ?2",
                params![run.key, key],
            )?
            .get(0)?;
        if known != *value {
            return Err(TrackingError::invalid(
                "value",
                format!(
                    "Changing param values is not allowed. Param with key='{key}' was already logged with value='{known}' for run ID='{id}'. Attempted logging new value '{value}'."
                ),
            ));
        }
    }
    Ok(())
}

/// The integer of each metric name of an experiment, made where it is new; in name order, so that writers on
/// PostgreSQL wait for each other instead of deadlocking.
fn intern<'p>(
    tx: &mut Tx<'_>,
    experiment: i64,
    points: &'p [MetricPoint],
) -> Result<HashMap<&'p str, i64>, TrackingError> {
    let mut names: Vec<&str> = points.iter().map(|point| point.key.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut keys = HashMap::with_capacity(names.len());
    for name in names {
        const FIND: &str = "SELECT key FROM metric_key WHERE experiment = ?1 AND name = ?2";
        let known = tx.query_opt(FIND, params![experiment, name])?;
        let key = match known {
            Some(row) => row.get(0)?,
            None => {
                tx.execute(
                    "INSERT INTO metric_key (experiment, name) VALUES (?1, ?2) ON CONFLICT (experiment, name) DO NOTHING",
                    params![experiment, name],
                )?;
                tx.query_one(FIND, params![experiment, name])?.get(0)?
            }
        };
        keys.insert(name, key);
    }
    Ok(keys)
}

/// The rank of a point among those of its metric: the greatest is the latest.
fn rank(point: &MetricPoint) -> (i64, i64, i64, f64) {
    let (class, value) = split(point.value);
    (point.step, point.timestamp_ms, class, value)
}

pub(crate) fn log_metrics(
    tx: &mut Tx<'_>,
    run: RunRow,
    points: &[MetricPoint],
) -> Result<(), TrackingError> {
    if points.is_empty() {
        return Ok(());
    }
    let keys = intern(tx, run.experiment, points)?;
    let mut rows: Vec<(i64, &MetricPoint)> = points
        .iter()
        .filter_map(|point| keys.get(point.key.as_str()).map(|key| (*key, point)))
        .collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.timestamp_ms.cmp(&b.1.timestamp_ms)));
    let mut latest: BTreeMap<i64, (i64, i64, i64, f64)> = BTreeMap::new();
    for (key, point) in &rows {
        let rank = rank(point);
        latest
            .entry(*key)
            .and_modify(|best| {
                if rank > *best {
                    *best = rank;
                }
            })
            .or_insert(rank);
    }
    let whole = rows.len() - rows.len() % WIDTH;
    for chunk in rows[..whole].chunks(WIDTH).chain(rows[whole..].chunks(1)) {
        let mut query =
            Query::new("INSERT INTO metric (run, key, at_ms, step, class, value) VALUES ");
        for (i, (key, point)) in chunk.iter().enumerate() {
            let (class, value) = split(point.value);
            query
                .push(if i == 0 { "(" } else { ", (" })
                .bind(run.key)
                .push(", ")
                .bind(*key);
            query
                .push(", ")
                .bind(point.timestamp_ms)
                .push(", ")
                .bind(point.step);
            query
                .push(", ")
                .bind(class)
                .push(", ")
                .bind(value)
                .push(")");
        }
        query.push(" ON CONFLICT DO NOTHING");
        tx.execute(query.sql(), query.params())?;
    }
    for (key, (step, at_ms, class, value)) in latest {
        tx.execute(
            "INSERT INTO latest_metric (run, key, step, at_ms, class, value, start_neg) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (run, key) DO UPDATE SET step = excluded.step, at_ms = excluded.at_ms, class = excluded.class, value = excluded.value
             WHERE (excluded.step, excluded.at_ms, excluded.class, excluded.value) > (latest_metric.step, latest_metric.at_ms, latest_metric.class, latest_metric.value)",
            params![run.key, key, step, at_ms, class, value, run.start_neg],
        )?;
    }
    Ok(())
}
