//! Searches over models and versions: the grammar's comparisons turned into SQL, keyset pages.

use trimtab_db::{DbError, Query, SortColumn, SortKind, Tx, Value, token_after, token_key};
use trimtab_types::{
    Page, WorkspaceId,
    filter::{Comparison, Field, Literal, Operator, parse_filter, parse_order},
};

use crate::{ModelVersion, RegisteredModel, RegistryError, Search, service, sql};

/// The default page and the largest one, of models and of versions.
const MODEL_PAGES: (u32, u32) = (100, 1_000);
const VERSION_PAGES: (u32, u32) = (10_000, 200_000);
/// How long a search may take; what needs longer must be narrowed by its caller.
pub(crate) const BUDGET: std::time::Duration = std::time::Duration::from_secs(1);
const IS_PROMPT: &str = "mlflow.prompt.is_prompt";

/// A checked search.
#[derive(Debug)]
pub(crate) struct Plan {
    comparisons: Vec<Comparison>,
    sort: Vec<SortColumn>,
    after: Option<Vec<Value>>,
    limit: u32,
}

/// One searchable or sortable column.
struct Column {
    key: &'static str,
    expression: &'static str,
    kind: SortKind,
    /// Whether it may stand in a filter, and with a list.
    filters: bool,
    takes_list: bool,
    sorts: bool,
}

const MODEL_COLUMNS: &[Column] = &[
    column("name", "m.name", SortKind::Text, true, true, true),
    column(
        "creation_timestamp",
        "m.created_at",
        SortKind::Int,
        false,
        false,
        true,
    ),
    column(
        "last_updated_timestamp",
        "m.updated_at",
        SortKind::Int,
        false,
        false,
        true,
    ),
];
const VERSION_COLUMNS: &[Column] = &[
    column("name", "v.model", SortKind::Text, true, true, true),
    column(
        "version_number",
        "v.version",
        SortKind::Int,
        true,
        false,
        true,
    ),
    column(
        "run_id",
        // A version without a run differs from every run.
        "COALESCE(v.run_id, '')",
        SortKind::Text,
        true,
        true,
        false,
    ),
    column(
        "source_path",
        "v.source",
        SortKind::Text,
        true,
        false,
        false,
    ),
    column(
        "creation_timestamp",
        "v.created_at",
        SortKind::Int,
        false,
        false,
        true,
    ),
    column(
        "last_updated_timestamp",
        "v.updated_at",
        SortKind::Int,
        false,
        false,
        true,
    ),
];

const fn column(
    key: &'static str,
    expression: &'static str,
    kind: SortKind,
    filters: bool,
    takes_list: bool,
    sorts: bool,
) -> Column {
    Column {
        key,
        expression,
        kind,
        filters,
        takes_list,
        sorts,
    }
}

enum Target {
    Attribute,
    Tag,
}

fn target(field: &Field) -> Result<Target, RegistryError> {
    match field.entity.as_deref() {
        None | Some("attribute" | "attributes") => Ok(Target::Attribute),
        Some("tag" | "tags") => Ok(Target::Tag),
        Some(entity) => Err(RegistryError::invalid(
            "filter",
            format!("Invalid entity type '{entity}'. Valid entity types are 'attribute', 'tag'"),
        )),
    }
}

fn check(comparison: &Comparison, columns: &[Column]) -> Result<(), RegistryError> {
    let (field, operator) = (&comparison.field, comparison.operator);
    let invalid = |message: String| Err(RegistryError::invalid("filter", message));
    let is_text = matches!(comparison.value, Literal::Text(_));
    if matches!(target(field)?, Target::Tag) {
        return match operator {
            _ if operator.is_textual() && is_text => Ok(()),
            _ if operator.is_textual() => invalid(format!(
                "Expected a quoted string value for tag '{}'",
                field.key
            )),
            _ => invalid(format!(
                "Invalid comparator '{}' for a tag",
                operator.as_str()
            )),
        };
    }
    let Some(column) = columns.iter().find(|c| c.filters && c.key == field.key) else {
        let keys: Vec<&str> = columns
            .iter()
            .filter(|c| c.filters)
            .map(|c| c.key)
            .collect();
        return invalid(format!(
            "Invalid attribute key '{}' specified. Valid keys are '{}'",
            field.key,
            keys.join("', '")
        ));
    };
    let fits = match column.kind {
        SortKind::Text => {
            (operator.is_textual() && is_text) || (operator.takes_list() && column.takes_list)
        }
        SortKind::Int | SortKind::Real => {
            operator.is_numeric() && integer(&comparison.value).is_some()
        }
    };
    if fits {
        Ok(())
    } else {
        invalid(format!(
            "Invalid comparison of attribute '{}' with '{}'",
            field.key,
            operator.as_str()
        ))
    }
}

fn integer(value: &Literal) -> Option<i64> {
    match value {
        Literal::Number(text) | Literal::Text(text) => text.parse().ok(),
        Literal::Nothing | Literal::List(_) => None,
    }
}

fn plan(
    search: &Search,
    columns: &[Column],
    ties: &[(&str, bool)],
    (default, most): (u32, u32),
) -> Result<Plan, RegistryError> {
    let comparisons = parse_filter(&search.filter)?;
    for comparison in &comparisons {
        check(comparison, columns)?;
    }
    let mut sort: Vec<SortColumn> = Vec::new();
    let mut add = |key: &str, is_ascending: bool| -> Result<(), RegistryError> {
        let column = columns
            .iter()
            .find(|c| c.sorts && c.key == key)
            .ok_or_else(|| {
                RegistryError::invalid(
                    "order_by",
                    format!("Invalid order by key '{key}' specified."),
                )
            })?;
        // A column that is ordered by already decides nothing any more.
        if sort
            .iter()
            .all(|known| known.expression != column.expression)
        {
            sort.push(SortColumn {
                expression: column.expression.to_owned(),
                kind: column.kind,
                is_ascending,
            });
        }
        Ok(())
    };
    let mut seen = Vec::new();
    for clause in &search.order_by {
        let order = parse_order(clause)?;
        if matches!(target(&order.field)?, Target::Tag) {
            return Err(RegistryError::invalid(
                "order_by",
                format!("Invalid order_by entity: {clause}"),
            ));
        }
        let key = match order.field.key.as_str() {
            "timestamp" => "last_updated_timestamp",
            key => key,
        };
        add(key, order.is_ascending)?;
        if seen.contains(&key.to_owned()) {
            return Err(RegistryError::invalid(
                "order_by",
                format!("`order_by` contains duplicate fields: {key}"),
            ));
        }
        seen.push(key.to_owned());
    }
    for (key, is_ascending) in ties {
        add(key, *is_ascending)?;
    }
    let after = match &search.page_token {
        Some(token) if !token.is_empty() => Some(token_key(&sort, token)?),
        Some(_) | None => None,
    };
    if search.limit > most {
        return Err(RegistryError::invalid(
            "max_results",
            format!(
                "Invalid value for max_results: it must be at most {most}, got {}",
                search.limit
            ),
        ));
    }
    let limit = if search.limit == 0 {
        default
    } else {
        search.limit
    };
    Ok(Plan {
        comparisons,
        sort,
        after,
        limit,
    })
}

pub(crate) fn models(search: &Search) -> Result<Plan, RegistryError> {
    plan(search, MODEL_COLUMNS, &[("name", true)], MODEL_PAGES)
}

pub(crate) fn versions(search: &Search) -> Result<Plan, RegistryError> {
    // The newest first; but ties of an order that was asked for are broken by name and number alone.
    let ties: &[(&str, bool)] = &[
        ("last_updated_timestamp", false),
        ("name", true),
        ("version_number", false),
    ];
    let ties = if search.order_by.is_empty() {
        ties
    } else {
        &ties[1..]
    };
    plan(search, VERSION_COLUMNS, ties, VERSION_PAGES)
}

/// Where a search finds the tags of a row.
struct TagTable {
    name: &'static str,
    joined: &'static str,
}

fn conditions(
    query: &mut Query,
    plan: &Plan,
    columns: &[Column],
    tags: &TagTable,
) -> Result<(), RegistryError> {
    let asks_for_prompts = plan
        .comparisons
        .iter()
        .any(|c| matches!(target(&c.field), Ok(Target::Tag)) && c.field.key == IS_PROMPT);
    if !asks_for_prompts {
        tag_exists(query, tags, IS_PROMPT, true);
        query.push("t.value = ").bind("true").push(")");
    }
    for comparison in &plan.comparisons {
        let (field, operator, value) = (&comparison.field, comparison.operator, &comparison.value);
        if matches!(target(field)?, Target::Tag) {
            // A model that is no prompt usually has no such tag at all.
            let wants_none = field.key == IS_PROMPT
                && matches!(
                    (operator, value),
                    (Operator::Equal, Literal::Text(text)) if text == "false"
                );
            let wants_not_true = field.key == IS_PROMPT
                && matches!(
                    (operator, value),
                    (Operator::NotEqual, Literal::Text(text)) if text == "true"
                );
            if wants_none || wants_not_true {
                tag_exists(query, tags, IS_PROMPT, true);
                query.push("t.value = ").bind("true").push(")");
            } else {
                tag_exists(query, tags, &field.key, false);
                query.text("t.value", operator, value);
                query.push(")");
            }
            continue;
        }
        let Some(column) = columns.iter().find(|c| c.key == field.key) else {
            continue;
        };
        query.push(" AND ");
        match column.kind {
            SortKind::Text => {
                query.text(column.expression, operator, value);
            }
            SortKind::Int | SortKind::Real => {
                query
                    .push(column.expression)
                    .push(" ")
                    .push(operator.as_str())
                    .push(" ")
                    .bind(integer(value));
            }
        }
    }
    if let Some(key) = &plan.after {
        query.push(" AND ").after(&plan.sort, key);
    }
    query
        .order_by(&plan.sort)
        .push(" LIMIT ")
        .bind(plan.limit + 1);
    Ok(())
}

fn tag_exists(query: &mut Query, tags: &TagTable, key: &str, is_negated: bool) {
    query
        .push(if is_negated {
            " AND NOT EXISTS (SELECT 1 FROM "
        } else {
            " AND EXISTS (SELECT 1 FROM "
        })
        .push(tags.name)
        .push(" t WHERE ")
        .push(tags.joined)
        .push(" AND t.key = ")
        .bind(key)
        .push(" AND ");
}

fn select(plan: &Plan, columns: &str, table: &str) -> Query {
    let mut query = Query::new("SELECT ");
    query.push(columns);
    for column in &plan.sort {
        query.push(", ").push(&column.expression);
    }
    query.push(" FROM ").push(table);
    query
}

fn page<T>(
    plan: &Plan,
    mut rows: Vec<trimtab_db::Row>,
    first: usize,
    mut read: impl FnMut(&trimtab_db::Row) -> Result<T, RegistryError>,
) -> Result<Page<T>, RegistryError> {
    let limit = plan.limit as usize;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = match rows.last() {
        Some(row) if has_more => Some(token_after(&plan.sort, row, first)?),
        Some(_) | None => None,
    };
    let items = rows.iter().map(&mut read).collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}

pub(crate) fn run_models(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    plan: &Plan,
) -> Result<Page<RegisteredModel>, RegistryError> {
    let mut query = select(plan, "m.name", "registered_model m WHERE m.workspace_id = ");
    query.bind(workspace);
    let tags = TagTable {
        name: "registered_model_tag",
        joined: "t.workspace_id = m.workspace_id AND t.model = m.name",
    };
    conditions(&mut query, plan, MODEL_COLUMNS, &tags)?;
    let rows = tx.query(query.sql(), query.params())?;
    page(plan, rows, 1, |row| {
        service::found(tx, workspace, &row.get::<String>(0)?)
    })
}

pub(crate) fn run_versions(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    plan: &Plan,
) -> Result<Page<ModelVersion>, RegistryError> {
    let mut query = select(
        plan,
        sql::VERSION,
        "model_version v WHERE v.workspace_id = ",
    );
    query.bind(workspace);
    let tags = TagTable {
        name: "model_version_tag",
        joined: "t.workspace_id = v.workspace_id AND t.model = v.model AND t.version = v.version",
    };
    conditions(&mut query, plan, VERSION_COLUMNS, &tags)?;
    let rows = tx.query(query.sql(), query.params())?;
    let first = sql::VERSION.split(',').count();
    page(plan, rows, first, |row| {
        sql::version(tx, workspace, row).map_err(|error: DbError| error.into())
    })
}
