//! The tables, and rows read into the model.

use std::collections::BTreeMap;

use trimtab_db::{DbError, Migration, Row, Tx, params};
use trimtab_types::{LoggedModelId, RunId, WorkspaceId};

use crate::{ModelVersion, RegisteredModel, Stage, VersionStatus};

/// The tables of this crate.
pub const MIGRATIONS: &[Migration] = &[FIRST, SECOND];

const FIRST: Migration = Migration {
    service: "registry",
    number: 1,
    sql: "CREATE TABLE registered_model (workspace_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (workspace_id, name));
CREATE INDEX registered_model_by_creation ON registered_model (workspace_id, created_at, name);
CREATE INDEX registered_model_by_update ON registered_model (workspace_id, updated_at, name);
CREATE TABLE model_version_number (workspace_id TEXT NOT NULL, model TEXT NOT NULL, last BIGINT NOT NULL, PRIMARY KEY (workspace_id, model));
CREATE TABLE registered_model_tag (workspace_id TEXT NOT NULL, model TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (workspace_id, model, key));
CREATE TABLE registered_model_alias (workspace_id TEXT NOT NULL, model TEXT NOT NULL, alias TEXT NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (workspace_id, model, alias));
CREATE TABLE model_version (workspace_id TEXT NOT NULL, model TEXT NOT NULL, version BIGINT NOT NULL, run_id TEXT, logged_model TEXT, source TEXT NOT NULL, storage TEXT, run_link TEXT, description TEXT, status BIGINT NOT NULL, status_message TEXT, stage BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (workspace_id, model, version));
CREATE INDEX model_version_by_run ON model_version (workspace_id, run_id);
CREATE INDEX model_version_by_logged_model ON model_version (workspace_id, logged_model);
CREATE INDEX model_version_by_update ON model_version (workspace_id, updated_at);
CREATE TABLE model_version_tag (workspace_id TEXT NOT NULL, model TEXT NOT NULL, version BIGINT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (workspace_id, model, version, key));
CREATE TABLE lineage_edge (workspace_id TEXT NOT NULL, from_kind TEXT NOT NULL, from_id TEXT NOT NULL, relation TEXT NOT NULL, to_kind TEXT NOT NULL, to_id TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (workspace_id, from_kind, from_id, relation, to_kind, to_id));
CREATE INDEX lineage_edge_by_origin ON lineage_edge (workspace_id, to_kind, to_id, relation, from_kind, from_id);
",
};

/// Who moved aliases when; webhooks and what is sent to them.
const SECOND: Migration = Migration {
    service: "registry",
    number: 2,
    sql: "CREATE TABLE alias_move (seq SERIAL_KEY, workspace_id TEXT NOT NULL, model TEXT NOT NULL, alias TEXT NOT NULL, previous BIGINT, version BIGINT, moved_by TEXT NOT NULL, at BIGINT NOT NULL);
CREATE INDEX alias_move_by_model ON alias_move (workspace_id, model, seq);
CREATE TABLE webhook (workspace_id TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL, description TEXT, events TEXT NOT NULL, is_active BIGINT NOT NULL, secret TEXT, since BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (workspace_id, id));
CREATE INDEX webhook_by_creation ON webhook (workspace_id, created_at, id);
CREATE TABLE webhook_delivery (webhook TEXT NOT NULL, seq BIGINT NOT NULL, id TEXT NOT NULL, workspace_id TEXT NOT NULL, event TEXT NOT NULL, body TEXT NOT NULL, state BIGINT NOT NULL, attempts BIGINT NOT NULL, next_at BIGINT NOT NULL, status BIGINT, error TEXT, PRIMARY KEY (webhook, seq));
CREATE INDEX webhook_delivery_due ON webhook_delivery (state, next_at, webhook, seq);
",
};

/// The columns of `model_version` that [`version`] reads, in its order.
pub(crate) const VERSION: &str = "v.model, v.version, v.run_id, v.logged_model, v.source, v.run_link, v.description, v.status, v.status_message, v.stage, v.created_at, v.updated_at, v.created_by, v.storage";

/// Reads a version, with its tags and aliases.
pub(crate) fn version(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    row: &Row,
) -> Result<ModelVersion, DbError> {
    let (model, number): (String, i64) = (row.get(0)?, row.get(1)?);
    let tags = tx
        .query(
            "SELECT key, value FROM model_version_tag WHERE workspace_id = ?1 AND model = ?2 AND version = ?3 ORDER BY key",
            params![workspace, &model, number],
        )?
        .iter()
        .map(|row| Ok((row.get(0)?, row.get(1)?)))
        .collect::<Result<BTreeMap<String, String>, DbError>>()?;
    let aliases = tx
        .query(
            "SELECT alias FROM registered_model_alias WHERE workspace_id = ?1 AND model = ?2 AND version = ?3 ORDER BY alias",
            params![workspace, &model, number],
        )?
        .iter()
        .map(|row| row.get(0))
        .collect::<Result<_, DbError>>()?;
    Ok(ModelVersion {
        model,
        version: number,
        run_id: row.get::<Option<RunId>>(2)?,
        logged_model: row.get::<Option<LoggedModelId>>(3)?,
        source: row.get(4)?,
        run_link: row.get(5)?,
        description: row.get(6)?,
        status: VersionStatus::from_number(row.get(7)?),
        status_message: row.get(8)?,
        stage: Stage::from_number(row.get(9)?),
        tags,
        aliases,
        created_at: row.get(10)?,
        updated_at: row.get(11)?,
        created_by: row.get(12)?,
        storage: row.get(13)?,
    })
}

/// Reads every version that a query over `model_version v` answers.
pub(crate) fn versions(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    condition: &str,
    params: &[trimtab_db::Value],
) -> Result<Vec<ModelVersion>, DbError> {
    let rows = tx.query(
        &format!("SELECT {VERSION} FROM model_version v WHERE {condition}"),
        params,
    )?;
    rows.iter().map(|row| version(tx, workspace, row)).collect()
}

/// Reads a model by name, with everything about it.
pub(crate) fn model(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &str,
) -> Result<Option<RegisteredModel>, DbError> {
    let Some(row) = tx.query_opt(
        "SELECT description, created_at, updated_at, created_by FROM registered_model WHERE workspace_id = ?1 AND name = ?2",
        params![workspace, name],
    )?
    else {
        return Ok(None);
    };
    let tags = tx
        .query(
            "SELECT key, value FROM registered_model_tag WHERE workspace_id = ?1 AND model = ?2 ORDER BY key",
            params![workspace, name],
        )?
        .iter()
        .map(|row| Ok((row.get(0)?, row.get(1)?)))
        .collect::<Result<_, DbError>>()?;
    let aliases = tx
        .query(
            "SELECT alias, version FROM registered_model_alias WHERE workspace_id = ?1 AND model = ?2 ORDER BY alias",
            params![workspace, name],
        )?
        .iter()
        .map(|row| Ok((row.get(0)?, row.get(1)?)))
        .collect::<Result<_, DbError>>()?;
    let latest_versions = versions(
        tx,
        workspace,
        "v.workspace_id = ?1 AND v.model = ?2 AND v.version = (SELECT MAX(w.version) FROM model_version w WHERE w.workspace_id = v.workspace_id AND w.model = v.model AND w.stage = v.stage) ORDER BY v.stage",
        params![workspace, name],
    )?;
    Ok(Some(RegisteredModel {
        name: name.to_owned(),
        description: row.get(0)?,
        created_at: row.get(1)?,
        updated_at: row.get(2)?,
        created_by: row.get(3)?,
        tags,
        aliases,
        latest_versions,
    }))
}

pub(crate) fn model_exists(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &str,
) -> Result<bool, DbError> {
    let row = tx.query_opt(
        "SELECT 1 FROM registered_model WHERE workspace_id = ?1 AND name = ?2",
        params![workspace, name],
    )?;
    Ok(row.is_some())
}

/// Whether a model is a prompt.
pub(crate) fn is_prompt(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    model: &str,
) -> Result<bool, DbError> {
    let row = tx.query_opt(
        "SELECT value FROM registered_model_tag WHERE workspace_id = ?1 AND model = ?2 AND key = ?3",
        params![workspace, model, crate::validate::IS_PROMPT],
    )?;
    match row {
        Some(row) => Ok(row.get::<String>(0)?.eq_ignore_ascii_case("true")),
        None => Ok(false),
    }
}

/// Tags as they are stored: of those of one key the last counts.
pub(crate) fn tag_map(tags: &[(String, String)]) -> BTreeMap<&str, &str> {
    tags.iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}
