//! Verbs on registered models; those on versions are in [`crate::versions`], on aliases in [`crate::aliases`].

use std::sync::Arc;

use serde_json::json;
use trimtab_db::{Db, Lane, Tx, params};
use trimtab_types::{Clock, Page, Scope, WorkspaceId};

use crate::{
    MODEL_CREATED, MODEL_DELETED, MODEL_RENAMED, MODEL_TAG_DELETED, MODEL_TAG_SET, RegisteredModel,
    RegistryError, Search, aliases, changes::Change, search, sql, validate,
};

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
        let change = Change::now(&self.0.clock);
        let is_prompt = validate::is_prompt(&tags);
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                if sql::model_exists(tx, workspace, &name)? {
                    return Err(taken(tx, workspace, name, is_prompt)?);
                }
                tx.execute(
                    "INSERT INTO registered_model (workspace_id, name, description, created_at, updated_at, created_by) VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
                    params![workspace, &name, description.clone(), change.wall, scope.principal.name.as_ref()],
                )?;
                for (key, value) in &tags {
                    set_tag(tx, workspace, &name, key, value)?;
                }
                change.publish(
                    tx,
                    &scope,
                    MODEL_CREATED,
                    json!({ "model": name, "tags": sql::tag_map(&tags), "description": description, "is_prompt": is_prompt }),
                )?;
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
        let (scope, name, new_name) = (scope.clone(), name.to_owned(), new_name.to_owned());
        let change = Change::now(&self.0.clock);
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let (workspace, now) = (scope.workspace.clone(), change.wall);
                require_model(tx, &workspace, &name)?;
                if sql::model_exists(tx, &workspace, &new_name)? {
                    let is_prompt = sql::is_prompt(tx, &workspace, &name)?;
                    return Err(taken(tx, &workspace, new_name, is_prompt)?);
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
                    "alias_move",
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
                let is_prompt = sql::is_prompt(tx, &workspace, &new_name)?;
                change.publish(
                    tx,
                    &scope,
                    MODEL_RENAMED,
                    json!({ "model": name, "new_name": new_name, "is_prompt": is_prompt }),
                )?;
                found(tx, &workspace, &new_name)
            })
            .await
    }

    /// Deletes a model with its versions. The name is free again; the numbers that it gave are not.
    pub async fn delete_model(&self, scope: &Scope, name: &str) -> Result<(), RegistryError> {
        let (scope, name) = (scope.clone(), name.to_owned());
        let change = Change::now(&self.0.clock);
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                require_model(tx, workspace, &name)?;
                let is_prompt = sql::is_prompt(tx, workspace, &name)?;
                aliases::remove_all(tx, &scope, &change, &name, None)?;
                for table in ["model_version_tag", "model_version", "registered_model_tag"] {
                    tx.execute(
                        &format!("DELETE FROM {table} WHERE workspace_id = ?1 AND model = ?2"),
                        params![workspace, &name],
                    )?;
                }
                tx.execute(
                    "DELETE FROM registered_model WHERE workspace_id = ?1 AND name = ?2",
                    params![workspace, &name],
                )?;
                change.publish(
                    tx,
                    &scope,
                    MODEL_DELETED,
                    json!({ "model": name, "is_prompt": is_prompt }),
                )
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
        let (scope, name) = (scope.clone(), name.to_owned());
        let (key, value) = (key.to_owned(), value.to_owned());
        let change = Change::now(&self.0.clock);
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                touch(tx, workspace, &name, change.wall)?;
                set_tag(tx, workspace, &name, &key, &value)?;
                let is_prompt = sql::is_prompt(tx, workspace, &name)?;
                change.publish(
                    tx,
                    &scope,
                    MODEL_TAG_SET,
                    json!({ "model": name, "key": key, "value": value, "is_prompt": is_prompt }),
                )
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
        let (scope, name, key) = (scope.clone(), name.to_owned(), key.to_owned());
        let change = Change::now(&self.0.clock);
        self.0
            .db
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                touch(tx, workspace, &name, change.wall)?;
                let is_prompt = sql::is_prompt(tx, workspace, &name)?;
                tx.execute(
                    "DELETE FROM registered_model_tag WHERE workspace_id = ?1 AND model = ?2 AND key = ?3",
                    params![workspace, &name, &key],
                )?;
                change.publish(
                    tx,
                    &scope,
                    MODEL_TAG_DELETED,
                    json!({ "model": name, "key": key, "is_prompt": is_prompt }),
                )
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
            .read_within(search::BUDGET, move |tx| {
                search::run_models(tx, &workspace, &plan)
            })
            .await
    }
}

/// The refusal of a taken name, which says what has it: a model and a prompt cannot share one.
fn taken(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: String,
    wants_prompt: bool,
) -> Result<RegistryError, RegistryError> {
    let is_prompt = sql::is_prompt(tx, workspace, &name)?;
    Ok(if is_prompt == wants_prompt {
        RegistryError::AlreadyExists { name, is_prompt }
    } else {
        RegistryError::TakenByOther { name, is_prompt }
    })
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
