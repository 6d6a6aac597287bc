//! Verbs on registered models and their aliases; those on versions are in [`crate::versions`].

use std::sync::Arc;

use trimtab_db::{Db, Lane, Message, Tx, params};
use trimtab_types::{Clock, Page, Scope, WorkspaceId};

use crate::{ALIAS_SET, RegisteredModel, RegistryError, Search, search, sql, validate};

/// The registry; cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    clock: Clock,
}

impl Registry {
    /// A registry on a database that has [`crate::MIGRATIONS`].
    pub fn new(db: Db, clock: Clock) -> Self {
        Self(Arc::new(Inner { db, clock }))
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Makes a model without versions.
    pub async fn create_model(
        &self,
        scope: &Scope,
        name: &str,
        description: Option<&str>,
        tags: &[(String, String)],
    ) -> Result<RegisteredModel, RegistryError> {
        validate::model_name(name)?;
        for (key, value) in tags {
            validate::tag(key, value)?;
        }
        let (scope, name, tags) = (scope.clone(), name.to_owned(), tags.to_vec());
        let description = description.map(str::to_owned);
        let now = self.0.clock.wall();
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                if sql::model_exists(tx, workspace, &name)? {
                    return Err(RegistryError::AlreadyExists { name });
                }
                tx.execute(
                    "INSERT INTO registered_model (workspace_id, name, description, created_at, updated_at, created_by) VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
                    params![workspace, &name, description, now, scope.principal.name.as_ref()],
                )?;
                for (key, value) in &tags {
                    set_tag(tx, workspace, &name, key, value)?;
                }
                found(tx, workspace, &name)
            })
            .await
    }

    /// The model of that name.
    pub async fn get_model(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<RegisteredModel, RegistryError> {
        let (workspace, name) = (scope.workspace.clone(), name.to_owned());
        self.0.db.read(move |tx| found(tx, &workspace, &name)).await
    }

    /// Sets what its makers say about a model.
    pub async fn update_model(
        &self,
        scope: &Scope,
        name: &str,
        description: Option<&str>,
    ) -> Result<RegisteredModel, RegistryError> {
        let (workspace, name) = (scope.workspace.clone(), name.to_owned());
        let description = description.map(str::to_owned);
        let now = self.0.clock.wall();
        self.0
            .db
            .write(Lane::Control, move |tx| {
                tx.execute(
                    "UPDATE registered_model SET description = ?3, updated_at = ?4 WHERE workspace_id = ?1 AND name = ?2",
                    params![&workspace, &name, description, now],
                )?;
                found(tx, &workspace, &name)
            })
            .await
    }

    /// Gives a model another name; versions, aliases and tags go with it.
    pub async fn rename_model(
        &self,
        scope: &Scope,
        name: &str,
        new_name: &str,
    ) -> Result<RegisteredModel, RegistryError> {
        validate::model_name(new_name)?;
        let (workspace, name, new_name) = (
            scope.workspace.clone(),
            name.to_owned(),
            new_name.to_owned(),
        );
        let now = self.0.clock.wall();
        self.0
            .db
            .write(Lane::Control, move |tx| {
                require_model(tx, &workspace, &name)?;
                if sql::model_exists(tx, &workspace, &new_name)? {
                    return Err(RegistryError::AlreadyExists { name: new_name });
                }
                tx.execute(
                    "UPDATE registered_model SET name = ?3, updated_at = ?4 WHERE workspace_id = ?1 AND name = ?2",
                    params![&workspace, &name, &new_name, now],
                )?;
                for table in [
                    "registered_model_tag",
                    "registered_model_alias",
                    "model_version",
                    "model_version_tag",
                ] {
                    tx.execute(
                        &format!("UPDATE {table} SET model = ?3 WHERE workspace_id = ?1 AND model = ?2"),
                        params![&workspace, &name, &new_name],
                    )?;
                }
                // Both names keep counting from the highest number that either has given.
                tx.execute(
                    "INSERT INTO model_version_number (workspace_id, model, last) SELECT workspace_id, ?3, last FROM model_version_number WHERE workspace_id = ?1 AND model = ?2
                     ON CONFLICT (workspace_id, model) DO UPDATE SET last = CASE WHEN excluded.last > model_version_number.last THEN excluded.last ELSE model_version_number.last END",
                    params![&workspace, &name, &new_name],
                )?;
                found(tx, &workspace, &new_name)
            })
            .await
    }

    /// Deletes a model with its versions. The name is free again; the numbers that it gave are not.
    pub async fn delete_model(&self, scope: &Scope, name: &str) -> Result<(), RegistryError> {
        let (workspace, name) = (scope.workspace.clone(), name.to_owned());
        self.0
            .db
            .write(Lane::Control, move |tx| {
                require_model(tx, &workspace, &name)?;
                for table in [
                    "model_version_tag",
                    "model_version",
                    "registered_model_alias",
                    "registered_model_tag",
                ] {
                    tx.execute(
                        &format!("DELETE FROM {table} WHERE workspace_id = ?1 AND model = ?2"),
                        params![&workspace, &name],
                    )?;
                }
                tx.execute(
                    "DELETE FROM registered_model WHERE workspace_id = ?1 AND name = ?2",
                    params![&workspace, &name],
                )?;
                Ok(())
            })
            .await
    }

    /// Sets a tag of a model.
    pub async fn set_model_tag(
        &self,
        scope: &Scope,
        name: &str,
        key: &str,
        value: &str,
    ) -> Result<(), RegistryError> {
        validate::tag(key, value)?;
        let (workspace, name) = (scope.workspace.clone(), name.to_owned());
        let (key, value, now) = (key.to_owned(), value.to_owned(), self.0.clock.wall());
        self.0
            .db
            .write(Lane::Control, move |tx| {
                touch(tx, &workspace, &name, now)?;
                set_tag(tx, &workspace, &name, &key, &value)
            })
            .await
    }

    /// Deletes a tag of a model, if it is there.
    pub async fn delete_model_tag(
        &self,
        scope: &Scope,
        name: &str,
        key: &str,
    ) -> Result<(), RegistryError> {
        let (workspace, name) = (scope.workspace.clone(), name.to_owned());
        let (key, now) = (key.to_owned(), self.0.clock.wall());
        self.0
            .db
            .write(Lane::Control, move |tx| {
                touch(tx, &workspace, &name, now)?;
                tx.execute(
                    "DELETE FROM registered_model_tag WHERE workspace_id = ?1 AND model = ?2 AND key = ?3",
                    params![&workspace, &name, &key],
                )?;
                Ok(())
            })
            .await
    }

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
        let (wall, at) = (self.0.clock.wall(), self.0.clock.now());
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                crate::versions::require_version(tx, workspace, &model, version)?;
                let before = alias_target(tx, workspace, &model, &alias)?;
                if before == Some(version) {
                    return Ok(());
                }
                touch(tx, workspace, &model, wall)?;
                tx.execute(
                    "INSERT INTO registered_model_alias (workspace_id, model, alias, version) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (workspace_id, model, alias) DO UPDATE SET version = excluded.version",
                    params![workspace, &model, &alias, version],
                )?;
                tx.publish(&Message {
                    workspace: workspace.clone(),
                    topic: ALIAS_SET,
                    version: 1,
                    payload: serde_json::json!({
                        "model": model, "alias": alias, "version": version, "before": before,
                        "by": scope.principal.name.as_ref(),
                    }),
                    at,
                })?;
                Ok(())
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
        let (workspace, model) = (scope.workspace.clone(), model.to_owned());
        let (alias, now) = (alias.to_owned(), self.0.clock.wall());
        self.0
            .db
            .write(Lane::Control, move |tx| {
                touch(tx, &workspace, &model, now)?;
                tx.execute(
                    "DELETE FROM registered_model_alias WHERE workspace_id = ?1 AND model = ?2 AND alias = ?3",
                    params![&workspace, &model, &alias],
                )?;
                Ok(())
            })
            .await
    }

    /// Models that match a filter (`name`, `tags.KEY`), in an order, a page at a time. Prompts are left out unless
    /// the filter asks for them.
    pub async fn search_models(
        &self,
        scope: &Scope,
        search: Search,
    ) -> Result<Page<RegisteredModel>, RegistryError> {
        let plan = search::models(&search)?;
        let workspace = scope.workspace.clone();
        self.0
            .db
            .read(move |tx| search::run_models(tx, &workspace, &plan))
            .await
    }
}

pub(crate) fn alias_target(
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

pub(crate) fn require_model(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &str,
) -> Result<(), RegistryError> {
    if sql::model_exists(tx, workspace, name)? {
        Ok(())
    } else {
        Err(RegistryError::ModelNotFound {
            name: name.to_owned(),
        })
    }
}

/// Notes that a model changed; fails when it is not there.
pub(crate) fn touch(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &str,
    now: trimtab_types::Time,
) -> Result<(), RegistryError> {
    let changed = tx.execute(
        "UPDATE registered_model SET updated_at = ?3 WHERE workspace_id = ?1 AND name = ?2",
        params![workspace, name, now],
    )?;
    if changed == 1 {
        Ok(())
    } else {
        Err(RegistryError::ModelNotFound {
            name: name.to_owned(),
        })
    }
}

fn set_tag(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &str,
    key: &str,
    value: &str,
) -> Result<(), RegistryError> {
    tx.execute(
        "INSERT INTO registered_model_tag (workspace_id, model, key, value) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (workspace_id, model, key) DO UPDATE SET value = excluded.value",
        params![workspace, name, key, value],
    )?;
    Ok(())
}

pub(crate) fn found(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &str,
) -> Result<RegisteredModel, RegistryError> {
    sql::model(tx, workspace, name)?.ok_or_else(|| RegistryError::ModelNotFound {
        name: name.to_owned(),
    })
}
