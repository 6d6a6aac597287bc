//! Which metrics, params and tags the runs of experiments have: what a table can show and a filter can name.
//!
//! Nothing is counted: each key is one or two steps along an index, whatever the number of runs.

use std::collections::BTreeMap;

use trimtab_db::{DbError, Query, Tx, params};
use trimtab_types::Scope;

use crate::{MetricValue, Tracking, TrackingError, sql::join};

/// Keys that one answer holds at most, of each kind.
const MOST: usize = 2_000;

/// The keys of some experiments' runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunKeys {
    /// Metrics, with the least and the greatest of the latest values.
    pub metrics: BTreeMap<String, KeyRange<MetricValue>>,
    /// Params, with the first and the last value.
    pub params: BTreeMap<String, KeyRange<String>>,
    /// Tags, with the first and the last value.
    pub tags: BTreeMap<String, KeyRange<String>>,
    /// Whether there are more keys than these.
    pub is_cut: bool,
}

/// The ends of a key's values in their order; long texts are cut.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRange<T> {
    /// The least.
    pub low: T,
    /// The greatest: the same where all runs that have the key agree.
    pub high: T,
}

impl Tracking {
    /// The keys of the metrics, params and tags of experiments' runs; unknown experiments have none.
    pub async fn run_keys(
        &self,
        scope: &Scope,
        experiments: &[i64],
    ) -> Result<RunKeys, TrackingError> {
        let (workspace, wanted) = (scope.workspace.clone(), experiments.to_vec());
        self.db()
            .read(move |tx| {
                let mut query = Query::new("SELECT key FROM experiment WHERE workspace_id = ");
                query
                    .bind(&workspace)
                    .push(" AND id IN ")
                    .bind_list(wanted.iter().copied());
                let experiments: Vec<i64> = tx
                    .query(query.sql(), query.params())?
                    .iter()
                    .map(|row| row.get(0))
                    .collect::<Result<_, DbError>>()?;
                let mut keys = RunKeys::default();
                for experiment in experiments {
                    metrics(tx, experiment, &mut keys)?;
                    let (known, is_cut) = (&mut keys.params, &mut keys.is_cut);
                    texts(tx, "param", experiment, known, is_cut)?;
                    let (known, is_cut) = (&mut keys.tags, &mut keys.is_cut);
                    texts(tx, "tag", experiment, known, is_cut)?;
                }
                Ok(keys)
            })
            .await
    }
}

fn metrics(tx: &mut Tx<'_>, experiment: i64, keys: &mut RunKeys) -> Result<(), DbError> {
    let rows = tx.query(
        "SELECT key, name FROM metric_key WHERE experiment = ?1 ORDER BY name LIMIT ?2",
        params![experiment, i64::try_from(MOST + 1).unwrap_or(i64::MAX)],
    )?;
    for row in rows {
        let (key, name): (i64, String) = (row.get(0)?, row.get(1)?);
        if keys.metrics.len() >= MOST && !keys.metrics.contains_key(&name) {
            keys.is_cut = true;
            return Ok(());
        }
        let mut end = |direction: &str| -> Result<Option<(i64, f64)>, DbError> {
            let sql = format!(
                "SELECT class, value FROM latest_metric WHERE key = ?1 ORDER BY class {direction}, value {direction} LIMIT 1"
            );
            tx.query_opt(&sql, params![key])?
                .map(|row| Ok((row.get(0)?, row.get(1)?)))
                .transpose()
        };
        let (Some(low), Some(high)) = (end("ASC")?, end("DESC")?) else {
            continue;
        };
        let (low, high) = (join(low.0, low.1), join(high.0, high.1));
        keys.metrics
            .entry(name)
            .and_modify(|range| {
                range.low = range.low.min(low);
                range.high = range.high.max(high);
            })
            .or_insert(KeyRange { low, high });
    }
    Ok(())
}

fn texts(
    tx: &mut Tx<'_>,
    table: &'static str,
    experiment: i64,
    known: &mut BTreeMap<String, KeyRange<String>>,
    is_cut: &mut bool,
) -> Result<(), DbError> {
    let next = format!(
        "SELECT key, substr(value, 1, 200) FROM {table} WHERE experiment = ?1 AND key > ?2 ORDER BY key, substr(value, 1, 200) LIMIT 1"
    );
    let last = format!(
        "SELECT substr(value, 1, 200) FROM {table} WHERE experiment = ?1 AND key = ?2 ORDER BY substr(value, 1, 200) DESC LIMIT 1"
    );
    let mut after = String::new();
    while let Some(row) = tx.query_opt(&next, params![experiment, &after])? {
        let (key, low): (String, String) = (row.get(0)?, row.get(1)?);
        if known.len() >= MOST && !known.contains_key(&key) {
            *is_cut = true;
            return Ok(());
        }
        let high: String = match tx.query_opt(&last, params![experiment, &key])? {
            Some(row) => row.get(0)?,
            None => low.clone(),
        };
        after.clone_from(&key);
        known
            .entry(key)
            .and_modify(|range| {
                if low < range.low {
                    range.low.clone_from(&low);
                }
                if high > range.high {
                    range.high.clone_from(&high);
                }
            })
            .or_insert(KeyRange { low, high });
    }
    Ok(())
}
