//! Several writes to one run in one transaction: everything is validated before anything is written.

use std::collections::{BTreeMap, HashMap};

use trimtab_db::{Insert, Kind, Lane, Tx, params};
use trimtab_types::{RunId, Scope};

use crate::{
    Batch, MetricPoint, Tracking, TrackingError, logged_models,
    points::{self, Point},
    runs,
    service::{RunRow, active_run},
    validate,
};

const CHUNKS: Insert = Insert {
    table: "metric_chunk",
    columns: &[
        ("run", Kind::Int),
        ("key", Kind::Int),
        ("min_at", Kind::Int),
        ("max_at", Kind::Int),
        ("points", Kind::Int),
        ("data", Kind::Blob),
    ],
    tail: "",
};
const ROWS: Insert = Insert {
    table: "metric",
    columns: &[
        ("run", Kind::Int),
        ("key", Kind::Int),
        ("at_ms", Kind::Int),
        ("step", Kind::Int),
        ("class", Kind::Int),
        ("value", Kind::Real),
    ],
    tail: "ON CONFLICT DO NOTHING",
};
const LATEST: Insert = Insert {
    table: "latest_metric",
    columns: &[
        ("run", Kind::Int),
        ("key", Kind::Int),
        ("step", Kind::Int),
        ("at_ms", Kind::Int),
        ("class", Kind::Int),
        ("value", Kind::Real),
        ("start_neg", Kind::Int),
    ],
    tail: "ON CONFLICT (run, key) DO UPDATE SET step = excluded.step, at_ms = excluded.at_ms, class = excluded.class, value = excluded.value
           WHERE (excluded.step, excluded.at_ms, excluded.class, excluded.value) > (latest_metric.step, latest_metric.at_ms, latest_metric.class, latest_metric.value)",
};

impl Tracking {
    /// Writes metrics, params and tags of an active run, all or nothing.
    pub async fn log_batch(
        &self,
        scope: &Scope,
        id: RunId,
        mut batch: Batch,
    ) -> Result<(), TrackingError> {
        validate::batch(&mut batch)?;
        let (workspace, tracking) = (scope.workspace.clone(), self.clone());
        let (run, learned) = self
            .db()
            .write(Lane::Bulk, move |tx| {
                let run = active_run(tx, &workspace, id)?;
                log_params(tx, id, run, &batch.params)?;
                let groups = by_metric(&batch.metrics);
                let names: Vec<&str> = groups.iter().map(|(name, _)| *name).collect();
                let known = tracking.known_keys(run.experiment, &names);
                let mut learned = Vec::new();
                write_points(tx, run, groups, &known, &mut learned)?;
                logged_models::log_metrics(tx, &workspace, id, &batch.metrics)?;
                for tag in &batch.tags {
                    runs::set_tag(tx, run, tag)?;
                }
                Ok::<_, TrackingError>((run, learned))
            })
            .await?;
        // Only now: before its commit a name may still be undone.
        self.remember_keys(run.experiment, learned);
        self.tell(scope, run.number, id);
        Ok(())
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
/// PostgreSQL wait for each other instead of deadlocking. What was not known before is noted in `learned`.
fn intern(
    tx: &mut Tx<'_>,
    experiment: i64,
    mut names: Vec<&str>,
    known: &HashMap<String, i64>,
    learned: &mut Vec<(String, i64)>,
) -> Result<HashMap<String, i64>, TrackingError> {
    const FIND: &str = "SELECT key FROM metric_key WHERE experiment = ?1 AND name = ?2";
    names.sort_unstable();
    let mut keys = HashMap::with_capacity(names.len());
    for name in names {
        let key = match known.get(name) {
            Some(key) => *key,
            None => {
                let key = match tx.query_opt(FIND, params![experiment, name])? {
                    Some(row) => row.get(0)?,
                    None => {
                        tx.execute(
                            "INSERT INTO metric_key (experiment, name) VALUES (?1, ?2) ON CONFLICT (experiment, name) DO NOTHING",
                            params![experiment, name],
                        )?;
                        tx.query_one(FIND, params![experiment, name])?.get(0)?
                    }
                };
                learned.push((name.to_owned(), key));
                key
            }
        };
        keys.insert(name.to_owned(), key);
    }
    Ok(keys)
}

/// Points by metric, each sorted and without repetitions.
fn by_metric(points: &[MetricPoint]) -> Vec<(&str, Vec<Point>)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<(&str, Vec<Point>)> = Vec::new();
    for point in points {
        let name = point.key.as_str();
        let place = *places.entry(name).or_insert_with(|| {
            groups.push((name, Vec::new()));
            groups.len() - 1
        });
        groups[place]
            .1
            .push(Point::new(point.timestamp_ms, point.step, point.value));
    }
    for (_, points) in &mut groups {
        points.sort_unstable();
        points.dedup();
    }
    groups
}

/// Writes points of a run; the same points again change nothing that is read.
pub(crate) fn log_metrics(
    tx: &mut Tx<'_>,
    run: RunRow,
    points: &[MetricPoint],
) -> Result<(), TrackingError> {
    let groups = by_metric(points);
    write_points(tx, run, groups, &HashMap::new(), &mut Vec::new())
}

fn write_points(
    tx: &mut Tx<'_>,
    run: RunRow,
    groups: Vec<(&str, Vec<Point>)>,
    known: &HashMap<String, i64>,
    learned: &mut Vec<(String, i64)>,
) -> Result<(), TrackingError> {
    if groups.is_empty() {
        return Ok(());
    }
    let names = groups.iter().map(|(name, _)| *name).collect();
    let keys = intern(tx, run.experiment, names, known, learned)?;
    let mut groups: Vec<(i64, Vec<Point>)> = groups
        .into_iter()
        .filter_map(|(name, points)| Some((*keys.get(name)?, points)))
        .collect();
    groups.sort_unstable_by_key(|(key, _)| *key);
    let (long, short): (Vec<_>, Vec<_>) = groups
        .iter()
        .partition(|(_, points)| points.len() >= points::CHUNK_FROM);
    tx.insert_many(
        &CHUNKS,
        &mut long
            .iter()
            .map(|(key, points)| points::chunk_row(run.key, *key, points)),
    )?;
    tx.insert_many(
        &ROWS,
        &mut short.iter().flat_map(|(key, points)| {
            points.iter().map(|point| {
                vec![
                    run.key.into(),
                    (*key).into(),
                    point.at_ms.into(),
                    point.step.into(),
                    point.class.into(),
                    point.stored.into(),
                ]
            })
        }),
    )?;
    tx.insert_many(
        &LATEST,
        &mut groups.iter().filter_map(|(key, points)| {
            // The latest is the greatest by step, then time.
            let point = points.iter().max_by(|a, b| a.by_step(b))?;
            Some(vec![
                run.key.into(),
                (*key).into(),
                point.step.into(),
                point.at_ms.into(),
                point.class.into(),
                point.stored.into(),
                run.start_neg.into(),
            ])
        }),
    )?;
    Ok(())
}
