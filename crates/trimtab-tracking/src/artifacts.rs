//! The tree of artifacts of a workspace: paths to blobs. Folders are not kept: they are what paths have in common.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures::Stream;
use trimtab_blob::{BlobBody, BlobRef, Pin, Staged};
use trimtab_db::{Lane, Query, Tx, params};
use trimtab_types::{Scope, WorkspaceId};

use crate::{ArtifactPath, ArtifactPlace, Tracking, TrackingError};

/// One file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactEntry {
    /// Its path from the root of the workspace's tree.
    pub path: ArtifactPath,
    /// Bytes of a file; `None` for a folder.
    pub size: Option<u64>,
}

/// What a path holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactListing {
    /// Files and folders by path.
    pub entries: Vec<ArtifactEntry>,
    /// Whether there are more than were listed.
    pub is_cut: bool,
}

/// How many entries a listing has at most.
const ENTRIES: usize = 50_000;
const STEP: u32 = 1_000;

/// The range of paths below a folder: from `folder/` to before `folder0` (`0` follows `/`).
fn below(folder: &ArtifactPath) -> (String, Option<String>) {
    if folder.is_root() {
        (String::new(), None)
    } else {
        (format!("{folder}/"), Some(format!("{folder}0")))
    }
}

struct File {
    path: String,
    size: u64,
    hash: String,
}

/// The next files of a range, from a path on.
fn scan(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    from: &str,
    end: Option<&String>,
) -> Result<Vec<File>, TrackingError> {
    let rows = match end {
        Some(end) => tx.query(
            "SELECT path, size, hash FROM artifact WHERE workspace_id = ?1 AND path >= ?2 AND path < ?3 ORDER BY path LIMIT ?4",
            params![workspace, from, end, STEP],
        )?,
        None => tx.query(
            "SELECT path, size, hash FROM artifact WHERE workspace_id = ?1 AND path >= ?2 ORDER BY path LIMIT ?3",
            params![workspace, from, STEP],
        )?,
    };
    rows.iter()
        .map(|row| {
            Ok(File {
                path: row.get(0)?,
                size: row.get(1)?,
                hash: row.get(2)?,
            })
        })
        .collect()
}

/// What stands directly in a folder. A subfolder is named at its first file, and the scan goes on behind it.
fn list(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    folder: &ArtifactPath,
) -> Result<ArtifactListing, TrackingError> {
    let (start, end) = below(folder);
    let mut entries = Vec::new();
    let mut from = start.clone();
    'scan: loop {
        let files = scan(tx, workspace, &from, end.as_ref())?;
        let is_last = files.len() < STEP as usize;
        for file in files {
            if entries.len() == ENTRIES {
                return Ok(ArtifactListing {
                    entries,
                    is_cut: true,
                });
            }
            let name = &file.path[start.len()..];
            if let Some((subfolder, _)) = name.split_once('/') {
                let path = format!("{start}{subfolder}");
                from = format!("{path}0");
                entries.push(ArtifactEntry {
                    path: ArtifactPath::parse(&path)?,
                    size: None,
                });
                continue 'scan;
            }
            // The least text that is greater than this path.
            from = format!("{}\u{1}", file.path);
            entries.push(ArtifactEntry {
                path: ArtifactPath::parse(&file.path)?,
                size: Some(file.size),
            });
        }
        if is_last {
            break;
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(ArtifactListing {
        entries,
        is_cut: false,
    })
}

fn find(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    path: &ArtifactPath,
) -> Result<Option<String>, TrackingError> {
    let row = tx.query_opt(
        "SELECT hash FROM artifact WHERE workspace_id = ?1 AND path = ?2",
        params![workspace, path.as_str()],
    )?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

/// A file lies in no file, and where a folder is, no file comes: who reads them could not tell one from the other.
fn require_free_way(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    path: &str,
) -> Result<(), TrackingError> {
    let mut query = Query::new("SELECT path FROM artifact WHERE workspace_id = ");
    query
        .bind(workspace)
        .push(" AND path IN ")
        .bind_list(path.match_indices('/').map(|(end, _)| &path[..end]))
        .push(" LIMIT 1");
    if path.contains('/')
        && let Some(row) = tx.query_opt(query.sql(), query.params())?
    {
        return Err(TrackingError::invalid(
            "path",
            format!(
                "'{path}' cannot be stored: '{}' is a file. Choose another folder, or delete that file first.",
                row.get::<String>(0)?
            ),
        ));
    }
    let inside = tx.query_opt(
        "SELECT path FROM artifact WHERE workspace_id = ?1 AND path >= ?2 AND path < ?3 LIMIT 1",
        params![workspace, format!("{path}/"), format!("{path}0")],
    )?;
    match inside {
        None => Ok(()),
        Some(row) => Err(TrackingError::invalid(
            "path",
            format!(
                "'{path}' cannot be stored: it is the folder of '{}'. Choose another name, or delete what is in the folder first.",
                row.get::<String>(0)?
            ),
        )),
    }
}

impl Tracking {
    /// Stores a file at a path, in place of what is there. Of two writers at once, the later commit stays.
    pub async fn artifact_put<S, E>(
        &self,
        scope: &Scope,
        path: &ArtifactPath,
        stream: S,
    ) -> Result<BlobRef, TrackingError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        if path.is_root() {
            return Err(TrackingError::invalid("path", "Invalid path"));
        }
        let staged = self.0.blobs.stage(stream).await?;
        self.artifact_keep(scope, path, staged).await
    }

    /// Gives a staged content a path.
    pub(crate) async fn artifact_keep(
        &self,
        scope: &Scope,
        path: &ArtifactPath,
        staged: Staged,
    ) -> Result<BlobRef, TrackingError> {
        let blobs = self.0.blobs.clone();
        let (path, now) = (path.as_str().to_owned(), self.now());
        let (of_command, scope_of_row) = (blobs.clone(), scope.clone());
        let (kept, unused) = self
            .db()
            .write_again(Lane::Bulk, move |tx| {
                let workspace = &scope_of_row.workspace;
                let mut unused = Vec::new();
                // Of two that write one path, the second sees what the first wrote, and gives that reference back.
                tx.hold(&format!("artifact {workspace} {path}"))?;
                require_free_way(tx, workspace, &path)?;
                let before = tx.query_opt(
                    "DELETE FROM artifact WHERE workspace_id = ?1 AND path = ?2 RETURNING hash",
                    params![workspace, &path],
                )?;
                let before: Option<String> = before.map(|row| row.get(0)).transpose()?;
                let goes_first = before.as_deref().is_some_and(|hash| hash < staged.blake3());
                if let Some(hash) = before.as_ref().filter(|_| goes_first) {
                    unused.extend(of_command.release_in(tx, &scope_of_row, hash)?);
                }
                let kept = of_command.keep(tx, &scope_of_row, &staged)?;
                if let Some(hash) = before.as_ref().filter(|_| !goes_first) {
                    unused.extend(of_command.release_in(tx, &scope_of_row, hash)?);
                }
                tx.execute(
                    "INSERT INTO artifact (workspace_id, path, hash, size, created_at, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        workspace,
                        &path,
                        &kept.blob().blake3,
                        kept.blob().size,
                        now,
                        scope_of_row.principal.name.as_ref()
                    ],
                )?;
                Ok::<_, TrackingError>((kept, unused))
            })
            .await?;
        for key in &unused {
            blobs.remove_file(key);
        }
        Ok(blobs.settle(kept))
    }

    /// Bytes that can still be written where files are kept, and bytes there in all; see [`trimtab_blob::BlobStore::room`].
    pub fn room(&self) -> Option<(u64, u64)> {
        self.0.blobs.room()
    }

    /// While it lives, no file of an artifact goes.
    pub fn pin_files(&self) -> Pin {
        self.0.blobs.pin()
    }

    /// Removes contents that nothing refers to, remains of interrupted uploads; answers how many.
    pub async fn sweep_blobs(&self) -> Result<u64, TrackingError> {
        Ok(self.0.blobs.sweep().await?)
    }

    /// The blob of the file at a path.
    pub async fn artifact_blob(
        &self,
        scope: &Scope,
        path: &ArtifactPath,
    ) -> Result<BlobRef, TrackingError> {
        let (workspace, wanted) = (scope.workspace.clone(), path.clone());
        let hash = self
            .db()
            .read(move |tx| find(tx, &workspace, &wanted))
            .await?
            .ok_or_else(|| TrackingError::not_found(format!("No such artifact: '{path}'")))?;
        Ok(self.0.blobs.find(scope, &hash).await?)
    }

    /// Streams a part of a blob that [`Tracking::artifact_blob`] found.
    pub async fn artifact_range(
        &self,
        blob: &BlobRef,
        range: std::ops::Range<u64>,
    ) -> Result<BlobBody, TrackingError> {
        Ok(self.0.blobs.get_range(blob, range).await?)
    }

    /// What stands directly in a folder; of a file or of nothing, nothing.
    pub async fn artifact_list(
        &self,
        scope: &Scope,
        folder: &ArtifactPath,
    ) -> Result<ArtifactListing, TrackingError> {
        let (workspace, folder) = (scope.workspace.clone(), folder.clone());
        self.db()
            .read(move |tx| list(tx, &workspace, &folder))
            .await
    }

    /// Removes the file at a path and everything below it; nothing there is fine.
    pub async fn artifact_delete(
        &self,
        scope: &Scope,
        path: &ArtifactPath,
    ) -> Result<(), TrackingError> {
        self.artifact_delete_counted(scope, path).await.map(|_| ())
    }

    /// The same; answers how many files that were.
    pub(crate) async fn artifact_delete_counted(
        &self,
        scope: &Scope,
        path: &ArtifactPath,
    ) -> Result<u64, TrackingError> {
        if path.is_root() {
            return Err(TrackingError::invalid("path", "Invalid path"));
        }
        let mut count = 0;
        let path_text = path.as_str().to_owned();
        let mut files = {
            let (workspace, path) = (scope.workspace.clone(), path.clone());
            self.db()
                .read(move |tx| {
                    let own = find(tx, &workspace, &path)?;
                    Ok::<_, TrackingError>(own.map(|_| vec![path_text]).unwrap_or_default())
                })
                .await?
        };
        let (start, end) = below(path);
        // A folder may be large: a series of short commands, each complete in itself.
        loop {
            let (workspace, from, until) = (scope.workspace.clone(), start.clone(), end.clone());
            let found = self
                .db()
                .read(move |tx| scan(tx, &workspace, &from, until.as_ref()))
                .await?;
            files.extend(found.into_iter().map(|file| file.path));
            if files.is_empty() {
                return Ok(count);
            }
            count += files.len() as u64;
            for chunk in std::mem::take(&mut files).chunks(100) {
                self.remove(scope, chunk.to_vec()).await?;
            }
        }
    }

    async fn remove(&self, scope: &Scope, mut paths: Vec<String>) -> Result<(), TrackingError> {
        paths.sort_unstable();
        let blobs = self.0.blobs.clone();
        let (of_command, scope) = (blobs.clone(), scope.clone());
        let unused = self
            .db()
            .write_again(Lane::Bulk, move |tx| {
                let mut hashes: Vec<String> = Vec::new();
                for path in &paths {
                    let row = tx.query_opt(
                        "DELETE FROM artifact WHERE workspace_id = ?1 AND path = ?2 RETURNING hash",
                        params![&scope.workspace, path],
                    )?;
                    hashes.extend(row.map(|row| row.get(0)).transpose()?);
                }
                hashes.sort_unstable();
                let mut unused = Vec::new();
                for hash in &hashes {
                    unused.extend(of_command.release_in(tx, &scope, hash)?);
                }
                Ok::<_, TrackingError>(unused)
            })
            .await?;
        for key in &unused {
            blobs.remove_file(key);
        }
        Ok(())
    }

    /// Where a URI of a run, a logged model or our own store points in the workspace's tree.
    pub async fn artifact_path(
        &self,
        scope: &Scope,
        uri: &str,
    ) -> Result<ArtifactPath, TrackingError> {
        match self.artifact_place(scope, uri).await? {
            ArtifactPlace::Own(path) => Ok(path),
            ArtifactPlace::Foreign { uri, .. } => Err(TrackingError::Foreign {
                uri: uri.chars().take(200).collect(),
            }),
        }
    }

    /// Copies everything below a URI into a folder of this machine (hard links where the file system can); answers
    /// how many files that were. The files are shared with the store: read them only.
    pub async fn artifact_export(
        &self,
        scope: &Scope,
        uri: &str,
        dest: &Path,
    ) -> Result<u64, TrackingError> {
        let root = match self.artifact_place(scope, uri).await? {
            ArtifactPlace::Own(root) if !self.has_references(scope, &root).await? => root,
            place @ (ArtifactPlace::Own(_) | ArtifactPlace::Foreign { .. }) => {
                return self.export_place(scope, place, dest).await;
            }
        };
        let (start, end) = below(&root);
        let mut from = start.clone();
        let mut count = 0;
        loop {
            let (workspace, next, until) = (scope.workspace.clone(), from.clone(), end.clone());
            let files = self
                .db()
                .read(move |tx| scan(tx, &workspace, &next, until.as_ref()))
                .await?;
            let Some(last) = files.last() else {
                return Ok(count);
            };
            from = format!("{}\u{1}", last.path);
            for file in &files {
                let blob = self.0.blobs.find(scope, &file.hash).await?;
                let below = ArtifactPath::parse(&file.path[start.len()..])?;
                self.export_file(&blob, &dest.join(below.as_str())).await?;
                count += 1;
            }
        }
    }

    async fn export_file(&self, blob: &BlobRef, target: &Path) -> Result<(), TrackingError> {
        let error = |source| TrackingError::Export {
            path: target.display().to_string(),
            source,
        };
        if let Some(folder) = target.parent() {
            tokio::fs::create_dir_all(folder).await.map_err(error)?;
        }
        if let Some(file) = self.0.blobs.local_path(blob)
            && place(&file, target).await.is_ok()
        {
            return Ok(());
        }
        let bytes = self.0.blobs.get(blob).await?.collect().await?;
        tokio::fs::write(target, bytes).await.map_err(error)
    }
}

/// Puts a stored file at a path: a hard link, or a copy where that cannot be.
async fn place(file: &PathBuf, target: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_file(target).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    if tokio::fs::hard_link(file, target).await.is_ok() {
        return Ok(());
    }
    tokio::fs::copy(file, target).await.map(|_| ())
}
