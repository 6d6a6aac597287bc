//! Search over runs.

use trimtab_db::{DbError, Query, SortColumn, SortKind, Tx};
use trimtab_types::{
    Page, Scope,
    filter::{Comparison, Field, Literal, Operator, parse_filter, parse_order},
};

use crate::{
    Run, RunSearch, Tracking, TrackingError, columns,
    planner::{self, Question},
    run_rows, search,
};

const DEFAULT: u32 = 1_000;
const MOST: u32 = 50_000;
/// How many order clauses a search may have; each metric, param or tag among them is a join.
const ORDERS: usize = 20;

impl Tracking {
    /// Runs of some experiments that match a filter (`metrics.KEY`, `params.KEY`, `tags.KEY`, `datasets.…`,
    /// attributes), in an order, a page at a time.
    pub async fn search_runs(
        &self,
        scope: &Scope,
        search: RunSearch,
    ) -> Result<Page<Run>, TrackingError> {
        let comparisons = parse_filter(&search.filter)?;
        for comparison in &comparisons {
            check(comparison)?;
        }
        let order = Order::read(&search.order_by)?;
        let paging = search::paging(
            &order.columns,
            search.page_token.as_deref(),
            search.limit,
            DEFAULT,
            MOST,
        )?;
        let question = Question {
            workspace: scope.workspace.clone(),
            experiments: search.experiments,
            view: search.view,
            comparisons,
            order,
            paging,
        };
        let asked = search.columns;
        self.db()
            .read_within(search::BUDGET, move |tx| {
                let page = planner::find(tx, &question, planner::Limits::default())?;
                Ok(Page {
                    items: match &asked {
                        Some(asked) => columns::read(tx, &page.items, asked)?,
                        None => run_rows::read(tx, &page.items)?,
                    },
                    next: page.next,
                })
            })
            .await
    }
}

/// What a field names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Metric(String),
    Param(String),
    Tag(String),
    Text(&'static str),
    Time(&'static str),
    Dataset(&'static str),
}

pub(crate) fn target(field: &Field, part: &'static str) -> Result<Target, TrackingError> {
    let key = field.key.clone();
    match field.entity.as_deref() {
        Some("metric" | "metrics") => Ok(Target::Metric(key)),
        Some("param" | "params" | "parameter" | "parameters") => Ok(Target::Param(key)),
        Some("tag" | "tags") => Ok(Target::Tag(key)),
        Some("dataset" | "datasets") => match key.as_str() {
            "name" => Ok(Target::Dataset("d.name")),
            "digest" => Ok(Target::Dataset("d.digest")),
            "context" => Ok(Target::Dataset("i.context")),
            _ => Err(TrackingError::invalid(
                part,
                format!(
                    "Invalid dataset key '{key}' specified. Valid keys are 'name', 'digest', 'context'"
                ),
            )),
        },
        None | Some("attribute" | "attributes" | "attr" | "run") => match key.as_str() {
            "run_id" => Ok(Target::Text("r.id")),
            "run_name" | "run name" | "Run name" | "Run Name" => Ok(Target::Text("r.name")),
            "user_id" => Ok(Target::Text("r.user_id")),
            "status" => Ok(Target::Text("r.status")),
            "artifact_uri" => Ok(Target::Text("r.artifact_uri")),
            "start_time" | "created" | "Created" => Ok(Target::Time("r.start_at")),
            "end_time" => Ok(Target::Time("r.end_at")),
            _ => Err(TrackingError::invalid(
                part,
                format!(
                    "Invalid attribute key '{key}' specified. Valid keys are 'run_id', 'run_name', 'user_id', 'status', 'artifact_uri', 'start_time', 'end_time', 'created'"
                ),
            )),
        },
        Some(entity) => Err(TrackingError::invalid(
            part,
            format!(
                "Invalid entity type '{entity}'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']"
            ),
        )),
    }
}

fn check(comparison: &Comparison) -> Result<(), TrackingError> {
    match target(&comparison.field, "filter")? {
        Target::Metric(_) | Target::Time(_) => search::number(comparison).map(|_| ()),
        Target::Param(_) | Target::Tag(_) => search::text(comparison, false, true),
        Target::Text(column) => search::text(comparison, column == "r.id", false),
        Target::Dataset(_) => search::text(comparison, true, false),
    }
}

/// A checked order.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) columns: Vec<SortColumn>,
    /// What is joined as `o0`, `o1`, … to be ordered by.
    pub(crate) joins: Vec<Target>,
    /// What is ordered by first, and whether upwards.
    pub(crate) first: (Target, bool),
    /// How many of the columns belong to it.
    pub(crate) width: usize,
}

impl Order {
    /// Whether ties of the first clause are broken by start (newest first), then by age, as an index can give them.
    pub(crate) fn ends_by_start(&self) -> bool {
        matches!(&self.columns[self.width..], [start, key]
            if start.expression == "r.start_at" && !start.is_ascending && key.expression == "r.key")
    }

    pub(crate) fn read(clauses: &[String]) -> Result<Self, TrackingError> {
        let mut order = Self {
            columns: Vec::new(),
            joins: Vec::new(),
            first: (Target::Time("r.start_at"), false),
            width: 1,
        };
        if clauses.len() > ORDERS {
            return Err(TrackingError::invalid(
                "order_by",
                format!("at most {ORDERS} order clauses"),
            ));
        }
        let mut seen = Vec::new();
        for clause in clauses {
            let clause = parse_order(clause)?;
            let target = target(&clause.field, "order_by")?;
            if seen.contains(&target) {
                return Err(TrackingError::invalid(
                    "order_by",
                    format!("`order_by` contains duplicate fields: {}", clause.field),
                ));
            }
            let up = clause.is_ascending;
            let alias = format!("o{}", order.joins.len());
            let columns: Vec<SortColumn> = match &target {
                Target::Metric(_) => {
                    order.joins.push(target.clone());
                    search::metric_order(
                        &format!("{alias}.run"),
                        &format!("{alias}.class"),
                        &format!("{alias}.value"),
                        up,
                    )
                    .into()
                }
                Target::Param(_) | Target::Tag(_) => {
                    order.joins.push(target.clone());
                    search::nullable_order(&format!("{alias}.value"), SortKind::Text, up).into()
                }
                Target::Text(column) => vec![search::sort(*column, SortKind::Text, up)],
                Target::Time("r.start_at") => vec![search::sort("r.start_at", SortKind::Int, up)],
                Target::Time(column) => search::nullable_order(column, SortKind::Int, up).into(),
                Target::Dataset(_) => {
                    return Err(TrackingError::invalid(
                        "order_by",
                        "Invalid order_by entity: dataset",
                    ));
                }
            };
            if seen.is_empty() {
                order.first = (target.clone(), up);
                order.width = columns.len();
            }
            order.columns.extend(columns);
            seen.push(target);
        }
        if !seen.contains(&Target::Time("r.start_at")) {
            order
                .columns
                .push(search::sort("r.start_at", SortKind::Int, false));
        }
        // The order of creation, as the ids of runs made here are too; indexes hold it for nothing.
        order
            .columns
            .push(search::sort("r.key", SortKind::Int, true));
        Ok(order)
    }
}

pub(crate) fn metric_keys(
    tx: &mut Tx<'_>,
    experiments: &[i64],
    name: &str,
) -> Result<Vec<i64>, DbError> {
    let mut query = Query::new("SELECT key FROM metric_key WHERE experiment IN ");
    query
        .bind_list(experiments.iter().copied())
        .push(" AND name = ")
        .bind(name);
    tx.query(query.sql(), query.params())?
        .iter()
        .map(|row| row.get(0))
        .collect()
}

/// Appends the joins of what is ordered by, from the `skipped`th on.
pub(crate) fn joins(
    tx: &mut Tx<'_>,
    query: &mut Query,
    experiments: &[i64],
    order: &Order,
    skipped: usize,
) -> Result<(), DbError> {
    for (i, join) in order.joins.iter().enumerate().skip(skipped) {
        match join {
            Target::Metric(name) => {
                let keys = metric_keys(tx, experiments, name)?;
                query
                    .push(&format!(
                        " LEFT JOIN latest_metric o{i} ON o{i}.run = r.key AND o{i}.key IN "
                    ))
                    .bind_list(keys);
            }
            Target::Param(name) | Target::Tag(name) => {
                let table = if matches!(join, Target::Param(_)) {
                    "param"
                } else {
                    "tag"
                };
                query
                    .push(&format!(
                        " LEFT JOIN {table} o{i} ON o{i}.run = r.key AND o{i}.key = "
                    ))
                    .bind(name);
            }
            Target::Text(_) | Target::Time(_) | Target::Dataset(_) => {}
        }
    }
    Ok(())
}

/// The microseconds `[from, to)` whose milliseconds compare so with a number, and whether it is all others instead.
#[expect(
    clippy::cast_possible_truncation,
    reason = "casts of doubles saturate, which keeps the comparison right"
)]
pub(crate) fn span(operator: Operator, number: f64) -> (i64, i64, bool) {
    let micros = |millis: f64| (millis as i64).saturating_mul(1_000);
    let (floor, ceil) = (number.floor(), number.ceil());
    match operator {
        Operator::Greater => (micros(floor + 1.0), i64::MAX, false),
        Operator::GreaterOrEqual => (micros(ceil), i64::MAX, false),
        Operator::Less => (i64::MIN, micros(ceil), false),
        Operator::LessOrEqual => (i64::MIN, micros(floor + 1.0), false),
        _ => {
            let is_negated = operator == Operator::NotEqual;
            (micros(ceil), micros(floor + 1.0), is_negated)
        }
    }
}

pub(crate) fn condition(
    tx: &mut Tx<'_>,
    query: &mut Query,
    experiments: &[i64],
    comparison: &Comparison,
) -> Result<(), TrackingError> {
    let (operator, value) = (comparison.operator, &comparison.value);
    query.push(" AND ");
    match target(&comparison.field, "filter")? {
        Target::Metric(name) => {
            let keys = metric_keys(tx, experiments, &name)?;
            query
                .push("EXISTS (SELECT 1 FROM latest_metric m WHERE m.run = r.key AND m.key IN ")
                .bind_list(keys)
                .push(" AND ");
            search::metric_value(query, "m", operator, search::number(comparison)?);
            query.push(")");
        }
        target @ (Target::Param(_) | Target::Tag(_)) => {
            let table = if matches!(target, Target::Param(_)) {
                "param"
            } else {
                "tag"
            };
            query
                .push(if operator == Operator::IsNull {
                    "NOT EXISTS ("
                } else {
                    "EXISTS ("
                })
                .push("SELECT 1 FROM ")
                .push(table)
                .push(" p WHERE p.run = r.key AND p.key = ")
                .bind(&comparison.field.key);
            if *value != Literal::Nothing {
                query.push(" AND ");
                query.text("p.value", operator, value);
            }
            query.push(")");
        }
        Target::Text(column) => {
            query.text(column, operator, value);
        }
        Target::Time(column) => {
            let (from, to, is_negated) = span(operator, search::number(comparison)?);
            let (low, word, high) = if is_negated {
                (" < ", " OR ", " >= ")
            } else {
                (" >= ", " AND ", " < ")
            };
            query.push("(").push(column).push(low).bind(from).push(word);
            query.push(column).push(high).bind(to).push(")");
        }
        Target::Dataset(column) => {
            query.push("EXISTS (SELECT 1 FROM run_dataset i JOIN dataset d ON d.key = i.dataset WHERE i.run = r.key AND ");
            query.text(column, operator, value);
            query.push(")");
        }
    }
    Ok(())
}
