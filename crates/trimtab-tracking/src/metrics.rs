//! Histories of metrics.

use trimtab_db::{SortColumn, SortKind, Tx, Value, params, token_key, token_of};
use trimtab_types::{PageToken, PageTokenError, RunId, Scope};

use crate::{
    MetricPoint, Tracking, TrackingError,
    points::{self, Point},
    search,
    service::find_run,
};

/// Points that a page has at most.
pub(crate) const PAGE: u32 = 25_000;

/// A page of a metric's history.
#[derive(Debug, Clone, Default)]
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

fn metric_point(key: &str, point: &Point) -> MetricPoint {
    MetricPoint {
        key: key.to_owned(),
        timestamp_ms: point.at_ms,
        step: point.step,
        value: point.value(),
        model: None,
        dataset: None,
    }
}

/// The point at which a page token stands.
fn place(token: Option<&str>) -> Result<Option<Point>, TrackingError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    match token_key(&order(), token)?.as_slice() {
        [
            Value::Int(at_ms),
            Value::Int(step),
            Value::Int(class),
            Value::Real(stored),
        ] => Ok(Some(Point {
            at_ms: *at_ms,
            step: *step,
            class: *class,
            stored: *stored,
        })),
        _ => Err(PageTokenError.into()),
    }
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
        let after = place(page_token)?;
        let limit = if limit == 0 { PAGE } else { limit.min(PAGE) } as usize;
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
                let mut found = points::page(tx, run.key, key, after, limit + 1)?;
                let has_more = found.len() > limit;
                found.truncate(limit);
                let next = found.last().filter(|_| has_more).map(|last| {
                    let key = params![last.at_ms, last.step, last.class, last.stored];
                    token_of(&order(), key)
                });
                Ok(HistoryPage {
                    points: found
                        .iter()
                        .map(|point| metric_point(&name, point))
                        .collect(),
                    next: next.transpose()?,
                })
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
        let steps = steps.unwrap_or((i64::MIN, i64::MAX));
        let most = most.max(2) as usize;
        self.db()
            .read(move |tx| {
                let run = find_run(tx, &workspace, id)?;
                let Some(key) = metric_key(tx, run.experiment, &name)? else {
                    return Ok(Vec::new());
                };
                let found = points::sample(tx, run.key, key, steps, most)?;
                Ok(found
                    .iter()
                    .map(|point| metric_point(&name, point))
                    .collect())
            })
            .await
    }
}
