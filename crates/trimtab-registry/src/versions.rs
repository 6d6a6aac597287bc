//! Verbs on model versions.

use serde_json::json;
use trimtab_db::{Lane, Tx, params};
use trimtab_types::{Page, RunId, Scope, WorkspaceId};

use crate::{
    CreateVersion, ModelVersion, Registry, RegistryError, Search, Stage, VERSION_CREATED,
    VERSION_DELETED, VERSION_TAG_DELETED, VERSION_TAG_SET, VersionStatus, aliases,
    changes::Change,
    search,
    service::{require_model, touch},
    sql, validate,
};

impl Registry {
    /// Makes the next version of a model. Whether the caller may use its source is for the caller to check.
    pub async fn create_version(
        &self,
        scope: &Scope,
        version: CreateVersion,
    ) -> Result<ModelVersion, RegistryError> {
        validate::model_name(&version.model)?;
        let is_prompt = validate::is_prompt(&version.tags);
        if is_prompt {
            validate::prompt_source(&version.source)?;
        } else {
            validate::source(&version.source)?;
        }
        if let Some(storage) = &version.storage {
            validate::source(storage)?;
        }
        for (key, value) in &version.tags {
            validate::tag(key, value)?;
        }
        let scope = scope.clone();
        let change = Change::now(self.clock());
        self.db()
            .write(Lane::Control, move |tx| {
                let (workspace, model, wall) = (&scope.workspace, &version.model, change.wall);
                touch(tx, workspace, model, wall)?;
                if is_prompt {
                    require_prompt(tx, workspace, model)?;
                }
                let number: i64 = tx
                    .query_one(
                        "INSERT INTO model_version_number (workspace_id, model, last) VALUES (?1, ?2, 1)
                         ON CONFLICT (workspace_id, model) DO UPDATE SET last = model_version_number.last + 1 RETURNING last",
                        params![workspace, model],
                    )?
                    .get(0)?;
                tx.execute(
                    "INSERT INTO model_version (workspace_id, model, version, run_id, logged_model, source, run_link, description, status, stage, created_at, updated_at, created_by, storage)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?13)",
                    params![
                        workspace,
                        model,
                        number,
                        version.run_id,
                        version.logged_model,
                        &version.source,
                        version.run_link.clone(),
                        version.description.clone(),
                        VersionStatus::Ready.number(),
                        Stage::None.number(),
                        wall,
                        scope.principal.name.as_ref(),
                        version.storage.clone()
                    ],
                )?;
                for (key, value) in &version.tags {
                    set_tag(tx, workspace, model, number, key, value)?;
                }
                change.publish(
                    tx,
                    &scope,
                    VERSION_CREATED,
                    json!({
                        "model": model, "version": number, "source": version.source, "run_id": version.run_id,
                        "tags": sql::tag_map(&version.tags), "description": version.description,
                        "created_by": scope.principal.name.as_ref(), "is_prompt": is_prompt,
                    }),
                )?;
                found(tx, workspace, model, number)
            })
            .await
    }

    /// The version of that number.
    pub async fn get_version(
        &self,
        scope: &Scope,
        model: &str,
        version: i64,
    ) -> Result<ModelVersion, RegistryError> {
        let (workspace, model) = (scope.workspace.clone(), model.to_owned());
        self.db()
            .read(move |tx| found(tx, &workspace, &model, version))
            .await
    }

    /// The version that an alias points to; `None` when the model has no such alias. `latest`, which nobody can set,
    /// is the newest version.
    pub async fn version_by_alias(
        &self,
        scope: &Scope,
        model: &str,
        alias: &str,
    ) -> Result<Option<ModelVersion>, RegistryError> {
        let (workspace, model, alias) =
            (scope.workspace.clone(), model.to_owned(), alias.to_owned());
        self.db()
            .read(move |tx| {
                require_model(tx, &workspace, &model)?;
                let version = if alias.eq_ignore_ascii_case("latest") {
                    newest(tx, &workspace, &model)?
                } else {
                    aliases::target(tx, &workspace, &model, &alias)?
                };
                match version {
                    Some(version) => found(tx, &workspace, &model, version).map(Some),
                    None => Ok(None),
                }
            })
            .await
    }

    /// The versions that a run made, by model and number.
    pub async fn versions_by_run(
        &self,
        scope: &Scope,
        run: RunId,
    ) -> Result<Vec<ModelVersion>, RegistryError> {
        let workspace = scope.workspace.clone();
        self.db()
            .read(move |tx| {
                Ok(sql::versions(
                    tx,
                    &workspace,
                    "v.workspace_id = ?1 AND v.run_id = ?2 ORDER BY v.model, v.version LIMIT 1000",
                    params![&workspace, run],
                )?)
            })
            .await
    }

    /// The newest version of each of these stages (of every stage, when none is named).
    pub async fn latest_versions(
        &self,
        scope: &Scope,
        model: &str,
        stages: &[Stage],
    ) -> Result<Vec<ModelVersion>, RegistryError> {
        let model = self.get_model(scope, model).await?;
        let mut latest = model.latest_versions;
        if !stages.is_empty() {
            latest.retain(|version| stages.contains(&version.stage));
        }
        Ok(latest)
    }

    /// Sets what its makers say about a version.
    pub async fn update_version(
        &self,
        scope: &Scope,
        model: &str,
        version: i64,
        description: Option<&str>,
    ) -> Result<ModelVersion, RegistryError> {
        let (workspace, model) = (scope.workspace.clone(), model.to_owned());
        let (description, now) = (description.map(str::to_owned), self.clock().wall());
        self.db()
            .write(Lane::Control, move |tx| {
                tx.execute(
                    "UPDATE model_version SET description = ?4, updated_at = ?5 WHERE workspace_id = ?1 AND model = ?2 AND version = ?3",
                    params![&workspace, &model, version, description, now],
                )?;
                found(tx, &workspace, &model, version)
            })
            .await
    }

    /// Moves a version to a stage; on request everything else there is archived.
    pub async fn set_stage(
        &self,
        scope: &Scope,
        model: &str,
        version: i64,
        stage: Stage,
        archive_others: bool,
    ) -> Result<ModelVersion, RegistryError> {
        let is_active = matches!(stage, Stage::Staging | Stage::Production);
        if archive_others && !is_active {
            return Err(RegistryError::invalid(
                "archive_existing_versions",
                format!(
                    "Model version transition cannot archive existing model versions because '{}' is not an Active stage. Valid stages are Staging, Production",
                    stage.as_str()
                ),
            ));
        }
        let (workspace, model) = (scope.workspace.clone(), model.to_owned());
        let now = self.clock().wall();
        self.db()
            .write(Lane::Control, move |tx| {
                require_version(tx, &workspace, &model, version)?;
                if archive_others {
                    tx.execute(
                        "UPDATE model_version SET stage = ?4, updated_at = ?5 WHERE workspace_id = ?1 AND model = ?2 AND stage = ?3 AND version <> ?6",
                        params![&workspace, &model, stage.number(), Stage::Archived.number(), now, version],
                    )?;
                }
                tx.execute(
                    "UPDATE model_version SET stage = ?4, updated_at = ?5 WHERE workspace_id = ?1 AND model = ?2 AND version = ?3",
                    params![&workspace, &model, version, stage.number(), now],
                )?;
                touch(tx, &workspace, &model, now)?;
                found(tx, &workspace, &model, version)
            })
            .await
    }

    /// Deletes a version and the aliases that point to it; its number is never given again.
    pub async fn delete_version(
        &self,
        scope: &Scope,
        model: &str,
        version: i64,
    ) -> Result<(), RegistryError> {
        let (scope, model) = (scope.clone(), model.to_owned());
        let change = Change::now(self.clock());
        self.db()
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                require_version(tx, workspace, &model, version)?;
                aliases::remove_all(tx, &scope, &change, &model, Some(version))?;
                for table in ["model_version_tag", "model_version"] {
                    tx.execute(
                        &format!("DELETE FROM {table} WHERE workspace_id = ?1 AND model = ?2 AND version = ?3"),
                        params![workspace, &model, version],
                    )?;
                }
                touch(tx, workspace, &model, change.wall)?;
                let is_prompt = sql::is_prompt(tx, workspace, &model)?;
                change.publish(
                    tx,
                    &scope,
                    VERSION_DELETED,
                    json!({ "model": model, "version": version, "is_prompt": is_prompt }),
                )
            })
            .await
    }

    /// Sets a tag of a version.
    pub async fn set_version_tag(
        &self,
        scope: &Scope,
        model: &str,
        version: i64,
        key: &str,
        value: &str,
    ) -> Result<(), RegistryError> {
        validate::tag(key, value)?;
        let (scope, model) = (scope.clone(), model.to_owned());
        let (key, value) = (key.to_owned(), value.to_owned());
        let change = Change::now(self.clock());
        self.db()
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                touch_version(tx, workspace, &model, version, change.wall)?;
                set_tag(tx, workspace, &model, version, &key, &value)?;
                let is_prompt = sql::is_prompt(tx, workspace, &model)?;
                change.publish(
                    tx,
                    &scope,
                    VERSION_TAG_SET,
                    json!({
                        "model": model, "version": version, "key": key, "value": value, "is_prompt": is_prompt,
                    }),
                )
            })
            .await
    }

    /// Deletes a tag of a version, if it is there.
    pub async fn delete_version_tag(
        &self,
        scope: &Scope,
        model: &str,
        version: i64,
        key: &str,
    ) -> Result<(), RegistryError> {
        let (scope, model, key) = (scope.clone(), model.to_owned(), key.to_owned());
        let change = Change::now(self.clock());
        self.db()
            .write(Lane::Control, move |tx| {
                let workspace = &scope.workspace;
                touch_version(tx, workspace, &model, version, change.wall)?;
                tx.execute(
                    "DELETE FROM model_version_tag WHERE workspace_id = ?1 AND model = ?2 AND version = ?3 AND key = ?4",
                    params![workspace, &model, version, &key],
                )?;
                let is_prompt = sql::is_prompt(tx, workspace, &model)?;
                change.publish(
                    tx,
                    &scope,
                    VERSION_TAG_DELETED,
                    json!({ "model": model, "version": version, "key": key, "is_prompt": is_prompt }),
                )
            })
            .await
    }

    /// Versions that match a filter (`name`, `run_id`, `source_path`, `version_number`, `tags.KEY`), in an order, a
    /// page at a time.
    pub async fn search_versions(
        &self,
        scope: &Scope,
        search: Search,
    ) -> Result<Page<ModelVersion>, RegistryError> {
        let plan = search::versions(&search)?;
        let workspace = scope.workspace.clone();
        self.db()
            .read_within(search::BUDGET, move |tx| {
                search::run_versions(tx, &workspace, &plan)
            })
            .await
    }
}

pub(crate) fn require_version(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    model: &str,
    version: i64,
) -> Result<(), RegistryError> {
    let row = tx.query_opt(
        "SELECT 1 FROM model_version WHERE workspace_id = ?1 AND model = ?2 AND version = ?3",
        params![workspace, model, version],
    )?;
    if row.is_some() {
        return Ok(());
    }
    require_model(tx, workspace, model)?;
    Err(RegistryError::VersionNotFound {
        model: model.to_owned(),
        version: version.to_string(),
    })
}

/// A version that says that it is a prompt's has no files: it can only belong to a prompt.
fn require_prompt(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    model: &str,
) -> Result<(), RegistryError> {
    if sql::is_prompt(tx, workspace, model)? {
        return Ok(());
    }
    Err(RegistryError::invalid(
        "tags",
        format!("'{model}' is a registered model, not a prompt: it cannot have a prompt version"),
    ))
}

fn newest(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    model: &str,
) -> Result<Option<i64>, RegistryError> {
    let row = tx.query_one(
        "SELECT MAX(version) FROM model_version WHERE workspace_id = ?1 AND model = ?2",
        params![workspace, model],
    )?;
    Ok(row.get(0)?)
}

fn touch_version(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    model: &str,
    version: i64,
    now: trimtab_types::Time,
) -> Result<(), RegistryError> {
    require_version(tx, workspace, model, version)?;
    tx.execute(
        "UPDATE model_version SET updated_at = ?4 WHERE workspace_id = ?1 AND model = ?2 AND version = ?3",
        params![workspace, model, version, now],
    )?;
    Ok(())
}

fn set_tag(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    model: &str,
    version: i64,
    key: &str,
    value: &str,
) -> Result<(), RegistryError> {
    tx.execute(
        "INSERT INTO model_version_tag (workspace_id, model, version, key, value) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (workspace_id, model, version, key) DO UPDATE SET value = excluded.value",
        params![workspace, model, version, key, value],
    )?;
    Ok(())
}

fn found(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    model: &str,
    version: i64,
) -> Result<ModelVersion, RegistryError> {
    let versions = sql::versions(
        tx,
        workspace,
        "v.workspace_id = ?1 AND v.model = ?2 AND v.version = ?3",
        params![workspace, model, version],
    )?;
    if let Some(version) = versions.into_iter().next() {
        return Ok(version);
    }
    require_model(tx, workspace, model)?;
    Err(RegistryError::VersionNotFound {
        model: model.to_owned(),
        version: version.to_string(),
    })
}
