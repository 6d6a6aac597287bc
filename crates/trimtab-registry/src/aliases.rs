//! Aliases, and the history of who moved them when.

use trimtab_db::{Lane, Query, Tx, params};
use trimtab_types::{Page, PageToken, Scope, Time, WorkspaceId};

use crate::{
    ALIAS_DELETED, ALIAS_SET, AliasMove, Registry, RegistryError, changes::Change, service::touch,
    validate,
};

/// Most moves in a page of the history.
const PAGE: u32 = 1_000;

impl Registry {
    /// Points an alias to a version, from wherever it pointed before.
    pub async fn set_alias(
        &self,
        scope: &Scope,
        model: &str,
        alias: &str,
        version: i64,
    ) -> Result<(), RegistryError> {
        validate::alias(alias)?;
        let (scope, model, alias) = (scope.clone(), model.to_owned(), alias.to_owned());
        let change = Change::now(self.clock());
        self.db()
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                crate::versions::require_version(tx, workspace, &model, version)?;
                let before = target(tx, workspace, &model, &alias)?;
                if before == Some(version) {
                    return Ok(());
                }
                touch(tx, workspace, &model, change.wall)?;
                tx.execute(
                    "INSERT INTO registered_model_alias (workspace_id, model, alias, version) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (workspace_id, model, alias) DO UPDATE SET version = excluded.version",
                    params![workspace, &model, &alias, version],
                )?;
                note(tx, &scope, &change, &model, &alias, (before, Some(version)))?;
                let is_prompt = crate::sql::is_prompt(tx, workspace, &model)?;
                change.publish(
                    tx,
                    &scope,
                    ALIAS_SET,
                    serde_json::json!({
                        "model": model, "alias": alias, "version": version, "before": before,
                        "is_prompt": is_prompt,
                    }),
                )
            })
            .await
    }

    /// Deletes an alias, if it is there.
    pub async fn delete_alias(
        &self,
        scope: &Scope,
        model: &str,
        alias: &str,
    ) -> Result<(), RegistryError> {
        validate::alias(alias)?;
        let (scope, model, alias) = (scope.clone(), model.to_owned(), alias.to_owned());
        let change = Change::now(self.clock());
        self.db()
            .write(Lane::Control, move |tx| {
                touch(tx, &scope.workspace, &model, change.wall)?;
                match target(tx, &scope.workspace, &model, &alias)? {
                    Some(version) => remove(tx, &scope, &change, &model, &alias, version),
                    None => Ok(()),
                }
            })
            .await
    }

    /// Who moved the aliases of a model when, newest first; of one alias, when it is named. The history of a name
    /// outlives the model.
    pub async fn alias_history(
        &self,
        scope: &Scope,
        model: &str,
        alias: Option<&str>,
        limit: u32,
        page_token: Option<&str>,
    ) -> Result<Page<AliasMove>, RegistryError> {
        let before: i64 = match page_token.filter(|token| !token.is_empty()) {
            Some(token) => PageToken::decode(token)?,
            None => i64::MAX,
        };
        let limit = limit.clamp(1, PAGE);
        let (workspace, model) = (scope.workspace.clone(), model.to_owned());
        let alias = alias.map(str::to_owned);
        self.db()
            .read(move |tx| {
                let mut query = Query::new(
                    "SELECT seq, alias, previous, version, moved_by, at FROM alias_move WHERE workspace_id = ",
                );
                query.bind(&workspace).push(" AND model = ").bind(&model);
                query.push(" AND seq < ").bind(before);
                if let Some(alias) = &alias {
                    query.push(" AND alias = ").bind(alias);
                }
                query.push(" ORDER BY seq DESC LIMIT ").bind(i64::from(limit) + 1);
                let rows = tx.query(query.sql(), query.params())?;
                let has_more = rows.len() > limit as usize;
                let items = rows
                    .iter()
                    .take(limit as usize)
                    .map(|row| {
                        Ok(AliasMove {
                            seq: row.get(0)?,
                            alias: row.get(1)?,
                            before: row.get(2)?,
                            version: row.get(3)?,
                            by: row.get(4)?,
                            at: row.get::<Time>(5)?,
                        })
                    })
                    .collect::<Result<Vec<_>, trimtab_db::DbError>>()?;
                let next = items
                    .last()
                    .filter(|_| has_more)
                    .map(|last| PageToken::encode(&last.seq));
                Ok(Page { items, next })
            })
            .await
    }
}

pub(crate) fn target(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    model: &str,
    alias: &str,
) -> Result<Option<i64>, RegistryError> {
    let row = tx.query_opt(
        "SELECT version FROM registered_model_alias WHERE workspace_id = ?1 AND model = ?2 AND alias = ?3",
        params![workspace, model, alias],
    )?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

/// Removes the aliases of a model, or those of one of its versions: each is a move to nowhere, which followers hear of.
pub(crate) fn remove_all(
    tx: &mut Tx<'_>,
    scope: &Scope,
    change: &Change,
    model: &str,
    version: Option<i64>,
) -> Result<(), RegistryError> {
    let mut query =
        Query::new("SELECT alias, version FROM registered_model_alias WHERE workspace_id = ");
    query
        .bind(&scope.workspace)
        .push(" AND model = ")
        .bind(model);
    if let Some(version) = version {
        query.push(" AND version = ").bind(version);
    }
    query.push(" ORDER BY alias");
    let rows = tx.query(query.sql(), query.params())?;
    for row in rows {
        let (alias, version): (String, i64) = (row.get(0)?, row.get(1)?);
        remove(tx, scope, change, model, &alias, version)?;
    }
    Ok(())
}

fn remove(
    tx: &mut Tx<'_>,
    scope: &Scope,
    change: &Change,
    model: &str,
    alias: &str,
    version: i64,
) -> Result<(), RegistryError> {
    tx.execute(
        "DELETE FROM registered_model_alias WHERE workspace_id = ?1 AND model = ?2 AND alias = ?3",
        params![&scope.workspace, model, alias],
    )?;
    note(tx, scope, change, model, alias, (Some(version), None))?;
    let is_prompt = crate::sql::is_prompt(tx, &scope.workspace, model)?;
    change.publish(
        tx,
        scope,
        ALIAS_DELETED,
        serde_json::json!({ "model": model, "alias": alias, "before": version, "is_prompt": is_prompt }),
    )
}

fn note(
    tx: &mut Tx<'_>,
    scope: &Scope,
    change: &Change,
    model: &str,
    alias: &str,
    (before, version): (Option<i64>, Option<i64>),
) -> Result<(), RegistryError> {
    tx.execute(
        "INSERT INTO alias_move (workspace_id, model, alias, previous, version, moved_by, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            &scope.workspace,
            model,
            alias,
            before,
            version,
            scope.principal.name.as_ref(),
            change.wall
        ],
    )?;
    Ok(())
}
