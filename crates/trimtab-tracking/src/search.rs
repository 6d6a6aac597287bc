//! What the searches share: from comparisons to conditions, and pages.

use trimtab_db::{Query, Row, SortColumn, SortKind, Value, token_after, token_key};
use trimtab_types::{
    Page,
    filter::{Comparison, Literal, Operator},
};

use crate::{TrackingError, View, sql::NAN};

/// How long a search may take; what needs longer must be narrowed by its caller.
pub(crate) const BUDGET: std::time::Duration = std::time::Duration::from_secs(1);

/// A page that was asked for.
#[derive(Debug)]
pub(crate) struct Paging {
    pub(crate) after: Option<Vec<Value>>,
    pub(crate) limit: u32,
}

pub(crate) fn paging(
    sort: &[SortColumn],
    token: Option<&str>,
    limit: u32,
    default: u32,
    most: u32,
) -> Result<Paging, TrackingError> {
    if limit > most {
        return Err(TrackingError::invalid(
            "max_results",
            format!(
                "Invalid value for request parameter max_results. It must be at most {most}, but got value {limit}"
            ),
        ));
    }
    let after = match token {
        Some(token) if !token.is_empty() => Some(token_key(sort, token)?),
        Some(_) | None => None,
    };
    Ok(Paging {
        after,
        limit: if limit == 0 { default } else { limit },
    })
}

/// Cuts the extra row off and makes the token of the next page; sort columns stand from `first` on.
pub(crate) fn page<T>(
    mut rows: Vec<Row>,
    paging: &Paging,
    sort: &[SortColumn],
    first: usize,
    mut read: impl FnMut(&Row) -> Result<T, TrackingError>,
) -> Result<Page<T>, TrackingError> {
    let limit = paging.limit as usize;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = match rows.last() {
        Some(row) if has_more => Some(token_after(sort, row, first)?),
        Some(_) | None => None,
    };
    let items = rows.iter().map(&mut read).collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}

pub(crate) fn view(query: &mut Query, column: &str, view: View) {
    match view {
        View::ActiveOnly => query.push(column).push(" = 0"),
        View::DeletedOnly => query.push(column).push(" = 1"),
        View::All => query.push(column).push(" IN (0, 1)"),
    };
}

pub(crate) fn sort(
    expression: impl Into<String>,
    kind: SortKind,
    is_ascending: bool,
) -> SortColumn {
    SortColumn {
        expression: expression.into(),
        kind,
        is_ascending,
    }
}

pub(crate) fn comparator(comparison: &Comparison, valid: &str) -> TrackingError {
    TrackingError::invalid(
        "filter",
        format!(
            "Invalid comparator '{}' for '{}', not one of {valid}",
            comparison.operator.as_str(),
            comparison.field
        ),
    )
}

/// The number of a numeric comparison.
pub(crate) fn number(comparison: &Comparison) -> Result<f64, TrackingError> {
    if !comparison.operator.is_numeric() {
        return Err(comparator(comparison, "=, !=, <, <=, >, >="));
    }
    let number = match &comparison.value {
        Literal::Number(text) => text.parse::<f64>().ok().filter(|number| number.is_finite()),
        Literal::Nothing | Literal::Text(_) | Literal::List(_) => None,
    };
    number.ok_or_else(|| {
        TrackingError::invalid(
            "filter",
            format!("Expected numeric value type for '{}'", comparison.field),
        )
    })
}

/// Checks a comparison with a quoted text (`= != LIKE ILIKE`, and on request lists or null tests).
pub(crate) fn text(
    comparison: &Comparison,
    takes_list: bool,
    takes_null: bool,
) -> Result<(), TrackingError> {
    let operator = comparison.operator;
    let is_null_test = matches!(operator, Operator::IsNull | Operator::IsNotNull);
    if is_null_test && takes_null {
        return Ok(());
    }
    if operator.takes_list() {
        return if takes_list {
            Ok(())
        } else {
            Err(TrackingError::invalid(
                "filter",
                format!(
                    "'{}' does not support comparison with a list of quoted string values",
                    comparison.field
                ),
            ))
        };
    }
    if is_null_test || !operator.is_textual() {
        return Err(comparator(comparison, "=, !=, LIKE, ILIKE"));
    }
    match comparison.value {
        Literal::Text(_) => Ok(()),
        Literal::Number(_) | Literal::Nothing | Literal::List(_) => Err(TrackingError::invalid(
            "filter",
            format!(
                "Expected a quoted string value for '{}' (e.g. 'my-value')",
                comparison.field
            ),
        )),
    }
}

/// Appends a comparison of a stored metric value `(class, value)`; NaN is unequal to every number and nothing else.
pub(crate) fn metric_value(query: &mut Query, alias: &str, operator: Operator, number: f64) {
    let class = format!("{alias}.class");
    let plain = |query: &mut Query| {
        query
            .push("(")
            .push(&class)
            .push(" = 0 AND ")
            .push(alias)
            .push(".value ")
            .push(if operator == Operator::NotEqual {
                "<>"
            } else {
                operator.as_str()
            })
            .push(" ")
            .bind(number)
            .push(")");
    };
    query.push("(");
    plain(query);
    match operator {
        Operator::Greater | Operator::GreaterOrEqual => {
            query.push(" OR ").push(&class).push(" = 1");
        }
        Operator::Less | Operator::LessOrEqual => {
            query.push(" OR ").push(&class).push(" = -1");
        }
        Operator::NotEqual => {
            query.push(" OR ").push(&class).push(" <> 0");
        }
        Operator::Equal
        | Operator::Like
        | Operator::ILike
        | Operator::In
        | Operator::NotIn
        | Operator::IsNull
        | Operator::IsNotNull => {}
    }
    query.push(")");
}

/// The order of a metric that a row may lack: values, then NaN, then rows without it, in both directions.
pub(crate) fn metric_order(
    presence: &str,
    class: &str,
    value: &str,
    is_ascending: bool,
) -> [SortColumn; 3] {
    [
        sort(
            format!("CASE WHEN {presence} IS NULL THEN 2 WHEN {class} = {NAN} THEN 1 ELSE 0 END"),
            SortKind::Int,
            true,
        ),
        sort(
            format!("CASE WHEN {class} = {NAN} THEN 0 ELSE COALESCE({class}, 0) END"),
            SortKind::Int,
            is_ascending,
        ),
        sort(
            format!("COALESCE({value}, 0.0)"),
            SortKind::Real,
            is_ascending,
        ),
    ]
}

/// The order of a column that may be NULL: NULLs come last in both directions.
pub(crate) fn nullable_order(column: &str, kind: SortKind, is_ascending: bool) -> [SortColumn; 2] {
    let filler = match kind {
        SortKind::Int | SortKind::Real => "0",
        SortKind::Text => "''",
    };
    [
        sort(
            format!("CASE WHEN {column} IS NULL THEN 1 ELSE 0 END"),
            SortKind::Int,
            true,
        ),
        sort(format!("COALESCE({column}, {filler})"), kind, is_ascending),
    ]
}
