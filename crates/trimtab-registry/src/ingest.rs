//! Models from elsewhere, taken over with their version numbers, times, users and aliases.
//!
//! Nothing is published: an import changes no endpoint, and calls no webhook for what happened elsewhere long ago.

use trimtab_db::{Lane, Tx, params};
use trimtab_types::{LoggedModelId, RunId, Scope, Time, WorkspaceId};

use crate::{Registry, RegistryError, Stage, VersionStatus, sql, validate};

/// A model from elsewhere, with some of its versions.
#[derive(Debug, Clone)]
pub struct IngestModel {
    /// Its name.
    pub name: String,
    /// What its makers say about it.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// The highest number that it has given, also to versions that are gone.
    pub last_number: i64,
    /// Versions, which need not be all of them.
    pub versions: Vec<IngestVersion>,
    /// Alias to version number, of versions that are here or in `versions`.
    pub aliases: Vec<(String, i64)>,
}

/// A version from elsewhere.
#[derive(Debug, Clone)]
pub struct IngestVersion {
    /// Its number.
    pub version: i64,
    /// The run that made it.
    pub run_id: Option<RunId>,
    /// The logged model that it is.
    pub logged_model: Option<LoggedModelId>,
    /// Where its files are.
    pub source: String,
    /// Where its files really are, where `source` names another version.
    pub storage: Option<String>,
    /// A link to its run, for people.
    pub run_link: Option<String>,
    /// What its makers say about it.
    pub description: Option<String>,
    /// Whether it can be used.
    pub status: VersionStatus,
    /// Why not.
    pub status_message: Option<String>,
    /// MLflow's stage.
    pub stage: Stage,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// Who made it; `None` is the principal of the import.
    pub created_by: Option<String>,
}

impl Registry {
    /// Which of these names are taken.
    pub async fn ingest_taken(
        &self,
        scope: &Scope,
        names: Vec<String>,
    ) -> Result<Vec<String>, RegistryError> {
        let workspace = scope.workspace.clone();
        self.db()
            .read(move |tx| {
                let mut taken = Vec::new();
                for name in names {
                    if sql::model_exists(tx, &workspace, &name)? {
                        taken.push(name);
                    }
                }
                Ok(taken)
            })
            .await
    }

    /// Takes over a model with some of its versions. Unless an import brought it (`is_known`), its name must be free.
    pub async fn ingest_model(
        &self,
        scope: &Scope,
        model: IngestModel,
        is_known: bool,
    ) -> Result<(), RegistryError> {
        validate::model_name(&model.name)?;
        for (alias, _) in &model.aliases {
            validate::alias(alias)?;
        }
        if let Some(version) = model.versions.iter().find(|version| version.version < 1) {
            return Err(RegistryError::invalid(
                "version",
                format!("`{}` is not the number of a version", version.version),
            ));
        }
        let scope = scope.clone();
        self.db()
            .write(Lane::Control, move |tx| {
                if !is_known && sql::model_exists(tx, &scope.workspace, &model.name)? {
                    return Err(RegistryError::invalid(
                        "name",
                        format!(
                            "model {} cannot be taken over: it was made here",
                            model.name
                        ),
                    ));
                }
                put_model(tx, &scope, &model)
            })
            .await
    }
}

fn put_model(tx: &mut Tx<'_>, scope: &Scope, model: &IngestModel) -> Result<(), RegistryError> {
    let workspace = &scope.workspace;
    tx.execute(
        "INSERT INTO registered_model (workspace_id, name, description, created_at, updated_at, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (workspace_id, name) DO UPDATE SET description = excluded.description, updated_at = excluded.updated_at",
        params![
            workspace,
            &model.name,
            model.description.clone(),
            model.created_at,
            model.updated_at,
            scope.principal.name.as_ref()
        ],
    )?;
    let highest = model
        .versions
        .iter()
        .map(|version| version.version)
        .chain([model.last_number])
        .max()
        .unwrap_or_default();
    tx.execute(
        "INSERT INTO model_version_number (workspace_id, model, last) VALUES (?1, ?2, ?3)
         ON CONFLICT (workspace_id, model) DO UPDATE SET last = CASE WHEN excluded.last > model_version_number.last THEN excluded.last ELSE model_version_number.last END",
        params![workspace, &model.name, highest],
    )?;
    for (key, value) in &model.tags {
        tx.execute(
            "INSERT INTO registered_model_tag (workspace_id, model, key, value) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (workspace_id, model, key) DO UPDATE SET value = excluded.value",
            params![workspace, &model.name, key, value],
        )?;
    }
    for version in &model.versions {
        put_version(tx, scope, &model.name, version)?;
    }
    for (alias, version) in &model.aliases {
        crate::versions::require_version(tx, workspace, &model.name, *version)?;
        tx.execute(
            "INSERT INTO registered_model_alias (workspace_id, model, alias, version) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (workspace_id, model, alias) DO UPDATE SET version = excluded.version",
            params![workspace, &model.name, alias, *version],
        )?;
    }
    Ok(())
}

fn put_version(
    tx: &mut Tx<'_>,
    scope: &Scope,
    model: &str,
    version: &IngestVersion,
) -> Result<(), RegistryError> {
    let workspace: &WorkspaceId = &scope.workspace;
    let by = version
        .created_by
        .clone()
        .unwrap_or_else(|| scope.principal.name.to_string());
    tx.execute(
        "INSERT INTO model_version (workspace_id, model, version, run_id, logged_model, source, run_link, description, status, status_message, stage, created_at, updated_at, created_by, storage)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (workspace_id, model, version) DO UPDATE SET description = excluded.description, status = excluded.status, status_message = excluded.status_message, stage = excluded.stage, updated_at = excluded.updated_at",
        params![
            workspace,
            model,
            version.version,
            version.run_id,
            version.logged_model,
            &version.source,
            version.run_link.clone(),
            version.description.clone(),
            version.status.number(),
            version.status_message.clone(),
            version.stage.number(),
            version.created_at,
            version.updated_at,
            by,
            version.storage.clone()
        ],
    )?;
    for (key, value) in &version.tags {
        tx.execute(
            "INSERT INTO model_version_tag (workspace_id, model, version, key, value) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (workspace_id, model, version, key) DO UPDATE SET value = excluded.value",
            params![workspace, model, version.version, key, value],
        )?;
    }
    Ok(())
}
