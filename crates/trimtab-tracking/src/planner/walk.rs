//! Walking the index of an order: one cursor per experiment and lifecycle, merged.
//!
//! Runs that have what is ordered by come first, by value; then those whose metric is NaN; then those without it. An
//! index holds values upwards and within a value the newest run first, so downwards needs care: a cursor looks some
//! entries ahead, and either takes all entries before the last value it saw (few, sorted by the database), or, when
//! that many have one value, goes through this value alone, upwards.

use std::collections::VecDeque;

use trimtab_db::{DbError, Query, Row, Tx, Value};
use trimtab_types::filter::Operator;

use super::{Limits, Question, compare, drive, requires};
use crate::{
    TrackingError,
    run_search::{self, Order, Target},
    search,
    sql::NAN,
};

/// The most entries that one step looks at.
const WIDEST: u32 = 16_384;

/// Whether an index holds this order.
pub(super) fn can_walk(order: &Order) -> bool {
    matches!(
        order.first.0,
        Target::Metric(_)
            | Target::Param(_)
            | Target::Tag(_)
            | Target::Text("r.name")
            | Target::Time("r.start_at")
    )
}

/// The first rows in order.
pub(super) fn rows(
    tx: &mut Tx<'_>,
    question: &Question,
    experiments: &[i64],
    limits: Limits,
) -> Result<Vec<Row>, TrackingError> {
    let mut cursors = Vec::new();
    for experiment in experiments {
        for stage in question.stages() {
            cursors.push(Cursor::new(tx, question, *experiment, *stage, limits)?);
        }
    }
    let wanted = question.wanted() as usize;
    let mut rows = Vec::new();
    while rows.len() < wanted {
        let mut first: Option<usize> = None;
        for i in 0..cursors.len() {
            let left = wanted - rows.len();
            cursors[i].fill(tx, question, left)?;
            let Some(row) = cursors[i].ready.front() else {
                continue;
            };
            let is_first = match first.and_then(|best| cursors[best].ready.front()) {
                Some(best) => compare(question.sort(), row, best)?.is_lt(),
                None => true,
            };
            if is_first {
                first = Some(i);
            }
        }
        let Some(row) = first.and_then(|first| cursors[first].ready.pop_front()) else {
            break;
        };
        rows.push(row);
    }
    Ok(rows)
}

/// What a cursor reads now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Values,
    Nan,
    Missing,
    Start,
    Done,
}

/// The index that an order begins with.
#[derive(Debug)]
enum Index {
    /// Of the latest values of a metric, when the experiment has it.
    Metric(Option<i64>),
    /// Of the values of a param or a tag.
    Pair(&'static str, String),
    /// Of the names of runs.
    Name,
    /// Of the starts of runs.
    Start,
}

impl Index {
    /// The columns that the values are kept in.
    fn columns(&self) -> &'static [&'static str] {
        match self {
            Self::Metric(_) => &["o0.class", "o0.value"],
            Self::Pair(..) => &["substr(o0.value, 1, 200)"],
            Self::Name => &["substr(r.name, 1, 200)"],
            Self::Start => &["r.start_at"],
        }
    }

    fn table(&self) -> &'static str {
        match self {
            Self::Metric(_) => "latest_metric o0",
            Self::Pair("param", _) => "param o0",
            Self::Pair(..) => "tag o0",
            Self::Name | Self::Start => "run r",
        }
    }

    /// Whether its entries are of another table than the runs'.
    fn is_apart(&self) -> bool {
        matches!(self, Self::Metric(_) | Self::Pair(..))
    }

    /// Appends what its entries have in common.
    fn shared(&self, query: &mut Query, experiment: i64) {
        match self {
            Self::Metric(key) => query.push("o0.key = ").bind(*key),
            Self::Pair(_, key) => query
                .push("o0.experiment = ")
                .bind(experiment)
                .push(" AND o0.key = ")
                .bind(key),
            Self::Name | Self::Start => query.push("r.experiment = ").bind(experiment),
        };
    }

    /// Appends `(columns) SIGN (values)`, compared as one.
    fn compare(&self, query: &mut Query, sign: &str, values: &[Value]) {
        query
            .push(" AND (")
            .push(&self.columns().join(", "))
            .push(") ")
            .push(sign)
            .push(" ");
        query.bind_list(values.iter().cloned());
    }
}

#[derive(Debug)]
struct Cursor {
    experiment: i64,
    stage: i64,
    index: Index,
    /// Where the next values are; the end that was not read yet.
    position: Option<Vec<Value>>,
    /// The last values that the filter lets through.
    until: Option<Vec<Value>>,
    phase: Phase,
    step: u32,
    ready: VecDeque<Row>,
}

impl Cursor {
    fn new(
        tx: &mut Tx<'_>,
        question: &Question,
        experiment: i64,
        stage: i64,
        limits: Limits,
    ) -> Result<Self, TrackingError> {
        let after = question.paging.after.as_deref();
        let (mut position, until) = bounds(question)?;
        let mut phase = Phase::Values;
        let index = match &question.order.first.0 {
            Target::Metric(name) => {
                let keys = run_search::metric_keys(tx, &[experiment], name)?;
                if let Some([Value::Int(place), class, value, ..]) = after {
                    match place {
                        0 => position = Some(vec![class.clone(), value.clone()]),
                        1 => phase = Phase::Nan,
                        _ => phase = Phase::Missing,
                    }
                }
                Index::Metric(keys.first().copied())
            }
            target @ (Target::Param(name) | Target::Tag(name)) => {
                match after {
                    Some([Value::Int(0), Value::Text(text), ..]) => {
                        position = Some(vec![drive::prefix(text).into()]);
                    }
                    Some(_) => phase = Phase::Missing,
                    None => {}
                }
                let is_param = matches!(target, Target::Param(_));
                Index::Pair(if is_param { "param" } else { "tag" }, name.clone())
            }
            Target::Text(_) => {
                if let Some([Value::Text(text), ..]) = after {
                    position = Some(vec![drive::prefix(text).into()]);
                }
                Index::Name
            }
            Target::Time(_) | Target::Dataset(_) => {
                phase = Phase::Start;
                Index::Start
            }
        };
        let wanted = question.wanted().saturating_add(1);
        Ok(Self {
            experiment,
            stage,
            index,
            position,
            until,
            phase,
            step: limits.step.min(wanted).clamp(2, WIDEST),
            ready: VecDeque::new(),
        })
    }

    /// Reads on until a row is ready or nothing is left; `left` rows are enough for ever.
    fn fill(
        &mut self,
        tx: &mut Tx<'_>,
        question: &Question,
        left: usize,
    ) -> Result<(), TrackingError> {
        while self.ready.is_empty() && self.phase != Phase::Done {
            let rows = match self.phase {
                Phase::Values => self.values(tx, question, left)?,
                Phase::Nan => {
                    self.phase = Phase::Missing;
                    let nan = [Value::Int(NAN), Value::Real(0.0)];
                    self.block(tx, question, &nan, left)?
                }
                Phase::Missing => {
                    self.phase = Phase::Done;
                    if requires(question, &question.order.first.0) {
                        Vec::new()
                    } else {
                        self.missing(tx, question, left)?
                    }
                }
                Phase::Start => {
                    self.phase = Phase::Done;
                    self.by_start(tx, question, left)?
                }
                Phase::Done => Vec::new(),
            };
            self.ready.extend(rows);
        }
        Ok(())
    }

    /// The next values of the index in the order's direction, without a look at the runs: from the position on, or
    /// after a value.
    fn ahead(
        &self,
        tx: &mut Tx<'_>,
        question: &Question,
        after: Option<&[Value]>,
        limit: u32,
    ) -> Result<Vec<Vec<Value>>, DbError> {
        let is_ascending = question.order.first.1;
        let columns = self.index.columns();
        let mut query = Query::new("SELECT ");
        query
            .push(&columns.join(", "))
            .push(" FROM ")
            .push(self.index.table())
            .push(" WHERE ");
        self.index.shared(&mut query, self.experiment);
        self.no_nan(&mut query);
        match (after, &self.position) {
            (Some(value), _) => {
                let sign = if is_ascending { ">" } else { "<" };
                self.index.compare(&mut query, sign, value);
            }
            (None, Some(position)) => {
                let sign = if is_ascending { ">=" } else { "<=" };
                self.index.compare(&mut query, sign, position);
            }
            (None, None) => {}
        }
        if let Some(until) = &self.until {
            let sign = if is_ascending { "<=" } else { ">=" };
            self.index.compare(&mut query, sign, until);
        }
        let word = if is_ascending { " ASC" } else { " DESC" };
        query
            .push(" ORDER BY ")
            .push(&columns.join(&format!("{word}, ")))
            .push(word)
            .push(" LIMIT ")
            .bind(limit);
        tx.query(query.sql(), query.params())?
            .iter()
            .map(|row| match self.index {
                Index::Metric(_) => Ok(vec![Value::Int(row.get(0)?), Value::Real(row.get(1)?)]),
                Index::Pair(..) | Index::Name | Index::Start => Ok(vec![Value::Text(row.get(0)?)]),
            })
            .collect()
    }

    fn no_nan(&self, query: &mut Query) {
        if matches!(self.index, Index::Metric(_)) {
            query.push(" AND o0.class < ").bind(NAN);
        }
    }

    /// One step through the values.
    fn values(
        &mut self,
        tx: &mut Tx<'_>,
        question: &Question,
        left: usize,
    ) -> Result<Vec<Row>, TrackingError> {
        let ahead = self.ahead(tx, question, None, self.step)?;
        let (Some(first), Some(last)) = (ahead.first(), ahead.last()) else {
            self.end_values(question);
            return Ok(Vec::new());
        };
        let is_end = ahead.len() < self.step as usize;
        if !is_end && first == last {
            let rows = self.block(tx, question, first, left)?;
            let next = self.ahead(tx, question, Some(first), 1)?;
            match next.into_iter().next() {
                Some(next) => self.position = Some(next),
                None => self.end_values(question),
            }
            return Ok(rows);
        }
        let is_ascending = question.order.first.1;
        let (reached, not_yet) = if is_ascending {
            (">=", "<")
        } else {
            ("<=", ">")
        };
        let mut query = self.query(tx, question)?;
        self.no_nan(&mut query);
        self.index.compare(&mut query, reached, first);
        if !is_end {
            self.index.compare(&mut query, not_yet, last);
        }
        self.finish(tx, question, &mut query)?;
        query
            .order_by(question.sort())
            .push(" LIMIT ")
            .bind(limit(left));
        let rows = tx.query(query.sql(), query.params())?;
        if is_end {
            self.end_values(question);
        } else {
            self.position = Some(last.clone());
            self.step = self.step.saturating_mul(2).min(WIDEST);
        }
        Ok(rows)
    }

    fn end_values(&mut self, question: &Question) {
        self.phase = match question.order.first.0 {
            Target::Metric(_) => Phase::Nan,
            Target::Param(_) | Target::Tag(_) => Phase::Missing,
            Target::Text(_) | Target::Time(_) | Target::Dataset(_) => Phase::Done,
        };
    }

    /// The head of a query over the entries.
    fn query(&self, tx: &mut Tx<'_>, question: &Question) -> Result<Query, DbError> {
        let mut query = question.select();
        query.push(" FROM ").push(self.index.table());
        let is_apart = self.index.is_apart();
        if is_apart {
            // SQLite keeps the order of a cross join.
            query.push(" CROSS JOIN run r");
        }
        let skipped = usize::from(is_apart);
        let order = &question.order;
        run_search::joins(tx, &mut query, &[self.experiment], order, skipped)?;
        query.push(" WHERE ");
        self.index.shared(&mut query, self.experiment);
        if is_apart {
            query.push(" AND r.key = o0.run");
        }
        Ok(query)
    }

    /// Appends what every run must be.
    fn finish(
        &self,
        tx: &mut Tx<'_>,
        question: &Question,
        query: &mut Query,
    ) -> Result<(), TrackingError> {
        query.push(" AND r.stage = ").bind(self.stage);
        question.conditions(tx, query, &[self.experiment])
    }

    /// The runs with one value.
    fn block(
        &self,
        tx: &mut Tx<'_>,
        question: &Question,
        value: &[Value],
        left: usize,
    ) -> Result<Vec<Row>, TrackingError> {
        let mut query = self.query(tx, question)?;
        self.index.compare(&mut query, "=", value);
        // Within the value that the page before ended in, the index can be entered where that page ended.
        let is_cut = matches!(value, [Value::Text(text)] if text.chars().count() >= 200);
        let by_index = question.order.ends_by_start() && !is_cut && self.index.is_apart();
        if by_index && let Some(start) = Self::start_within(question, value) {
            query.push(" AND o0.start_neg >= ").bind(-start);
        }
        self.finish(tx, question, &mut query)?;
        if by_index {
            query.push(" ORDER BY o0.start_neg, o0.run");
        } else {
            query.order_by(question.sort());
        }
        query.push(" LIMIT ").bind(limit(left));
        Ok(tx.query(query.sql(), query.params())?)
    }

    /// The start of the last run before the page, when it had this value.
    fn start_within(question: &Question, value: &[Value]) -> Option<i64> {
        let key = question.paging.after.as_deref()?;
        let is_same = match (key, value) {
            ([Value::Int(1), ..], [Value::Int(class), _]) => *class == NAN,
            ([Value::Int(0), class, real, ..], [_, _]) => [class, real] == [&value[0], &value[1]],
            ([Value::Int(0), text, ..], [_]) => *text == value[0],
            _ => false,
        };
        match key.get(question.order.width) {
            Some(Value::Int(start)) if is_same => Some(*start),
            _ => None,
        }
    }

    /// The runs without what is ordered by.
    fn missing(
        &self,
        tx: &mut Tx<'_>,
        question: &Question,
        left: usize,
    ) -> Result<Vec<Row>, TrackingError> {
        let is_later = |key: &[Value]| match &question.order.first.0 {
            Target::Metric(_) => key.first() == Some(&Value::Int(2)),
            _ => key.first() == Some(&Value::Int(1)),
        };
        let mut query = question.select();
        query.push(" FROM run r");
        run_search::joins(tx, &mut query, &[self.experiment], &question.order, 0)?;
        query
            .push(" WHERE r.experiment = ")
            .bind(self.experiment)
            .push(" AND o0.run IS NULL");
        if question.order.ends_by_start() {
            if let Some(key) = question.paging.after.as_deref().filter(|key| is_later(key))
                && let Some(start) = key.get(question.order.width)
            {
                query.push(" AND r.start_at <= ").bind(start.clone());
            }
            self.finish(tx, question, &mut query)?;
            query.push(" ORDER BY r.start_at DESC, r.key");
        } else {
            self.finish(tx, question, &mut query)?;
            query.order_by(question.sort());
        }
        query.push(" LIMIT ").bind(limit(left));
        Ok(tx.query(query.sql(), query.params())?)
    }

    /// The runs by their start.
    fn by_start(
        &self,
        tx: &mut Tx<'_>,
        question: &Question,
        left: usize,
    ) -> Result<Vec<Row>, TrackingError> {
        let mut query = question.select();
        query.push(" FROM run r");
        run_search::joins(tx, &mut query, &[self.experiment], &question.order, 0)?;
        query.push(" WHERE r.experiment = ").bind(self.experiment);
        if let Some([start, ..]) = question.paging.after.as_deref() {
            let sign = if question.order.first.1 {
                " >= "
            } else {
                " <= "
            };
            query.push(" AND r.start_at").push(sign).bind(start.clone());
        }
        self.finish(tx, question, &mut query)?;
        query
            .order_by(question.sort())
            .push(" LIMIT ")
            .bind(limit(left));
        Ok(tx.query(query.sql(), query.params())?)
    }
}

/// Values of an index that a walk does not go beyond.
type Bound = Option<Vec<Value>>;

/// Where the values of a metric that the filter lets through begin and end, in the order's direction.
fn bounds(question: &Question) -> Result<(Bound, Bound), TrackingError> {
    let (target, is_ascending) = &question.order.first;
    let (mut low, mut high) = (None, None);
    if matches!(target, Target::Metric(_)) {
        for comparison in &question.comparisons {
            if run_search::target(&comparison.field, "filter")? != *target {
                continue;
            }
            let bound = Some(vec![
                Value::Int(0),
                Value::Real(search::number(comparison)?),
            ]);
            match comparison.operator {
                Operator::Greater | Operator::GreaterOrEqual => low = bound,
                Operator::Less | Operator::LessOrEqual => high = bound,
                Operator::Equal => (low, high) = (bound.clone(), bound),
                _ => {}
            }
        }
    }
    Ok(if *is_ascending {
        (low, high)
    } else {
        (high, low)
    })
}

fn limit(left: usize) -> i64 {
    i64::try_from(left).unwrap_or(i64::MAX)
}
