//! Folders of the tree of artifacts whose files lie in another store and are only read: what an import brought without
//! copying it. What is written to such a folder is ours, and hides a file of the same path there.

use trimtab_db::{DbError, Query, Tx, params};
use trimtab_types::WorkspaceId;

use crate::{ArtifactPath, TrackingError};

/// Names below a folder that are looked for at most; as many as a listing has.
const MOST: u32 = 50_000;

/// A location of another store, and a path below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) uri: String,
    pub(crate) below: ArtifactPath,
}

/// Says where the files of a folder lie.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    path: &ArtifactPath,
    uri: &str,
) -> Result<(), TrackingError> {
    tx.execute(
        "INSERT INTO artifact_reference (workspace_id, path, uri) VALUES (?1, ?2, ?3)
         ON CONFLICT (workspace_id, path) DO UPDATE SET uri = excluded.uri",
        params![workspace, path.as_str(), uri],
    )?;
    Ok(())
}

/// Forgets where the files of a folder lie. The files stay.
pub(crate) fn forget(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    path: &ArtifactPath,
) -> Result<(), TrackingError> {
    tx.execute(
        "DELETE FROM artifact_reference WHERE workspace_id = ?1 AND path = ?2",
        params![workspace, path.as_str()],
    )?;
    Ok(())
}

/// Where a path lies, when it or a folder above it is a reference.
pub(crate) fn find(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    path: &ArtifactPath,
) -> Result<Option<Reference>, TrackingError> {
    let text = path.as_str();
    let ends = text.match_indices('/').map(|(end, _)| end);
    let folders = ends.chain([text.len()]).map(|end| &text[..end]);
    let mut query = Query::new("SELECT path, uri FROM artifact_reference WHERE workspace_id = ");
    query
        .bind(workspace)
        .push(" AND path IN ")
        .bind_list(folders)
        .push(" ORDER BY length(path) DESC LIMIT 1");
    let Some(row) = tx.query_opt(query.sql(), query.params())? else {
        return Ok(None);
    };
    let folder: String = row.get(0)?;
    let below = text[folder.len()..].trim_start_matches('/');
    Ok(Some(Reference {
        uri: row.get(1)?,
        below: ArtifactPath::parse(below)?,
    }))
}

/// The names directly in a folder on the way to references below it.
pub(crate) fn names(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    folder: &ArtifactPath,
) -> Result<Vec<String>, TrackingError> {
    let (start, end) = if folder.is_root() {
        // No path begins with a character above this one: UTF-8 ends before it.
        (String::new(), "\u{10ffff}".to_owned())
    } else {
        (format!("{folder}/"), format!("{folder}0"))
    };
    let rows = tx.query(
        "SELECT path FROM artifact_reference WHERE workspace_id = ?1 AND path >= ?2 AND path < ?3 ORDER BY path LIMIT ?4",
        params![workspace, &start, end, MOST],
    )?;
    let mut names = rows
        .iter()
        .map(|row| {
            let path: String = row.get(0)?;
            let name = path[start.len()..].split('/').next().unwrap_or_default();
            Ok(name.to_owned())
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    names.dedup();
    Ok(names)
}
