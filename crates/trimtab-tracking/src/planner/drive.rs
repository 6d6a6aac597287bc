//! Candidates: the runs that meet the most selective of the clauses that have an index.

use trimtab_db::{DbError, Query, Tx};
use trimtab_types::filter::{Comparison, Literal, Operator};

use super::{Limits, Question};
use crate::{
    TrackingError,
    run_search::{self, Target},
    search,
};

/// The runs among which all that match are, when some way finds that they are few; the others are for tests by key.
pub(super) fn candidates(
    tx: &mut Tx<'_>,
    question: &Question,
    experiments: &[i64],
    limits: Limits,
) -> Result<Option<Vec<i64>>, TrackingError> {
    let all = of_view(question, experiments);
    let mut best = (probe(tx, &all, limits)?, all);
    if best.0 > limits.few {
        let mut probed = 0;
        for comparison in &question.comparisons {
            if probed == limits.probes {
                break;
            }
            let Some(source) = of_comparison(tx, question, experiments, comparison)? else {
                continue;
            };
            probed += 1;
            let found = probe(tx, &source, limits)?;
            if found < best.0 {
                best = (found, source);
            }
            // Nothing to gain any more.
            if found <= 16 {
                break;
            }
        }
    }
    if best.0 > limits.few {
        return Ok(None);
    }
    let mut keys = tx
        .query(best.1.sql(), best.1.params())?
        .iter()
        .map(|row| row.get(0))
        .collect::<Result<Vec<i64>, DbError>>()?;
    keys.sort_unstable();
    keys.dedup();
    Ok(Some(keys))
}

/// How many rows a source has, counted to one more than are few.
fn probe(tx: &mut Tx<'_>, source: &Query, limits: Limits) -> Result<u32, DbError> {
    let mut query = Query::new("SELECT COUNT(*) FROM (");
    let mut inner = source.clone();
    inner.push(" LIMIT ").bind(limits.few + 1);
    query.push(inner.sql()).push(") s");
    tx.query_one(query.sql(), inner.params())?.get(0)
}

fn of_view(question: &Question, experiments: &[i64]) -> Query {
    let mut query = Query::new("SELECT r.key FROM run r WHERE r.experiment IN ");
    query.bind_list(experiments.iter().copied()).push(" AND ");
    search::view(&mut query, "r.stage", question.view);
    query
}

/// The keys of runs that may meet a comparison, by an index; `None` where there is none, or it would choose nothing.
fn of_comparison(
    tx: &mut Tx<'_>,
    question: &Question,
    experiments: &[i64],
    comparison: &Comparison,
) -> Result<Option<Query>, TrackingError> {
    let (operator, value) = (comparison.operator, &comparison.value);
    let source = match run_search::target(&comparison.field, "filter")? {
        Target::Metric(name) => {
            let keys = run_search::metric_keys(tx, experiments, &name)?;
            of_metric(&keys, operator, search::number(comparison)?)
        }
        Target::Param(name) => of_pairs("param", &name, experiments, operator, value),
        Target::Tag(name) => of_pairs("tag", &name, experiments, operator, value),
        Target::Text("r.id") => of_ids(question, operator, value),
        Target::Text("r.name") => of_name(experiments, operator, value),
        Target::Time("r.start_at") => {
            let (from, to, is_negated) = run_search::span(operator, search::number(comparison)?);
            (!is_negated).then(|| {
                let mut query = of_view(question, experiments);
                query.push(" AND r.start_at >= ").bind(from);
                query.push(" AND r.start_at < ").bind(to);
                query
            })
        }
        Target::Dataset(column) if column != "i.context" => {
            let mut query = Query::new(
                "SELECT i.run FROM dataset d JOIN run_dataset i ON i.dataset = d.key WHERE d.experiment IN ",
            );
            query.bind_list(experiments.iter().copied()).push(" AND ");
            query.text(column, operator, value);
            Some(query)
        }
        Target::Text(_) | Target::Time(_) | Target::Dataset(_) => None,
    };
    Ok(source)
}

fn of_metric(keys: &[i64], operator: Operator, number: f64) -> Option<Query> {
    let class = match operator {
        Operator::Greater | Operator::GreaterOrEqual => Some(1),
        Operator::Less | Operator::LessOrEqual => Some(-1),
        Operator::Equal => None,
        _ => return None,
    };
    let mut query = Query::new("SELECT o.run FROM latest_metric o WHERE o.key IN ");
    query
        .bind_list(keys.iter().copied())
        .push(" AND o.class = 0 AND o.value ")
        .push(operator.as_str())
        .push(" ")
        .bind(number);
    if let Some(class) = class {
        query
            .push(" UNION ALL SELECT o.run FROM latest_metric o WHERE o.key IN ")
            .bind_list(keys.iter().copied())
            .push(" AND o.class = ")
            .bind(class);
    }
    Some(query)
}

/// How much of a text the indexes hold.
pub(super) fn prefix(text: &str) -> String {
    text.chars().take(200).collect()
}

fn of_pairs(
    table: &str,
    key: &str,
    experiments: &[i64],
    operator: Operator,
    value: &Literal,
) -> Option<Query> {
    if operator == Operator::IsNull {
        return None;
    }
    let mut query = Query::new("SELECT p.run FROM ");
    query
        .push(table)
        .push(" p WHERE p.experiment IN ")
        .bind_list(experiments.iter().copied())
        .push(" AND p.key = ")
        .bind(key);
    if let (Operator::Equal, Literal::Text(text)) = (operator, value) {
        query
            .push(" AND substr(p.value, 1, 200) = ")
            .bind(prefix(text))
            .push(" AND p.value = ")
            .bind(text);
    }
    Some(query)
}

fn of_ids(question: &Question, operator: Operator, value: &Literal) -> Option<Query> {
    if !matches!(operator, Operator::Equal | Operator::In) {
        return None;
    }
    let mut query = Query::new("SELECT r.key FROM run r WHERE r.workspace_id = ");
    query.bind(&question.workspace).push(" AND ");
    query.text("r.id", operator, value).then_some(query)
}

fn of_name(experiments: &[i64], operator: Operator, value: &Literal) -> Option<Query> {
    let (Operator::Equal, Literal::Text(text)) = (operator, value) else {
        return None;
    };
    let mut query = Query::new("SELECT r.key FROM run r WHERE r.experiment IN ");
    query
        .bind_list(experiments.iter().copied())
        .push(" AND substr(r.name, 1, 200) = ")
        .bind(prefix(text))
        .push(" AND r.name = ")
        .bind(text);
    Some(query)
}
