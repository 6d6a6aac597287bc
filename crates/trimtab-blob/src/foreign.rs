//! Locations outside the store that an import named: read in place, and never written, collected or followed out of.

use std::{
    io,
    path::{Path, PathBuf},
};

use futures::StreamExt;
use trimtab_db::{Lane, params};
use trimtab_types::Scope;

use crate::{BlobBody, BlobError, BlobStore, S3, S3Location, files, files::blocking};

/// One file or folder of a foreign location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignEntry {
    /// Its name.
    pub name: String,
    /// Bytes of a file; `None` for a folder.
    pub size: Option<u64>,
}

/// Names that a location is taken apart into; `None` for what is no plain path of a local file.
fn local(uri: &str) -> Option<PathBuf> {
    let path = match uri.strip_prefix("file:") {
        Some(rest) => {
            let rest = rest
                .strip_prefix("//")
                .map_or(rest, |rest| rest.strip_prefix("localhost").unwrap_or(rest));
            percent_encoding::percent_decode_str(rest)
                .decode_utf8()
                .ok()?
                .into_owned()
        }
        None if uri.starts_with('/') => uri.to_owned(),
        None => return None,
    };
    let is_plain = path.starts_with('/')
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| part != ".." && part != ".");
    is_plain.then(|| PathBuf::from(path.trim_end_matches('/')))
}

impl BlobStore {
    /// Lets a workspace read below a location (`file:///folder`, `/folder`, `s3://bucket/prefix`), as an import found
    /// it. One in S3 is asked for first, so that a wrong name or a missing right is told here.
    pub async fn register_root(&self, scope: &Scope, uri: &str) -> Result<(), BlobError> {
        let outside = || outside(uri);
        if let (Some(s3), Some(location)) = (self.s3(), S3Location::parse(uri)) {
            s3.check(&location).await?;
            return self.keep_roots(scope, vec![location.to_string()]).await;
        }
        // The root of the file system, or a name directly in it, is no place for artifacts.
        let given = local(uri)
            .filter(|path| path.components().count() > 2)
            .ok_or_else(outside)?;
        let written = given.clone();
        let real = blocking("read a location", move || std::fs::canonicalize(written))
            .await
            .map_err(|_| outside())?;
        if real.starts_with(self.root()) || self.root().starts_with(&real) {
            return Err(outside());
        }
        // Runs may name it as it was given, or as it really is.
        let mut roots = Vec::new();
        for path in [given, real] {
            roots.push(path.to_str().ok_or_else(outside)?.to_owned());
        }
        self.keep_roots(scope, roots).await
    }

    async fn keep_roots(&self, scope: &Scope, roots: Vec<String>) -> Result<(), BlobError> {
        let (scope, now) = (scope.clone(), self.clock().wall());
        self.db()
            .write(Lane::Bulk, move |tx| {
                for root in &roots {
                    tx.execute(
                        "INSERT INTO artifact_root (workspace_id, uri, created_at, created_by) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (workspace_id, uri) DO NOTHING",
                        params![&scope.workspace, root, now, scope.principal.name.as_ref()],
                    )?;
                }
                Ok::<_, BlobError>(())
            })
            .await
    }

    /// The path of a location, if a registered root of the workspace holds it and no link on the way leads elsewhere.
    async fn foreign_path(
        &self,
        scope: &Scope,
        uri: &str,
        below: &str,
    ) -> Result<PathBuf, BlobError> {
        let outside = || outside(uri);
        let mut path = local(uri).ok_or_else(outside)?;
        let is_plain = below
            .split('/')
            .all(|part| !matches!(part, ".." | ".") && !part.contains(['\\', '\0']));
        if !is_plain || below.starts_with('/') {
            return Err(outside());
        }
        if !below.is_empty() {
            path.push(below);
        }
        let roots = self.roots(scope).await?;
        let resolved = blocking("read a location", move || within(&path, &roots)).await?;
        resolved.ok_or_else(outside)
    }

    async fn roots(&self, scope: &Scope) -> Result<Vec<String>, BlobError> {
        let workspace = scope.workspace.clone();
        self.db()
            .read(move |tx| {
                tx.query(
                    "SELECT uri FROM artifact_root WHERE workspace_id = ?1 ORDER BY uri LIMIT 1000",
                    params![&workspace],
                )?
                .iter()
                .map(|row| row.get(0).map_err(BlobError::from))
                .collect()
            })
            .await
    }

    /// The location, when it is one in S3, and what reads it; refused outside of the workspace's roots.
    async fn in_s3(
        &self,
        scope: &Scope,
        uri: &str,
        below: &str,
    ) -> Result<Option<(&S3, S3Location)>, BlobError> {
        if !uri.starts_with("s3://") {
            return Ok(None);
        }
        let location = S3Location::parse(uri).and_then(|root| root.below(below));
        let (Some(s3), Some(location)) = (self.s3(), location) else {
            return Err(outside(uri));
        };
        let roots = self.roots(scope).await?;
        let is_inside = roots
            .iter()
            .filter_map(|root| S3Location::parse(root))
            .any(|root| root.holds(&location));
        if is_inside {
            Ok(Some((s3, location)))
        } else {
            Err(outside(uri))
        }
    }

    /// What stands directly in a folder of a foreign location; of a file or of nothing, nothing.
    pub async fn foreign_list(
        &self,
        scope: &Scope,
        uri: &str,
        below: &str,
    ) -> Result<Vec<ForeignEntry>, BlobError> {
        if let Some((s3, location)) = self.in_s3(scope, uri, below).await? {
            return s3.list(&location).await;
        }
        let path = match self.foreign_path(scope, uri, below).await {
            Err(BlobError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(Vec::new());
            }
            path => path?,
        };
        blocking("list a folder", move || list(&path)).await
    }

    /// The size of a file of a foreign location.
    pub async fn foreign_size(
        &self,
        scope: &Scope,
        uri: &str,
        below: &str,
    ) -> Result<u64, BlobError> {
        if let Some((s3, location)) = self.in_s3(scope, uri, below).await? {
            return s3.size(&location).await;
        }
        let path = self.foreign_file(scope, uri, below).await?;
        blocking("read a file", move || {
            std::fs::metadata(path).map(|about| about.len())
        })
        .await
    }

    async fn foreign_file(
        &self,
        scope: &Scope,
        uri: &str,
        below: &str,
    ) -> Result<PathBuf, BlobError> {
        let missing = || BlobError::NotFound {
            hash: format!("{}/{below}", uri.trim_end_matches('/'))
                .chars()
                .take(200)
                .collect(),
        };
        let path = match self.foreign_path(scope, uri, below).await {
            Err(BlobError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(missing());
            }
            path => path?,
        };
        let is_file = path.clone();
        let is_file = blocking("read a file", move || Ok(is_file.is_file())).await?;
        if is_file { Ok(path) } else { Err(missing()) }
    }

    /// Streams a range of a file of a foreign location.
    pub async fn foreign_range(
        &self,
        scope: &Scope,
        uri: &str,
        below: &str,
        range: std::ops::Range<u64>,
    ) -> Result<BlobBody, BlobError> {
        if let Some((s3, location)) = self.in_s3(scope, uri, below).await? {
            return s3.read(&location, Some(range)).await;
        }
        let path = self.foreign_file(scope, uri, below).await?;
        let size = range.end.saturating_sub(range.start);
        let chunks = files::read_range(path, range).await?;
        Ok(BlobBody::new(size, chunks.boxed()))
    }
}

fn outside(uri: &str) -> BlobError {
    BlobError::Outside {
        uri: uri.chars().take(200).collect(),
    }
}

/// The path, if it lies below a root; a symbolic link anywhere below the root refuses it. What lies below no root is
/// not even looked for, so that nobody learns what else is on this machine.
fn within(path: &Path, roots: &[String]) -> io::Result<Option<PathBuf>> {
    let below = roots
        .iter()
        .find_map(|root| Some((root, path.strip_prefix(root).ok()?)));
    let Some((root, below)) = below else {
        return Ok(None);
    };
    let expected = std::fs::canonicalize(root)?.join(below);
    let resolved = std::fs::canonicalize(path)?;
    Ok((resolved == expected).then_some(resolved))
}

fn list(path: &Path) -> io::Result<Vec<ForeignEntry>> {
    /// How many entries a listing has at most.
    const ENTRIES: usize = 50_000;
    let entries = match std::fs::read_dir(path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotADirectory | io::ErrorKind::NotFound
            ) =>
        {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries.take(ENTRIES) {
        let entry = entry?;
        let about = entry.metadata()?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if about.is_dir() {
            found.push(ForeignEntry { name, size: None });
        } else if about.is_file() {
            found.push(ForeignEntry {
                name,
                size: Some(about.len()),
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
