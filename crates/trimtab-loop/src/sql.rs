//! The loop's tables. Plans and rollouts are documents (versioned JSON) with the columns that are listed by.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;
use trimtab_db::{DbError, Migration, Row, Tx, params};
use trimtab_types::{Name, PlanId, RolloutId, Time, WorkspaceId};

use crate::{Decision, Plan, Rollout, RolloutPolicy, TriggerSpec};

/// The loop's schema.
pub const MIGRATIONS: &[Migration] = &[Migration {
    service: "loop",
    number: 1,
    sql: "CREATE TABLE trigger_spec (workspace_id TEXT NOT NULL, name TEXT NOT NULL, project TEXT NOT NULL, endpoint TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (workspace_id, name));
CREATE TABLE rollout_policy (workspace_id TEXT NOT NULL, endpoint TEXT NOT NULL, project TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (workspace_id, endpoint));
CREATE TABLE plan (workspace_id TEXT NOT NULL, id TEXT NOT NULL, trigger_name TEXT, endpoint TEXT NOT NULL, state TEXT NOT NULL, created_at BIGINT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (workspace_id, id));
CREATE INDEX plan_by_time ON plan (workspace_id, created_at, id);
CREATE INDEX plan_by_trigger ON plan (workspace_id, trigger_name, created_at, id);
CREATE INDEX plan_by_state ON plan (state, workspace_id, created_at, id);
CREATE UNIQUE INDEX plan_open ON plan (workspace_id, endpoint) WHERE state = 'running';
CREATE INDEX plan_by_endpoint_time ON plan (workspace_id, endpoint, created_at, id);
CREATE TABLE rollout (workspace_id TEXT NOT NULL, id TEXT NOT NULL, endpoint TEXT NOT NULL, state TEXT NOT NULL, created_at BIGINT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (workspace_id, id));
CREATE INDEX rollout_by_time ON rollout (workspace_id, created_at, id);
CREATE INDEX rollout_by_endpoint ON rollout (workspace_id, endpoint, created_at, id);
CREATE TABLE decision (seq SERIAL_KEY, workspace_id TEXT NOT NULL, at BIGINT NOT NULL, endpoint TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, object_kind TEXT NOT NULL, object_id TEXT NOT NULL, evidence TEXT NOT NULL, principal TEXT NOT NULL);
CREATE INDEX decision_by_workspace ON decision (workspace_id, seq);
CREATE INDEX decision_by_endpoint ON decision (workspace_id, endpoint, seq);
CREATE INDEX decision_by_object ON decision (workspace_id, object_kind, object_id);
CREATE TABLE loop_clock (id BIGINT PRIMARY KEY, reached BIGINT NOT NULL);
CREATE TABLE loop_seen_alert (workspace_id TEXT NOT NULL, alert_id TEXT NOT NULL, PRIMARY KEY (workspace_id, alert_id));
",
}, Migration {
    service: "loop",
    number: 2,
    sql: "CREATE TABLE followed_alias (workspace_id TEXT NOT NULL, endpoint TEXT NOT NULL, version BIGINT NOT NULL, PRIMARY KEY (workspace_id, endpoint))",
}];

/// The version of the documents that this program writes.
const DOC_VERSION: i64 = 1;

fn encode<T: Serialize>(value: &T) -> String {
    serde_json::json!({ "version": DOC_VERSION, "value": value }).to_string()
}

fn decode<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, DbError> {
    let bad = |found: String| DbError::Decode {
        column,
        expected: "a document of version 1",
        found,
    };
    let text: String = row.get(column)?;
    let mut doc: Json = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    if doc["version"] != DOC_VERSION {
        return Err(bad(format!("version {}", doc["version"])));
    }
    serde_json::from_value(doc["value"].take()).map_err(|error| bad(error.to_string()))
}

pub(crate) fn put_trigger(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    spec: &TriggerSpec,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO trigger_spec (workspace_id, name, project, endpoint, doc) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (workspace_id, name) DO UPDATE SET project = excluded.project, endpoint = excluded.endpoint, doc = excluded.doc",
        params![workspace, &spec.name, &spec.project, &spec.endpoint, encode(spec)],
    )?;
    Ok(())
}

pub(crate) fn delete_triggers_but(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    project: &Name,
    keep: &[TriggerSpec],
) -> Result<(), DbError> {
    for spec in triggers(tx, workspace)? {
        if spec.project == *project && !keep.iter().any(|kept| kept.name == spec.name) {
            tx.execute(
                "DELETE FROM trigger_spec WHERE workspace_id = ?1 AND name = ?2",
                params![workspace, &spec.name],
            )?;
        }
    }
    Ok(())
}

pub(crate) fn triggers(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
) -> Result<Vec<TriggerSpec>, DbError> {
    tx.query(
        "SELECT doc FROM trigger_spec WHERE workspace_id = ?1 ORDER BY name",
        params![workspace],
    )?
    .iter()
    .map(|row| decode(row, 0))
    .collect()
}

pub(crate) fn workspaces(tx: &mut Tx<'_>) -> Result<Vec<WorkspaceId>, DbError> {
    tx.query(
        "SELECT DISTINCT workspace_id FROM trigger_spec UNION SELECT DISTINCT workspace_id FROM rollout_policy
         UNION SELECT DISTINCT workspace_id FROM plan WHERE state = 'running' ORDER BY 1",
        params![],
    )?
    .iter()
    .map(|row| row.get(0))
    .collect()
}

pub(crate) fn put_policy(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    project: &Name,
    endpoint: &Name,
    policy: &RolloutPolicy,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO rollout_policy (workspace_id, endpoint, project, doc) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (workspace_id, endpoint) DO UPDATE SET project = excluded.project, doc = excluded.doc",
        params![workspace, endpoint, project, encode(policy)],
    )?;
    Ok(())
}

pub(crate) fn policy_owner(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
) -> Result<Option<Name>, DbError> {
    tx.query_opt(
        "SELECT project FROM rollout_policy WHERE workspace_id = ?1 AND endpoint = ?2",
        params![workspace, endpoint],
    )?
    .map(|row| row.get(0))
    .transpose()
}

pub(crate) fn policy(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
) -> Result<RolloutPolicy, DbError> {
    let row = tx.query_opt(
        "SELECT doc FROM rollout_policy WHERE workspace_id = ?1 AND endpoint = ?2",
        params![workspace, endpoint],
    )?;
    row.map_or_else(|| Ok(RolloutPolicy::default()), |row| decode(&row, 0))
}

pub(crate) fn put_plan(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    plan: &Plan,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO plan (workspace_id, id, trigger_name, endpoint, state, created_at, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (workspace_id, id) DO UPDATE SET state = excluded.state, doc = excluded.doc",
        params![
            workspace,
            plan.id,
            plan.trigger.as_ref(),
            &plan.endpoint,
            plan.state.as_str(),
            plan.created_at,
            encode(plan)
        ],
    )?;
    Ok(())
}

pub(crate) fn plan(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: PlanId,
) -> Result<Option<Plan>, DbError> {
    tx.query_opt(
        "SELECT doc FROM plan WHERE workspace_id = ?1 AND id = ?2",
        params![workspace, id],
    )?
    .map(|row| decode(&row, 0))
    .transpose()
}

/// The newest plans, before a cursor when one is given.
pub(crate) fn plans(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    before: Option<(Time, PlanId)>,
    limit: u32,
) -> Result<Vec<Plan>, DbError> {
    let (at, id) = before.map_or((Time::MAX, String::new()), |(at, id)| (at, id.to_string()));
    tx.query(
        "SELECT doc FROM plan WHERE workspace_id = ?1 AND (created_at, id) < (?2, ?3)
         ORDER BY created_at DESC, id DESC LIMIT ?4",
        params![workspace, at, id, limit],
    )?
    .iter()
    .map(|row| decode(row, 0))
    .collect()
}

/// The open plans, oldest first.
pub(crate) fn open_plans(tx: &mut Tx<'_>, workspace: &WorkspaceId) -> Result<Vec<Plan>, DbError> {
    tx.query(
        "SELECT doc FROM plan WHERE workspace_id = ?1 AND state = 'running' ORDER BY created_at, id",
        params![workspace],
    )?
    .iter()
    .map(|row| decode(row, 0))
    .collect()
}

pub(crate) fn open_plan_of(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
) -> Result<Option<Plan>, DbError> {
    tx.query_opt(
        "SELECT doc FROM plan WHERE workspace_id = ?1 AND endpoint = ?2 AND state = 'running'",
        params![workspace, endpoint],
    )?
    .map(|row| decode(&row, 0))
    .transpose()
}

/// The version at which an endpoint's alias was when it was last followed, or found at the champion.
pub(crate) fn followed(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
) -> Result<Option<i64>, DbError> {
    tx.query_opt(
        "SELECT version FROM followed_alias WHERE workspace_id = ?1 AND endpoint = ?2",
        params![workspace, endpoint],
    )?
    .map(|row| row.get(0))
    .transpose()
}

pub(crate) fn put_followed(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
    version: i64,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO followed_alias (workspace_id, endpoint, version) VALUES (?1, ?2, ?3)
         ON CONFLICT (workspace_id, endpoint) DO UPDATE SET version = excluded.version",
        params![workspace, endpoint, version],
    )?;
    Ok(())
}

/// Forgets where an endpoint's alias was, so that it is followed again.
pub(crate) fn forget_followed(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
) -> Result<(), DbError> {
    tx.execute(
        "DELETE FROM followed_alias WHERE workspace_id = ?1 AND endpoint = ?2",
        params![workspace, endpoint],
    )?;
    Ok(())
}

/// The newest plans of an endpoint.
pub(crate) fn plans_of(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
    limit: u32,
) -> Result<Vec<Plan>, DbError> {
    tx.query(
        "SELECT doc FROM plan WHERE workspace_id = ?1 AND endpoint = ?2
         ORDER BY created_at DESC, id DESC LIMIT ?3",
        params![workspace, endpoint, limit],
    )?
    .iter()
    .map(|row| decode(row, 0))
    .collect()
}

/// The newest plans of a trigger: (state, start).
pub(crate) fn trigger_history(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    trigger: &Name,
    limit: u32,
) -> Result<Vec<Plan>, DbError> {
    tx.query(
        "SELECT doc FROM plan WHERE workspace_id = ?1 AND trigger_name = ?2
         ORDER BY created_at DESC, id DESC LIMIT ?3",
        params![workspace, trigger, limit],
    )?
    .iter()
    .map(|row| decode(row, 0))
    .collect()
}

pub(crate) fn put_rollout(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    rollout: &Rollout,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO rollout (workspace_id, id, endpoint, state, created_at, doc) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (workspace_id, id) DO UPDATE SET state = excluded.state, doc = excluded.doc",
        params![
            workspace,
            rollout.id,
            &rollout.endpoint,
            rollout.state.as_str(),
            rollout.created_at,
            encode(rollout)
        ],
    )?;
    Ok(())
}

pub(crate) fn rollout(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: RolloutId,
) -> Result<Option<Rollout>, DbError> {
    tx.query_opt(
        "SELECT doc FROM rollout WHERE workspace_id = ?1 AND id = ?2",
        params![workspace, id],
    )?
    .map(|row| decode(&row, 0))
    .transpose()
}

pub(crate) fn rollouts(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: Option<&Name>,
    limit: u32,
) -> Result<Vec<Rollout>, DbError> {
    let rows = match endpoint {
        Some(endpoint) => tx.query(
            "SELECT doc FROM rollout WHERE workspace_id = ?1 AND endpoint = ?2
             ORDER BY created_at DESC, id DESC LIMIT ?3",
            params![workspace, endpoint, limit],
        )?,
        None => tx.query(
            "SELECT doc FROM rollout WHERE workspace_id = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2",
            params![workspace, limit],
        )?,
    };
    rows.iter().map(|row| decode(row, 0)).collect()
}

pub(crate) fn add_decision(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    decision: &Decision,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO decision (workspace_id, at, endpoint, kind, text, object_kind, object_id, evidence, principal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            workspace,
            decision.at,
            &decision.endpoint,
            &decision.kind,
            &decision.text,
            &decision.object.0,
            &decision.object.1,
            decision.evidence.to_string(),
            &decision.principal
        ],
    )?;
    Ok(())
}

/// Adds a decision unless the same thing was said of the same object already, as when a step is repeated after a kill.
pub(crate) fn add_decision_once(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    decision: &Decision,
) -> Result<(), DbError> {
    let said = tx.query_opt(
        "SELECT 1 FROM decision WHERE workspace_id = ?1 AND kind = ?2 AND object_kind = ?3 AND object_id = ?4 LIMIT 1",
        params![workspace, &decision.kind, &decision.object.0, &decision.object.1],
    )?;
    if said.is_some() {
        Ok(())
    } else {
        add_decision(tx, workspace, decision)
    }
}

/// Whether the same words were said of the same object already.
pub(crate) fn is_told(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    decision: &Decision,
) -> Result<bool, DbError> {
    let said = tx.query_opt(
        "SELECT 1 FROM decision WHERE workspace_id = ?1 AND object_kind = ?2 AND object_id = ?3 AND kind = ?4 AND text = ?5 LIMIT 1",
        params![workspace, &decision.object.0, &decision.object.1, &decision.kind, &decision.text],
    )?;
    Ok(said.is_some())
}

const DECISION_COLUMNS: &str =
    "seq, at, endpoint, kind, text, object_kind, object_id, evidence, principal";

/// Decisions after a place in the diary, oldest first.
pub(crate) fn decisions(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: Option<&Name>,
    after: i64,
    limit: u32,
) -> Result<Vec<Decision>, DbError> {
    let rows = match endpoint {
        Some(endpoint) => {
            let sql = format!(
                "SELECT {DECISION_COLUMNS} FROM decision
                 WHERE workspace_id = ?1 AND endpoint = ?3 AND seq > ?2 ORDER BY seq LIMIT ?4"
            );
            tx.query(&sql, params![workspace, after, endpoint, limit])?
        }
        None => {
            let sql = format!(
                "SELECT {DECISION_COLUMNS} FROM decision WHERE workspace_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
            );
            tx.query(&sql, params![workspace, after, limit])?
        }
    };
    rows.iter().map(read_decision).collect()
}

/// Decisions before a place in the diary, newest first.
pub(crate) fn latest_decisions(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: Option<&Name>,
    before: i64,
    limit: u32,
) -> Result<Vec<Decision>, DbError> {
    let rows = match endpoint {
        Some(endpoint) => {
            let sql = format!(
                "SELECT {DECISION_COLUMNS} FROM decision
                 WHERE workspace_id = ?1 AND endpoint = ?3 AND seq < ?2 ORDER BY seq DESC LIMIT ?4"
            );
            tx.query(&sql, params![workspace, before, endpoint, limit])?
        }
        None => {
            let sql = format!(
                "SELECT {DECISION_COLUMNS} FROM decision WHERE workspace_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
            );
            tx.query(&sql, params![workspace, before, limit])?
        }
    };
    rows.iter().map(read_decision).collect()
}

fn read_decision(row: &Row) -> Result<Decision, DbError> {
    let evidence: String = row.get(7)?;
    Ok(Decision {
        seq: row.get(0)?,
        at: row.get(1)?,
        endpoint: row.get(2)?,
        kind: row.get(3)?,
        text: row.get(4)?,
        object: (row.get(5)?, row.get(6)?),
        evidence: serde_json::from_str(&evidence).unwrap_or(Json::Null),
        principal: row.get(8)?,
    })
}

/// Where the replay clock stands.
pub(crate) fn clock(tx: &mut Tx<'_>) -> Result<Option<Time>, DbError> {
    tx.query_opt("SELECT reached FROM loop_clock WHERE id = 1", params![])?
        .map(|row| row.get(0))
        .transpose()
}

/// Notes where the replay clock is about to stand.
pub(crate) fn put_clock(tx: &mut Tx<'_>, reached: Time) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO loop_clock (id, reached) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET reached = excluded.reached",
        params![reached],
    )?;
    Ok(())
}

/// Marks an alert as told; answers whether it was new.
pub(crate) fn see_alert(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    alert: &str,
) -> Result<bool, DbError> {
    let added = tx.execute(
        "INSERT INTO loop_seen_alert (workspace_id, alert_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![workspace, alert],
    )?;
    Ok(added == 1)
}
