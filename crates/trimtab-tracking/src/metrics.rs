//! Histories of metrics.

use trimtab_db::{Query, Row, SortColumn, SortKind, Tx, Value, params, token_after, token_key};
use trimtab_types::{PageToken, RunId, Scope};

use crate::{MetricPoint, Tracking, TrackingError, search, service::find_run, sql::join};

/// Points that a page has at most.
pub(crate) const PAGE: u32 = 25_000;

/// A page of a metric's history.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// The points by time, step, value.
    pub points: Vec<MetricPoint>,
    /// Where the next page begins.
    pub next: Option<PageToken>,
}

fn order() -> Vec<SortColumn> {
    vec![
        search::sort("at_ms", SortKind::Int, true),
        search::sort("step", SortKind::Int, true),
        search::sort("class", SortKind::Int, true),
        search::sort("value", SortKind::Real, true),
    ]
}

/// Reads a point whose columns are `at_ms, step, class, value`.
fn point(key: &str, row: &Row) -> Result<MetricPoint, TrackingError> {
    Ok(MetricPoint {
        key: key.to_owned(),
        timestamp_ms: row.get(0)?,
        step: row.get(1)?,
        value: join(row.get(2)?, row.get(3)?),
        model: None,
        dataset: None,
    })
}

fn metric_key(tx: &mut Tx<'_>, experiment: i64, name: &str) -> Result<Option<i64>, TrackingError> {
    let row = tx.query_opt(
        "SELECT key FROM metric_key WHERE experiment = ?1 AND name = ?2",
        params![experiment, name],
    )?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

impl Tracking {
    /// Every point of a metric of a run, by time, a page (at most 25,000; 0 is that) at a time.
    pub async fn metric_history(
        &self,
        scope: &Scope,
        id: RunId,
        key: &str,
        limit: u32,
        page_token: Option<&str>,
    ) -> Result<HistoryPage, TrackingError> {
        let order = order();
        let after: Option<Vec<Value>> = match page_token {
            Some(token) if !token.is_empty() => Some(token_key(&order, token)?),
            Some(_) | None => None,
        };
        let limit = if limit == 0 { PAGE } else { limit.min(PAGE) };
        let (workspace, name) = (scope.workspace.clone(), key.to_owned());
        self.db()
            .read(move |tx| {
                let run = find_run(tx, &workspace, id)?;
                let Some(key) = metric_key(tx, run.experiment, &name)? else {
                    return Ok(HistoryPage {
                        points: Vec::new(),
                        next: None,
                    });
                };
                let mut query =
                    Query::new("SELECT at_ms, step, class, value FROM metric WHERE run = ");
                query.bind(run.key).push(" AND key = ").bind(key);
                if let Some(after) = &after {
                    query.push(" AND ").after(&order, after);
                }
                query.order_by(&order).push(" LIMIT ").bind(limit + 1);
                let mut rows = tx.query(query.sql(), query.params())?;
                let has_more = rows.len() > limit as usize;
                rows.truncate(limit as usize);
                let next = match rows.last() {
                    Some(row) if has_more => Some(token_after(&order, row, 0)?),
                    Some(_) | None => None,
                };
                let points = rows
                    .iter()
                    .map(|row| point(&name, row))
                    .collect::<Result<_, _>>()?;
                Ok(HistoryPage { points, next })
            })
            .await
    }

    /// Points of a metric of a run between two steps, thinned to about `most`: the first, the last, and every n-th
    /// between them; by step, then time.
    pub async fn metric_sample(
        &self,
        scope: &Scope,
        id: RunId,
        key: &str,
        steps: Option<(i64, i64)>,
        most: u32,
    ) -> Result<Vec<MetricPoint>, TrackingError> {
        let (workspace, name) = (scope.workspace.clone(), key.to_owned());
        let (from, to) = steps.unwrap_or((i64::MIN, i64::MAX));
        let most = i64::from(most.max(2));
        self.db()
            .read(move |tx| {
                let run = find_run(tx, &workspace, id)?;
                let Some(key) = metric_key(tx, run.experiment, &name)? else {
                    return Ok(Vec::new());
                };
                let rows = tx.query(
                    "SELECT at_ms, step, class, value FROM (
                         SELECT at_ms, step, class, value, ROW_NUMBER() OVER (ORDER BY step, at_ms, class, value) - 1 AS place, COUNT(*) OVER () AS total
                         FROM metric WHERE run = ?1 AND key = ?2 AND step >= ?3 AND step <= ?4
                     ) p WHERE total <= ?5 OR place % ((total + ?5 - 1) / ?5) = 0 OR place = total - 1
                     ORDER BY step, at_ms, class, value",
                    params![run.key, key, from, to, most],
                )?;
                rows.iter().map(|row| point(&name, row)).collect()
            })
            .await
    }
}
