//! The tables of dataset versions and quarantines.

use serde::{Serialize, de::DeserializeOwned};
use trimtab_db::{DbError, Migration, Row, Tx, params};
use trimtab_types::{DatasetVersionId, Name, Time, WorkspaceId};

use crate::{DataError, DatasetVersion, Quarantine};

/// The tables of the data service.
pub const MIGRATIONS: &[Migration] = &[Migration {
    service: "data",
    number: 1,
    sql: "CREATE TABLE dataset_version (workspace_id TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, number BIGINT NOT NULL, digest TEXT NOT NULL, row_count BIGINT NOT NULL, columns TEXT NOT NULL, source TEXT NOT NULL, from_time BIGINT, to_time BIGINT, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, profile TEXT NOT NULL, blob TEXT NOT NULL, PRIMARY KEY (workspace_id, id));
CREATE UNIQUE INDEX dataset_version_by_number ON dataset_version (workspace_id, name, number);
CREATE UNIQUE INDEX dataset_version_by_digest ON dataset_version (workspace_id, name, digest);
CREATE TABLE quarantine (workspace_id TEXT NOT NULL, endpoint TEXT NOT NULL, from_time BIGINT NOT NULL, to_time BIGINT NOT NULL, digest TEXT NOT NULL, columns TEXT NOT NULL, cause TEXT NOT NULL, alert TEXT, at BIGINT NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (workspace_id, endpoint, from_time, to_time, digest));
",
}];

const COLUMNS: &str = "id, name, number, digest, row_count, columns, source, from_time, to_time, created_at, created_by, profile";

/// A version with the hash of its blob.
pub(crate) fn insert(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    version: &DatasetVersion,
    blob: &str,
) -> Result<(), DataError> {
    tx.execute(
        "INSERT INTO dataset_version (workspace_id, id, name, number, digest, row_count, columns, source, from_time, to_time, created_at, created_by, profile, blob)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        params![
            workspace,
            version.id,
            &version.name,
            version.number,
            &version.digest,
            version.rows,
            json("columns", &version.columns)?,
            json("source", &version.source)?,
            version.from,
            version.to,
            version.created_at,
            &version.created_by,
            json("profile", &version.profile)?,
            blob
        ],
    )?;
    Ok(())
}

pub(crate) fn next_number(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &str,
) -> Result<i64, DbError> {
    let last: Option<i64> = tx
        .query_one(
            "SELECT MAX(number) FROM dataset_version WHERE workspace_id = ?1 AND name = ?2",
            params![workspace, name],
        )?
        .get(0)?;
    Ok(last.unwrap_or(0) + 1)
}

pub(crate) fn by_digest(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &str,
    digest: &str,
) -> Result<Option<DatasetVersion>, DataError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM dataset_version WHERE workspace_id = ?1 AND name = ?2 AND digest = ?3"
    );
    let row = tx.query_opt(&sql, params![workspace, name, digest])?;
    row.as_ref().map(version).transpose()
}

pub(crate) fn by_id(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: DatasetVersionId,
) -> Result<Option<DatasetVersion>, DataError> {
    let sql = format!("SELECT {COLUMNS} FROM dataset_version WHERE workspace_id = ?1 AND id = ?2");
    let row = tx.query_opt(&sql, params![workspace, id])?;
    row.as_ref().map(version).transpose()
}

pub(crate) fn blob_of(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: DatasetVersionId,
) -> Result<Option<String>, DbError> {
    tx.query_opt(
        "SELECT blob FROM dataset_version WHERE workspace_id = ?1 AND id = ?2",
        params![workspace, id],
    )?
    .map(|row| row.get(0))
    .transpose()
}

/// Versions before `before` (an id), newest first.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<DatasetVersion>, DataError> {
    // Ids are hex digits: `g` stands after all of them.
    let sql = format!(
        "SELECT {COLUMNS} FROM dataset_version WHERE workspace_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"
    );
    let rows = tx.query(&sql, params![workspace, before.unwrap_or("g"), limit])?;
    rows.iter().map(version).collect()
}

/// Versions of one name before a number, newest first.
pub(crate) fn list_named(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &str,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<DatasetVersion>, DataError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM dataset_version WHERE workspace_id = ?1 AND name = ?2 AND number < ?3 ORDER BY number DESC LIMIT ?4"
    );
    let before = before.unwrap_or(i64::MAX);
    let rows = tx.query(&sql, params![workspace, name, before, limit])?;
    rows.iter().map(version).collect()
}

fn version(row: &Row) -> Result<DatasetVersion, DataError> {
    Ok(DatasetVersion {
        id: row.get(0)?,
        name: row.get(1)?,
        number: row.get(2)?,
        digest: row.get(3)?,
        rows: row.get(4)?,
        columns: parse("columns", &row.get::<String>(5)?)?,
        source: parse("source", &row.get::<String>(6)?)?,
        from: row.get(7)?,
        to: row.get(8)?,
        created_at: row.get(9)?,
        created_by: row.get(10)?,
        profile: parse("profile", &row.get::<String>(11)?)?,
    })
}

fn json(what: &'static str, value: &impl Serialize) -> Result<String, DataError> {
    serde_json::to_string(value).map_err(|source| DataError::Stored { what, source })
}

fn parse<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, DataError> {
    serde_json::from_str(text).map_err(|source| DataError::Stored { what, source })
}

/// Answers whether it was not there yet.
pub(crate) fn insert_quarantine(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    principal: &str,
    quarantine: &Quarantine,
) -> Result<bool, DataError> {
    let columns = json("columns", &quarantine.columns)?;
    let alert = quarantine.alert.map(|alert| alert.to_string());
    let mut hasher = blake3::Hasher::new();
    for part in [&columns, &quarantine.cause, alert.as_deref().unwrap_or("")] {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    let inserted = tx.execute(
        "INSERT INTO quarantine (workspace_id, endpoint, from_time, to_time, digest, columns, cause, alert, at, created_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (workspace_id, endpoint, from_time, to_time, digest) DO NOTHING",
        params![
            workspace,
            &quarantine.endpoint,
            quarantine.from,
            quarantine.to,
            hasher.finalize().to_hex().to_string(),
            columns,
            &quarantine.cause,
            alert,
            quarantine.at,
            principal
        ],
    )?;
    Ok(inserted > 0)
}

/// The quarantines of an endpoint that touch a range, in the order of time.
pub(crate) fn quarantines(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: &Name,
    from: Time,
    to: Time,
) -> Result<Vec<Quarantine>, DataError> {
    tx.query(
        "SELECT endpoint, from_time, to_time, columns, cause, alert, at FROM quarantine
         WHERE workspace_id = ?1 AND endpoint = ?2 AND from_time < ?3 AND to_time > ?4
         ORDER BY from_time, to_time, digest",
        params![workspace, endpoint, to, from],
    )?
    .iter()
    .map(|row| {
        Ok(Quarantine {
            endpoint: row.get(0)?,
            from: row.get(1)?,
            to: row.get(2)?,
            columns: parse("columns", &row.get::<String>(3)?)?,
            cause: row.get(4)?,
            alert: row.get(5)?,
            at: row.get(6)?,
        })
    })
    .collect()
}
