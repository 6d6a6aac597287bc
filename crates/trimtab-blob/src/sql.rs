//! The tables: which content of a workspace is under which key, how many refer to it, and small contents themselves.

use trimtab_db::{DbError, Migration, Tx, Value, params};
use trimtab_types::{Time, WorkspaceId};

use crate::BlobRef;

/// The tables of this crate.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        service: "blob",
        number: 1,
        sql: "CREATE TABLE blob (workspace_id TEXT NOT NULL, hash TEXT NOT NULL, key TEXT NOT NULL UNIQUE, size BIGINT NOT NULL, refs BIGINT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (workspace_id, hash));
",
    },
    Migration {
        service: "blob",
        number: 2,
        sql: "CREATE TABLE blob_row (key TEXT PRIMARY KEY, content BYTEA NOT NULL);
CREATE TABLE artifact_root (workspace_id TEXT NOT NULL, uri TEXT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (workspace_id, uri));
",
    },
];

/// Counts one more reference to a content; answers the key that holds it, which may be that of an earlier copy.
pub(crate) fn keep(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    blob: &BlobRef,
    content: Option<&[u8]>,
    by: &str,
    at: Time,
) -> Result<BlobRef, DbError> {
    let row = tx.query_one(
        "INSERT INTO blob (workspace_id, hash, key, size, refs, created_at, created_by) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6)
         ON CONFLICT (workspace_id, hash) DO UPDATE SET refs = blob.refs + 1 RETURNING key",
        params![workspace, &blob.blake3, &blob.key, blob.size, at, by],
    )?;
    let key: String = row.get(0)?;
    if let Some(content) = content.filter(|_| key == blob.key) {
        tx.execute(
            "INSERT INTO blob_row (key, content) VALUES (?1, ?2)",
            params![&key, content],
        )?;
    }
    Ok(BlobRef {
        key,
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
    let key: String = row.get(1)?;
    if is_row(&key) {
        tx.execute("DELETE FROM blob_row WHERE key = ?1", params![&key])?;
        return Ok(None);
    }
    Ok(Some(key))
}

/// Whether a key's content is in the database.
pub(crate) fn is_row(key: &str) -> bool {
    key.starts_with("row/")
}

pub(crate) fn content(tx: &mut Tx<'_>, key: &str) -> Result<Option<Vec<u8>>, DbError> {
    tx.query_opt("SELECT content FROM blob_row WHERE key = ?1", params![key])?
        .map(|row| row.get(0))
        .transpose()
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

/// Which of these keys a row names.
pub(crate) fn known(tx: &mut Tx<'_>, keys: &[String]) -> Result<Vec<String>, DbError> {
    let places: Vec<String> = (1..=keys.len()).map(|place| format!("?{place}")).collect();
    let values: Vec<Value> = keys.iter().map(Value::from).collect();
    tx.query(
        &format!("SELECT key FROM blob WHERE key IN ({})", places.join(", ")),
        &values,
    )?
    .iter()
    .map(|row| row.get(0))
    .collect()
}

/// Every content that is a file, after a key, in the order of keys: key, hash, size.
pub(crate) fn files_after(tx: &mut Tx<'_>, key: &str, limit: u32) -> Result<Vec<BlobRef>, DbError> {
    // `row/` sorts after every shard, whose names are hexadecimal.
    tx.query(
        "SELECT key, hash, size FROM blob WHERE key > ?1 AND key < 'g' ORDER BY key LIMIT ?2",
        params![key, limit],
    )?
    .iter()
    .map(|row| {
        Ok(BlobRef {
            key: row.get(0)?,
            blake3: row.get(1)?,
            size: row.get(2)?,
        })
    })
    .collect()
}
