//! Verbs on experiments.

use std::collections::BTreeMap;

use trimtab_db::{DbError, Lane, Query, Row, SortColumn, SortKind, Tx, params};
use trimtab_types::{
    Page, Scope, WorkspaceId,
    filter::{Comparison, Literal, Operator, parse_filter, parse_order},
};

use crate::{
    CreateExperiment, Experiment, Lifecycle, Search, Tracking, TrackingError,
    search::{self, Paging},
    service::{active_experiment, find_experiment},
    validate,
};

/// The name of experiment 0, which every workspace has.
const DEFAULT: &str = "Default";

const COLUMNS: &str =
    "e.key, e.id, e.name, e.artifact_location, e.stage, e.created_at, e.updated_at";

impl Tracking {
    /// Makes an experiment.
    pub async fn create_experiment(
        &self,
        scope: &Scope,
        create: CreateExperiment,
    ) -> Result<Experiment, TrackingError> {
        validate::experiment_name(&create.name)?;
        if let Some(location) = &create.artifact_location {
            validate::artifact_location(location)?;
        }
        for tag in &create.tags {
            validate::experiment_tag(tag)?;
        }
        self.ready(scope).await?;
        let (scope, now) = (scope.clone(), self.now());
        self.db()
            .write(Lane::Control, move |tx| {
                if by_name(tx, &scope.workspace, &create.name)?.is_some() {
                    return Err(TrackingError::AlreadyExists {
                        message: format!("Experiment(name={}) already exists.", create.name),
                    });
                }
                require_not_default(&create.name)?;
                insert(tx, &scope, &create, now)
            })
            .await
    }

    /// The experiment of that number.
    pub async fn get_experiment(
        &self,
        scope: &Scope,
        id: i64,
    ) -> Result<Experiment, TrackingError> {
        self.ready(scope).await?;
        let workspace = scope.workspace.clone();
        self.db().read(move |tx| by_id(tx, &workspace, id)).await
    }

    /// The active experiment of that name; deleted ones, which may share it, are found by id or by a search.
    pub async fn get_experiment_by_name(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<Experiment, TrackingError> {
        self.ready(scope).await?;
        let (workspace, name) = (scope.workspace.clone(), name.to_owned());
        self.db()
            .read(move |tx| {
                by_name(tx, &workspace, &name)?.ok_or_else(|| {
                    TrackingError::not_found(format!(
                        "Could not find experiment with name '{name}'"
                    ))
                })
            })
            .await
    }

    /// Gives an active experiment another name.
    pub async fn rename_experiment(
        &self,
        scope: &Scope,
        id: i64,
        name: &str,
    ) -> Result<(), TrackingError> {
        validate::experiment_name(name)?;
        self.ready(scope).await?;
        let (workspace, name, now) = (scope.workspace.clone(), name.to_owned(), self.now());
        self.db()
            .write(Lane::Control, move |tx| {
                let (key, lifecycle, _) = find_experiment(tx, &workspace, id)?;
                if lifecycle == Lifecycle::Deleted {
                    return Err(TrackingError::invalid(
                        "experiment_id",
                        "Cannot rename a non-active experiment.",
                    ));
                }
                if by_name(tx, &workspace, &name)?.is_some_and(|known| known.id != id) {
                    return Err(TrackingError::AlreadyExists {
                        message: format!("Experiment(name={name}) already exists."),
                    });
                }
                if id != 0 {
                    require_not_default(&name)?;
                }
                tx.execute(
                    "UPDATE experiment SET name = ?2, updated_at = ?3 WHERE key = ?1",
                    params![key, &name, now],
                )?;
                Ok(())
            })
            .await
    }

    /// Deletes an experiment with its runs; its name is free at once, and it can be restored while nobody took it.
    pub async fn delete_experiment(&self, scope: &Scope, id: i64) -> Result<(), TrackingError> {
        self.set_experiment_lifecycle(scope, id, Lifecycle::Deleted)
            .await
    }

    /// Restores a deleted experiment, and the runs that were deleted with it or before.
    pub async fn restore_experiment(&self, scope: &Scope, id: i64) -> Result<(), TrackingError> {
        self.set_experiment_lifecycle(scope, id, Lifecycle::Active)
            .await
    }

    async fn set_experiment_lifecycle(
        &self,
        scope: &Scope,
        id: i64,
        to: Lifecycle,
    ) -> Result<(), TrackingError> {
        self.ready(scope).await?;
        let (workspace, now) = (scope.workspace.clone(), self.now());
        self.db()
            .write(Lane::Control, move |tx| {
                let (key, lifecycle, _) = find_experiment(tx, &workspace, id)?;
                if lifecycle == to {
                    let state = if to == Lifecycle::Deleted { "active" } else { "deleted" };
                    return Err(TrackingError::not_found(format!(
                        "No Experiment with id={id} exists in the {state} state"
                    )));
                }
                if to == Lifecycle::Active {
                    require_free_name(tx, &workspace, id, key)?;
                }
                tx.execute(
                    "UPDATE experiment SET stage = ?2, updated_at = ?3 WHERE key = ?1",
                    params![key, to.number(), now],
                )?;
                let deleted_at = (to == Lifecycle::Deleted).then_some(now);
                tx.execute(
                    "UPDATE run SET stage = ?2, deleted_at = ?3 WHERE experiment = ?1 AND stage <> ?2",
                    params![key, to.number(), deleted_at],
                )?;
                Ok(())
            })
            .await
    }

    /// Sets a tag of an active experiment.
    pub async fn set_experiment_tag(
        &self,
        scope: &Scope,
        id: i64,
        key: &str,
        value: &str,
    ) -> Result<(), TrackingError> {
        let tag = (key.to_owned(), value.to_owned());
        validate::experiment_tag(&tag)?;
        self.ready(scope).await?;
        let workspace = scope.workspace.clone();
        self.db()
            .write(Lane::Control, move |tx| {
                let (experiment, _) = active_experiment(tx, &workspace, id)?;
                // A tag is no update of the experiment: MLflow's clients order by that time.
                set_tag(tx, experiment, &tag)
            })
            .await
    }

    /// Deletes a tag of an active experiment.
    pub async fn delete_experiment_tag(
        &self,
        scope: &Scope,
        id: i64,
        key: &str,
    ) -> Result<(), TrackingError> {
        self.ready(scope).await?;
        let (workspace, key) = (scope.workspace.clone(), key.to_owned());
        self.db()
            .write(Lane::Control, move |tx| {
                let (experiment, _) = active_experiment(tx, &workspace, id)?;
                let changed = tx.execute(
                    "DELETE FROM experiment_tag WHERE experiment = ?1 AND key = ?2",
                    params![experiment, &key],
                )?;
                if changed == 0 {
                    return Err(TrackingError::not_found(format!(
                        "No tag with name: {key} in experiment with id {id}"
                    )));
                }
                Ok(())
            })
            .await
    }

    /// Experiments that match a filter (`name`, `creation_time`, `last_update_time`, `tags.KEY`), in an order, a page
    /// at a time.
    pub async fn search_experiments(
        &self,
        scope: &Scope,
        search: Search,
    ) -> Result<Page<Experiment>, TrackingError> {
        self.ready(scope).await?;
        let comparisons = parse_filter(&search.filter)?;
        for comparison in &comparisons {
            check(comparison)?;
        }
        let sort = order(&search.order_by)?;
        let paging = search::paging(
            &sort,
            search.page_token.as_deref(),
            search.limit,
            1_000,
            50_000,
        )?;
        let workspace = scope.workspace.clone();
        self.db()
            .read_within(search::BUDGET, move |tx| {
                run_search(tx, &workspace, &search, &comparisons, &sort, &paging)
            })
            .await
    }
}

/// How many experiments one statement names: databases bound the parameters of a statement, and read many of them
/// slowly.
const NAMED: usize = 1_000;

/// The keys of those of these experiments that the workspace has.
pub(crate) fn keys_of(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    ids: &[i64],
) -> Result<Vec<i64>, DbError> {
    let mut wanted = ids.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let mut keys = Vec::new();
    for ids in wanted.chunks(NAMED) {
        let mut query = Query::new("SELECT key FROM experiment WHERE workspace_id = ");
        query
            .bind(workspace)
            .push(" AND id IN ")
            .bind_list(ids.iter().copied());
        for row in tx.query(query.sql(), query.params())? {
            keys.push(row.get(0)?);
        }
    }
    Ok(keys)
}

pub(crate) fn insert(
    tx: &mut Tx<'_>,
    scope: &Scope,
    create: &CreateExperiment,
    now: trimtab_types::Time,
) -> Result<Experiment, TrackingError> {
    let id: i64 = tx
        .query_one(
            "SELECT COALESCE(MAX(id), 0) + 1 FROM (SELECT MAX(id) AS id FROM experiment WHERE workspace_id = ?1 UNION ALL SELECT last AS id FROM experiment_collected WHERE workspace_id = ?1) AS known",
            params![&scope.workspace],
        )?
        .get(0)?;
    let location = create
        .artifact_location
        .clone()
        .unwrap_or_else(|| format!("mlflow-artifacts:/{id}"));
    let key: i64 = tx
        .query_one(
            "INSERT INTO experiment (workspace_id, id, name, artifact_location, stage, created_at, updated_at, created_by) VALUES (?1, ?2, ?3, ?4, 0, ?5, ?5, ?6) RETURNING key",
            params![&scope.workspace, id, &create.name, &location, now, scope.principal.name.as_ref()],
        )?
        .get(0)?;
    for tag in &create.tags {
        set_tag(tx, key, tag)?;
    }
    by_id(tx, &scope.workspace, id)
}

fn set_tag(tx: &mut Tx<'_>, experiment: i64, tag: &(String, String)) -> Result<(), TrackingError> {
    tx.execute(
        "INSERT INTO experiment_tag (experiment, key, value) VALUES (?1, ?2, ?3)
         ON CONFLICT (experiment, key) DO UPDATE SET value = excluded.value",
        params![experiment, &tag.0, &tag.1],
    )?;
    Ok(())
}

fn read(tx: &mut Tx<'_>, row: &Row) -> Result<Experiment, TrackingError> {
    let key: i64 = row.get(0)?;
    let tags = tx
        .query(
            "SELECT key, value FROM experiment_tag WHERE experiment = ?1 ORDER BY key",
            params![key],
        )?
        .iter()
        .map(|row| Ok((row.get(0)?, row.get(1)?)))
        .collect::<Result<BTreeMap<_, _>, DbError>>()?;
    Ok(Experiment {
        id: row.get(1)?,
        name: row.get(2)?,
        artifact_location: row.get(3)?,
        lifecycle: Lifecycle::from_number(row.get(4)?),
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
        tags,
    })
}

fn by_id(tx: &mut Tx<'_>, workspace: &WorkspaceId, id: i64) -> Result<Experiment, TrackingError> {
    let row = tx
        .query_opt(
            &format!("SELECT {COLUMNS} FROM experiment e WHERE e.workspace_id = ?1 AND e.id = ?2"),
            params![workspace, id],
        )?
        .ok_or_else(|| TrackingError::not_found(format!("No Experiment with id={id} exists")))?;
    read(tx, &row)
}

pub(crate) fn by_name(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &str,
) -> Result<Option<Experiment>, TrackingError> {
    let row = tx.query_opt(
        &format!("SELECT {COLUMNS} FROM experiment e WHERE e.workspace_id = ?1 AND e.name = ?2 AND e.stage = 0"),
        params![workspace, name],
    )?;
    row.map(|row| read(tx, &row)).transpose()
}

/// Clients that name no experiment log to number 0: while that is deleted, no other may pass for it.
fn require_not_default(name: &str) -> Result<(), TrackingError> {
    if name != DEFAULT {
        return Ok(());
    }
    Err(TrackingError::AlreadyExists {
        message: format!(
            "The name '{DEFAULT}' belongs to experiment 0, which was deleted or renamed: restore or rename that one, or choose another name."
        ),
    })
}

/// A deleted experiment comes back under its name, unless another one has it by now.
fn require_free_name(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: i64,
    key: i64,
) -> Result<(), TrackingError> {
    let name: String = tx
        .query_one("SELECT name FROM experiment WHERE key = ?1", params![key])?
        .get(0)?;
    match by_name(tx, workspace, &name)? {
        Some(holder) => Err(TrackingError::invalid(
            "experiment_id",
            format!(
                "Cannot restore the experiment {id}: its name '{name}' belongs to the active experiment {} now. Rename or delete that one first.",
                holder.id
            ),
        )),
        None => Ok(()),
    }
}

fn is_tag(comparison: &Comparison) -> Result<bool, TrackingError> {
    match comparison.field.entity.as_deref() {
        None | Some("attribute") => Ok(false),
        Some("tag" | "tags") => Ok(true),
        Some(entity) => Err(TrackingError::invalid(
            "filter",
            format!(
                "Invalid entity type '{entity}'. Valid entity types are 'attribute', 'tag', 'tags'"
            ),
        )),
    }
}

fn check(comparison: &Comparison) -> Result<(), TrackingError> {
    if is_tag(comparison)? {
        return search::text(comparison, false, true);
    }
    match comparison.field.key.as_str() {
        "name" => search::text(comparison, false, false),
        "experiment_id" if matches!(comparison.operator, Operator::Like | Operator::ILike) => {
            Err(search::comparator(comparison, "=, !=, IN, NOT IN"))
        }
        "experiment_id" => search::text(comparison, true, false),
        "creation_time" | "last_update_time" => search::number(comparison).map(|_| ()),
        key => Err(TrackingError::invalid(
            "filter",
            format!(
                "Invalid attribute key '{key}' specified. Valid keys are 'name', 'experiment_id', 'creation_time', 'last_update_time'"
            ),
        )),
    }
}

fn order(clauses: &[String]) -> Result<Vec<SortColumn>, TrackingError> {
    let mut columns: Vec<SortColumn> = Vec::new();
    let mut add = |expression: &str, kind, is_ascending| {
        if columns.iter().all(|known| known.expression != expression) {
            columns.push(search::sort(expression, kind, is_ascending));
        }
    };
    for clause in clauses {
        let order = parse_order(clause)?;
        let is_attribute = matches!(order.field.entity.as_deref(), None | Some("attribute"));
        let (expression, kind) = match order.field.key.as_str() {
            "name" if is_attribute => ("e.name", SortKind::Text),
            "experiment_id" if is_attribute => ("e.id", SortKind::Int),
            "creation_time" if is_attribute => ("e.created_at", SortKind::Int),
            "last_update_time" if is_attribute => ("e.updated_at", SortKind::Int),
            _ => {
                return Err(TrackingError::invalid(
                    "order_by",
                    format!("Invalid order_by entity: {}", order.field),
                ));
            }
        };
        add(expression, kind, order.is_ascending);
    }
    if clauses.is_empty() {
        add("e.created_at", SortKind::Int, false);
        add("e.id", SortKind::Int, true);
    }
    add("e.id", SortKind::Int, false);
    Ok(columns)
}

fn run_search(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    search: &Search,
    comparisons: &[Comparison],
    sort: &[SortColumn],
    paging: &Paging,
) -> Result<Page<Experiment>, TrackingError> {
    let mut query = Query::new(format!("SELECT {COLUMNS}"));
    for column in sort {
        query.push(", ").push(&column.expression);
    }
    query
        .push(" FROM experiment e WHERE e.workspace_id = ")
        .bind(workspace)
        .push(" AND ");
    search::view(&mut query, "e.stage", search.view);
    for comparison in comparisons {
        condition(&mut query, comparison)?;
    }
    if let Some(key) = &paging.after {
        query.push(" AND ").after(sort, key);
    }
    query.order_by(sort).push(" LIMIT ").bind(paging.limit + 1);
    let rows = tx.query(query.sql(), query.params())?;
    search::page(rows, paging, sort, 7, |row| read(tx, row))
}

fn condition(query: &mut Query, comparison: &Comparison) -> Result<(), TrackingError> {
    let (operator, value) = (comparison.operator, &comparison.value);
    if is_tag(comparison)? {
        query
            .push(if operator == Operator::IsNull {
                " AND NOT EXISTS ("
            } else {
                " AND EXISTS ("
            })
            .push("SELECT 1 FROM experiment_tag t WHERE t.experiment = e.key AND t.key = ")
            .bind(&comparison.field.key);
        if *value != Literal::Nothing {
            query.push(" AND ");
            query.text("t.value", operator, value);
        }
        query.push(")");
        return Ok(());
    }
    query.push(" AND ");
    match comparison.field.key.as_str() {
        "name" => {
            query.text("e.name", operator, value);
        }
        "experiment_id" => {
            query.text("CAST(e.id AS TEXT)", operator, value);
        }
        key => {
            let column = if key == "creation_time" {
                "e.created_at"
            } else {
                "e.updated_at"
            };
            let sign = if operator == Operator::NotEqual {
                "<>"
            } else {
                operator.as_str()
            };
            // Clients see whole milliseconds.
            query
                .push(column)
                .push(" / 1000 ")
                .push(sign)
                .push(" CAST(")
                .bind(search::number(comparison)?)
                .push(" AS DOUBLE PRECISION)");
        }
    }
    Ok(())
}
