//! Search over logged models.

use trimtab_db::{Query, SortColumn, SortKind, Tx};
use trimtab_types::{
    Page, Scope, WorkspaceId,
    filter::{Comparison, Literal, Operator, parse_filter},
};

use crate::{
    DatasetRef, LoggedModel, LoggedModelOrder, LoggedModelSearch, LoggedModelStatus, Tracking,
    TrackingError, experiments, logged_models,
    search::{self, Paging},
};

impl Tracking {
    /// Logged models of some experiments that match a filter (`metrics.KEY`, `params.KEY`, `tags.KEY`, attributes),
    /// in an order, a page at a time.
    pub async fn search_logged_models(
        &self,
        scope: &Scope,
        search: LoggedModelSearch,
    ) -> Result<Page<LoggedModel>, TrackingError> {
        let comparisons = parse_filter(&search.filter)?;
        for comparison in &comparisons {
            target(comparison)?;
        }
        let sort = order(&search.order_by)?;
        let paging = search::paging(
            &sort,
            search.page_token.as_deref(),
            search.limit,
            100,
            10_000,
        )?;
        let workspace = scope.workspace.clone();
        self.db()
            .read_within(search::BUDGET, move |tx| {
                run(tx, &workspace, &search, &comparisons, &sort, &paging)
            })
            .await
    }
}

enum Target {
    Metric(f64),
    Param,
    Tag,
    Text(&'static str),
    Status,
    Time(&'static str, f64),
}

fn attribute(key: &str) -> Option<(&'static str, SortKind)> {
    Some(match key {
        "name" => ("l.name", SortKind::Text),
        "model_id" => ("l.id", SortKind::Text),
        "model_type" => ("l.model_type", SortKind::Text),
        "source_run_id" => ("l.source_run", SortKind::Text),
        "status" => ("l.status", SortKind::Int),
        "creation_timestamp" | "creation_time" | "creation_timestamp_ms" => {
            ("l.created_at", SortKind::Int)
        }
        "last_updated_timestamp" | "last_updated_time" | "last_updated_timestamp_ms" => {
            ("l.updated_at", SortKind::Int)
        }
        _ => return None,
    })
}

fn target(comparison: &Comparison) -> Result<Target, TrackingError> {
    match comparison.field.entity.as_deref() {
        Some("metric" | "metrics") => Ok(Target::Metric(search::number(comparison)?)),
        Some("param" | "params" | "parameter" | "parameters") => {
            search::text(comparison, true, false).map(|()| Target::Param)
        }
        Some("tag" | "tags") => search::text(comparison, true, false).map(|()| Target::Tag),
        None | Some("attribute" | "attributes" | "attr") => {
            match attribute(&comparison.field.key) {
                Some((_, SortKind::Int)) if comparison.field.key == "status" => {
                    search::text(comparison, true, false).map(|()| Target::Status)
                }
                Some((column, SortKind::Int | SortKind::Real)) => {
                    Ok(Target::Time(column, search::number(comparison)?))
                }
                Some((column, SortKind::Text)) => {
                    search::text(comparison, true, false).map(|()| Target::Text(column))
                }
                None => Err(TrackingError::invalid(
                    "filter",
                    format!(
                        "Invalid attribute key '{}' specified.",
                        comparison.field.key
                    ),
                )),
            }
        }
        Some(entity) => Err(TrackingError::invalid(
            "filter",
            format!(
                "Invalid entity type '{entity}'. Valid values are 'metrics', 'params', 'tags', 'attributes'"
            ),
        )),
    }
}

fn order(clauses: &[LoggedModelOrder]) -> Result<Vec<SortColumn>, TrackingError> {
    let mut columns: Vec<SortColumn> = Vec::new();
    let mut add = |column: SortColumn| {
        if columns
            .iter()
            .all(|known| known.expression != column.expression)
        {
            columns.push(column);
        }
    };
    for (i, clause) in clauses.iter().enumerate() {
        let invalid = |message: String| TrackingError::invalid("order_by", message);
        if clause
            .dataset
            .as_ref()
            .is_some_and(|dataset| dataset.name.is_empty())
        {
            return Err(invalid(
                "`dataset_digest` can only be specified if `dataset_name` is also specified."
                    .to_owned(),
            ));
        }
        if let Some((entity, _)) = clause.field.split_once('.') {
            if entity != "metrics" {
                return Err(invalid(format!(
                    "Invalid order by field name: {entity}, only `metrics.<name>` is allowed."
                )));
            }
            let (class, value) = (format!("s.class_{i}"), format!("s.value_{i}"));
            search::metric_order(&class, &class, &value, clause.is_ascending)
                .into_iter()
                .for_each(&mut add);
        } else {
            let (column, kind) = attribute(clause.field.trim()).ok_or_else(|| {
                invalid(format!("Invalid order by field name: {}.", clause.field))
            })?;
            let column = column.replace("l.", "s.a_");
            search::nullable_order(&column, kind, clause.is_ascending)
                .into_iter()
                .for_each(&mut add);
        }
    }
    add(search::sort("s.a_created_at", SortKind::Int, false));
    add(search::sort("s.a_id", SortKind::Text, true));
    Ok(columns)
}

fn dataset_condition(query: &mut Query, dataset: &DatasetRef) {
    query.push("(m.dataset_name = ").bind(&dataset.name);
    if !dataset.digest.is_empty() {
        query.push(" AND m.dataset_digest = ").bind(&dataset.digest);
    }
    query.push(")");
}

fn any_dataset(query: &mut Query, datasets: &[DatasetRef]) {
    if datasets.is_empty() {
        return;
    }
    query.push(" AND (");
    for (i, dataset) in datasets.iter().enumerate() {
        if i > 0 {
            query.push(" OR ");
        }
        dataset_condition(query, dataset);
    }
    query.push(")");
}

fn run(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    search: &LoggedModelSearch,
    comparisons: &[Comparison],
    sort: &[SortColumn],
    paging: &Paging,
) -> Result<Page<LoggedModel>, TrackingError> {
    if search.experiments.is_empty() || search.datasets.len() > 100 || search.order_by.len() > 20 {
        return if search.experiments.is_empty() {
            Ok(Page::last(Vec::new()))
        } else {
            Err(TrackingError::invalid(
                "datasets",
                "at most 100 datasets and 20 order clauses",
            ))
        };
    }
    let experiments = experiments::keys_of(tx, workspace, &search.experiments)?;
    if experiments.is_empty() {
        return Ok(Page::last(Vec::new()));
    }
    // The inner query computes what is ordered by; the outer one compares it with the page token and cuts the page.
    let outer = logged_models::COLUMNS
        .replace("l.", "s.a_")
        .replace("e.id", "s.experiment_id");
    let mut query = Query::new(format!("SELECT {outer}"));
    for column in sort {
        query.push(", ").push(&column.expression);
    }
    query.push(" FROM (SELECT ");
    for (i, column) in logged_models::COLUMNS.split(", ").enumerate() {
        let name = if column == "e.id" {
            "experiment_id".to_owned()
        } else {
            column.replace("l.", "a_")
        };
        query
            .push(if i > 0 { ", " } else { "" })
            .push(column)
            .push(" AS ")
            .push(&name);
    }
    for (i, clause) in search.order_by.iter().enumerate() {
        let Some((_, key)) = clause.field.split_once('.') else {
            continue;
        };
        for what in ["class", "value"] {
            query.push(&format!(
                ", (SELECT m.{what} FROM logged_model_metric m WHERE m.model = l.key AND m.key = "
            ));
            query.bind(key.trim_matches(['`', '"']));
            if let Some(dataset) = &clause.dataset {
                query.push(" AND ");
                dataset_condition(&mut query, dataset);
            }
            query.push(&format!(" ORDER BY m.at_ms DESC, m.step DESC, m.run, m.dataset_name, m.dataset_digest LIMIT 1) AS {what}_{i}"));
        }
    }
    query
        .push(" FROM logged_model l JOIN experiment e ON e.key = l.experiment WHERE e.workspace_id = ")
        .bind(workspace)
        .push(" AND l.experiment IN ")
        .bind_list(experiments.iter().copied())
        .push(" AND l.stage = 0");
    let mut has_metric = false;
    for comparison in comparisons {
        has_metric |= condition(&mut query, comparison, &search.datasets)?;
    }
    if !search.datasets.is_empty() && !has_metric {
        query.push(" AND EXISTS (SELECT 1 FROM logged_model_metric m WHERE m.model = l.key");
        any_dataset(&mut query, &search.datasets);
        query.push(")");
    }
    query.push(") s");
    if let Some(key) = &paging.after {
        query.push(" WHERE ").after(sort, key);
    }
    query.order_by(sort).push(" LIMIT ").bind(paging.limit + 1);
    let rows = tx.query(query.sql(), query.params())?;
    search::page(rows, paging, sort, logged_models::WIDTH, |row| {
        logged_models::read(tx, row)
    })
}

/// Appends a comparison; answers whether it is one of a metric.
fn condition(
    query: &mut Query,
    comparison: &Comparison,
    datasets: &[DatasetRef],
) -> Result<bool, TrackingError> {
    let (key, operator, value) = (
        &comparison.field.key,
        comparison.operator,
        &comparison.value,
    );
    query.push(" AND ");
    match target(comparison)? {
        Target::Metric(number) => {
            query
                .push("EXISTS (SELECT 1 FROM logged_model_metric m WHERE m.model = l.key AND m.key = ")
                .bind(key)
                .push(" AND ");
            search::metric_value(query, "m", operator, number);
            any_dataset(query, datasets);
            query.push(")");
            return Ok(true);
        }
        target @ (Target::Param | Target::Tag) => {
            let table = if matches!(target, Target::Param) {
                "logged_model_param"
            } else {
                "logged_model_tag"
            };
            query
                .push("EXISTS (SELECT 1 FROM ")
                .push(table)
                .push(" p WHERE p.model = l.key AND p.key = ")
                .bind(key)
                .push(" AND ");
            query.text("p.value", operator, value);
            query.push(")");
        }
        Target::Text(column) => {
            let value = match (column, value) {
                ("l.id", Literal::Text(id)) => {
                    Literal::Text(id.trim_start_matches("m-").to_owned())
                }
                ("l.id", Literal::List(ids)) => Literal::List(
                    ids.iter()
                        .map(|id| id.trim_start_matches("m-").to_owned())
                        .collect(),
                ),
                _ => value.clone(),
            };
            query.text(column, operator, &value);
        }
        Target::Status => {
            let name = "CASE l.status WHEN 1 THEN 'PENDING' WHEN 2 THEN 'READY' ELSE 'FAILED' END";
            debug_assert_eq!(
                LoggedModelStatus::ALL.len(),
                3,
                "the statuses above are all"
            );
            query.text(name, operator, value);
        }
        Target::Time(column, number) => {
            let sign = if operator == Operator::NotEqual {
                "<>"
            } else {
                operator.as_str()
            };
            query
                .push(column)
                .push(" / 1000 ")
                .push(sign)
                .push(" CAST(")
                .bind(number)
                .push(" AS DOUBLE PRECISION)");
        }
    }
    Ok(false)
}
