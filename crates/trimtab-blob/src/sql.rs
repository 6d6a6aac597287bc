//! The one table: which content of a workspace is under which key, and how many refer to it.

use trimtab_db::{DbError, Migration, Tx, params};
use trimtab_types::{Time, WorkspaceId};

use crate::BlobRef;

/// The tables of this crate.
pub const MIGRATIONS: &[Migration] = &[Migration {
    service: "blob",
    number: 1,
    sql: "CREATE TABLE blob (workspace_id TEXT NOT NULL, hash TEXT NOT NULL, key TEXT NOT NULL UNIQUE, size BIGINT NOT NULL, refs BIGINT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (workspace_id, hash));
",
}];

/// Counts one more reference to a content; answers the key that holds it, which may be that of an earlier copy.
pub(crate) fn keep(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    blob: &BlobRef,
    by: &str,
    at: Time,
) -> Result<BlobRef, DbError> {
    let row = tx.query_one(
        "INSERT INTO blob (workspace_id, hash, key, size, refs, created_at, created_by) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6)
         ON CONFLICT (workspace_id, hash) DO UPDATE SET refs = blob.refs + 1 RETURNING key",
        params![workspace, &blob.blake3, &blob.key, blob.size, at, by],
    )?;
    Ok(BlobRef {
        key: row.get(0)?,
        ..blob.clone()
    })
}

/// Gives one reference back; answers the key whose file is to be removed, when it was the last.
pub(crate) fn release(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    hash: &str,
) -> Result<Option<String>, DbError> {
    let row = tx.query_opt(
        "UPDATE blob SET refs = refs - 1 WHERE workspace_id = ?1 AND hash = ?2 RETURNING refs, key",
        params![workspace, hash],
    )?;
    let Some(row) = row else { return Ok(None) };
    if row.get::<i64>(0)? > 0 {
        return Ok(None);
    }
    tx.execute(
        "DELETE FROM blob WHERE workspace_id = ?1 AND hash = ?2",
        params![workspace, hash],
    )?;
    row.get(1).map(Some)
}

pub(crate) fn find(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    hash: &str,
) -> Result<Option<BlobRef>, DbError> {
    tx.query_opt(
        "SELECT key, hash, size FROM blob WHERE workspace_id = ?1 AND hash = ?2",
        params![workspace, hash],
    )?
    .map(|row| {
        Ok(BlobRef {
            key: row.get(0)?,
            blake3: row.get(1)?,
            size: row.get(2)?,
        })
    })
    .transpose()
}

pub(crate) fn knows_key(tx: &mut Tx<'_>, key: &str) -> Result<bool, DbError> {
    let row = tx.query_opt("SELECT 1 FROM blob WHERE key = ?1", params![key])?;
    Ok(row.is_some())
}
