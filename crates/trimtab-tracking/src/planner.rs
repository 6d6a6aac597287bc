//! How a search over runs is answered: by the way that reads least.
//!
//! Few runs in all: read them and sort. A clause that few runs meet: look these up in its index, test the others by
//! primary key, sort. Otherwise walk the index of the order from where the page begins, testing every clause on the way,
//! until the page is full. What has neither index is sorted by the database.

mod drive;
mod walk;

use std::{cmp::Ordering, collections::HashMap};

use trimtab_db::{DbError, Dialect, Query, Row, SortColumn, SortKind, Tx, token_after};
use trimtab_types::{Page, WorkspaceId, filter::Comparison};

use crate::{
    TrackingError, View, experiments, run_rows,
    run_search::{self, Order, Target},
    search::{self, Paging},
};

/// A checked search.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) workspace: WorkspaceId,
    pub(crate) experiments: Vec<i64>,
    pub(crate) view: View,
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) order: Order,
    pub(crate) paging: Paging,
}

/// Where one way of answering becomes dearer than the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// So many runs are just read and sorted, whoever they are.
    pub(crate) few: u32,
    /// So many indexed clauses are probed at most.
    pub(crate) probes: usize,
    /// So many cursors (an experiment and a lifecycle each) are merged at most.
    pub(crate) cursors: usize,
    /// So many entries of an order's index are looked at in the first step of a walk.
    pub(crate) step: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            few: 1_500,
            probes: 8,
            cursors: 64,
            step: 256,
        }
    }
}

impl Question {
    /// The lifecycles that are asked for.
    fn stages(&self) -> &'static [i64] {
        match self.view {
            View::ActiveOnly => &[0],
            View::DeletedOnly => &[1],
            View::All => &[0, 1],
        }
    }

    fn sort(&self) -> &[SortColumn] {
        &self.order.columns
    }

    /// How many rows tell whether there is a next page.
    fn wanted(&self) -> u32 {
        self.paging.limit + 1
    }

    /// `SELECT r.key` and what is ordered by.
    fn select(&self) -> Query {
        let mut query = Query::new("SELECT r.key");
        for column in self.sort() {
            query.push(", ").push(&column.expression);
        }
        query
    }

    /// Appends every comparison, and that a row comes after the token's.
    fn conditions(
        &self,
        tx: &mut Tx<'_>,
        query: &mut Query,
        experiments: &[i64],
    ) -> Result<(), TrackingError> {
        for comparison in &self.comparisons {
            let target = run_search::target(&comparison.field, "filter")?;
            let joined = self.order.joins.iter().position(|join| *join == target);
            if let (Target::Metric(_), Some(place)) = (&target, joined) {
                // What is ordered by is at hand.
                let number = search::number(comparison)?;
                query.push(" AND ");
                search::metric_value(query, &format!("o{place}"), comparison.operator, number);
            } else {
                run_search::condition(tx, query, experiments, comparison)?;
            }
        }
        if let Some(key) = &self.paging.after {
            query.push(" AND ").after(self.sort(), key);
        }
        Ok(())
    }
}

/// The rows (columns of [`run_rows::COLUMNS`]) of a page of runs.
pub(crate) fn find(
    tx: &mut Tx<'_>,
    question: &Question,
    limits: Limits,
) -> Result<Page<Row>, TrackingError> {
    let experiments = experiments::keys_of(tx, &question.workspace, &question.experiments)?;
    if experiments.is_empty() {
        return Ok(Page::last(Vec::new()));
    }
    never(
        tx,
        &["enable_seqscan", "enable_hashjoin", "enable_mergejoin"],
    )?;
    let rows = if let Some(few) = drive::candidates(tx, question, &experiments, limits)? {
        if few.is_empty() {
            Vec::new()
        } else {
            sorted(tx, question, &experiments, Some(&few))?
        }
    } else if walk::can_walk(&question.order)
        && experiments.len() * question.stages().len() <= limits.cursors
    {
        let is_plain = question.comparisons.is_empty()
            && matches!(question.order.first.0, Target::Time("r.start_at"));
        if is_plain {
            // The index has the order already, and a page is its beginning.
            never(tx, &["enable_sort", "enable_bitmapscan"])?;
        }
        walk::rows(tx, question, &experiments, limits)?
    } else {
        sorted(tx, question, &experiments, None)?
    };
    page(tx, question, rows)
}

/// PostgreSQL thinks of reading whole tables where it knows too little of them; a search never wants that. What is switched
/// off here stays off for the transaction.
fn never(tx: &mut Tx<'_>, ways: &[&str]) -> Result<(), DbError> {
    if tx.dialect() == Dialect::Postgres {
        let settings: Vec<String> = ways
            .iter()
            .map(|way| format!("set_config('{way}', 'off', true)"))
            .collect();
        tx.query(&format!("SELECT {}", settings.join(", ")), &[])?;
    }
    Ok(())
}

/// Appends `(…)` of keys, in one of few lengths, so that few statements are prepared.
pub(crate) fn key_list(query: &mut Query, keys: &[i64]) {
    let length = keys.len().next_power_of_two().max(16);
    let last = keys.last().copied();
    let padding = std::iter::repeat_n(last, length - keys.len()).flatten();
    query.bind_list(keys.iter().copied().chain(padding));
}

/// The first rows in order, of all runs or of these candidates, sorted by the database.
fn sorted(
    tx: &mut Tx<'_>,
    question: &Question,
    experiments: &[i64],
    candidates: Option<&[i64]>,
) -> Result<Vec<Row>, TrackingError> {
    let mut query = question.select();
    query.push(" FROM run r");
    run_search::joins(tx, &mut query, experiments, &question.order, 0)?;
    if let Some(keys) = candidates {
        // The sign keeps the database from the index of the experiment: the keys are few.
        query.push(" WHERE r.key IN ");
        key_list(&mut query, keys);
        query.push(" AND +r.experiment IN ");
    } else {
        query.push(" WHERE r.experiment IN ");
    }
    query.bind_list(experiments.iter().copied()).push(" AND ");
    search::view(&mut query, "r.stage", question.view);
    question.conditions(tx, &mut query, experiments)?;
    query
        .order_by(question.sort())
        .push(" LIMIT ")
        .bind(question.wanted());
    Ok(tx.query(query.sql(), query.params())?)
}

/// Reads the runs of a page from its keys.
fn page(
    tx: &mut Tx<'_>,
    question: &Question,
    mut rows: Vec<Row>,
) -> Result<Page<Row>, TrackingError> {
    let limit = question.paging.limit as usize;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = match rows.last() {
        Some(row) if has_more => Some(token_after(question.sort(), row, 1)?),
        Some(_) | None => None,
    };
    let keys = rows
        .iter()
        .map(|row| row.get(0))
        .collect::<Result<Vec<i64>, DbError>>()?;
    let mut items = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(1_024) {
        let mut query = Query::new(format!(
            "SELECT {} FROM run r JOIN experiment e ON e.key = r.experiment WHERE r.key IN ",
            run_rows::COLUMNS
        ));
        key_list(&mut query, chunk);
        let mut by_key = tx
            .query(query.sql(), query.params())?
            .into_iter()
            .map(|row| Ok((row.get(0)?, row)))
            .collect::<Result<HashMap<i64, Row>, DbError>>()?;
        items.extend(chunk.iter().filter_map(|key| by_key.remove(key)));
    }
    Ok(Page { items, next })
}

/// Compares two rows whose sort columns stand from 1 on.
fn compare(sort: &[SortColumn], left: &Row, right: &Row) -> Result<Ordering, DbError> {
    for (i, column) in sort.iter().enumerate() {
        let place = i + 1;
        let order = match column.kind {
            SortKind::Int => left.get::<i64>(place)?.cmp(&right.get(place)?),
            SortKind::Real => left.get::<f64>(place)?.total_cmp(&right.get(place)?),
            SortKind::Text => left.get::<String>(place)?.cmp(&right.get(place)?),
        };
        if order != Ordering::Equal {
            return Ok(if column.is_ascending {
                order
            } else {
                order.reverse()
            });
        }
    }
    Ok(Ordering::Equal)
}

/// Whether a comparison is only met by runs that have what is ordered by.
fn requires(question: &Question, ordered: &Target) -> bool {
    question.comparisons.iter().any(|comparison| {
        comparison.operator != trimtab_types::filter::Operator::IsNull
            && run_search::target(&comparison.field, "filter")
                .is_ok_and(|target| target == *ordered)
    })
}

#[cfg(test)]
mod tests;
