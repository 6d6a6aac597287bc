//! The tables of access and the statements on them.

use trimtab_db::{DbError, Migration, Row, Tx, params};
use trimtab_types::{Role, Scope, Time, TokenId, WorkspaceId};

use crate::{AuditEntry, AuditRecord, Token, Workspace};

/// The schema of access.
pub const MIGRATIONS: &[Migration] = &[Migration {
    service: "access",
    number: 1,
    sql: "CREATE TABLE workspace (workspace_id TEXT PRIMARY KEY, created_at BIGINT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE token (id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, hash BYTEA NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, expires_at BIGINT, revoked_at BIGINT);
CREATE UNIQUE INDEX token_by_name ON token (workspace_id, name) WHERE revoked_at IS NULL;
CREATE INDEX token_by_workspace ON token (workspace_id, created_at);
CREATE TABLE audit (seq SERIAL_KEY, workspace_id TEXT NOT NULL, at BIGINT NOT NULL, principal TEXT NOT NULL, action TEXT NOT NULL, kind TEXT NOT NULL, object TEXT NOT NULL, status BIGINT NOT NULL, request_id TEXT NOT NULL);
CREATE INDEX audit_by_workspace ON audit (workspace_id, seq);
",
}];

const TOKEN_COLUMNS: &str =
    "id, workspace_id, name, role, created_at, created_by, expires_at, revoked_at, hash";

pub(crate) fn any_token(tx: &mut Tx<'_>) -> Result<bool, DbError> {
    // A revoked token counts: revoking the last one must not open the server to everyone.
    Ok(tx
        .query_opt("SELECT 1 FROM token LIMIT 1", params![])?
        .is_some())
}

pub(crate) fn workspace_exists(tx: &mut Tx<'_>, id: &WorkspaceId) -> Result<bool, DbError> {
    let sql = "SELECT 1 FROM workspace WHERE workspace_id = ?1";
    Ok(tx.query_opt(sql, params![id])?.is_some())
}

pub(crate) fn ensure_workspace(
    tx: &mut Tx<'_>,
    id: &WorkspaceId,
    by: &str,
    at: Time,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO workspace (workspace_id, created_at, created_by) VALUES (?1, ?2, ?3) ON CONFLICT (workspace_id) DO NOTHING",
        params![id, at, by],
    )?;
    Ok(())
}

pub(crate) fn workspaces(tx: &mut Tx<'_>) -> Result<Vec<Workspace>, DbError> {
    tx.query(
        "SELECT workspace_id, created_at, created_by FROM workspace ORDER BY workspace_id LIMIT 10000",
        params![],
    )?
    .iter()
    .map(|row| {
        Ok(Workspace {
            id: row.get(0)?,
            created_at: row.get(1)?,
            created_by: row.get(2)?,
        })
    })
    .collect()
}

pub(crate) fn insert_token(tx: &mut Tx<'_>, token: &Token, hash: &[u8]) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO token (id, workspace_id, name, role, hash, created_at, created_by, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            token.id.to_string(),
            &token.workspace,
            &token.name,
            token.role.as_str(),
            hash,
            token.created_at,
            &token.created_by,
            token.expires_at
        ],
    )?;
    Ok(())
}

pub(crate) fn token(tx: &mut Tx<'_>, id: &TokenId) -> Result<Option<([u8; 32], Token)>, DbError> {
    let sql = format!("SELECT {TOKEN_COLUMNS} FROM token WHERE id = ?1");
    let Some(row) = tx.query_opt(&sql, params![id.to_string()])? else {
        return Ok(None);
    };
    let hash: Vec<u8> = row.get(8)?;
    let hash = hash.try_into().map_err(|_| DbError::Decode {
        column: 8,
        expected: "32 bytes",
        found: "other bytes".to_owned(),
    })?;
    Ok(Some((hash, read_token(&row)?)))
}

pub(crate) fn tokens(tx: &mut Tx<'_>, workspace: &WorkspaceId) -> Result<Vec<Token>, DbError> {
    let sql = format!(
        "SELECT {TOKEN_COLUMNS} FROM token WHERE workspace_id = ?1 ORDER BY created_at, id LIMIT 10000"
    );
    tx.query(&sql, params![workspace])?
        .iter()
        .map(read_token)
        .collect()
}

/// Whether a token stands by which tokens of the workspace can be administered, other than this one.
pub(crate) fn has_admin(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    but: Option<&TokenId>,
    at: Time,
) -> Result<bool, DbError> {
    Ok(tokens(tx, workspace)?
        .iter()
        .any(|token| token.role == Role::Admin && token.is_valid_at(at) && Some(&token.id) != but))
}

pub(crate) fn revoke(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: &TokenId,
    at: Time,
) -> Result<bool, DbError> {
    let changed = tx.execute(
        "UPDATE token SET revoked_at = COALESCE(revoked_at, ?3) WHERE workspace_id = ?1 AND id = ?2",
        params![workspace, id.to_string(), at],
    )?;
    Ok(changed > 0)
}

pub(crate) fn insert_audit(
    tx: &mut Tx<'_>,
    scope: &Scope,
    entry: &AuditEntry,
    at: Time,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO audit (workspace_id, at, principal, action, kind, object, status, request_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            &scope.workspace,
            at,
            scope.principal.name.as_ref(),
            &entry.action,
            &entry.kind,
            &entry.object,
            entry.status,
            &entry.request_id
        ],
    )?;
    Ok(())
}

pub(crate) fn audit(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<AuditRecord>, DbError> {
    tx.query(
        "SELECT seq, workspace_id, at, principal, action, kind, object, status, request_id FROM audit WHERE workspace_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
        params![workspace, before.unwrap_or(i64::MAX), limit],
    )?
    .iter()
    .map(|row| {
        Ok(AuditRecord {
            seq: row.get(0)?,
            workspace: row.get(1)?,
            at: row.get(2)?,
            principal: row.get(3)?,
            entry: AuditEntry {
                action: row.get(4)?,
                kind: row.get(5)?,
                object: row.get(6)?,
                status: row.get(7)?,
                request_id: row.get(8)?,
            },
        })
    })
    .collect()
}

fn read_token(row: &Row) -> Result<Token, DbError> {
    Ok(Token {
        id: row.get(0)?,
        workspace: row.get(1)?,
        name: row.get(2)?,
        role: read_role(&row.get::<String>(3)?)?,
        created_at: row.get(4)?,
        created_by: row.get(5)?,
        expires_at: row.get(6)?,
        revoked_at: row.get(7)?,
    })
}

fn read_role(text: &str) -> Result<Role, DbError> {
    [Role::Viewer, Role::Editor, Role::Operator, Role::Admin]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| DbError::Decode {
            column: 3,
            expected: "a role",
            found: format!("`{text}`"),
        })
}
