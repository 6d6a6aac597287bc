//! The tables `endpoint` and `revision`.

use trimtab_db::{DbError, Message, Migration, Row, Tx, params};
use trimtab_types::{Name, RevisionId, Time, WorkspaceId};

use crate::{Endpoint, EndpointSpec, Revision, RevisionState, Traffic};

/// This crate's tables.
pub const MIGRATIONS: &[Migration] = &[Migration {
    service: "serving",
    number: 1,
    sql: "CREATE TABLE endpoint (workspace_id TEXT NOT NULL, name TEXT NOT NULL, project TEXT NOT NULL, spec TEXT NOT NULL, spec_generation BIGINT NOT NULL, champion TEXT, canary TEXT, canary_weight BIGINT NOT NULL, shadow TEXT, salt TEXT NOT NULL, generation BIGINT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (workspace_id, name));
CREATE TABLE revision (workspace_id TEXT NOT NULL, endpoint TEXT NOT NULL, id TEXT NOT NULL, model TEXT NOT NULL, version BIGINT NOT NULL, state TEXT NOT NULL, error TEXT, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (workspace_id, endpoint, id));
CREATE UNIQUE INDEX revision_live ON revision (workspace_id, endpoint, model, version) WHERE state <> 'retired';
",
}];

/// An endpoint as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct EndpointRow {
    pub(crate) workspace: WorkspaceId,
    pub(crate) endpoint: Endpoint,
    pub(crate) spec_generation: i64,
}

const ENDPOINT: &str = "workspace_id, spec, spec_generation, champion, canary, canary_weight, shadow, salt, generation, created_at, created_by, updated_at";
const REVISION: &str = "endpoint, id, model, version, state, error, created_at";

fn endpoint_row(row: &Row) -> Result<EndpointRow, DbError> {
    let spec: String = row.get(1)?;
    let canary: Option<RevisionId> = row.get(4)?;
    let weight: u32 = row.get(5)?;
    Ok(EndpointRow {
        workspace: row.get(0)?,
        spec_generation: row.get(2)?,
        endpoint: Endpoint {
            spec: serde_json::from_str(&spec).map_err(|error| DbError::Decode {
                column: 1,
                expected: "an endpoint's spec",
                found: error.to_string(),
            })?,
            traffic: Traffic {
                champion: row.get(3)?,
                canary: canary.map(|canary| (canary, weight)),
                shadow: row.get(6)?,
                salt: row.get(7)?,
                generation: row.get(8)?,
            },
            created_at: row.get(9)?,
            created_by: row.get(10)?,
            updated_at: row.get(11)?,
        },
    })
}

fn revision_row(row: &Row) -> Result<Revision, DbError> {
    let state: String = row.get(4)?;
    let error: Option<String> = row.get(5)?;
    Ok(Revision {
        endpoint: row.get(0)?,
        id: row.get(1)?,
        model: row.get(2)?,
        version: row.get(3)?,
        state: match state.as_str() {
            "loading" => RevisionState::Loading,
            "ready" => RevisionState::Ready,
            "failed" => RevisionState::Failed {
                error: error.unwrap_or_default(),
            },
            "retired" => RevisionState::Retired,
            _ => {
                return Err(DbError::Decode {
                    column: 4,
                    expected: "a revision's state",
                    found: state,
                });
            }
        },
        created_at: row.get(6)?,
    })
}

pub(crate) fn endpoint(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &Name,
) -> Result<Option<EndpointRow>, DbError> {
    tx.query_opt(
        &format!("SELECT {ENDPOINT} FROM endpoint WHERE workspace_id = ?1 AND name = ?2"),
        params![workspace, name],
    )?
    .as_ref()
    .map(endpoint_row)
    .transpose()
}

/// Endpoints of one workspace by name, from after a name.
pub(crate) fn endpoints(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    after: &str,
    limit: u32,
) -> Result<Vec<EndpointRow>, DbError> {
    tx.query(
        &format!(
            "SELECT {ENDPOINT} FROM endpoint WHERE workspace_id = ?1 AND name > ?2 ORDER BY name LIMIT ?3"
        ),
        params![workspace, after, limit],
    )?
    .iter()
    .map(endpoint_row)
    .collect()
}

/// The workspaces that have endpoints, from after one.
pub(crate) fn workspaces(tx: &mut Tx<'_>) -> Result<Vec<WorkspaceId>, DbError> {
    tx.query(
        "SELECT DISTINCT workspace_id FROM endpoint ORDER BY workspace_id",
        params![],
    )?
    .iter()
    .map(|row| row.get(0))
    .collect()
}

pub(crate) fn insert_endpoint(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    spec: &EndpointSpec,
    by: &str,
    now: Time,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO endpoint (workspace_id, name, project, spec, spec_generation, canary_weight, salt, generation, created_at, created_by, updated_at) VALUES (?1, ?2, ?3, ?4, 1, 0, ?2, 0, ?5, ?6, ?5)",
        params![workspace, &spec.name, &spec.project, json(spec)?, now, by],
    )?;
    Ok(())
}

pub(crate) fn update_spec(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    spec: &EndpointSpec,
    now: Time,
) -> Result<(), DbError> {
    tx.execute(
        "UPDATE endpoint SET spec = ?3, spec_generation = spec_generation + 1, updated_at = ?4 WHERE workspace_id = ?1 AND name = ?2",
        params![workspace, &spec.name, json(spec)?, now],
    )?;
    Ok(())
}

pub(crate) fn update_traffic(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &Name,
    traffic: &Traffic,
) -> Result<(), DbError> {
    let (canary, weight) = traffic.canary.unzip();
    tx.execute(
        "UPDATE endpoint SET champion = ?3, canary = ?4, canary_weight = ?5, shadow = ?6, salt = ?7, generation = ?8 WHERE workspace_id = ?1 AND name = ?2",
        params![
            workspace,
            name,
            traffic.champion,
            canary,
            weight.unwrap_or(0),
            traffic.shadow,
            &traffic.salt,
            traffic.generation
        ],
    )?;
    Ok(())
}

pub(crate) fn revision(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
    id: RevisionId,
) -> Result<Option<Revision>, DbError> {
    tx.query_opt(
        &format!(
            "SELECT {REVISION} FROM revision WHERE workspace_id = ?1 AND endpoint = ?2 AND id = ?3"
        ),
        params![workspace, endpoint, id],
    )?
    .as_ref()
    .map(revision_row)
    .transpose()
}

/// The revision of a version that is not retired.
pub(crate) fn live_revision(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
    model: &str,
    version: i64,
) -> Result<Option<Revision>, DbError> {
    tx.query_opt(
        &format!(
            "SELECT {REVISION} FROM revision WHERE workspace_id = ?1 AND endpoint = ?2 AND model = ?3 AND version = ?4 AND state <> 'retired'"
        ),
        params![workspace, endpoint, model, version],
    )?
    .as_ref()
    .map(revision_row)
    .transpose()
}

/// Revisions of an endpoint, newest first.
pub(crate) fn revisions(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
    limit: u32,
) -> Result<Vec<Revision>, DbError> {
    tx.query(
        &format!(
            "SELECT {REVISION} FROM revision WHERE workspace_id = ?1 AND endpoint = ?2 ORDER BY id DESC LIMIT ?3"
        ),
        params![workspace, endpoint, limit],
    )?
    .iter()
    .map(revision_row)
    .collect()
}

/// Revisions of an endpoint that should be loaded, oldest first.
pub(crate) fn revisions_to_load(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
) -> Result<Vec<Revision>, DbError> {
    tx.query(
        &format!(
            "SELECT {REVISION} FROM revision WHERE workspace_id = ?1 AND endpoint = ?2 AND state IN ('ready', 'loading') ORDER BY id LIMIT 1000"
        ),
        params![workspace, endpoint],
    )?
    .iter()
    .map(revision_row)
    .collect()
}

/// Revisions of an endpoint that are not retired, oldest first.
pub(crate) fn revisions_not_retired(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
) -> Result<Vec<Revision>, DbError> {
    tx.query(
        &format!(
            "SELECT {REVISION} FROM revision WHERE workspace_id = ?1 AND endpoint = ?2 AND state <> 'retired' ORDER BY id LIMIT 1000"
        ),
        params![workspace, endpoint],
    )?
    .iter()
    .map(revision_row)
    .collect()
}

pub(crate) fn delete_endpoint(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM endpoint WHERE workspace_id = ?1 AND name = ?2",
        params![workspace, endpoint],
    )?;
    Ok(())
}

pub(crate) fn insert_revision(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    revision: &Revision,
    by: &str,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO revision (workspace_id, endpoint, id, model, version, state, created_at, created_by, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?7)",
        params![
            workspace,
            &revision.endpoint,
            revision.id,
            &revision.model,
            revision.version,
            revision.state.as_str(),
            revision.created_at,
            by
        ],
    )?;
    Ok(())
}

/// Changes a revision's state, and tells of it.
pub(crate) fn update_state(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    revision: &Revision,
    now: Time,
) -> Result<(), DbError> {
    let error = match &revision.state {
        RevisionState::Failed { error } => Some(error),
        RevisionState::Loading | RevisionState::Ready | RevisionState::Retired => None,
    };
    tx.execute(
        "UPDATE revision SET state = ?4, error = ?5, updated_at = ?6 WHERE workspace_id = ?1 AND endpoint = ?2 AND id = ?3",
        params![
            workspace,
            &revision.endpoint,
            revision.id,
            revision.state.as_str(),
            error,
            now
        ],
    )?;
    tx.publish(&Message {
        workspace: workspace.clone(),
        topic: "serving.revision-changed",
        version: 1,
        payload: serde_json::json!({
            "endpoint": revision.endpoint,
            "revision": revision.id,
            "model": revision.model,
            "version": revision.version,
            "state": revision.state.as_str(),
            "error": error,
        }),
        at: now,
    })
}

/// Tells of new traffic.
pub(crate) fn publish_traffic(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
    traffic: &Traffic,
    now: Time,
) -> Result<(), DbError> {
    let (canary, weight) = traffic.canary.unzip();
    tx.publish(&Message {
        workspace: workspace.clone(),
        topic: "serving.traffic-set",
        version: 1,
        payload: serde_json::json!({
            "endpoint": endpoint,
            "generation": traffic.generation,
            "champion": traffic.champion,
            "canary": canary,
            "canary_weight": weight,
            "shadow": traffic.shadow,
        }),
        at: now,
    })
}

fn json(spec: &EndpointSpec) -> Result<String, DbError> {
    serde_json::to_string(spec).map_err(|error| DbError::Statement {
        sql: "writing an endpoint's spec".to_owned(),
        source: error.into(),
    })
}
